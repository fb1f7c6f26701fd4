"""Our own files in a user's folder and the write operations there, one function a step of the protocol.

The files are `.vpo-<id>.{json,part,orig,tmp}`, at most 60 bytes: `json` is the journal, `orig` the original,
`part` the finished new video on its way to its name. `tmp` is a folder that only we can enter: tools write
there. All operations go through a `Disk`, so that a test can fail or kill each single operation, and name
files by an open folder and a name in it. Invariant: the only names ever unlinked are our own.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from vpo_tasks.disk.folders import Folder, Place, is_runners, opened_child
from vpo_tasks.disk.system_calls import Disk

_PRIVATE = re.compile(rb"\.vpo-([0-9a-f]{16}-[0-9a-f]{4})\.(json|part|orig|tmp)")
_COPY_BYTES = 1 << 20
# what a filesystem without hard links answers to link()
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
# what is answered to who may not give a file away, or has no number for its owner (a container)
_NOT_ALLOWED = frozenset({errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})
# what a kernel, a filesystem or a container's filter that cannot exchange two names answers
_NO_EXCHANGE = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM})
# what gives whoever starts a file the rights of its owner
_SET_IDS = stat.S_ISUID | stat.S_ISGID
_CAPABILITY = "security.capability"

Links = Literal["none", "same-inode", "own-inode"]
"""Whether there are hard links. Some filesystems (mergerfs, sshfs) show each name with its own inode."""


class Sidecars(NamedTuple):
    """Our own files for one piece of work: `folder` and the names in it."""

    folder: Folder
    id: str

    @classmethod
    def new(cls, folder: Folder, key: str) -> Sidecars:
        """Return names nobody has; `key` is the lock's (locks.path_key), so that recovery finds the lock."""
        return cls(folder, f"{key}-{secrets.token_hex(2)}")

    @property
    def key(self) -> str:
        return self.id[:16]

    @property
    def journal(self) -> Place:
        return self._named("json")

    @property
    def part(self) -> Place:
        return self._named("part")

    @property
    def orig(self) -> Place:
        return self._named("orig")

    @property
    def work(self) -> Place:
        return self._named("tmp")

    def _named(self, suffix: str) -> Place:
        return self.folder.at(f".vpo-{self.id}.{suffix}".encode())


def id_of(name: bytes) -> str | None:
    """Return which piece of work a private name is of, None for a name that is not ours."""
    found = _PRIVATE.fullmatch(name)
    return None if found is None else found[1].decode()


def files_of(folder: Folder, key: str, suffix: bytes = b"") -> list[Place]:
    """Return our own files that speak of one video, whichever run they are of. Raises OSError.

    Reads the whole folder: half a millisecond for each thousand names.
    """
    prefix = f".vpo-{key}-".encode()
    names = (name for name in folder.names() if name.startswith(prefix) and name.endswith(suffix))
    return [folder.at(name) for name in names]


def set_modification_time(disk: Disk, fd: int, mtime_ns: int) -> None:
    """Set the time of an open video that is left as it is otherwise."""
    disk.set_times(fd, os.fstat(fd).st_atime_ns, mtime_ns)
    disk.fsync(fd)


@contextmanager
def work_folder(disk: Disk, names: Sidecars) -> Iterator[Folder]:
    """Make the folder for tools to write in, which only we can enter, and take it away in the end.

    Raises OSError, also when somebody has put another folder in its place.
    """
    disk.make_folder(names.work)
    with opened_child(names.folder, names.work.name) as folder:
        if not is_runners(folder.status()):
            raise OSError(errno.ESTALE, "somebody else has replaced our folder", names.work.path)
        disk.chmod(folder.fd, 0o700)
        if folder.names():
            raise OSError(errno.ENOTEMPTY, "somebody else has put files into our folder", names.work.path)
        yield folder
    clear_work(disk, names)


def clear_work(disk: Disk, names: Sidecars) -> None:
    """Remove the folder for tools and what they left there, if it is ours."""
    try:
        with opened_child(names.folder, names.work.name) as folder:
            if not is_runners(folder.status()):
                return
            for name in folder.names():
                disk.unlink(folder.at(name))
        disk.remove_folder(names.work)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):  # not what we made
            raise


def bring_out(disk: Disk, names: Sidecars, made: Place) -> None:
    """Move the finished video out of the folder for tools, beside the one that it replaces."""
    disk.rename(made, names.part)


def create_journal(disk: Disk, names: Sidecars, line: bytes) -> int:
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


def has_rival(names: Sidecars) -> bool:
    """Tell whether another journal exists for the same video. Called once ours is visible.

    Runs with other state folders, or on other machines, do not see our locks; of two that begin in the same
    moment at least one sees the other's journal.
    """
    return any(place != names.journal for place in files_of(names.folder, names.key, b".json"))


def link_kind(disk: Disk, names: Sidecars, existing: Place) -> Links:
    """Find out whether the filesystem has hard links, by making one and removing it."""
    try:
        disk.link(existing, names.part)
    except OSError as error:
        if error.errno in _NO_LINKS:
            return "none"
        raise
    one, other = existing.status(), names.part.status()
    remove(disk, names.part)
    same = one is not None and other is not None and os.path.samestat(one, other)
    return "same-inode" if same else "own-inode"


def append_journal(disk: Disk, fd: int, line: bytes) -> None:
    """Add a line and make it durable. Raises OSError, also when somebody removed the journal meanwhile."""
    if os.fstat(fd).st_nlink == 0:
        raise OSError(errno.ESTALE, "the recovery journal was removed by somebody else")
    disk.write(fd, line)
    disk.fsync(fd)


def copy_attributes(disk: Disk, source_fd: int, fd: int, *, mtime_ns: int | None) -> list[str]:
    """Give a new file the owner, mode, extended attributes (ACLs among them) of the source, and fsync it.

    Both are open files: what has a name by now may be another file. What gives whoever starts a file its
    owner's rights is carried over to our own files only. `mtime_ns` is the modification time to give it, None
    for that of its writing. Returns a warning for everything that the system did not allow us to carry over.
    """
    warnings: list[str] = []
    status, found = os.fstat(source_fd), os.fstat(fd)
    if (found.st_uid, found.st_gid) != (status.st_uid, status.st_gid):
        warnings += _copy_owner(disk, fd, status)
    mode = stat.S_IMODE(status.st_mode)
    keeps_rights = is_runners(status) and is_runners(os.fstat(fd))
    disk.chmod(fd, mode if keeps_rights else mode & ~_SET_IDS)
    warnings += _copy_extended(disk, source_fd, fd, with_capability=keeps_rights)
    if mtime_ns is not None:
        disk.set_times(fd, status.st_atime_ns, mtime_ns)
    disk.fsync(fd)
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


def _copy_extended(disk: Disk, source_fd: int, fd: int, *, with_capability: bool) -> list[str]:
    if not sys.platform.startswith("linux"):
        return []
    try:
        names = os.listxattr(source_fd)
    except OSError:  # a filesystem that has none
        return []
    lost = []
    for name in names:
        if name == _CAPABILITY and not with_capability:
            continue
        try:
            disk.set_attribute(fd, name, os.getxattr(source_fd, name))
        except OSError as error:
            if error.errno in (errno.EIO, errno.ENOSPC):
                raise
            lost.append(f"the extended attribute {name} could not be carried over")
    return lost


def link_original(disk: Disk, names: Sidecars, source: Place) -> bool:
    """Keep the original under our own name. Returns False on a filesystem without hard links."""
    try:
        disk.link(source, names.orig)
    except OSError as error:
        if error.errno in _NO_LINKS:
            return False
        raise
    disk.fsync_folder(names.folder)
    return True


def set_original_aside(disk: Disk, names: Sidecars, source: Place) -> None:
    """Rename the original to `.orig`: when the name changes, or where there are no hard links."""
    disk.rename(source, names.orig)
    disk.fsync_folder(names.folder)


def swap(disk: Disk, names: Sidecars, private: Place, video: Place) -> bool:
    """Exchange a file of ours and a video atomically. Returns False where that is not supported."""
    try:
        disk.exchange(private, video)
    except OSError as error:
        if error.errno in _NO_EXCHANGE:
            return False
        raise
    disk.fsync_folder(names.folder)
    return True


def let_original_go(disk: Disk, names: Sidecars) -> None:
    """Remove `.orig`: a foreign file has taken the original's place."""
    remove(disk, names.orig)
    disk.fsync_folder(names.folder)


def swap_in(disk: Disk, names: Sidecars, target: Place) -> None:
    """Rename the new video to `target` atomically, replacing what has that name."""
    disk.rename(names.part, target)
    disk.fsync_folder(names.folder)


def place_new(disk: Disk, names: Sidecars, target: Place, *, without_links: bool) -> None:
    """Give the new video a name that must be free. Raises FileExistsError."""
    _give_name(disk, names.part, target, without_links=without_links)


def _give_name(disk: Disk, private: Place, target: Place, *, without_links: bool) -> None:
    try:
        disk.link(private, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if not without_links:
            raise OSError(error.errno, "the filesystem has no hard links") from error
        if target.status() is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target.path) from None
        disk.rename(private, target)
    disk.fsync_folder(target.folder)


def put_original_back(disk: Disk, names: Sidecars, source: Place) -> None:
    """Rename the original to `source` atomically, replacing what has that name."""
    disk.rename(names.orig, source)
    disk.fsync_folder(names.folder)


def place_original(disk: Disk, names: Sidecars, source: Place) -> None:
    """Give the original its old name, which must be free. Raises FileExistsError."""
    _give_name(disk, names.orig, source, without_links=True)


def take_back(disk: Disk, names: Sidecars, target: Place, is_new: Callable[[Place], bool]) -> bool:
    """Rename a video of ours back to `.part`, then check that it is ours.

    Returns False when it was a foreign file, which then has its name again. Raises OSError.
    """
    remove(disk, names.part)  # renaming one name of a file onto another name of it does nothing
    disk.rename(target, names.part)
    if is_new(names.part):
        disk.fsync_folder(names.folder)
        return True
    place_new(disk, names, target, without_links=True)
    remove(disk, names.part)
    return False


def remove(disk: Disk, place: Place) -> None:
    """Remove one of our own files, if it is there."""
    if id_of(place.name) is None:
        raise ValueError(place.path)
    try:
        disk.unlink(place)
    except FileNotFoundError:
        pass


def clean_up(disk: Disk, names: Sidecars) -> None:
    """Remove everything of ours, the journal last: as long as it stands, recovery knows the rest."""
    clear_work(disk, names)
    remove(disk, names.part)
    remove(disk, names.orig)
    disk.fsync_folder(names.folder)
    remove(disk, names.journal)
    disk.fsync_folder(names.folder)


def link_content(disk: Disk, source: Place, new: Place) -> None:
    """Make `new` another name of `source`."""
    disk.link(source, new)


def content_digest(fd: int) -> str:
    """Return the digest of a whole open file, as `copy_content` does."""
    digest, offset = hashlib.blake2b(), 0
    while chunk := os.pread(fd, _COPY_BYTES, offset):
        digest.update(chunk)
        offset += len(chunk)
    return digest.hexdigest()


def copy_content(disk: Disk, source_fd: int, new: Place) -> tuple[int, str | None]:
    """Make `new` with the content of an open file: by reflink where the filesystem can, else by copying.

    Returns the bytes that were written and their digest; 0 and None for a reflink.
    """
    fd = disk.create(new)
    try:
        try:
            disk.clone(source_fd, fd)
            return 0, None
        except OSError as error:
            if error.errno in (errno.EIO, errno.ENOSPC):
                raise
        written, digest = 0, hashlib.blake2b()
        while chunk := os.pread(source_fd, _COPY_BYTES, written):
            disk.write(fd, chunk)
            digest.update(chunk)
            written += len(chunk)
        return written, digest.hexdigest()
    finally:
        os.close(fd)
