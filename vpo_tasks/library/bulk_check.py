"""The bulk check: what is on disk against what is recorded, before any task is made.

Over a finished library a run is this module: one walk, one query, one comparison a video.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from vpo_tasks.library.discover import Discovery, Found
from vpo_tasks.library.missing import find_absent, find_moves
from vpo_tasks.media.identity import Identity
from vpo_tasks.state.failures import Failure
from vpo_tasks.state.moves import Moves
from vpo_tasks.state.recorded import RecordedState
from vpo_tasks.state.store import Store
from vpo_tasks.state.up_to_date import Verdict, is_made, verdict_on

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
    moves: Moves,
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
    absent = find_absent(discovery, suspects, known, moves)
    recorded_as: dict[bytes, bytes] = {}
    if accept_missing or not absent:
        recorded_as = _follow(suspects, known, store, moves)
    targets = _targets_by_source(store, output) if output is not None else {}
    base_of = _bases(discovery.searched)
    # by path: some network filesystems list a name twice
    stale = {found.path: Stale(found, "replan") for found in as_recorded}
    for found in suspects:
        verdict = verdict_on(found.path, found.identity, digest, store, known.get(found.path))
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


def _follow(
    suspects: Sequence[Found], known: dict[bytes, RecordedState], store: Store, moves: Moves
) -> dict[bytes, bytes]:
    """Give renamed videos their records; return new and old names where that cannot be written down."""
    moved = find_moves(suspects, known, store, moves)
    for move in moved:
        known.pop(move.old, None)
    known.update((move.new, move.record) for move in moved)
    if moves.read_only:
        return {move.new: move.old for move in moved}
    if moved:
        moves.carry_out(moved)
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
