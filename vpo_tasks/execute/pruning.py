"""What the undo store may keep: for how long, and how much of a filesystem."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from vpo_tasks.errors import LockedError
from vpo_tasks.execute.disk import Disk
from vpo_tasks.execute.folders import open_folder
from vpo_tasks.execute.locks import key_lock
from vpo_tasks.execute.private import Private
from vpo_tasks.execute.undo_store import opened_store, remove_entry, remove_if_empty, stored_in

SHARE = 10
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
        most = status.f_blocks * status.f_frsize // SHARE
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
        most = status.f_blocks * status.f_frsize // SHARE
        for item in items:
            if (item.at < now - keep_s or total > most) and _remove(disk, item, locks_dir):
                total -= item.size
                continue
            before = oldest[item.folder]
            oldest[item.folder] = item.at if before is None else min(before, item.at)
    return oldest


def _look(folder: bytes, names: Private) -> _Stored:
    found = [status for place in (names.journal, names.orig) if (status := place.status()) is not None]
    # an original has its own times; the journal's is that of the work
    at = max((status.st_ctime for status in found), default=0.0)
    return _Stored(folder, names.id, at, sum(status.st_blocks * 512 for status in found))


def _remove(disk: Disk, item: _Stored, locks_dir: str) -> bool:
    try:
        with open_folder(item.folder) as folder, opened_store(folder) as store:
            if store is None:
                return False
            beside = Private(folder, item.id)
            with key_lock(locks_dir, beside.key, os.fsdecode(item.folder), None):
                if beside.journal.status() is not None:
                    return False  # an undo that was interrupted: the original is still to go back
                remove_entry(disk, beside._replace(folder=store))
            remove_if_empty(disk, folder)
    except (LockedError, OSError):  # somebody undoes it right now, or the disk refuses
        return False
    return True
