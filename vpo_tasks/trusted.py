"""Files that people write (policies, `.vpoignore`, the configuration): whose words count, how they are read.

What the runner named may be anybody's. What was merely found must belong to the runner or to root, or another
user of the library gives the orders. Only regular files are read, up to a size: nothing is waited for. Owner
and kind are those of the descriptor that is then read. Standard library only: every run starts here.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO or a device would be waited for
_MOST_LINKS = 40  # as many as Linux follows
# `-p <(generate)`, `-p /dev/stdin`: a pipe, and somebody at its other end
_PIPES = (b"/dev/fd/", b"/dev/stdin", b"/proc/self/fd/")


class Refused(OSError):
    """A file is not read although it could be; `strerror` says why, in words that follow its name."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EPERM, reason)
        self.reason = reason


class Opened(NamedTuple):
    """An open file. Whoever gets one closes it (context manager)."""

    descriptor: int
    status: os.stat_result

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def read(self, most: int) -> bytes:
        """Return the bytes from here on, at most `most` of them."""
        parts = []
        while most > 0 and (part := os.read(self.descriptor, min(most, 1 << 20))):
            parts.append(part)
            most -= len(part)
        return b"".join(parts)


def open_file(path: str | bytes, *, named: bool) -> Opened:
    """Open a regular file. Raises OSError; Refused for another thing, or another's that nobody `named`.

    Of a link that was found, the link too must be of one whose words count: it chooses the file.
    """
    place = os.fsencode(path)
    for _ in range(_MOST_LINKS):
        opened, target = _open(place, follow=named)
        if opened is not None:
            break
        place = os.path.join(os.path.dirname(place), target)
    else:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    try:
        if named and stat.S_ISFIFO(opened.status.st_mode) and place.startswith(_PIPES):
            os.set_blocking(opened.descriptor, True)
        elif not stat.S_ISREG(opened.status.st_mode):
            raise Refused(f"is {_kind(opened.status)}, not a file")
        elif not named:
            _require_ours(opened.status, "")
    except BaseException:
        os.close(opened.descriptor)
        raise
    return opened


def read_file(path: str | bytes, most: int, *, named: bool) -> bytes:
    """Return what is in a file, at most `most` bytes. Raises as `open_file`."""
    with open_file(path, named=named) as opened:
        return opened.read(most)


def make_private_folder(path: str | bytes) -> None:
    """Make a folder and what is missing above it, for the runner alone, under any umask. Raises OSError."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        above = os.path.dirname(path)
        if above == path:
            break
        path = above
    for folder in reversed(missing):
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:  # by another thread, or it is no folder: then the next call says so
            if not os.path.isdir(folder):
                raise


def open_private(path: str, flags: int) -> int:
    """Open a file of the state folder, made for the runner alone. For `open(opener=...)`. Raises OSError."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def is_ours(uid: int) -> bool:
    """Tell whether an owner is the runner or root."""
    return uid in (0, os.geteuid())


def owner_name(uid: int) -> str:
    """Return an owner as a person reads it: `anna (uid 1001)`."""
    import pwd  # only for a message

    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


def not_ours(uid: int) -> str:
    """Return why the words of an owner do not count."""
    you = "you" if os.geteuid() == 0 else "you or root"
    return f"belongs to {owner_name(uid)}, not to {you}"


def _open(path: bytes, *, follow: bool) -> tuple[Opened | None, bytes]:
    """Return the open file; or None and where the link leads, if it may be followed."""
    try:
        descriptor = os.open(path, _FLAGS | (0 if follow else os.O_NOFOLLOW))
    except OSError as error:
        # ELOOP; EMLINK and EFTYPE on BSD. A socket cannot be opened, nor a device without a driver
        status = os.lstat(path)
        if not follow and stat.S_ISLNK(status.st_mode):
            return None, _target(path)
        if error.errno in (errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP):
            raise Refused(f"is {_kind(os.stat(path))}, not a file") from error
        raise
    return Opened(descriptor, os.fstat(descriptor)), b""


def _target(link: bytes) -> bytes:
    """Return where a link of ours leads: the same link that is asked for its owner, where the system can."""
    if not hasattr(os, "O_PATH"):
        _require_ours(os.lstat(link), "is a link that ")
        return os.readlink(link)
    descriptor = os.open(link, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _require_ours(os.fstat(descriptor), "is a link that ")
        return os.readlink(b"", dir_fd=descriptor)
    finally:
        os.close(descriptor)


def _require_ours(status: os.stat_result, what: str) -> None:
    if not is_ours(status.st_uid):
        raise Refused(what + not_ours(status.st_uid))


def _kind(status: os.stat_result) -> str:
    kinds = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFBLK: "a device",
             stat.S_IFCHR: "a device", stat.S_IFDIR: "a folder"}  # fmt: skip
    return kinds.get(stat.S_IFMT(status.st_mode), "something else")
