"""A plan → the cheapest step that carries it out (docs/architecture.md, "Least work"). Pure."""

from __future__ import annotations

from collections.abc import Iterable

from vpo_tasks.errors import ToolMissing
from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.plan.model import Encode, Plan, Step

HEADER_EDIT_BYTES = 16 * 1024
"""What an in-place edit writes at most, the journal aside."""

HEADER_EDITED = frozenset({"mkv", "mp4", "mov"})
"""Containers whose headers are edited in place (execute/in_place/), which takes no tool."""

_IN_HEADER = ("default", "forced", "title", "language", "role")


def compile_step(plan: Plan, available: frozenset[str], header_edits: bool = False) -> Step:
    """Return the step for a plan. `available` names the tools at hand: `mkvmerge`, `ffmpeg`.

    Raise ToolMissing when none of them can do it. `header_edits` allows editing headers in place.
    """
    if not _rewrites(plan):
        return Step(kind="none", why="nothing differs" if plan.is_empty else "only the file's time is set")
    matroska = plan.source.container == "mkv" and plan.result.container == "mkv"
    encodes = [stream.encode for stream in plan.streams if stream.encode is not None]
    reads, writes = plan.source.size_bytes, output_bytes(plan)
    if encodes:
        _require(available, "ffmpeg", "encoding")
        names = ", ".join(dict.fromkeys(encode.codec for encode in encodes))
        why = f"{len(encodes)} track{'s are' if len(encodes) > 1 else ' is'} encoded to {names}"
        return Step(kind="encode", tool="ffmpeg", reads_bytes=reads, writes_bytes=writes, why=why)
    if header_edits and _is_header_edit(plan):
        return Step(
            kind="header-edit",
            reads_bytes=2 * HEADER_EDIT_BYTES,
            writes_bytes=HEADER_EDIT_BYTES,
            why="only flags, names and tags differ, and they stand in the header",
        )
    why = "only flags, names and tags differ; this is a stream copy" if is_metadata_only(plan) else ""
    if plan.result.container == "mkv" and _has_undated(plan):
        _require(available, "mkvmerge", "copying pictures that are stored without their times, as in AVI")
        why = why or "pictures without times; mkvmerge copies them"
        return Step(kind="remux", tool="mkvmerge", reads_bytes=reads, writes_bytes=writes, why=why)
    if matroska and "mkvmerge" in available:
        why = why or "tracks differ; Matroska to Matroska is a stream copy"
        return Step(kind="remux", tool="mkvmerge", reads_bytes=reads, writes_bytes=writes, why=why)
    _require(available, "ffmpeg", f"writing {plan.result.container} files")
    if not why:
        converted = plan.source.container != plan.result.container
        why = f"{'the container differs' if converted else 'tracks differ'}; nothing is encoded"
    return Step(kind="remux", tool="ffmpeg", reads_bytes=reads, writes_bytes=writes, why=why)


def _is_header_edit(plan: Plan) -> bool:
    container = plan.source.container
    return container == plan.result.container and container in HEADER_EDITED and is_metadata_only(plan)


def lost_by_a_copy(plan: Plan) -> str:
    """Return why a file's tracks may only be changed in its header: what no tool copies. Empty for most."""
    return lost_data(plan.result.of_type("other"))


def lost_data(tracks: Iterable[Track]) -> str:
    """Return why files with such tracks are not written again: camera telemetry and time codes.

    No tool of ours copies them all, and they are nowhere else.
    """
    codecs = ", ".join(sorted({track.codec for track in tracks}))
    return codecs and (
        f"it has data streams ({codecs}: telemetry, a time code) that would be lost; to let them go, convert "
        "it with on_incompatible_codec: transcode"
    )


def is_metadata_only(plan: Plan) -> bool:
    """Tell whether the plan changes nothing but flags, titles, languages and tags."""
    return all(
        change.what in _IN_HEADER or change.what.startswith("tag:") or change.what == "timestamp"
        for change in plan.changes
    )


def turns_matroska(plan: Plan, step: Step) -> bool:
    """Tell whether ffmpeg has to write into Matroska how a picture is turned: not every version does."""
    turned = any(track.rotation or track.mirrored for track in plan.result.of_type("video"))
    return turned and step.tool == "ffmpeg" and plan.result.container == "mkv"


def output_bytes(plan: Plan) -> int:
    """Estimate the output's size in bytes: the source without what goes, encoded tracks by their rates."""
    source = {track.index: track for track in plan.source.tracks}
    kept = {stream.source for stream in plan.streams if stream.encode is None}
    size = plan.source.size_bytes
    for track in plan.source.tracks:
        if track.index not in kept:
            size -= _track_bytes(plan.source, track)
    for stream in plan.streams:
        if stream.encode is not None and stream.source in source:
            size += _encoded_bytes(plan.source, source[stream.source], stream.encode)
    return max(size, 0)


def _has_undated(plan: Plan) -> bool:
    return any(track.undated for track in plan.result.of_type("video"))


def _rewrites(plan: Plan) -> bool:
    return any(change.what != "timestamp" for change in plan.changes)


def _track_bytes(media: MediaInfo, track: Track) -> int:
    """Estimate what a track takes; 0 when its rate is unknown, so that estimates err upward."""
    seconds = track.duration_s or media.duration_s or 0.0
    return int((track.bit_rate or 0) * seconds / 8)


def _encoded_bytes(media: MediaInfo, track: Track, encode: Encode) -> int:
    seconds = track.duration_s or media.duration_s or 0.0
    rate = encode.bitrate or encode.max_rate
    if rate is None:
        return _track_bytes(media, track)
    return int(rate * seconds / 8)


def _require(available: frozenset[str], tool: str, needed_for: str) -> None:
    if tool not in available:
        raise ToolMissing(tool, needed_for, "run vpo doctor")
