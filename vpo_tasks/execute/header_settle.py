"""Ending or undoing an unfinished header edit. The caller holds the video's lock.

A journal that was begun holds every old byte, so the way back is always the same: write them.
"""

from __future__ import annotations

import os

from vpo_tasks.execute import fsops, header_bytes
from vpo_tasks.execute.disk import Disk
from vpo_tasks.execute.journal import HeaderRecord
from vpo_tasks.execute.private import Private
from vpo_tasks.execute.settle import Settled
from vpo_tasks.execute.undo_store import retire


def settle_header(disk: Disk, names: Private, record: HeaderRecord) -> Settled:
    """Bring the video to rest: finished when the journal says so, else as it was. Raises OSError."""
    if record.state == "done":
        retire(disk, names, record)
        return Settled("finished", "was complete, cleaned up")
    video = names.folder.at(record.source)
    shown = os.fsdecode(video.path)
    if video.status() is None:
        return Settled("kept", f"{shown} is gone; its journal was left where it is")
    fd = disk.open_to_edit(video)
    try:
        if os.fstat(fd).st_nlink > 1 or not header_bytes.is_ours(fd, record):
            detail = "is not the video that was begun, or was changed since; nothing was touched"
            return Settled("kept", f"{shown} {detail}")
        untouched = header_bytes.is_untouched(fd, record)
        header_bytes.write_old(disk, fd, record)
    finally:
        os.close(fd)
    fsops.clean_up(disk, names)
    return Settled("undone", "was not begun; still to do" if untouched else "the old header is back")
