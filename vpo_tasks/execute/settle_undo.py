"""Ending an undo that was begun: the original back under its name, the new video gone.

The caller holds the video's lock. The journal is beside the video; the original is, or is still in the store.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from vpo_tasks.execute import fsops
from vpo_tasks.execute.disk import Disk
from vpo_tasks.execute.journal import Record
from vpo_tasks.execute.private import Private
from vpo_tasks.execute.undo_store import in_store, remove_if_empty

Which = Callable[[bytes, Record], str]


def bring_back(disk: Disk, names: Private, record: Record, which: Which) -> str | None:
    """Bring the original back. Returns None, or why everything was left as it is. Raises OSError.

    `which` tells whether a path holds the `old` or the `new` video. Calling it again goes on from there.
    """
    source = os.path.join(names.folder, record.source)
    target = os.path.join(names.folder, record.target)
    held = which(source, record)
    if held == "old" and record.mode == "replace" and which(names.orig, record) == "unknown":
        return _give_way(disk, names, source)
    if held != "old":
        reason = _fetch_original(disk, names, record, which)
        if reason is not None:
            return reason
    if record.mode == "rename":
        if which(names.part, record) == "unknown":
            return f"{os.fsdecode(names.part)} is another video; nothing was touched"
        if held not in ("none", "old"):
            return f"{os.fsdecode(source)} is another video; nothing was touched"
        if which(target, record) not in ("new", "none"):
            return f"{os.fsdecode(target)} was changed meanwhile; nothing was touched"
        if held == "none":
            fsops.place_original(disk, names, source)
        if which(target, record) == "new" and not fsops.take_back(
            disk, names, target, lambda path: which(path, record) == "new"
        ):
            return f"{os.fsdecode(target)} was changed meanwhile; nothing was touched"
    elif held != "old":
        if held not in ("new", "none"):
            return f"{os.fsdecode(source)} was changed meanwhile; nothing was touched"
        if held == "none":
            fsops.place_original(disk, names, source)
        elif not fsops.exchange(disk, names, names.orig, source):
            fsops.put_original_back(disk, names, source)
        elif which(names.orig, record) == "unknown":
            return _give_way(disk, names, source)
    fsops.clean_up(disk, names)
    remove_if_empty(disk, in_store(names).folder)
    return None


def _give_way(disk: Disk, names: Private, source: bytes) -> str:
    """Give the name back to a newcomer that an exchange took out. Raises OSError."""
    if not fsops.exchange(disk, names, names.orig, source):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), names.orig)
    return f"{os.fsdecode(source)} was changed meanwhile; nothing was touched"


def _fetch_original(disk: Disk, names: Private, record: Record, which: Which) -> str | None:
    store = in_store(names)
    if fsops.stat_or_none(names.orig) is None and fsops.stat_or_none(store.orig) is not None:
        disk.rename(store.orig, names.orig)
        disk.fsync_folder(names.folder)
    if which(names.orig, record) != "old":
        return f"the original of {os.fsdecode(record.source)} is gone; nothing was touched"
    return None
