"""Recorded videos that are not where they were: renamed, or on a disk that is not mounted."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from vpo_tasks.errors import UsageError
from vpo_tasks.library.discover import Discovery, Found
from vpo_tasks.report.text import count_noun
from vpo_tasks.state.moves import KEPT_S, Move, Moves
from vpo_tasks.state.recorded import RecordedState, head_tail_digest, signed
from vpo_tasks.state.store import Store


def find_absent(
    discovery: Discovery, suspects: list[Found], known: Mapping[bytes, RecordedState], moves: Moves
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
        devices = moves.devices_below(folder)
        if not devices or not (is_empty or signed(os.stat(folder).st_dev) not in devices):
            continue
        # left out or not searched is not gone
        if all(is_gone(path) for path in moves.places_below(folder)):
            absent[folder] = sum(devices.values())
    return absent


def absence_error(absent: Mapping[bytes, int]) -> UsageError:
    """Return the error of a run over folders that look unmounted."""
    places = ", ".join(
        f"{os.fsdecode(path)} ({count_noun(count, 'video')})" for path, count in absent.items()
    )
    return UsageError(
        f"none of the videos recorded in {places} is there: is the disk mounted? "
        "`vpo process --accept-missing` goes on and forgets them"
    )


def resolve_vanished(discovery: Discovery, moves: Moves, *, unseen: int, at_once: bool) -> None:
    """Note which recorded videos have vanished, and forget those that did so long ago (`at_once`: all).

    What lies on a device of which nothing was found may only be unmounted, and is kept. Nothing is looked
    into while the run saw as many videos missing (`unseen`) as are missed anyway.
    """
    now = time.time()
    all_missed = [since for folder in discovery.searched for since in moves.vanished_below(folder).values()]
    if not at_once and len(all_missed) == unseen and all(now - since <= KEPT_S for since in all_missed):
        return
    devices = {signed(video.device) for video in discovery.videos}
    present = {video.path for video in discovery.videos}
    for folder in filter(os.path.isdir, discovery.searched):
        missed = moves.vanished_below(folder)
        gone = [
            path
            for path, device in moves.places_below(folder).items()
            if path not in present and (at_once or device in devices) and is_gone(path)
        ]
        forgotten = gone if at_once else [path for path in gone if now - missed.get(path, now) > KEPT_S]
        if forgotten:
            moves.forget_all(forgotten)
        still = set(gone).difference(forgotten)
        new, back = still.difference(missed), set(missed).difference(gone)
        if new or back:
            moves.note_vanished(new, back)


def is_gone(path: bytes) -> bool:
    """Tell whether nothing has this name any more. What cannot be looked at is not gone."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def no_videos_error(
    searched: Iterable[bytes], extensions: Iterable[str], left_out: Mapping[str, int]
) -> UsageError:
    """Return the error for a run without a single video."""
    places = ", ".join(os.fsdecode(path) for path in searched)
    why = "".join(f"; {count:,} left out: {kind}" for kind, count in left_out.items())
    return UsageError(f"no video found in {places} (extensions: {', '.join(extensions)}{why})")


def find_moves(
    suspects: Sequence[Found], known: Mapping[bytes, RecordedState], store: Store, moves: Moves
) -> list[Move]:
    """Return which of the videos without a fitting record were recorded under another name."""
    lost = [found for found in suspects if not _fits(known.get(found.path), found)]
    if not lost:
        return []
    records = moves.of_sizes(found.size for found in lost)
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
        details = store.details(old)
        if here is not None and details is not None and details.fingerprint == here:
            return old
    return None
