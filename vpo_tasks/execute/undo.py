"""Taking finished work back from the undo store: the old header's bytes, or the original itself.

The journal goes back beside the video and says `undoing`; from there on a crash is settled like any other.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from vpo_tasks.errors import FileError, ReplaceError
from vpo_tasks.execute import fsops, header_bytes
from vpo_tasks.execute.disk import Disk
from vpo_tasks.execute.header_settle import settle_header
from vpo_tasks.execute.journal import (
    AnyRecord,
    ForeignRecordError,
    HeaderRecord,
    Record,
    encode,
    fingerprint,
    read_found_record,
)
from vpo_tasks.execute.locks import key_lock
from vpo_tasks.execute.private import Private
from vpo_tasks.execute.replace import as_file_error
from vpo_tasks.execute.settle import Settled, settle
from vpo_tasks.execute.undo_store import Entry, remove_if_empty
from vpo_tasks.media.identity import Identity


class Undone(NamedTuple):
    """A video that is as it was before. `was` is the path it had in between."""

    path: bytes
    was: bytes


def undo(entry: Entry, disk: Disk, locks_dir: str) -> Undone:
    """Take one piece of work back. Returns the path of the old video.

    Raises FileError (ReplaceError when the video has changed since, LockedError); then nothing was touched.
    """
    video = os.fsdecode(entry.video)
    status = fsops.stat_or_none(entry.video)
    try:
        with key_lock(locks_dir, entry.names.key, video, Identity.of(status) if status else None):
            return _undo_locked(entry, disk, video)
    except OSError as error:
        raise as_file_error(video, error) from error
    except ForeignRecordError as error:
        raise ReplaceError(video, str(error)) from error


def _undo_locked(entry: Entry, disk: Disk, video: str) -> Undone:
    record = read_found_record(entry.names.journal)  # whoever held the lock may have taken it back
    if record is None:
        raise ReplaceError(video, "its journal is damaged; nothing was touched")
    reason = why_not(entry, record)
    if reason is not None:
        raise ReplaceError(video, reason)
    beside = entry.names._replace(folder=entry.folder)
    undoing = msgspec.structs.replace(record, state="undoing")
    journal = disk.open_to_append(entry.names.journal)
    try:
        fsops.append_journal(disk, journal, b"\n" + encode(undoing))
    finally:
        os.close(journal)
    disk.rename(entry.names.journal, beside.journal)
    disk.fsync_folder(entry.folder)
    settled = _settle(disk, beside, undoing)
    if settled.outcome == "kept":
        raise FileError(video, settled.detail)
    remove_if_empty(disk, entry.names.folder)
    return Undone(os.path.join(entry.folder, record.source), entry.video)


def _settle(disk: Disk, names: Private, record: AnyRecord) -> Settled:
    if isinstance(record, HeaderRecord):
        return settle_header(disk, names, record)
    return settle(disk, names, record, lambda _path: False)


def why_not(entry: Entry, record: AnyRecord) -> str | None:
    """Return why the work cannot be taken back, None when it can."""
    if isinstance(record, HeaderRecord):
        return _changed(entry.video, record.new, lambda: _has_new_header(entry.video, record))
    if fsops.stat_or_none(entry.names.orig) is None and record.state == "done":
        return "its original is not there any more"
    if record.mode == "rename":
        old = os.path.join(entry.folder, record.source)
        if fsops.stat_or_none(old) is not None and record.state == "done":
            return f"{os.fsdecode(record.source)} exists already"
    return _changed(entry.video, record.new, lambda: _is_new(entry.video, record))


def _changed(video: bytes, new: Identity | None, is_new: Callable[[], bool]) -> str | None:
    status = fsops.stat_or_none(video)
    if status is None:
        return "it is not there any more"
    found = Identity.of(status)
    # device and inode change on some mounts without the video changing
    if new is None or found[2:4] != new[2:4] or not is_new():
        return "it was changed since; left as it is"
    return None


def _is_new(video: bytes, record: Record) -> bool:
    return fingerprint(video) == record.new_print


def _has_new_header(video: bytes, record: HeaderRecord) -> bool:
    fd = os.open(video, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return header_bytes.is_new(fd, record)
    finally:
        os.close(fd)
