"""Taking finished work back from the undo store: the old header's bytes, or the original itself.

The journal goes back beside the video and says `undoing`; from there on a crash is settled like any other.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from vpo_tasks.disk import fsops
from vpo_tasks.disk.folders import Folder, Place, open_folder, opened
from vpo_tasks.disk.fsops import Sidecars
from vpo_tasks.disk.journal import (
    AnyRecord,
    ForeignRecordError,
    HeaderRecord,
    encode,
    read_found_record,
    sample_digest,
)
from vpo_tasks.disk.locks import key_lock
from vpo_tasks.disk.system_calls import Disk
from vpo_tasks.disk.undo_store import StoredUndo, opened_store, remove_if_empty
from vpo_tasks.errors import FileError, ReplaceError
from vpo_tasks.execute.in_place import writes
from vpo_tasks.execute.in_place.writes import resolve_header
from vpo_tasks.execute.resolve import Resolution, resolve
from vpo_tasks.execute.transaction import as_file_error
from vpo_tasks.media.identity import Identity


class Undone(NamedTuple):
    """A video that is as it was before. `was` is the path it had in between."""

    path: bytes
    was: bytes


def undo(entry: StoredUndo, disk: Disk, locks_dir: str) -> Undone:
    """Take one piece of work back. Returns the path of the old video.

    Raises FileError (ReplaceError when the video has changed since, LockedError); then nothing was touched.
    """
    video = os.fsdecode(entry.video)
    try:
        with open_folder(entry.folder) as folder, opened_store(folder) as store:
            if store is None:
                raise ReplaceError(
                    video, "its undo folder is gone, or belongs to another user; nothing was touched"
                )
            beside = Sidecars(folder, entry.id)
            status = folder.at(os.path.basename(entry.video)).status()
            with key_lock(locks_dir, beside.key, video, Identity.of(status) if status else None):
                return _undo_locked(beside, store, disk, video)
    except OSError as error:
        raise as_file_error(video, error) from error
    except ForeignRecordError as error:
        raise ReplaceError(video, str(error)) from error


def _undo_locked(beside: Sidecars, store: Folder, disk: Disk, video: str) -> Undone:
    stored = beside._replace(folder=store)
    record = read_found_record(stored.journal)  # whoever held the lock may have taken it back
    if record is None:
        raise ReplaceError(video, "its journal is damaged; nothing was touched")
    reason = why_no_undo(beside, stored, record)
    if reason is not None:
        raise ReplaceError(video, reason)
    undoing = msgspec.structs.replace(record, state="undoing")
    journal = disk.open_to_append(stored.journal)
    try:
        fsops.append_journal(disk, journal, b"\n" + encode(undoing))
    finally:
        os.close(journal)
    disk.rename(stored.journal, beside.journal)
    disk.fsync_folder(beside.folder)
    resolution = _resolve(disk, beside, undoing)
    if resolution.outcome == "kept":
        raise FileError(video, resolution.detail)
    remove_if_empty(disk, beside.folder)
    return Undone(beside.folder.at(record.source).path, os.fsencode(video))


def _resolve(disk: Disk, names: Sidecars, record: AnyRecord) -> Resolution:
    if isinstance(record, HeaderRecord):
        return resolve_header(disk, names, record, names.folder.at(record.source))
    return resolve(disk, names, record, lambda _place: False)


def why_no_undo(beside: Sidecars, stored: Sidecars, record: AnyRecord) -> str | None:
    """Return why the work cannot be taken back, None when it can."""
    if isinstance(record, HeaderRecord):
        video = beside.folder.at(record.source)
        found = video.status()
        if found is not None and found.st_nlink > 1:
            return "it has other names, which would change too"
        return _changed(video, record.new, lambda: _has_new_header(video, record))
    if stored.orig.status() is None and record.state == "done":
        return "its original is not there any more"
    if record.mode == "rename" and record.state == "done" and beside.folder.at(record.source).status():
        return f"{os.fsdecode(record.source)} exists already"
    video = beside.folder.at(record.target)
    return _changed(video, record.new, lambda: sample_digest(video) == record.new_print)


def _changed(video: Place, new: Identity | None, is_new: Callable[[], bool]) -> str | None:
    status = video.status()
    if status is None:
        return "it is not there any more"
    found = Identity.of(status)
    # device and inode change on some mounts without the video changing
    if new is None or found[2:4] != new[2:4] or not is_new():
        return "it was changed since; left as it is"
    return None


def _has_new_header(video: Place, record: HeaderRecord) -> bool:
    with opened(video) as file:
        return writes.is_new(file.fd, record)
