"""Recovery: finish or undo what an earlier run left unfinished, at the first start that sees it.

What may be found, and what is done: docs/design/safety.md, "Replace (remux, encode)".
It can be killed at any point and started again. What is not provably ours is left alone and reported.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from vpo_tasks.disk import fsops
from vpo_tasks.disk.folders import Place, open_folder, opened, opened_child
from vpo_tasks.disk.fsops import Sidecars, id_of
from vpo_tasks.disk.journal import (
    AnyRecord,
    ForeignRecordError,
    HeaderRecord,
    Record,
    file_sample_digest,
    owner_of,
    read_found_record,
)
from vpo_tasks.disk.locks import key_lock
from vpo_tasks.errors import LockedError, ProbeError
from vpo_tasks.execute.in_place.writes import find_video, resolve_header
from vpo_tasks.execute.resolve import Resolution, resolve
from vpo_tasks.execute.work import Environment, RecoveryNote
from vpo_tasks.media.identity import Identity

STALE_S = 3600.0
"""Another machine's locks cannot be seen; its work writes more often than this, or is dead."""


def recover_all(private: Sequence[bytes], environment: Environment) -> list[RecoveryNote]:
    """Resolve the work that each private file found by discovery belongs to. Returns one note for each."""
    found = {(os.path.dirname(path), id_of(os.path.basename(path))) for path in private}
    return [
        recover(folder, item, environment)
        for folder, item in sorted((f, i) for f, i in found if i is not None)
    ]


def recover(folder: bytes, id_: str, environment: Environment) -> RecoveryNote:
    """Resolve one piece of work in a folder. Its journal may be missing; then an old `.part` of ours goes.

    A piece of work that is still in hand is left alone. What the disk refuses is reported as kept.
    """
    shown = os.fsdecode(os.path.join(folder, f".vpo-{id_}.json".encode()))
    try:
        with open_folder(folder) as opened_folder:
            return _recover(Sidecars(opened_folder, id_), shown, environment)
    except OSError as error:
        return RecoveryNote(shown, "kept", f"cannot be settled now: {error.strerror}")


def _recover(names: Sidecars, shown: str, environment: Environment) -> RecoveryNote:
    try:
        record = read_found_record(names.journal)
    except FileNotFoundError:
        record = None
    except OSError as error:
        return RecoveryNote(shown, "kept", f"cannot be read: {error.strerror}")
    except ForeignRecordError as error:
        return RecoveryNote(shown, "kept", str(error))
    video, place = shown, None if record is None or _is_elsewhere(record) else _place(names, record)
    if record is not None:  # of what is made elsewhere the source is a whole path
        video = os.fsdecode(record.source if place is None else place.path)
    status = None if place is None else place.status()
    try:
        with key_lock(environment.locks_dir, names.key, video, Identity.of(status) if status else None):
            return _recover_locked(names, video, environment)
    except LockedError:
        return RecoveryNote(video, "in-hand", "another run has this video in hand")
    except ForeignRecordError as error:
        return RecoveryNote(video, "kept", str(error))
    except OSError as error:
        return RecoveryNote(video, "kept", f"cannot be settled now: {error.strerror}")


def _is_elsewhere(record: AnyRecord) -> bool:
    return isinstance(record, Record) and record.mode == "output"


def _recover_locked(names: Sidecars, video: str, environment: Environment) -> RecoveryNote:
    # read again under the lock: whoever held it may have ended its work
    status = names.journal.status()
    record = read_found_record(names.journal) if status else None
    if status is None or record is None:
        return _recover_unknown(names, video, environment, journal=status is not None)
    if record.owner != owner_of(environment.locks_dir) and _is_fresh(names):
        return RecoveryNote(video, "in-hand", f"begun less than an hour ago by {record.owner}")
    resolution = _resolve(names, record, environment)
    return RecoveryNote(video, resolution.outcome, resolution.detail)


def is_in_hand_elsewhere(journal: Place, locks_dir: str) -> bool:
    """Tell whether another machine, user or state folder seems to be at work: its locks cannot be seen."""
    id_ = id_of(journal.name)
    if id_ is None or not _is_fresh(Sidecars(journal.folder, id_)):
        return False
    try:
        record = read_found_record(journal)
    except PermissionError:
        return True
    except (OSError, ForeignRecordError):
        return False
    return record is not None and record.owner != owner_of(locks_dir)


def _resolve(names: Sidecars, record: AnyRecord, environment: Environment) -> Resolution:
    if isinstance(record, HeaderRecord):
        return resolve_header(environment.disk, names, record, find_video(names, record))
    return resolve(environment.disk, names, record, lambda place: _verified(place, record, environment))


def _recover_unknown(names: Sidecars, video: str, environment: Environment, *, journal: bool) -> RecoveryNote:
    """Handle private files without a readable journal: work that had not begun, or debris."""
    if names.orig.status() is not None:
        shown = os.fsdecode(names.orig.path)
        detail = f"{shown} may be an original, but its journal is gone; nothing was touched"
        return RecoveryNote(video, "kept", detail)
    left = names.part.status() or names.work.status()
    if left is not None and _is_fresh(names):
        return RecoveryNote(video, "in-hand", "written to less than an hour ago")
    if not journal and left is None:
        return RecoveryNote(video, "finished", "already settled")
    fsops.clean_up(environment.disk, names)
    return RecoveryNote(video, "undone", "was not begun; still to do")


def _is_fresh(names: Sidecars) -> bool:
    found = [s for place in (names.journal, names.part, names.work) if (s := place.status())]
    try:
        with opened_child(names.folder, names.work.name) as work:
            found += [s for name in work.names() if (s := work.at(name).status())]
    except OSError:  # none, or another user's
        pass
    # a copied part carries its source's mtime, so the time of the last change counts as well
    return any(time.time() - max(status.st_mtime, status.st_ctime) < STALE_S for status in found)


def _place(names: Sidecars, record: AnyRecord) -> Place:
    """Return the video's place. Raises OSError."""
    return find_video(names, record) if isinstance(record, HeaderRecord) else names.folder.at(record.source)


def _verified(place: Place, record: Record, environment: Environment) -> bool:
    """Tell whether a video is, still, what was verified before the crash."""
    try:
        with opened(place) as file:
            if file_sample_digest(file.fd) != record.new_print:
                return False
            # a copy of the source was compared byte for byte, and is not ours to judge
            return not record.counts or (
                environment.probes.probe(file.probe_path) == record.media
                and environment.probes.count(file.probe_path) == record.counts
            )
    except (ProbeError, OSError):
        return False
