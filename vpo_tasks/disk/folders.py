"""Open folders: names are looked up by the folder's descriptor, so a renamed or swapped path is harmless."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

_SEARCH = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_HAS_DESCRIPTOR_PATHS = sys.platform.startswith("linux") and os.path.isdir("/proc/self/fd")


class Folder:
    """An open folder. `path` is what it was called when it was opened: to be shown, never to be opened."""

    __slots__ = ("fd", "path")

    def __init__(self, fd: int, path: bytes) -> None:
        self.fd = fd
        self.path = path

    def at(self, name: bytes) -> Place:
        """Return the place of a name in this folder. Raises ValueError for what is more than a name."""
        if name in (b"", b".", b"..") or b"/" in name:
            raise ValueError(name)
        return Place(self, name)

    def names(self) -> list[bytes]:
        """Return all names in the folder; half a millisecond for each thousand. Raises OSError."""
        return [os.fsencode(name) for name in os.listdir(self.fd)]

    def status(self) -> os.stat_result:
        return os.fstat(self.fd)

    def path_for(self, process: str = "self") -> bytes:
        """Return a path that leads to this very folder, whatever is renamed, in a process that has it open.

        `process` is `self`, or the number of ours for processes that have not. Where the system has no such
        paths (macOS) it is the folder's own.
        """
        return path_of(self.fd, self.path, process)

    def close(self) -> None:
        os.close(self.fd)


class Place(NamedTuple):
    """A name in an open folder."""

    folder: Folder
    name: bytes

    @property
    def path(self) -> bytes:
        """The path to be shown to people."""
        return os.path.join(self.folder.path, self.name)

    def status(self) -> os.stat_result | None:
        """Return what the name holds, itself and not what a link leads to; None when there is nothing."""
        try:
            return os.stat(self.name, dir_fd=self.folder.fd, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open(self, flags: int = os.O_RDONLY) -> int:
        """Open the file; a link is refused, and a FIFO is not waited for. Raises OSError."""
        try:
            return os.open(self.name, flags | _FILE, dir_fd=self.folder.fd)
        except BlockingIOError:
            # a regular file on which another program, a file server, has a lease; the kernel asks for it back
            return os.open(self.name, flags | (_FILE & ~os.O_NONBLOCK), dir_fd=self.folder.fd)

    def open_new(self, flags: int) -> int:
        """Make the file, for the user who runs this alone. Raises FileExistsError, also for a link."""
        return os.open(self.name, flags | os.O_CREAT | os.O_EXCL | _FILE, 0o600, dir_fd=self.folder.fd)


class OpenFile(NamedTuple):
    """A file that is open: what was checked is what is read. `path` is what people call it."""

    fd: int
    path: bytes

    @property
    def tool_path(self) -> bytes:
        """The path for a process that inherits the descriptor."""
        return path_of(self.fd, self.path)

    @property
    def probe_path(self) -> str:
        """The path for a process of ours that runs already."""
        return os.fsdecode(path_of(self.fd, self.path, str(os.getpid())))


@contextmanager
def opened(place: Place) -> Iterator[OpenFile]:
    """Open a file for reading. Raises OSError, also for a link."""
    fd = place.open()
    try:
        yield OpenFile(fd, place.path)
    finally:
        os.close(fd)


def path_of(fd: int, path: bytes, process: str = "self") -> bytes:
    """Return a path to what a descriptor has open; the given one where the system has no such paths."""
    return f"/proc/{process}/fd/{fd}".encode() if _HAS_DESCRIPTOR_PATHS else path


@contextmanager
def open_folder(path: bytes) -> Iterator[Folder]:
    """Open a folder by its real path, in which no component may be a link (any more). Raises OSError."""
    folder = _walk(path, make=False)
    try:
        yield folder
    finally:
        folder.close()


@contextmanager
def made_folder(path: bytes) -> Iterator[Folder]:
    """Do as `open_folder`, and make what is missing of the path, with the rights that the umask leaves."""
    folder = _walk(path, make=True)
    try:
        yield folder
    finally:
        folder.close()


@contextmanager
def opened_child(folder: Folder, name: bytes) -> Iterator[Folder]:
    """Open a folder in a folder; a link is refused. Raises OSError."""
    child = open_child(folder, name)
    try:
        yield child
    finally:
        child.close()


def open_child(folder: Folder, name: bytes) -> Folder:
    """Do as `opened_child`; the caller closes it."""
    return Folder(os.open(name, _FOLDER, dir_fd=folder.fd), os.path.join(folder.path, name))


def is_runners(status: os.stat_result) -> bool:
    """Tell whether what was found belongs to the user who runs this."""
    return status.st_uid == os.geteuid()


def _walk(path: bytes, *, make: bool) -> Folder:
    if not os.path.isabs(path):
        raise ValueError(path)
    names = [name for name in path.split(b"/") if name]
    fd = os.open(b"/", _SEARCH if names else _FOLDER)
    for place, name in enumerate(names, 1):
        flags = _FOLDER if place == len(names) else _SEARCH
        try:
            fd, before = _step(fd, name, flags, make=make), fd
        except OSError as error:
            os.close(fd)
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                shown = b"/" + b"/".join(names[:place])
                raise OSError(
                    error.errno, "a link or a file stands where a folder is expected", shown
                ) from error
            raise
        os.close(before)
    return Folder(fd, path)


def _step(fd: int, name: bytes, flags: int, *, make: bool) -> int:
    try:
        return os.open(name, flags, dir_fd=fd)
    except FileNotFoundError:
        if not make:
            raise
    try:
        os.mkdir(name, dir_fd=fd)
    except FileExistsError:
        pass
    return os.open(name, flags, dir_fd=fd)


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
