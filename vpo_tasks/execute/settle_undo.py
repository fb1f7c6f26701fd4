"""Ending an undo that was begun: the original back under its name, the new video gone.

The caller holds the video's lock. The journal is beside the video; the original is, or is still in the store.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from vpo_tasks.execute import fsops
from vpo_tasks.execute.disk import Disk
from vpo_tasks.execute.folders import Place
from vpo_tasks.execute.journal import Record
from vpo_tasks.execute.private import Private
from vpo_tasks.execute.undo_store import opened_store, remove_if_empty

Which = Callable[[Place, Record], str]


def bring_back(disk: Disk, names: Private, record: Record, which: Which) -> str | None:
    """Bring the original back. Returns None, or why everything was left as it is. Raises OSError.

    `which` tells whether a path holds the `old` or the `new` video. Calling it again goes on from there.
    """
    source = names.folder.at(record.source)
    target = names.folder.at(record.target)
    held = which(source, record)
    if held == "old" and record.mode == "replace" and which(names.orig, record) == "unknown":
        return _give_way(disk, names, source)
    if held != "old":
        reason = _fetch_original(disk, names, record, which)
        if reason is not None:
            return reason
    if record.mode == "rename":
        if which(names.part, record) == "unknown":
            return f"{os.fsdecode(names.part.path)} is another video; nothing was touched"
        if held not in ("none", "old"):
            return f"{os.fsdecode(source.path)} is another video; nothing was touched"
        if which(target, record) not in ("new", "none"):
            return f"{os.fsdecode(target.path)} was changed meanwhile; nothing was touched"
        if held == "none":
            fsops.place_original(disk, names, source)
        if which(target, record) == "new" and not fsops.take_back(
            disk, names, target, lambda place: which(place, record) == "new"
        ):
            return f"{os.fsdecode(target.path)} was changed meanwhile; nothing was touched"
    elif held != "old":
        if held not in ("new", "none"):
            return f"{os.fsdecode(source.path)} was changed meanwhile; nothing was touched"
        if held == "none":
            fsops.place_original(disk, names, source)
        elif not fsops.exchange(disk, names, names.orig, source):
            fsops.put_original_back(disk, names, source)
        elif which(names.orig, record) == "unknown":
            return _give_way(disk, names, source)
    fsops.clean_up(disk, names)
    remove_if_empty(disk, names.folder)
    return None


def _give_way(disk: Disk, names: Private, source: Place) -> str:
    """Give the name back to a newcomer that an exchange took out. Raises OSError."""
    if not fsops.exchange(disk, names, names.orig, source):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), names.orig.path)
    return f"{os.fsdecode(source.path)} was changed meanwhile; nothing was touched"


def _fetch_original(disk: Disk, names: Private, record: Record, which: Which) -> str | None:
    if names.orig.status() is None:
        with opened_store(names.folder) as store:
            stored = None if store is None else names._replace(folder=store).orig
            if stored is not None and stored.status() is not None:
                disk.rename(stored, names.orig)
                disk.fsync_folder(names.folder)
    if which(names.orig, record) != "old":
        return f"the original of {os.fsdecode(record.source)} is gone; nothing was touched"
    return None
