"""The bulk check: what is on disk against what is recorded, before any task is made.

Over a finished library a run is this module: one walk, one query, one comparison a video. A recorded video
that is not where it was has been renamed, or is on a disk that is not mounted, or is gone.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from vpo_tasks.library.discover import Discovery, Found
from vpo_tasks.media.identity import Identity
from vpo_tasks.state.failures import Failure
from vpo_tasks.state.store import REMEMBERED_S, Move, Store
from vpo_tasks.state.up_to_date import RecordedState, Verdict, head_tail_digest, is_made, signed, verdict_on

if TYPE_CHECKING:
    from vpo_tasks.plan.model import Change


class Stale(NamedTuple):
    """A video that must be looked at.

    `rivals` are the other videos in the run whose output could get the same name (`a.avi` and `a.mp4`).
    `failure` is an earlier run's that stands: the video is not tried again, and counts as failed.
    `expected` are the changes of a plan that is being applied. `recorded_as` is the name its record still
    has, in a dry run over a renamed video.
    """

    found: Found
    verdict: Verdict
    target: bytes | None = None
    rivals: tuple[bytes, ...] = ()
    failure: Failure | None = None
    expected: tuple[Change, ...] | None = None
    recorded_as: bytes | None = None

    @property
    def identity(self) -> Identity:
        """The video's identity as found."""
        return self.found.identity


class Survey(NamedTuple):
    """The verdict on a library. `stale` and `failed_before` in path order; no video is in both."""

    total: int
    up_to_date: int
    stale: list[Stale]
    failed_before: tuple[Stale, ...] = ()
    absent: Mapping[bytes, int] = MappingProxyType({})
    """Searched folders that look unmounted, with how many videos are recorded there."""
    unseen: int = 0
    """How many videos recorded as compliant were not found as recorded."""
    recorded_as: Mapping[bytes, bytes] = MappingProxyType({})


def survey(
    discovery: Discovery,
    store: Store,
    digest: bytes,
    *,
    output: bytes | None = None,
    force: bool = False,
    accept_missing: bool = False,
) -> Survey:
    """Compare what was found with what is recorded. `output` is the --output folder; `force` trusts nothing.

    A video whose device or inode alone changed is recognised by its fingerprint, one with another name by
    either, and its record brought up to date, here; so it is up to date at once. Of a library that looks
    unmounted no record is moved, unless `accept_missing`.
    """
    suspects = discovery.videos
    unseen = 1
    as_recorded: list[Found] = []
    records = _Records(discovery.searched, store, digest)
    if output is None and not force:
        # sets of plain tuples: 50,000 of them are compared in 15 ms
        suspects = [found for found in suspects if found[:_IDENTITY] not in records.complying]
        unseen = len(records.complying) - (len(discovery.videos) - len(suspects))
        as_recorded = [found for found in suspects if found[:_IDENTITY] in records.others]
        suspects = [found for found in suspects if found[:_IDENTITY] not in records.others]
    known = records.of(suspects)
    absent = find_absent(discovery, suspects, known, store)
    recorded_as: dict[bytes, bytes] = {}
    if accept_missing or not absent:
        recorded_as = _follow(suspects, known, store)
    targets = _targets_by_source(store, output) if output is not None else {}
    base_of = _bases(discovery.searched)
    # by path: some network filesystems list a name twice
    stale = {found.path: Stale(found, "replan") for found in as_recorded}
    for found in suspects:
        verdict = verdict_on(found.path, found.identity, digest, known.get(found.path), store.adopt)
        if output is None:
            if verdict != "up-to-date" or force:
                stale[found.path] = Stale(found, verdict, recorded_as=recorded_as.get(found.path))
            continue
        target = os.path.join(output, os.path.relpath(found.path, base_of(found.path)))
        if force or not is_made(verdict, targets.get(found.path, ()), digest):
            stale[found.path] = Stale(found, verdict, target, recorded_as=recorded_as.get(found.path))
    in_order = [stale[path] for path in sorted(stale)]
    found_so = _as_survey(discovery, in_order, has_output=output is not None)
    return found_so._replace(absent=absent, unseen=unseen, recorded_as=recorded_as)


_IDENTITY = Found._fields.index("mtime_ns") + 1  # from path on: what `_Records` holds
_DOT = ord(".")


def _as_survey(discovery: Discovery, stale: list[Stale], *, has_output: bool) -> Survey:
    if stale:
        stale = _with_rivals(stale, discovery.videos, discovery.searched, has_output)
    return Survey(len(discovery.videos), len(discovery.videos) - len(stale), stale)


def _follow(suspects: Sequence[Found], known: dict[bytes, RecordedState], store: Store) -> dict[bytes, bytes]:
    """Give renamed videos their records; return new and old names where that cannot be written down."""
    moved = find_moves(suspects, known, store)
    for move in moved:
        known.pop(move.old, None)
    known.update((move.new, move.record) for move in moved)
    if store.read_only:
        return {move.new: move.old for move in moved}
    if moved:
        store.carry_out_moves(moved)
    return {}


class _Records:
    """What is recorded of the videos below the searched folders: loaded once a run.

    `complying` are those found or made compliant with the policy in force, `others` the rest, each as path,
    device, inode, size and mtime_ns. What `judge` says of them one by one, a set says of all at once.
    """

    def __init__(self, searched: Sequence[bytes], store: Store, digest: bytes) -> None:
        self._store = store
        self._digests: dict[bytes, bytes | None] = {}
        self.complying: set[tuple[bytes, int, int, int, int]] = set()
        self.others: set[tuple[bytes, int, int, int, int]] = set()
        for folder in filter(os.path.isdir, searched):
            for row in store.records_below(folder):
                if row[5] == digest:
                    self.complying.add(row[:5])
                else:
                    self.others.add(row[:5])
                    self._digests[row[0]] = row[5]
        self._digest = digest
        self._searched = searched

    def of(self, suspects: Sequence[Found]) -> dict[bytes, RecordedState]:
        """Return what is recorded of these videos, by path."""
        if not suspects:
            return {}
        wanted = {found.path for found in suspects}
        known = {}
        for rows in (self.complying, self.others):
            for path, device, inode, size, mtime_ns in rows:
                if path in wanted:
                    digest = self._digests.get(path, self._digest)
                    known[path] = RecordedState(device, inode, size, mtime_ns, digest)
        for path in wanted.difference(known):
            # those reached through a link lie elsewhere, and a file may have been named
            if not _above(path, self._searched) and (record := self._store.known_video(path)) is not None:
                known[path] = record
        return known


def _bases(searched: Iterable[bytes]) -> Callable[[bytes], bytes]:
    """Return the function that says which searched folder a video lies under, if any; else its own."""
    prefixes = sorted(
        ((folder.rstrip(b"/") + b"/", folder) for folder in searched), key=_length, reverse=True
    )

    def base_of(path: bytes) -> bytes:
        for prefix, folder in prefixes:
            if path.startswith(prefix):
                return folder
        return os.path.dirname(path)

    return base_of


def _length(pair: tuple[bytes, bytes]) -> int:
    return len(pair[0])


def _above(path: bytes, searched: Iterable[bytes]) -> list[bytes]:
    return [folder for folder in searched if path.startswith(folder.rstrip(b"/") + b"/")]


def _targets_by_source(store: Store, output: bytes) -> dict[bytes, list[tuple[bytes, RecordedState]]]:
    below = output.rstrip(b"/") + b"/"
    targets: dict[bytes, list[tuple[bytes, RecordedState]]] = defaultdict(list)
    for target, (source, made) in store.known_targets().items():
        if target.startswith(below):
            targets[source].append((target, made))
    return targets


def is_our_target(target: bytes, made: RecordedState, source: bytes) -> bool:
    """Tell whether a target holds what was made there, or is the source (`--link`): it may be replaced."""
    try:
        found = os.lstat(target)
        linked = os.path.samestat(found, os.lstat(source))
    except OSError:
        return False
    return linked or (found.st_size, found.st_mtime_ns) == made[2:4]


def _with_rivals(
    stale: list[Stale], videos: list[Found], searched: list[bytes], has_output: bool
) -> list[Stale]:
    """Name, for every stale video, the others that differ from it by extension (or searched folder) only."""
    stem_of = _stems(searched, has_output)
    stems = [stem_of(video.path) for video in videos]
    if len(set(stems)) == len(stems):
        return stale
    same_name: dict[bytes, list[bytes]] = defaultdict(list)
    for stem, video in zip(stems, videos, strict=True):
        same_name[stem].append(video.path)
    named: list[Stale] = []
    for item in stale:
        path = item.found.path
        others = same_name[stem_of(path)]
        if len(others) > 1:
            item = item._replace(rivals=tuple(sorted(other for other in others if other != path)))  # noqa: PLW2901
        named.append(item)
    return named


def _stems(searched: list[bytes], has_output: bool) -> Callable[[bytes], bytes]:
    """Return the function that gives a path without its extension; with an output folder, from its base."""
    base_of = _bases(searched)

    def stem_of(path: bytes) -> bytes:
        dot = path.rfind(b".")
        name = path.rfind(b"/") + 1
        # what `splitext` does with a plain name, which nearly all are, in a third of its time
        stem = path[:dot] if dot > name and path[name] != _DOT else os.path.splitext(path)[0]
        return os.path.relpath(stem, base_of(path)) if has_output else stem

    return stem_of


def find_absent(
    discovery: Discovery, suspects: list[Found], known: Mapping[bytes, RecordedState], store: Store
) -> dict[bytes, int]:
    """Return the searched folders that look unmounted, with how many videos are recorded there.

    That is: videos are recorded, and there is none; or there are some, but none of the recorded ones, and the
    folder is on a device on which none was recorded.
    """
    absent: dict[bytes, int] = {}
    for folder in filter(os.path.isdir, discovery.searched):
        below = folder.rstrip(b"/") + b"/"
        is_empty = not any(video.path.startswith(below) for video in discovery.videos)
        if not is_empty and (
            len(suspects) < len(discovery.videos) or any(path.startswith(below) for path in known)
        ):
            continue
        devices = store.devices_below(folder)
        if not devices or not (is_empty or signed(os.stat(folder).st_dev) not in devices):
            continue
        # left out or not searched is not gone
        if all(is_gone(path) for path in store.places_below(folder)):
            absent[folder] = sum(devices.values())
    return absent


def resolve_vanished(discovery: Discovery, store: Store, *, unseen: int, at_once: bool) -> None:
    """Note which recorded videos have vanished, and forget those that did so long ago (`at_once`: all).

    What lies on a device of which nothing was found may only be unmounted, and is kept. Nothing is looked
    into while the run saw as many videos missing (`unseen`) as are missed anyway.
    """
    now = time.time()
    all_missed = [since for folder in discovery.searched for since in store.vanished_below(folder).values()]
    if not at_once and len(all_missed) == unseen and all(now - since <= REMEMBERED_S for since in all_missed):
        return
    devices = {signed(video.device) for video in discovery.videos}
    present = {video.path for video in discovery.videos}
    for folder in filter(os.path.isdir, discovery.searched):
        missed = store.vanished_below(folder)
        gone = [
            path
            for path, device in store.places_below(folder).items()
            if path not in present and (at_once or device in devices) and is_gone(path)
        ]
        forgotten = gone if at_once else [path for path in gone if now - missed.get(path, now) > REMEMBERED_S]
        if forgotten:
            store.forget(*forgotten)
        still = set(gone).difference(forgotten)
        new, back = still.difference(missed), set(missed).difference(gone)
        if new or back:
            store.note_vanished(new, back)


def is_gone(path: bytes) -> bool:
    """Tell whether nothing has this name any more. What cannot be looked at is not gone."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def find_moves(suspects: Sequence[Found], known: Mapping[bytes, RecordedState], store: Store) -> list[Move]:
    """Return which of the videos without a fitting record were recorded under another name."""
    lost = [found for found in suspects if not _fits(known.get(found.path), found)]
    if not lost:
        return []
    records = store.records_of_sizes(found.size for found in lost)
    by_identity: dict[tuple[int, int, int, int], list[bytes]] = defaultdict(list)
    by_size: dict[int, list[bytes]] = defaultdict(list)
    for path, record in records.items():
        by_identity[record[:4]].append(path)
        by_size[record.size].append(path)
    found_moves: list[Move] = []
    taken: set[bytes] = set()
    for found in sorted(lost):
        identity = found.identity
        same = by_identity.get(RecordedState.of(identity, None)[:4], ())
        old = next((path for path in same if path not in taken and _is_free(path, records[path])), None)
        own = known.get(found.path)
        if old is None and (own is None or own.size != found.size):
            gone = [path for path in by_size.get(found.size, ()) if path not in taken and is_gone(path)]
            old = _alike(found.path, gone, store)
        if old is None or old == found.path:
            continue
        taken.add(old)
        # under another extension the container's name is another matter: plan it again
        keeps = os.path.splitext(old)[1].lower() == os.path.splitext(found.path)[1].lower()
        digest = records[old].digest if keeps else None
        found_moves.append(Move(old, found.path, identity, RecordedState.of(identity, digest)))
    return found_moves


def _fits(record: RecordedState | None, found: Found) -> bool:
    """Tell whether a record can be of this video; of a new inode alone the fingerprint decides."""
    return record is not None and record.has_content_of(RecordedState.of(found.identity, None))


def _is_free(path: bytes, record: RecordedState) -> bool:
    """Tell whether the recorded video has left its name: nothing is there, or something else."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return RecordedState.of_status(status, None)[:2] != record[:2]


def _alike(path: bytes, gone: Sequence[bytes], store: Store) -> bytes | None:
    """Return the vanished video whose size, head and tail these are."""
    if not gone:
        return None
    here = head_tail_digest(path)
    for old in gone:
        if here is not None and store.fingerprint(old) == here:
            return old
    return None
