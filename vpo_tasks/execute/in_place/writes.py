"""The writes of a header edit, forward and back, and how an unfinished one is resolved.

A journal that was begun holds every old byte, so the way back is always the same: write them.
Invariant: nothing is written back unless every byte of the edit's ranges is the old or the new one and the
rest is the video that was edited.
"""

from __future__ import annotations

import os
import stat

from vpo_tasks.disk import fsops
from vpo_tasks.disk.folders import Place
from vpo_tasks.disk.fsops import Sidecars, id_of
from vpo_tasks.disk.journal import HeaderRecord, recorded_sample_digest
from vpo_tasks.disk.system_calls import Disk
from vpo_tasks.disk.undo_store import retire
from vpo_tasks.execute.in_place.change import HeaderRefused, PatchedContent
from vpo_tasks.execute.resolve import Resolution
from vpo_tasks.media.identity import Identity

_MICROSECOND_NS, _SECOND_NS = 1000, 1_000_000_000


def open_video(disk: Disk, place: Place) -> int:
    """Open a video for an edit in place. Raises HeaderRefused where that is not allowed."""
    try:
        return disk.open_to_edit(place)
    except OSError as error:
        reason = f"cannot be written to: {error.strerror or error}"
        raise HeaderRefused(os.fsdecode(place.path), reason) from error


def write_new(disk: Disk, fd: int, record: HeaderRecord, mtime_ns: int | None) -> None:
    """Write the new bytes: what the file grows by first, for the header must not speak of what is not there.

    `mtime_ns` is the modification time to give it, None for that of the writing.
    """
    if record.new_end:
        disk.write_at(fd, record.old.size, record.new_end)
        disk.fsync(fd)
    for item in record.ranges:
        disk.write_at(fd, item.offset, item.new)
    if record.old_end:
        disk.fsync(fd)
        disk.truncate(fd, record.new_size)
    if mtime_ns is not None:
        _set_new_time(disk, fd, record, mtime_ns)
    disk.fsync(fd)


def write_old(disk: Disk, fd: int, record: HeaderRecord) -> None:
    """Write the old bytes and times back."""
    if record.old_end:
        disk.write_at(fd, record.new_size, record.old_end)
        disk.fsync(fd)
    for item in record.ranges:
        disk.write_at(fd, item.offset, item.old)
    if os.fstat(fd).st_size != record.old.size:
        disk.fsync(fd)
        disk.truncate(fd, record.old.size)
    disk.set_times(fd, os.fstat(fd).st_atime_ns, record.old.mtime_ns)
    disk.fsync(fd)


def is_planned_state(fd: int, record: HeaderRecord) -> bool:
    """Tell whether a file is the video of the record, with each byte of the edit old or new."""
    size = os.fstat(fd).st_size
    if not min(record.old.size, record.new_size) <= size <= max(record.old.size, record.new_size):
        return False
    if not all(
        _is_mixed(os.pread(fd, len(item.old), item.offset), item.old, item.new) for item in record.ranges
    ):
        return False
    shorter = min(record.old.size, record.new_size)
    end = os.pread(fd, size - shorter, shorter)
    # a crash may leave zeros where a file grew, forward or back
    if not _is_mixed(end, (record.old_end or record.new_end)[: len(end)], bytes(len(end))):
        return False
    return recorded_sample_digest(record.old.size, _old_content(fd, record).read) == record.old_print


def is_new(fd: int, record: HeaderRecord) -> bool:
    """Tell whether a file is the edited video, every byte of the edit in place."""
    if os.fstat(fd).st_size != record.new_size or not is_planned_state(fd, record):
        return False
    end = os.pread(fd, len(record.new_end), record.old.size)
    parts = (os.pread(fd, len(item.new), item.offset) == item.new for item in record.ranges)
    return end == record.new_end and all(parts)


def is_untouched(fd: int, record: HeaderRecord) -> bool:
    """Tell whether nothing was written yet."""
    if os.fstat(fd).st_size != record.old.size:
        return False
    return all(os.pread(fd, len(item.old), item.offset) == item.old for item in record.ranges)


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
    """Rank how certainly a file is the video of the record; 0 is most certain, None when it is not."""
    status = place.status()
    sizes = record.old.size, record.new_size
    if status is None or not stat.S_ISREG(status.st_mode) or not min(sizes) <= status.st_size <= max(sizes):
        return None
    try:
        fd = place.open()
    except OSError:  # it may be any file of the folder
        return None
    try:
        if os.fstat(fd).st_nlink > 1 or not is_planned_state(fd, record):
            return None
        if status.st_ino == record.old.inode:
            return 0
        return 2 if is_untouched(fd, record) or is_new(fd, record) else 1
    finally:
        os.close(fd)


def resolve_header(disk: Disk, names: Sidecars, record: HeaderRecord, video: Place) -> Resolution:
    """Finish the edit if the journal says done, else write the old bytes back. `video` is from `find_video`.

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
        if os.fstat(fd).st_nlink > 1 or not is_planned_state(fd, record):
            detail = "is not the video that was begun, or was changed since; nothing was touched"
            return Resolution("kept", f"{shown} {detail}")
        untouched = is_untouched(fd, record)
        write_old(disk, fd, record)
    finally:
        os.close(fd)
    fsops.clean_up(disk, names)
    return Resolution("undone", "was not begun; still to do" if untouched else "the old header is back")


def _is_mixed(found: bytes, old: bytes, new: bytes) -> bool:
    return len(found) == len(old) == len(new) and all(
        byte in (a, b) for byte, a, b in zip(found, old, new, strict=True)
    )


def _old_content(fd: int, record: HeaderRecord) -> PatchedContent:
    """Return a video as it was before the edit, read through what the edit made of it."""
    patches = [(item.offset, item.old) for item in record.ranges]
    if record.old_end:
        patches.append((record.new_size, record.old_end))
    return PatchedContent(fd, record.old.size, patches)


def _set_new_time(disk: Disk, fd: int, record: HeaderRecord, mtime_ns: int) -> None:
    """Set the time; where that would make the identity the old one, one that differs as little as can be.

    Who knows the video by size and time (another state folder, a backup) must see that it has changed: a
    microsecond does, or a second or two where the filesystem keeps no finer times.
    """
    for step in (0, _MICROSECOND_NS, _SECOND_NS, 2 * _SECOND_NS):
        later = (mtime_ns + step) // _SECOND_NS == mtime_ns // _SECOND_NS
        time_ns = mtime_ns + (step if later or step >= _SECOND_NS else -step)
        before = os.fstat(fd)
        disk.set_times(fd, before.st_atime_ns, time_ns)
        if Identity.of(os.fstat(fd))[2:4] != record.old[2:4]:
            return
