"""The undo store: journals and originals of finished work, in a folder `.vpo-undo` beside the videos.

In the video's own folder a rename keeps an original at no cost, and it stays an inode with one name. Media
servers and our own search pass over hidden folders. The journal in it is authoritative; nothing else needs to
be known to undo it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from vpo_tasks.discover import UNDO_FOLDER
from vpo_tasks.execute import fsops
from vpo_tasks.execute.disk import Disk
from vpo_tasks.execute.journal import AnyRecord, ForeignRecordError, Record, read_found_record
from vpo_tasks.execute.private import Private

FOLDER = UNDO_FOLDER


class Entry(NamedTuple):
    """One piece of work that can be undone. `size` is what keeping it takes, in bytes."""

    names: Private
    record: AnyRecord
    size: int

    @property
    def folder(self) -> bytes:
        """The folder of the video."""
        return os.path.dirname(self.names.folder)

    @property
    def video(self) -> bytes:
        """The path that the video has now, as far as we know."""
        record = self.record
        name = record.target if isinstance(record, Record) else record.source
        return os.path.join(self.folder, name)

    @property
    def source(self) -> bytes:
        """The path that the video had before."""
        return os.path.join(self.folder, self.record.source)


def in_store(names: Private) -> Private:
    """Return the names that private files of a video's folder have in the store."""
    return names._replace(folder=os.path.join(names.folder, FOLDER))


def beside(names: Private) -> Private:
    """Return the names that private files of the store have in the video's folder."""
    return names._replace(folder=os.path.dirname(names.folder))


def retire(disk: Disk, names: Private, record: AnyRecord) -> None:
    """Put away the private files of work that is done: into the undo store if the record says so.

    A store that cannot be made keeps nothing; the work is no less done. Raises OSError; calling it again goes
    on from there.
    """
    if not record.keep or not _made(disk, names):
        fsops.clean_up(disk, names)
        return
    store = in_store(names)
    fsops.remove(disk, names.part)
    if fsops.stat_or_none(names.orig) is not None:
        disk.rename(names.orig, store.orig)
        # an original is never to be found without its journal
        disk.fsync_folder(store.folder)
        disk.fsync_folder(names.folder)
    # no fsync: where a crash undoes this, the journal says done and the next start comes here again
    disk.rename(names.journal, store.journal)


def _made(disk: Disk, names: Private) -> bool:
    folder = in_store(names).folder
    try:
        disk.make_folders(folder)
    except OSError:
        return False
    status = os.lstat(folder)
    # a link would take the original to a place that is not ours
    return stat.S_ISDIR(status.st_mode) and status.st_dev == os.lstat(names.folder).st_dev


def entries(folder: bytes) -> list[Entry]:
    """Return what can be undone of the videos in one folder, oldest first."""
    found = []
    for names in stored_in(folder):
        try:
            record = read_found_record(names.journal)
        except (OSError, ForeignRecordError):
            record = None
        if record is not None and record.state in ("done", "undoing"):
            found.append(Entry(names, record, _size(names)))
    return sorted(found, key=lambda entry: (entry.record.at, entry.names.id))


def remove_entry(disk: Disk, names: Private) -> None:
    """Remove one entry, the original first, and the store's folder when nothing is left in it."""
    fsops.remove(disk, names.orig)
    fsops.remove(disk, names.journal)
    remove_if_empty(disk, names.folder)


def remove_if_empty(disk: Disk, folder: bytes) -> None:
    """Remove a store's folder when nothing is left in it."""
    try:
        disk.remove_folder(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise


def stored_in(folder: bytes) -> Iterator[Private]:
    """Yield what lies in the store of one folder of videos."""
    store = os.path.join(folder, FOLDER)
    if os.path.islink(store):
        return
    try:
        names = {Private.parse(os.path.join(store, name)) for name in os.listdir(store)}
    except (FileNotFoundError, NotADirectoryError):
        return
    yield from (item for item in names if item is not None)


def _size(names: Private) -> int:
    found = (fsops.stat_or_none(path) for path in (names.orig, names.journal))
    return sum(status.st_blocks * 512 for status in found if status is not None)
