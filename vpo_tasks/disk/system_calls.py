"""The system calls that change a user's folder, behind an interface that tests replace by failing disks."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from functools import cache
from typing import Any, Protocol

from vpo_tasks.disk.folders import Folder, Place

_RENAME_EXCHANGE = 2  # <linux/fs.h>
_RENAME_SWAP = 2  # <sys/stdio.h> of macOS


def swap_names(one: Place, other: Place) -> None:
    """Exchange two files that both exist. Raises OSError, ENOSYS where the system has no such call."""
    call = _call()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    how = _RENAME_SWAP if sys.platform == "darwin" else _RENAME_EXCHANGE
    if call(one.folder.fd, one.name, other.folder.fd, other.name, how) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), one.path, None, other.path)


@cache
def _call() -> Any:
    name = {"linux": "renameat2", "darwin": "renameatx_np"}.get(sys.platform)
    # a C library older than glibc 2.28 has no name for the call
    call = None if name is None else getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if call is not None:
        place = (ctypes.c_int, ctypes.c_char_p)
        call.argtypes = (*place, *place, ctypes.c_uint)
        call.restype = ctypes.c_int
    return call


_FICLONE = 0x40049409


class Disk(Protocol):
    """The system calls that change a user's folder; a Protocol so that tests can fail operation n."""

    def create(self, place: Place) -> int: ...
    def open_to_append(self, place: Place) -> int: ...
    def open_to_edit(self, place: Place) -> int: ...
    def write(self, fd: int, data: bytes) -> None: ...
    def write_at(self, fd: int, offset: int, data: bytes) -> None: ...
    def truncate(self, fd: int, size: int) -> None: ...
    def fsync(self, fd: int) -> None: ...
    def fsync_folder(self, folder: Folder) -> None: ...
    def make_folder(self, place: Place) -> None: ...
    def link(self, existing: Place, new: Place) -> None: ...
    def rename(self, old: Place, new: Place) -> None: ...
    def exchange(self, one: Place, other: Place) -> None: ...
    def unlink(self, place: Place) -> None: ...
    def remove_folder(self, place: Place) -> None: ...
    def clone(self, source_fd: int, fd: int) -> None: ...
    def chown(self, fd: int, uid: int, gid: int) -> None: ...
    def chmod(self, fd: int, mode: int) -> None: ...
    def set_attribute(self, fd: int, name: str, value: bytes) -> None: ...
    def set_times(self, fd: int, atime_ns: int, mtime_ns: int) -> None: ...


class RealDisk:
    """The operating system's own calls, all by the descriptor of an open folder."""

    def create(self, place: Place) -> int:
        return place.open_new(os.O_WRONLY | os.O_APPEND)

    def open_to_append(self, place: Place) -> int:
        return place.open(os.O_WRONLY | os.O_APPEND)

    def open_to_edit(self, place: Place) -> int:
        return place.open(os.O_RDWR)

    def write(self, fd: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]

    def write_at(self, fd: int, offset: int, data: bytes) -> None:
        while data:
            written = os.pwrite(fd, data, offset)
            data, offset = data[written:], offset + written

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def fsync_folder(self, folder: Folder) -> None:
        try:
            os.fsync(folder.fd)
        except OSError as error:
            # some network filesystems have no such thing
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise

    def make_folder(self, place: Place) -> None:
        os.mkdir(place.name, 0o700, dir_fd=place.folder.fd)

    def link(self, existing: Place, new: Place) -> None:
        os.link(
            existing.name,
            new.name,
            src_dir_fd=existing.folder.fd,
            dst_dir_fd=new.folder.fd,
            follow_symlinks=False,
        )

    def rename(self, old: Place, new: Place) -> None:
        os.rename(  # noqa: TID251 - this is the one place for it
            old.name, new.name, src_dir_fd=old.folder.fd, dst_dir_fd=new.folder.fd
        )

    def exchange(self, one: Place, other: Place) -> None:
        swap_names(one, other)

    def unlink(self, place: Place) -> None:
        os.unlink(place.name, dir_fd=place.folder.fd)

    def remove_folder(self, place: Place) -> None:
        os.rmdir(place.name, dir_fd=place.folder.fd)

    def clone(self, source_fd: int, fd: int) -> None:
        if not sys.platform.startswith("linux"):
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        import fcntl  # only an already compliant video that goes to another folder pays for it

        fcntl.ioctl(fd, _FICLONE, source_fd)

    def chown(self, fd: int, uid: int, gid: int) -> None:
        os.fchown(fd, uid, gid)

    def chmod(self, fd: int, mode: int) -> None:
        os.fchmod(fd, mode)

    def set_attribute(self, fd: int, name: str, value: bytes) -> None:
        if sys.platform.startswith("linux"):
            os.setxattr(fd, name, value)

    def set_times(self, fd: int, atime_ns: int, mtime_ns: int) -> None:
        os.utime(fd, ns=(atime_ns, mtime_ns))
