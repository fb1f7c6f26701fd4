"""The undo store: originals of finished work beside their videos, and how long they are kept."""

from __future__ import annotations

import errno
import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from vpo_tasks.disk import UNDO_FOLDER, fsops
from vpo_tasks.disk.folders import Folder, is_runners, open_child, open_folder, opened_child
from vpo_tasks.disk.fsops import Sidecars, id_of
from vpo_tasks.disk.journal import AnyRecord, ForeignRecordError, Record, read_found_record
from vpo_tasks.disk.locks import key_lock
from vpo_tasks.disk.system_calls import Disk
from vpo_tasks.errors import LockedError
from vpo_tasks.trusted import is_ours, owner_name

_NOT_A_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class StoredUndo(NamedTuple):
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
    """Open the undo store of a folder; None where there is none, or it belongs to another user."""
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


def retire(disk: Disk, names: Sidecars, record: AnyRecord) -> str | None:
    """Put away the private files of work that is done: into the undo store if the record says so.

    Returns why nothing is kept where the store cannot be made. Raises OSError; calling it again goes on from
    there.
    """
    reason = _store(disk, names) if record.keep else None
    if reason is not None or not record.keep:
        fsops.clean_up(disk, names)
    return reason


def _store(disk: Disk, names: Sidecars) -> str | None:
    """Put original and journal into the store. Returns why it cannot be, None when it is done."""
    reason = _make_store(disk, names)
    if reason is not None:
        return reason
    fsops.clear_work(disk, names)
    with opened_child(names.folder, UNDO_FOLDER) as store:
        if not is_runners(store.status()) or store.status().st_dev != names.folder.status().st_dev:
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


def _make_store(disk: Disk, names: Sidecars) -> str | None:
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


def entries(folder: bytes) -> list[StoredUndo]:
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
                    found.append(StoredUndo(folder, names.id, record, _size(names)))
    except OSError:
        return []
    return sorted(found, key=lambda entry: (entry.record.at, entry.id))


def remove_entry(disk: Disk, names: Sidecars) -> None:
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


def stored_in(store: Folder | None) -> Iterator[Sidecars]:
    """Yield what lies in an open store."""
    if store is not None:
        ids = {id_of(name) for name in store.names()}
        yield from (Sidecars(store, item) for item in sorted(item for item in ids if item is not None))


def _size(names: Sidecars) -> int:
    found = (place.status() for place in (names.orig, names.journal))
    return sum(status.st_blocks * 512 for status in found if status is not None)


FILESYSTEM_SHARE = 10
"""One part in so many of a filesystem is kept at most."""


class Keeping:
    """Decides for each video of a run whether its original is kept. Safe from any thread."""

    def __init__(self, run: str, min_free: int) -> None:
        self._run = run
        self._min_free = min_free
        self._kept: dict[int, int] = defaultdict(int)
        self._lock = threading.Lock()

    def run_for(self, folder: bytes, size: int) -> str | None:
        """Return the run's name when an original of `size` bytes may stay in `folder`, None when not.

        It may when the run keeps no more than its share, and room for another video like it is left.
        """
        status = os.statvfs(folder)
        device = os.stat(folder).st_dev
        free = status.f_bavail * status.f_frsize - self._min_free
        most = status.f_blocks * status.f_frsize // FILESYSTEM_SHARE
        with self._lock:
            if self._kept[device] + size > most or 2 * size > free:
                return None
            self._kept[device] += size
        return self._run


class _Stored(NamedTuple):
    folder: bytes
    id: str
    at: float
    size: int


def prune(
    disk: Disk, folders: Iterable[bytes], *, keep_s: float, now: float, locks_dir: str
) -> dict[bytes, float | None]:
    """Remove what is too old or too much from the stores of these folders.

    Returns for each folder the time of its oldest entry, None when nothing is left; what cannot be removed
    now counts as left, and a folder that is not there (a disk that is not mounted) is not among them.
    """
    oldest: dict[bytes, float | None] = {}
    by_device: dict[int, list[_Stored]] = defaultdict(list)
    for path in filter(os.path.isdir, folders):
        oldest[path] = None
        try:
            with open_folder(path) as folder, opened_store(folder) as store:
                for names in stored_in(store):
                    by_device[names.folder.status().st_dev].append(_look(path, names))
        except OSError:  # a link by now, or not to be entered; what is in it is left alone
            oldest[path] = now
    for items in by_device.values():
        items.sort(key=lambda item: item.at)
        total = sum(item.size for item in items)
        status = os.statvfs(items[0].folder)
        most = status.f_blocks * status.f_frsize // FILESYSTEM_SHARE
        for item in items:
            if (item.at < now - keep_s or total > most) and _remove(disk, item, locks_dir):
                total -= item.size
                continue
            before = oldest[item.folder]
            oldest[item.folder] = item.at if before is None else min(before, item.at)
    return oldest


def _look(folder: bytes, names: Sidecars) -> _Stored:
    found = [status for place in (names.journal, names.orig) if (status := place.status()) is not None]
    # an original has its own times; the journal's is that of the work
    at = max((status.st_ctime for status in found), default=0.0)
    return _Stored(folder, names.id, at, sum(status.st_blocks * 512 for status in found))


def _remove(disk: Disk, item: _Stored, locks_dir: str) -> bool:
    try:
        with open_folder(item.folder) as folder, opened_store(folder) as store:
            if store is None:
                return False
            beside = Sidecars(folder, item.id)
            with key_lock(locks_dir, beside.key, os.fsdecode(item.folder), None):
                if beside.journal.status() is not None:
                    return False  # an undo that was interrupted: the original is still to go back
                remove_entry(disk, beside._replace(folder=store))
            remove_if_empty(disk, folder)
    except (LockedError, OSError):  # somebody undoes it right now, or the disk refuses
        return False
    return True
