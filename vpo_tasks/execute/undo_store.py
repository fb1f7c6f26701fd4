"""The undo store: journals and originals of finished work, in a folder `.vpo-undo` beside the videos.

In the video's own folder a rename keeps an original at no cost, and it stays an inode with one name. Media
servers and our own search pass over hidden folders. The journal in it is authoritative; nothing else needs to
be known to undo it. Only its owner may enter it, and it is believed only if that is the running user or root.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from vpo_tasks.discover import UNDO_FOLDER
from vpo_tasks.execute import fsops
from vpo_tasks.execute.disk import Disk
from vpo_tasks.execute.folders import Folder, is_runners, open_child, open_folder, opened_child
from vpo_tasks.execute.journal import AnyRecord, ForeignRecordError, Record, read_found_record
from vpo_tasks.execute.private import Private, id_of
from vpo_tasks.trusted import is_ours, owner_name

_NOT_A_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Entry(NamedTuple):
    """One piece of work that can be undone. `folder` is the video's, `size` in bytes what it takes."""

    folder: bytes
    id: str
    record: AnyRecord
    size: int

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


@contextmanager
def opened_store(folder: Folder) -> Iterator[Folder | None]:
    """Open the store of a folder of videos; None where there is none that we believe."""
    try:
        store = open_child(folder, UNDO_FOLDER)
    except OSError as error:
        if error.errno in _NOT_A_FOLDER:
            yield None
            return
        raise
    try:
        yield store if is_ours(store.status().st_uid) else None
    finally:
        store.close()


def retire(disk: Disk, names: Private, record: AnyRecord) -> str | None:
    """Put away the private files of work that is done: into the undo store if the record says so.

    A store that cannot be made keeps nothing; the work is no less done, and why is returned. Raises OSError;
    calling it again goes on from there.
    """
    if not record.keep:
        fsops.clean_up(disk, names)
        return None
    reason = _make_store(disk, names)
    if reason is not None:
        fsops.clean_up(disk, names)
        return reason
    fsops.clear_work(disk, names)
    with opened_child(names.folder, UNDO_FOLDER) as store:
        if not is_runners(store.status()) or store.status().st_dev != names.folder.status().st_dev:
            fsops.clean_up(disk, names)
            return f"no original is kept for undo: {_foreign(store)}"
        stored = names._replace(folder=store)
        fsops.remove(disk, names.part)
        if names.orig.status() is not None:
            disk.rename(names.orig, stored.orig)
            # an original is never to be found without its journal
            disk.fsync_folder(store)
            disk.fsync_folder(names.folder)
        # no fsync: where a crash undoes this, the journal says done and the next start comes here again
        disk.rename(names.journal, stored.journal)
    return None


def _make_store(disk: Disk, names: Private) -> str | None:
    """Make the store if it is missing. Returns why it cannot be, None when it is there."""
    place = names.folder.at(UNDO_FOLDER)
    try:
        disk.make_folder(place)
    except FileExistsError:
        pass
    except OSError as error:
        return f"no original is kept for undo: {error.strerror}"
    try:
        with opened_child(names.folder, UNDO_FOLDER) as store:
            if is_runners(store.status()) and store.status().st_mode & 0o077:
                disk.chmod(store.fd, 0o700)  # earlier versions left that to the umask
    except OSError as error:
        if error.errno in _NOT_A_FOLDER:
            return f"no original is kept for undo: {os.fsdecode(UNDO_FOLDER)} is no folder"
        return f"no original is kept for undo: {error.strerror}"
    return None


def _foreign(store: Folder) -> str:
    return f"{os.fsdecode(UNDO_FOLDER)} belongs to {owner_name(store.status().st_uid)}"


def entries(folder: bytes) -> list[Entry]:
    """Return what can be undone of the videos in one folder, oldest first."""
    found = []
    try:
        with open_folder(folder) as opened, opened_store(opened) as store:
            for names in stored_in(store):
                try:
                    record = read_found_record(names.journal)
                except (OSError, ForeignRecordError):
                    record = None
                if record is not None and record.state in ("done", "undoing"):
                    found.append(Entry(folder, names.id, record, _size(names)))
    except OSError:
        return []
    return sorted(found, key=lambda entry: (entry.record.at, entry.id))


def remove_entry(disk: Disk, names: Private) -> None:
    """Remove one entry of an open store, the original first."""
    fsops.remove(disk, names.orig)
    fsops.remove(disk, names.journal)


def remove_if_empty(disk: Disk, folder: Folder) -> None:
    """Remove the store of a folder of videos when nothing is left in it."""
    try:
        disk.remove_folder(folder.at(UNDO_FOLDER))
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EACCES, errno.EPERM):
            raise


def stored_in(store: Folder | None) -> Iterator[Private]:
    """Yield what lies in an open store."""
    if store is not None:
        ids = {id_of(name) for name in store.names()}
        yield from (Private(store, item) for item in sorted(item for item in ids if item is not None))


def _size(names: Private) -> int:
    found = (place.status() for place in (names.orig, names.journal))
    return sum(status.st_blocks * 512 for status in found if status is not None)
