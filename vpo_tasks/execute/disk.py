"""The system calls that change a user's folder, as one value: tests put in disks that fail.

Only `fsops`, and what it is made of, calls them.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Protocol

from vpo_tasks.execute.exchange import exchange_names

_FICLONE = 0x40049409


class Disk(Protocol):
    """The system calls that change a user's folder; a Protocol so that tests can fail operation n."""

    def create(self, path: bytes) -> int: ...
    def create_scratch(self, path: bytes) -> int: ...
    def open_to_append(self, path: bytes) -> int: ...
    def open_to_edit(self, path: bytes) -> int: ...
    def write(self, fd: int, data: bytes) -> None: ...
    def write_at(self, fd: int, offset: int, data: bytes) -> None: ...
    def truncate(self, fd: int, size: int) -> None: ...
    def fsync(self, fd: int) -> None: ...
    def fsync_folder(self, folder: bytes) -> None: ...
    def make_folders(self, folder: bytes) -> None: ...
    def link(self, existing: bytes, new: bytes) -> None: ...
    def rename(self, old: bytes, new: bytes) -> None: ...
    def exchange(self, one: bytes, other: bytes) -> None: ...
    def unlink(self, path: bytes) -> None: ...
    def remove_folder(self, folder: bytes) -> None: ...
    def clone(self, source_fd: int, fd: int) -> None: ...
    def chown(self, fd: int, uid: int, gid: int) -> None: ...
    def chmod(self, fd: int, mode: int) -> None: ...
    def set_attribute(self, fd: int, name: str, value: bytes) -> None: ...
    def set_times(self, fd: int, atime_ns: int, mtime_ns: int) -> None: ...


class RealDisk:
    """The operating system's own calls."""

    def create(self, path: bytes) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def create_scratch(self, path: bytes) -> int:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def open_to_append(self, path: bytes) -> int:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)

    def open_to_edit(self, path: bytes) -> int:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)

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

    def fsync_folder(self, folder: bytes) -> None:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in (
                errno.EINVAL,
                errno.ENOTSUP,
            ):  # some network filesystems have no such thing
                raise
        finally:
            os.close(fd)

    def make_folders(self, folder: bytes) -> None:
        os.makedirs(folder, exist_ok=True)

    def link(self, existing: bytes, new: bytes) -> None:
        os.link(existing, new, follow_symlinks=False)

    def rename(self, old: bytes, new: bytes) -> None:
        os.rename(old, new)  # noqa: TID251 - this is the one place for it

    def exchange(self, one: bytes, other: bytes) -> None:
        exchange_names(one, other)

    def unlink(self, path: bytes) -> None:
        os.unlink(path)

    def remove_folder(self, folder: bytes) -> None:
        os.rmdir(folder)

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
