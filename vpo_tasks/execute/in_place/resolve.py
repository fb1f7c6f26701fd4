"""Ending or undoing an unfinished header edit. The caller holds the video's lock.

A journal that was begun holds every old byte, so the way back is always the same: write them.
"""

from __future__ import annotations

import os
import stat

from vpo_tasks.disk import fsops
from vpo_tasks.disk.folders import Place
from vpo_tasks.disk.journal import HeaderRecord
from vpo_tasks.disk.sidecars import Sidecars, id_of
from vpo_tasks.disk.system_calls import Disk
from vpo_tasks.disk.undo_store import retire
from vpo_tasks.execute.in_place import writes
from vpo_tasks.execute.resolve import Resolution


def find_video(names: Sidecars, record: HeaderRecord) -> Place:
    """Return the video that was begun, also when it has another name in its folder by now.

    The content decides; of several the same file, else one that is half-written. The recorded name when there
    is none. Raises OSError.
    """
    source = names.folder.at(record.source)
    if record.state == "done" or _likeness(source, record) is not None:
        return source
    places = [names.folder.at(name) for name in names.folder.names() if id_of(name) is None]
    likely = [(rank, place.name) for place in places if (rank := _likeness(place, record)) is not None]
    return names.folder.at(min(likely)[1]) if likely else source


def _likeness(place: Place, record: HeaderRecord) -> int | None:
    """Return how surely a file is the video of the record, 0 the most; None when it is not."""
    status = place.status()
    sizes = record.old.size, record.new_size
    if status is None or not stat.S_ISREG(status.st_mode) or not min(sizes) <= status.st_size <= max(sizes):
        return None
    try:
        fd = place.open()
    except OSError:  # it may be any file of the folder
        return None
    try:
        if os.fstat(fd).st_nlink > 1 or not writes.is_planned_state(fd, record):
            return None
        if status.st_ino == record.old.inode:
            return 0
        return 2 if writes.is_untouched(fd, record) or writes.is_new(fd, record) else 1
    finally:
        os.close(fd)


def resolve_header(disk: Disk, names: Sidecars, record: HeaderRecord, video: Place) -> Resolution:
    """Bring the video to rest (see `find_video`): finished when the journal says so, else as it was.

    Raises OSError.
    """
    if record.state == "done":
        retire(disk, names, record)
        return Resolution("finished", "was complete, cleaned up")
    shown = os.fsdecode(video.path)
    if video.status() is None:
        detail = "is not in its folder any more; its journal was left, and settles it once it is back there"
        return Resolution("kept", f"{shown} {detail}")
    fd = disk.open_to_edit(video)
    try:
        if os.fstat(fd).st_nlink > 1 or not writes.is_planned_state(fd, record):
            detail = "is not the video that was begun, or was changed since; nothing was touched"
            return Resolution("kept", f"{shown} {detail}")
        untouched = writes.is_untouched(fd, record)
        writes.write_old(disk, fd, record)
    finally:
        os.close(fd)
    fsops.clean_up(disk, names)
    return Resolution("undone", "was not begun; still to do" if untouched else "the old header is back")
