"""Every byte that reaches a user's folder, one function a step.

All of them go through a `Disk`, so that a test can fail or kill each single operation. Invariant: the only
names ever unlinked are our own, `.vpo-<id>.{json,part,orig}`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from collections.abc import Callable

from vpo_tasks.execute.disk import Disk
from vpo_tasks.execute.private import Private, files_of

_COPY_BYTES = 1 << 20
# what a filesystem without hard links answers to link()
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
# what is answered to who may not give a file away, or has no number for its owner (a container)
_NOT_ALLOWED = frozenset({errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})
# what a kernel, a filesystem or a container's filter that cannot exchange two names answers
_NO_EXCHANGE = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM})


def set_modification_time(disk: Disk, path: bytes, mtime_ns: int) -> None:
    """Set the time of a video that is left as it is otherwise."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        disk.set_times(fd, os.fstat(fd).st_atime_ns, mtime_ns)
        disk.fsync(fd)
    finally:
        os.close(fd)


def stat_or_none(path: bytes) -> os.stat_result | None:
    """Return what `lstat` says, None when there is nothing."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def create_journal(disk: Disk, names: Private, line: bytes) -> int:
    """Write the journal's first line and make it durable. Returns the open journal."""
    fd = disk.create(names.journal)
    try:
        disk.write(fd, line)
        disk.fsync(fd)
        disk.fsync_folder(names.folder)
    except BaseException:
        os.close(fd)
        raise
    return fd


def has_rival(names: Private) -> bool:
    """Tell whether somebody else's journal speaks of the same video, now that ours can be seen.

    Runs with other state folders, or on other machines, do not see our locks; of two that begin in the same
    moment at least one sees the other's journal.
    """
    return any(path != names.journal for path in files_of(names.folder, names.key, b".json"))


def can_link(disk: Disk, names: Private, existing: bytes) -> bool:
    """Tell whether a file may have a hard link, by linking it to a name of ours and removing that."""
    try:
        disk.link(existing, names.part)
    except OSError as error:
        if error.errno in _NO_LINKS:
            return False
        raise
    remove(disk, names.part)
    return True


def append_journal(disk: Disk, fd: int, line: bytes) -> None:
    """Add a line and make it durable. Raises OSError, also when somebody removed the journal meanwhile."""
    if os.fstat(fd).st_nlink == 0:
        raise OSError(errno.ESTALE, "the recovery journal was removed by somebody else")
    disk.write(fd, line)
    disk.fsync(fd)


def copy_attributes(disk: Disk, source: bytes, part: bytes, *, mtime_ns: int | None) -> list[str]:
    """Give `part` the owner, mode, extended attributes (ACLs among them) of `source`, and fsync it.

    `mtime_ns` is the modification time to give it, None for that of its writing.
    Returns a warning for everything that the system did not allow us to carry over.
    """
    warnings: list[str] = []
    status = os.stat(source)
    fd = os.open(part, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if (os.fstat(fd).st_uid, os.fstat(fd).st_gid) != (status.st_uid, status.st_gid):
            warnings += _copy_owner(disk, fd, status)
        disk.chmod(fd, stat.S_IMODE(status.st_mode))
        warnings += _copy_extended(disk, source, fd)
        if mtime_ns is not None:
            disk.set_times(fd, status.st_atime_ns, mtime_ns)
        disk.fsync(fd)
    finally:
        os.close(fd)
    return warnings


def _copy_owner(disk: Disk, fd: int, status: os.stat_result) -> list[str]:
    """Carry over the owner and the group; the group at least, which everybody may who belongs to it."""
    try:
        disk.chown(fd, status.st_uid, status.st_gid)
        return []
    except OSError as error:
        if error.errno not in _NOT_ALLOWED:
            raise
    try:
        disk.chown(fd, -1, status.st_gid)
        return ["the owner could not be carried over"]
    except OSError as error:
        if error.errno not in _NOT_ALLOWED:
            raise
        return ["the owner or group could not be carried over"]


def _copy_extended(disk: Disk, source: bytes, fd: int) -> list[str]:
    if not sys.platform.startswith("linux"):
        return []
    try:
        names = os.listxattr(source)
    except OSError:  # a filesystem that has none
        return []
    lost = []
    for name in names:
        try:
            disk.set_attribute(fd, name, os.getxattr(source, name))
        except OSError as error:
            if error.errno in (errno.EIO, errno.ENOSPC):
                raise
            lost.append(f"the extended attribute {name} could not be carried over")
    return lost


def link_original(disk: Disk, names: Private, source: bytes) -> bool:
    """Keep the original under our own name. Returns False on a filesystem without hard links."""
    try:
        disk.link(source, names.orig)
    except OSError as error:
        if error.errno in _NO_LINKS:
            return False
        raise
    disk.fsync_folder(names.folder)
    return True


def set_original_aside(disk: Disk, names: Private, source: bytes) -> None:
    """Move the old name to our own: after a change of names, or where there are no hard links."""
    disk.rename(source, names.orig)
    disk.fsync_folder(names.folder)


def exchange(disk: Disk, names: Private, private: bytes, video: bytes) -> bool:
    """Let one of our own files and a video change names, in one step. Returns False where that cannot be."""
    try:
        disk.exchange(private, video)
    except OSError as error:
        if error.errno in _NO_EXCHANGE:
            return False
        raise
    disk.fsync_folder(names.folder)
    return True


def let_original_go(disk: Disk, names: Private) -> None:
    """Give up the original: somebody has put another video in its place."""
    remove(disk, names.orig)
    disk.fsync_folder(names.folder)


def swap_in(disk: Disk, names: Private, target: bytes) -> None:
    """Put the new video in place of what has that name, in one step, whatever that is."""
    disk.rename(names.part, target)
    disk.fsync_folder(names.folder)


def place_new(disk: Disk, names: Private, target: bytes, *, without_links: bool) -> None:
    """Give the new video a name that must be free. Raises FileExistsError."""
    try:
        disk.link(names.part, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if not without_links:
            raise OSError(error.errno, "the filesystem has no hard links") from error
        if stat_or_none(target) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from None
        disk.rename(names.part, target)
    disk.fsync_folder(names.folder)


def put_original_back(disk: Disk, names: Private, source: bytes) -> None:
    """Put the original in place of what has its name, in one step, whatever that is."""
    disk.rename(names.orig, source)
    disk.fsync_folder(names.folder)


def place_original(disk: Disk, names: Private, source: bytes) -> None:
    """Give the original its old name, which must be free. Raises FileExistsError."""
    try:
        disk.link(names.orig, source)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if stat_or_none(source) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), source) from None
        disk.rename(names.orig, source)
    disk.fsync_folder(names.folder)


def take_back(disk: Disk, names: Private, target: bytes, is_ours: Callable[[bytes], bool]) -> bool:
    """Take a video of ours back: it becomes a `.part` again, and what that is, is looked at.

    Returns False when somebody else's had the name by then; it has it again. Raises OSError.
    """
    remove(disk, names.part)  # renaming one name of a file onto another name of it does nothing
    disk.rename(target, names.part)
    if is_ours(names.part):
        disk.fsync_folder(names.folder)
        return True
    place_new(disk, names, target, without_links=True)
    remove(disk, names.part)
    return False


def remove(disk: Disk, path: bytes) -> None:
    """Remove one of our own files, if it is there."""
    if Private.parse(path) is None:
        raise ValueError(path)
    try:
        disk.unlink(path)
    except FileNotFoundError:
        pass


def clean_up(disk: Disk, names: Private) -> None:
    """Remove everything of ours, the journal last: as long as it stands, recovery knows the rest."""
    remove(disk, names.part)
    remove(disk, names.orig)
    disk.fsync_folder(names.folder)
    remove(disk, names.journal)
    disk.fsync_folder(names.folder)


def link_content(disk: Disk, source: bytes, part: bytes) -> None:
    """Make `part` another name of `source`."""
    disk.link(source, part)


def content_digest(path: bytes) -> str:
    """Return the digest of a whole file, as `copy_content` does."""
    digest = hashlib.blake2b()
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        while chunk := os.read(fd, _COPY_BYTES):
            digest.update(chunk)
    finally:
        os.close(fd)
    return digest.hexdigest()


def copy_content(disk: Disk, source: bytes, part: bytes) -> tuple[int, str | None]:
    """Make `part` with the content of `source`: by reflink where the filesystem can, else by copying.

    Returns the bytes that were written and their digest; 0 and None for a reflink.
    """
    source_fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fd = disk.create(part)
        try:
            try:
                disk.clone(source_fd, fd)
                return 0, None
            except OSError as error:
                if error.errno in (errno.EIO, errno.ENOSPC):
                    raise
            written, digest = 0, hashlib.blake2b()
            while chunk := os.read(source_fd, _COPY_BYTES):
                disk.write(fd, chunk)
                digest.update(chunk)
                written += len(chunk)
            return written, digest.hexdigest()
        finally:
            os.close(fd)
    finally:
        os.close(source_fd)
