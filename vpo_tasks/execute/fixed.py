"""Files and folders that even their owner may not change for now: `chattr +i`, `chattr +a`, `chflags`."""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import sys

from vpo_tasks.execute.folders import Place

_GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS where a long has 8 bytes
_LINUX = 0x10 | 0x20  # FS_IMMUTABLE_FL, FS_APPEND_FL
_BSD = stat.UF_IMMUTABLE | stat.UF_APPEND | stat.SF_IMMUTABLE | stat.SF_APPEND


def is_fixed(fd: int) -> bool:
    """Tell whether an open file or folder is immutable or append-only: it can be neither renamed nor removed.

    Of a folder it means the same of the names in it. False where the filesystem does not say.
    """
    if sys.platform != "linux":
        return bool(getattr(os.fstat(fd), "st_flags", 0) & _BSD)
    try:
        answer = fcntl.ioctl(fd, _GET_FLAGS, bytes(8))
    except OSError:
        return False
    return bool(struct.unpack_from("=I", answer)[0] & _LINUX)


def is_fixed_at(place: Place) -> bool:
    """Do as `is_fixed` with what a name holds; False when it cannot be opened."""
    try:
        fd = place.open()
    except OSError:
        return False
    try:
        return is_fixed(fd)
    finally:
        os.close(fd)
