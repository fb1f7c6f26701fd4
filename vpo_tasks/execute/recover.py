"""What an earlier run left unfinished: ended or undone at the first start that sees it (design: safety).

It can be killed at any point and started again. Whatever is not provably ours is left alone and named.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from vpo_tasks.errors import LockedError, ProbeError
from vpo_tasks.execute import fsops
from vpo_tasks.execute.header_settle import settle_header
from vpo_tasks.execute.journal import (
    AnyRecord,
    ForeignRecordError,
    HeaderRecord,
    Record,
    fingerprint,
    owner_of,
    read_found_record,
)
from vpo_tasks.execute.locks import key_lock
from vpo_tasks.execute.private import Private
from vpo_tasks.execute.settle import Settled, settle
from vpo_tasks.execute.work import Kit, RecoveryNote
from vpo_tasks.media.identity import Identity

STALE_S = 3600.0
"""Another machine's locks cannot be seen; its work writes more often than this, or is dead."""


def recover_all(private: Sequence[bytes], kit: Kit) -> list[RecoveryNote]:
    """Settle everything behind the private files that discovery met: one note a piece of work."""
    notes = []
    seen: set[Private] = set()
    for path in sorted(private):
        names = Private.parse(path)
        if names is not None and names not in seen:
            seen.add(names)
            notes.append(recover(names.journal, kit))
    return notes


def recover(journal_path: bytes, kit: Kit) -> RecoveryNote:
    """Settle one piece of work. The journal may be missing; then only an old `.part` of ours goes.

    A piece of work that is still in hand is left alone. What the disk refuses is reported as kept.
    """
    names = Private.parse(journal_path)
    shown = os.fsdecode(journal_path)
    if names is None:
        return RecoveryNote(shown, "kept", "is not a journal of ours")
    try:
        record = read_found_record(names.journal)
    except FileNotFoundError:
        record = None
    except OSError as error:
        return RecoveryNote(shown, "kept", f"cannot be read: {error.strerror}")
    except ForeignRecordError as error:
        return RecoveryNote(shown, "kept", str(error))
    video = shown if record is None else _video(names, record)
    status = None if record is None else fsops.stat_or_none(os.fsencode(video))
    try:
        with key_lock(kit.locks_dir, names.key, video, Identity.of(status) if status else None):
            return _recover_locked(names, video, kit)
    except LockedError:
        return RecoveryNote(video, "in-hand", "another run has this video in hand")
    except ForeignRecordError as error:
        return RecoveryNote(video, "kept", str(error))
    except OSError as error:
        return RecoveryNote(video, "kept", f"cannot be settled now: {error.strerror}")


def _recover_locked(names: Private, video: str, kit: Kit) -> RecoveryNote:
    # read again under the lock: whoever held it may have ended its work
    status = fsops.stat_or_none(names.journal)
    record = read_found_record(names.journal) if status else None
    if status is None or record is None:
        return _recover_unknown(names, video, kit, journal=status is not None)
    if record.owner != owner_of(kit.locks_dir) and _is_fresh(names):
        return RecoveryNote(video, "in-hand", f"begun less than an hour ago by {record.owner}")
    settled = _settle(names, record, kit)
    return RecoveryNote(video, settled.outcome, settled.detail)


def is_in_hand_elsewhere(journal_path: bytes, locks_dir: str) -> bool:
    """Tell whether another machine, user or state folder seems to be at work: its locks cannot be seen."""
    names = Private.parse(journal_path)
    if names is None or not _is_fresh(names):
        return False
    try:
        record = read_found_record(journal_path)
    except PermissionError:
        return True
    except (OSError, ForeignRecordError):
        return False
    return record is not None and record.owner != owner_of(locks_dir)


def _settle(names: Private, record: AnyRecord, kit: Kit) -> Settled:
    if isinstance(record, HeaderRecord):
        return settle_header(kit.disk, names, record)
    return settle(kit.disk, names, record, lambda path: _verified(path, record, kit))


def _recover_unknown(names: Private, video: str, kit: Kit, *, journal: bool) -> RecoveryNote:
    """Handle private files without a readable journal: work that had not begun, or debris."""
    if fsops.stat_or_none(names.orig) is not None:
        detail = f"{os.fsdecode(names.orig)} may be an original, but its journal is gone; nothing was touched"
        return RecoveryNote(video, "kept", detail)
    if fsops.stat_or_none(names.part) is not None and _is_fresh(names):
        return RecoveryNote(video, "in-hand", "written to less than an hour ago")
    if not journal and fsops.stat_or_none(names.part) is None:
        return RecoveryNote(video, "finished", "already settled")
    fsops.clean_up(kit.disk, names)
    return RecoveryNote(video, "undone", "was not begun; still to do")


def _is_fresh(names: Private) -> bool:
    found = [status for path in (names.journal, names.part) if (status := fsops.stat_or_none(path))]
    # a copied part carries its source's mtime, so the time of the last change counts as well
    return any(time.time() - max(status.st_mtime, status.st_ctime) < STALE_S for status in found)


def _video(names: Private, record: AnyRecord) -> str:
    return os.fsdecode(os.path.join(names.folder, record.source))


def _verified(path: bytes, record: Record, kit: Kit) -> bool:
    """Tell whether a video is, still, what was verified before the crash."""
    shown = os.fsdecode(path)
    try:
        if fingerprint(path) != record.new_print:
            return False
        # a copy of the source was compared byte for byte, and is not ours to judge
        return not record.counts or (
            kit.probes.probe(shown) == record.media and kit.probes.count(shown) == record.counts
        )
    except (ProbeError, OSError):
        return False
