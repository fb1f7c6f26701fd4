"""Paths → videos, once each. Recovery journals are picked up on the way.

Works on bytes and keeps what `stat` said, because over a finished library this walk is most of a run's time.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from vpo_tasks.disk import PRIVATE_PREFIX, UNDO_FOLDER
from vpo_tasks.errors import UsageError
from vpo_tasks.media.identity import Identity
from vpo_tasks.trusted import is_ours, owner_name

IGNORE_FILE = b".vpoignore"
POLICY_FILE = b"policy.yaml"
_KIND = 0o170000  # stat.S_IFMT and S_ISREG as the numbers that they are everywhere: no call a video
_FILE = 0o100000
_MOST_LINKS = 40  # as many as Linux follows


class Found(NamedTuple):
    """A video on disk: real path as bytes, and what `stat` says (see Identity)."""

    path: bytes
    device: int
    inode: int
    size: int
    mtime_ns: int
    links: int
    ctime_ns: int

    @property
    def identity(self) -> Identity:
        """Which file it is."""
        return Identity(self.device, self.inode, self.size, self.mtime_ns, self.ctime_ns)


class Odd(NamedTuple):
    """Something in a video's place that is none. `failed` says that videos may have been missed."""

    path: bytes
    reason: str
    failed: bool = False


class Discovery(NamedTuple):
    """What was found. `videos` in no order; `private` our own `.vpo-…` files; `hidden` counts dot-names.

    `ignore_files` are the `.vpoignore` files met on the way: what they say is for the caller to do. So are
    `policies`, and the folders that links `led_to`: other policies may lie above those.
    """

    videos: list[Found]
    odd: list[Odd]
    private: list[bytes]
    searched: list[bytes]
    hidden: int
    ignore_files: tuple[bytes, ...] = ()
    policies: tuple[bytes, ...] = ()
    led_to: tuple[bytes, ...] = ()


def discover(
    paths: Sequence[bytes], extensions: Iterable[str], *, recursive: bool = True, hidden: bool = False
) -> Discovery:
    """Find the videos under `paths` (folders, or files whatever their extension).

    Follows symbolic links that nobody planted (`_planted`); a video reached twice (the same path, a link, a
    bind mount) is returned once.
    Names that begin with a dot are counted only, unless `hidden`. Raises UsageError when a given path does
    not exist.
    """
    walk = _Walk(frozenset(os.fsencode(extension.lower()) for extension in extensions), recursive, hidden)
    for path in paths:
        try:
            status = os.stat(path)
        except OSError as error:
            if os.path.islink(path):
                walk.odd.append(Odd(os.path.abspath(path), "dangling symbolic link"))
                continue
            raise UsageError(f"{os.fsdecode(path)}: {error.strerror or error}") from error
        real = os.path.realpath(path)
        walk.searched.append(real)
        if stat.S_ISDIR(status.st_mode):
            walk.folder(real, status)
        else:
            walk.linked_file(real, status)
            walk.beside(real)
    walk.add_linked()
    met = tuple(walk.ignore_files), tuple(walk.policies), tuple(walk.led_to)
    return Discovery(walk.videos, walk.odd, walk.private, walk.searched, walk.hidden, *met)


def own_files(folder: bytes, *, recursive: bool) -> list[bytes]:
    """Return our own files in a folder in which no videos are looked for."""
    return discover([folder], (), recursive=recursive).private if os.path.isdir(folder) else []


class _Walk:
    """The state of one walk: what was seen already, and what came of it."""

    def __init__(self, extensions: frozenset[bytes], recursive: bool, take_hidden: bool = False) -> None:
        self.take_hidden = take_hidden
        self.extensions = extensions
        self.recursive = recursive
        self.videos: list[Found] = []
        self.odd: list[Odd] = []
        self.private: list[bytes] = []
        self.searched: list[bytes] = []
        self.hidden = 0
        self.ignore_files: list[bytes] = []
        self.policies: list[bytes] = []
        self.led_to: set[bytes] = set()
        self.folders: set[tuple[int, int]] = set()
        self.looked_into: set[bytes] = set()
        self.linked: dict[bytes, Found] = {}  # given by name, linked or mounted: perhaps seen elsewhere too

    def folder(self, root: bytes, status: os.stat_result) -> None:
        if (status.st_dev, status.st_ino) in self.folders:
            return
        self.folders.add((status.st_dev, status.st_ino))
        pending = [root]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(folder) as entries:
                    below = self._entries(entries)
            except OSError as error:
                if folder != root and isinstance(error, (FileNotFoundError, NotADirectoryError)):
                    continue  # gone since it was listed: as if the walk had come a moment later
                self.odd.append(Odd(folder, f"cannot be searched: {error.strerror or error}", failed=True))
                continue
            if self.recursive:
                pending += below

    def _entries(self, entries: Iterable[os.DirEntry[bytes]]) -> list[bytes]:
        """Take in one folder's entries; return the folders among them that are new.

        The way of a plain video is written out: every call less is 5 ms over 50,000 videos.
        """
        below: list[bytes] = []
        extensions, add, new = self.extensions, self.videos.append, tuple.__new__
        for entry in entries:
            name = entry.name
            dot = name.rfind(b".")
            if not name.find(b".") and self._is_set_aside(entry, dot):
                continue
            is_video_name = dot > 0 and name[dot + 1 :].lower() in extensions
            if entry.is_symlink():
                self._symlink(entry, is_video_name, below)
            elif is_video_name:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # gone between listing and stat: as if the walk had come a moment later
                mode, inode, device, links, _, _, size, _, _, _ = status
                if mode & _KIND != _FILE:
                    self._not_a_file(entry.path, status, below)
                elif links > 1 or entry.inode() != inode:
                    self.linked_file(entry.path, status)
                else:
                    found = (entry.path, device, inode, size, status.st_mtime_ns, links, status.st_ctime_ns)
                    add(new(Found, found))
            elif entry.is_dir(follow_symlinks=False):
                with suppress(FileNotFoundError):  # gone as well
                    self._folder_entry(entry.path, entry.stat(follow_symlinks=False), below)
            elif name == POLICY_FILE:
                self.policies.append(entry.path)
        return below

    def _is_set_aside(self, entry: os.DirEntry[bytes], dot: int) -> bool:
        """Take in a dot-name; return whether that is all there is to do with it."""
        if entry.name.startswith(PRIVATE_PREFIX):
            if entry.name != UNDO_FOLDER:
                self.private.append(entry.path)
        elif entry.name == IGNORE_FILE:
            self.ignore_files.append(entry.path)
        elif self.take_hidden and not entry.name.startswith(b"._"):  # macOS keeps attributes in `._Film.mkv`
            return False
        elif entry.name[dot + 1 :].lower() in self.extensions or _is_folder(entry):
            self.hidden += 1
        return True

    def beside(self, file: bytes) -> None:
        """Take in our own files in the folder of a file that was given by name: no walk comes there."""
        folder = os.path.dirname(file)
        if folder in self.looked_into:
            return
        self.looked_into.add(folder)
        try:
            names = os.listdir(folder)
        except OSError:
            return  # a folder that one may pass through and not list
        self.private += [
            os.path.join(folder, name)
            for name in names
            if name.startswith(PRIVATE_PREFIX) and name != UNDO_FOLDER
        ]

    def _not_a_file(self, path: bytes, status: os.stat_result, below: list[bytes]) -> None:
        """Take in what has a video's name but is none."""
        if stat.S_ISDIR(status.st_mode):
            self.odd.append(Odd(path, "is a folder"))
            self._folder_entry(path, status, below)
        else:
            self.odd.append(Odd(path, _kind(status)))

    def _folder_entry(self, path: bytes, status: os.stat_result, below: list[bytes]) -> None:
        key = (status.st_dev, status.st_ino)
        if key not in self.folders:
            self.folders.add(key)
            below.append(path)

    def _symlink(self, entry: os.DirEntry[bytes], is_video_name: bool, below: list[bytes]) -> None:
        try:
            status = entry.stat()
        except OSError:
            if is_video_name:
                self.odd.append(Odd(entry.path, "dangling symbolic link"))
            return
        is_folder = stat.S_ISDIR(status.st_mode)
        if not (is_folder or is_video_name):
            if entry.name == POLICY_FILE:
                self.policies.append(entry.path)
            return
        planted = _planted(entry.path, status)
        if planted is not None:
            self.odd.append(Odd(entry.path, planted))
        elif is_folder:
            if is_video_name:
                self.odd.append(Odd(entry.path, "is a folder"))
            real = os.path.realpath(entry.path)
            self.led_to.add(real)
            self._folder_entry(real, status, below)
        else:
            real = os.path.realpath(entry.path)
            self.led_to.add(os.path.dirname(real))
            self.linked_file(real, status)

    def linked_file(self, real: bytes, status: os.stat_result) -> None:
        """Take in a file that may be reached in another way too; `add_linked` decides at the end."""
        if not stat.S_ISREG(status.st_mode):
            self.odd.append(Odd(real, _kind(status)))
        else:
            self.linked[real] = _found(real, status)

    def add_linked(self) -> None:
        """Add the files set aside, each once. A folder is searched once, so only these can come up again."""
        if not self.linked:
            return
        paths = {found.path for found in self.videos}
        inodes = {(found.device, found.inode) for found in self.videos}
        for path, found in self.linked.items():
            key = (found.device, found.inode)
            # a hard-linked video's names each stand for themselves; else a second sight is a bind mount
            if path not in paths and (found.links > 1 or key not in inodes):
                self.videos.append(found)
                inodes.add(key)


def _planted(link: bytes, status: os.stat_result) -> str | None:
    """Return why a link in the library is not followed, None if it is.

    It leads to what belongs to the runner or root only if one of them made it, else to its maker's own: who
    may write in the library shall not choose what else is changed. The same goes for every link on the way.
    """
    owner = status.st_uid
    try:
        makers = _makers(link)
    except OSError:
        return "dangling symbolic link"  # gone, or led elsewhere, since it was followed a moment ago
    other = next(
        (maker for maker in makers if maker != owner and not (is_ours(maker) and is_ours(owner))), None
    )
    if other is None:
        return None
    return (
        f"a symbolic link of {owner_name(other)} to what belongs to {owner_name(owner)}: "
        "not followed; name the place itself"
    )


def _makers(link: bytes) -> set[int]:
    """Return who owns the links through which a link leads to its place. Raises OSError."""
    makers: set[int] = set()
    path, pending = b"/", [name for name in link.split(b"/") if name]
    pending.reverse()
    hops = 0
    while pending:
        name = pending.pop()
        if name in (b"", b"."):
            continue
        if name == b"..":
            path = os.path.dirname(path)
            continue
        step = os.path.join(path, name)
        status = os.lstat(step)
        if not stat.S_ISLNK(status.st_mode):
            path = step
            continue
        hops += 1
        if hops > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        makers.add(status.st_uid)
        target = os.readlink(step)
        path = b"/" if target.startswith(b"/") else path
        pending += reversed(target.split(b"/"))
    return makers


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle, or to where nobody may look
        return False


def _found(path: bytes, status: os.stat_result) -> Found:
    return Found(
        path,
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_nlink,
        status.st_ctime_ns,
    )


def _kind(status: os.stat_result) -> str:
    kinds = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFBLK: "device", stat.S_IFCHR: "device"}
    return f"not a regular file but a {kinds.get(stat.S_IFMT(status.st_mode), 'thing of another kind')}"
