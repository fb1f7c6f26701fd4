"""After a tool: what it does not carry from the source's header is put back into the unfinished copy's.

From Matroska to Matroska that is nearly everything; in MP4, that subtitles stay off. It costs kilobytes, and
verification reads it back like all else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.disk.system_calls import Disk
from vpo_tasks.errors import ProbeError, VerifyError
from vpo_tasks.execute.in_place.change import HeaderChange, HeaderRefused
from vpo_tasks.execute.in_place.matroska import change_of_tree
from vpo_tasks.execute.in_place.mp4 import flags_change
from vpo_tasks.media.languages import UNDETERMINED, normalise
from vpo_tasks.media.matroska.carry_over import CarriedTrack, Written, carried_over
from vpo_tasks.media.matroska.ebml import Source
from vpo_tasks.media.matroska.edits import edited_tree
from vpo_tasks.media.matroska.elements import TreeError
from vpo_tasks.media.matroska.language_fields import language_fields
from vpo_tasks.media.matroska.left_behind import left_behind
from vpo_tasks.media.matroska.tree import Tree, TreeNode
from vpo_tasks.media.matroska.tree_reader import read_tree
from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.plan.model import Plan

_UNREAD = "whether all that only the header tells was carried is not known"
_START = "ChapterTimeStart"
_ROUNDING_NS = 2_000_000
"""FFmpeg and Matroska round to milliseconds."""
_LEFT = "what only the header tells (editions, targets of tags, identifiers, crop, roles) is as {} left it"


class _Source(NamedTuple):
    """What the source's header says, which tracks of it are in the new file, and where its chapters are."""

    tree: Tree
    tracks: tuple[CarriedTrack, ...]
    chapter_shift_ns: int | None


def carry_over(disk: Disk, source: OpenFile, made: OpenFile, plan: Plan, tool: str) -> tuple[str, ...]:
    """Put back into a new file what its tool did not carry from the source. Raises VerifyError or OSError.

    Both are open, the new one for writing. Returns warnings: what is lost, and why. The loss of content
    that a probe does not see raises VerifyError.
    """
    if plan.result.container in ("mp4", "mov"):
        return _switch_subtitles(disk, made, plan)
    if plan.source.container != "mkv" or plan.result.container != "mkv":
        return ()
    why: tuple[str, ...] = ()
    try:
        before = _tree(source)
        tracks = tuple(_carried_tracks(plan, len(_entries(before))))
        found = _Source(before, tracks, _chapter_shift_ns(_tree(made), plan))
    except (ProbeError, TreeError) as error:
        return (f"{_LEFT.format(tool)}: {error.detail}",)
    try:
        change = _change(found, made, plan, tool)
    except (HeaderRefused, ProbeError, TreeError) as error:
        why = (f"{_LEFT.format(tool)}: {error.detail}",)
    else:
        _write(disk, made.fd, change)
    lost = _losses(os.fsdecode(source.path), found, made, plan)
    return (*lost, *why) if lost else ()


def _switch_subtitles(disk: Disk, made: OpenFile, plan: Plan) -> tuple[str, ...]:
    """Switch the subtitles of an MP4 on and off as the plan has them: FFmpeg does not. Raises OSError."""
    if not plan.result.of_type("subtitle"):
        return ()
    try:
        change = flags_change(made, plan)
    except HeaderRefused as error:
        return (f"whether subtitles are on is as ffmpeg left it: {error.detail}",)
    _write(disk, made.fd, change)
    return ()


def _tree(file: OpenFile) -> Tree:
    """Return an open file's tree. Raise TreeError for one that is not read whole."""
    tree = read_tree(Source(os.fsdecode(file.path), file.fd))
    if tree.damage:
        raise TreeError(tree.damage)
    return tree


def _change(source: _Source, made: OpenFile, plan: Plan, tool: str) -> HeaderChange:
    after = _tree(made)
    _check_tracks(after, plan)
    carried = carried_over(source.tree, after, source.tracks, Written(tool, source.chapter_shift_ns))
    wanted = _edited(carried, plan, {track.made: track.source for track in source.tracks})
    return change_of_tree(made, Source(os.fsdecode(made.path), made.fd), after, wanted)


def _losses(video: str, source: _Source, made: OpenFile, plan: Plan) -> tuple[str, ...]:
    """Read the new file again and return what of the source, as the plan wants it, is not in it."""
    try:
        wanted = edited_tree(source.tree, plan.source, _source_as_planned(plan))
        losses = left_behind(wanted, _tree(made), source.tracks, source.chapter_shift_ns)
    except (ProbeError, TreeError) as error:
        return (f"{_UNREAD}: {error.detail}",)
    for loss in losses:
        if loss.is_essence:
            raise VerifyError(video, "what the source's header says", loss.what, "less")
    return tuple(f"loses: {loss.what}" for loss in losses)


def _source_as_planned(plan: Plan) -> MediaInfo:
    """Return the source with all tracks, and what the plan changes of names, languages, flags and tags."""
    wanted: dict[int, Track] = {}
    for place, index in originals_of(plan).items():
        wanted.setdefault(index, plan.result.tracks[place])
    tracks = [
        track
        if track.type == "attachment" or track.index not in wanted
        else _as_in(wanted[track.index], track)
        for track in plan.source.tracks
    ]
    return msgspec.structs.replace(plan.source, tracks=tuple(tracks), tags=plan.result.tags)


def _check_tracks(made: Tree, plan: Plan) -> None:
    """Raise TreeError unless each track is in the language that was asked for, as far as tools can say it.

    What is put back would hide from the verification that a tool took another track.
    """
    core = [track for track in plan.result.tracks if track.type != "attachment"]
    entries = _entries(made)
    if len(core) != len(entries):
        raise TreeError("its tracks are not those that were planned")
    for track, entry in zip(core, entries, strict=True):
        code, _ = language_fields(track.language or UNDETERMINED)
        node = entry.get("Language")
        found = "eng" if node is None else str(node.value)
        if normalise(found) not in (normalise(code), UNDETERMINED):
            raise TreeError(f"a track is in {found}, not {code}")


def _chapter_shift_ns(made: Tree, plan: Plan) -> int | None:
    """Return by how much the tool moved the chapters: a film that does not begin at 0 does after FFmpeg.

    None when they are not the source's. The last one tells, for what would be before 0 is cut.
    """
    chapters = plan.source.chapters
    if chapters != plan.result.chapters:
        return None
    times = [_time_ns(node) for node in made.segment.all("Chapters", "EditionEntry", "ChapterAtom", _START)]
    if not times or not chapters:
        return 0
    shift_ns = max(times) - round(chapters[-1].start_s * 1_000_000_000)
    return shift_ns if abs(shift_ns) > _ROUNDING_NS else 0


def _time_ns(node: TreeNode) -> int:
    value = node.value
    return value if isinstance(value, int) else 0


def _entries(tree: Tree) -> list[TreeNode]:
    return list(tree.segment.all("Tracks", "TrackEntry"))


def _carried_tracks(plan: Plan, count: int) -> Iterator[CarriedTrack]:
    """Yield the tracks that are the source's, not made from one of its, by their places in both headers."""
    originals = originals_of(plan)
    by_index = {track.index: track for track in plan.source.tracks}
    place = 0
    for number, track in enumerate(plan.result.tracks):
        if track.type == "attachment":
            continue
        original = originals.get(number)
        if original is not None:
            found = by_index[original]
            entry = found.index if found.entry is None else found.entry
            if entry >= count:
                raise TreeError("its tracks are not those that were found")
            yield CarriedTrack(entry, place, plan.streams[number].encode is not None)
        place += 1


def originals_of(plan: Plan) -> dict[int, int]:
    """Return, for each place in the result whose track is one of the source's, that track's index.

    A track that is made from another (`audio_synthesis`) is none.
    """
    encoded = {change.track: change.new for change in plan.changes if change.what == "codec"}
    found: dict[int, int] = {}
    copied = {stream.source for stream in plan.streams if stream.encode is None}
    for place, stream in enumerate(plan.streams):
        is_first = stream.source not in copied and stream.source not in found.values()
        if stream.encode is None or (
            is_first and encoded.get(stream.source) == plan.result.tracks[place].codec
        ):
            found[place] = stream.source
    return found


def _edited(tree: Tree, plan: Plan, carried: Mapping[int, int]) -> Tree:
    """Make the plan's changes on a tree that says of everything what the source says."""
    originals = originals_of(plan)
    by_index = {track.index: track for track in plan.source.tracks}
    before: list[Track] = []
    after: list[Track] = []
    for number, track in enumerate(plan.result.tracks):
        if track.type == "attachment":
            continue
        wanted = msgspec.structs.replace(track, entry=len(after))
        original = by_index.get(originals.get(number, -1))
        found = wanted if original is None or len(after) not in carried else _as_in(original, wanted)
        before.append(found)
        after.append(wanted)
    return edited_tree(tree, _of_tracks(plan.source, before), _of_tracks(plan.result, after))


def _as_in(original: Track, wanted: Track) -> Track:
    return msgspec.structs.replace(
        wanted,
        title=original.title,
        language=original.language,
        default=original.default,
        forced=original.forced,
        dispositions=original.dispositions,
    )


def _of_tracks(media: MediaInfo, tracks: list[Track]) -> MediaInfo:
    return msgspec.structs.replace(media, tracks=tuple(tracks))


def _write(disk: Disk, fd: int, change: HeaderChange) -> None:
    """Write a change to a file that is nobody's yet: without a journal."""
    if change.new_end:
        disk.write_at(fd, os.fstat(fd).st_size, change.new_end)
    for item in change.ranges:
        disk.write_at(fd, item.offset, item.new)
    if change.old_end:
        disk.truncate(fd, change.new_size)
