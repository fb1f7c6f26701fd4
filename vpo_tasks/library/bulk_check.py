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
from vpo_tasks.state.store import Store
from vpo_tasks.state.up_to_date import RecordedState, Verdict, judge, sample_digest, signed

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
        found = self.found
        return Identity(found.device, found.inode, found.size, found.mtime_ns, found.ctime_ns)


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
    if output is None and not force:
        fresh = _fresh(discovery.searched, store, digest)
        # a set of plain tuples: 50,000 of them are compared in 15 ms
        suspects = [found for found in suspects if found[:_IDENTITY] not in fresh]
        unseen = len(fresh) - (len(discovery.videos) - len(suspects))
        if len(suspects) > _FEW:
            as_recorded, suspects = _part(suspects, discovery.searched, store, digest)
    known = _known(suspects, discovery.searched, store)
    absent = find_absent(discovery, suspects, known, moves)
    recorded_as: dict[bytes, bytes] = {}
    if accept_missing or not absent:
        recorded_as = _follow(suspects, known, store, moves)
    targets = _targets_by_source(store, output) if output is not None else {}
    base_of = _bases(discovery.searched)
    # by path: some network filesystems list a name twice
    stale = {found.path: Stale(found, "replan") for found in as_recorded}
    for found in suspects:
        here = RecordedState(
            signed(found.device), signed(found.inode), found.size, signed(found.mtime_ns), digest
        )
        verdict = verdict_for(store, found, known.get(found.path), here)
        if output is None:
            if verdict != "up-to-date" or force:
                stale[found.path] = Stale(found, verdict, recorded_as=recorded_as.get(found.path))
            continue
        target = os.path.join(output, os.path.relpath(found.path, base_of(found.path)))
        if force or not (
            verdict in {"up-to-date", "replan"}
            and any(is_as_made(path, made, digest) for path, made in targets.get(found.path, ()))
        ):
            stale[found.path] = Stale(found, verdict, target, recorded_as=recorded_as.get(found.path))
    in_order = [stale[path] for path in sorted(stale)]
    found_so = _as_survey(discovery, in_order, has_output=output is not None)
    return found_so._replace(absent=absent, unseen=unseen, recorded_as=recorded_as)


_IDENTITY = Found._fields.index("mtime_ns") + 1  # from path on: what `Store.fresh_videos` returns
_DOT = ord(".")
_FEW = 200  # fewer queries by path take less than reading the whole library


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


def verdict_for(store: Store, found: Found, record: RecordedState | None, here: RecordedState) -> Verdict:
    """Return the verdict on one video, deciding `same-file` by the fingerprint."""
    verdict = judge(record, here)
    if verdict != "same-file" or record is None:
        return verdict
    details = store.details(found.path)
    if details is None or details.fingerprint is None or details.fingerprint != sample_digest(found.path):
        return "changed"
    store.adopt(found.path, Identity(found.device, found.inode, found.size, found.mtime_ns))
    return "up-to-date" if record.digest == here.digest else "replan"


def _fresh(searched: Iterable[bytes], store: Store, digest: bytes) -> set[tuple[bytes, int, int, int, int]]:
    fresh: set[tuple[bytes, int, int, int, int]] = set()
    for path in searched:
        if os.path.isdir(path):
            fresh.update(store.fresh_videos(path, digest))
    return fresh


def _part(
    suspects: Sequence[Found], searched: Iterable[bytes], store: Store, digest: bytes
) -> tuple[list[Found], list[Found]]:
    """Return the videos that are as recorded, though not for this policy, and the others.

    What `judge` says of them one by one, for all of them at once.
    """
    recorded: set[tuple[bytes, int, int, int, int]] = set()
    for path in filter(os.path.isdir, searched):
        recorded.update(store.other_videos(path, digest))
    here = [found for found in suspects if found[:_IDENTITY] in recorded]
    return here, [found for found in suspects if found[:_IDENTITY] not in recorded]


def _known(suspects: Sequence[Found], searched: Sequence[bytes], store: Store) -> dict[bytes, RecordedState]:
    known: dict[bytes, RecordedState] = {}
    if len(suspects) > _FEW:
        for folder in filter(os.path.isdir, searched):
            known.update(store.known_videos(folder))
        # those reached through a link lie elsewhere
        suspects = [found for found in suspects if not _above(found.path, searched)]
    for found in suspects:
        record = store.known_video(found.path)
        if record is not None:
            known[found.path] = record
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


def is_as_made(target: bytes, made: RecordedState, digest: bytes) -> bool:
    """Tell whether a target is there as it was made, under the policy in force."""
    if made.digest != digest:
        return False
    try:
        found = os.stat(target)
    except OSError:
        return False
    here = RecordedState(
        signed(found.st_dev), signed(found.st_ino), found.st_size, signed(found.st_mtime_ns), digest
    )
    return judge(made, here) == "up-to-date"


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
