"""Videos under new names: found again by what they are, so that their records go with them.

On the same filesystem a moved video keeps device, inode, size and time; on another it keeps its fingerprint.
What stands under the old name now is another video, and is new.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence

from vpo_tasks.discover import Found
from vpo_tasks.media.identity import Identity
from vpo_tasks.state.moves import Move, Moves, record_here
from vpo_tasks.state.store import Store
from vpo_tasks.state.uptodate import Known, fingerprint, signed
from vpo_tasks.tasks.absence import is_gone


def find_moves(
    suspects: Sequence[Found], known: Mapping[bytes, Known], store: Store, moves: Moves
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
        identity = Identity(found.device, found.inode, found.size, found.mtime_ns, found.ctime_ns)
        same = by_identity.get(record_here(identity, None)[:4], ())
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
        found_moves.append(Move(old, found.path, identity, record_here(identity, digest)))
    return found_moves


def _fits(record: Known | None, found: Found) -> bool:
    """Tell whether a record can be of this video; of a new inode alone the fingerprint decides."""
    return record is not None and record[2:4] == (found.size, signed(found.mtime_ns))


def _is_free(path: bytes, record: Known) -> bool:
    """Tell whether the recorded video has left its name: nothing is there, or something else."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return (signed(status.st_dev), signed(status.st_ino)) != record[:2]


def _alike(path: bytes, gone: Sequence[bytes], store: Store) -> bytes | None:
    """Return the vanished video whose size, head and tail these are."""
    if not gone:
        return None
    here = fingerprint(path)
    for old in gone:
        details = store.details(old)
        if here is not None and details is not None and details.fingerprint == here:
            return old
    return None
