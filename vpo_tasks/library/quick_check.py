"""The quick check: is everything as it was? Asked first, by two processes, while the run gets ready.

What is on disk is condensed folder by folder and compared with the digest of what is recorded
(state/library_digest.py). A yes ends the run: it says only "unchanged since it was judged". Anything else
(a new video, a link, a left-over, a failure that stands) is a no, and the one walk that knows everything
(library/discover.py, library/bulk_check.py) starts from the beginning.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from vpo_tasks.config import DiscoveryConfig, VPOConfig
from vpo_tasks.disk import UNDO_FOLDER
from vpo_tasks.library.discover import POLICY_FILE
from vpo_tasks.state.library_digest import LibraryDigest, Row, digest_folder, digest_library

WORTH_IT_BYTES = 1 << 20
"""A smaller database (about 3,000 videos) is compared faster than a process is started."""

_DIGEST_BYTES = 16
_MOST_SHARES = 256  # each is named by one byte
_ENOUGH_SHARES = 64
_OURS = b".vpo"  # left-overs of a run, and .vpoignore
_KIND = 0o170000  # as in discover.py
_FILE = 0o100000


class _LookProperly(Exception):
    """Something that only the proper walk can judge."""


class _Seen(NamedTuple):
    """What was seen in some folders: how many videos, and the folders' digests."""

    videos: int
    folders: list[bytes]


class QuickCheck:
    """A check of a folder that has begun in another process. `end` must be called, whatever happens."""

    def __init__(self, root: bytes, extensions: frozenset[bytes], *, policy_named: bool = False) -> None:
        """Start. Raises OSError when it cannot. The process must have one thread and no database open.

        A policy below the root is for the proper walk to judge, unless somebody named the one in force.
        """
        self.root = root
        self._policy = None if policy_named else POLICY_FILE
        self._extensions = extensions
        self._near, far = _first_levels(root, extensions, self._policy)
        self._shares = [share for number in range(_MOST_SHARES) if (share := far[number::_MOST_SHARES])]
        # one byte a share, for whoever comes first: folders differ in size, and so does each process's start
        self._turns, turns = os.pipe()
        os.write(turns, bytes(range(len(self._shares))))
        os.close(turns)
        self._answer, answer = os.pipe()
        try:
            self._child = os.fork()
        except OSError:
            for descriptor in (self._turns, self._answer, answer):
                os.close(descriptor)
            raise
        if self._child == 0:
            self._work_and_exit(answer)
        os.close(answer)

    def finds(self, recorded: LibraryDigest) -> bool:
        """Take part in the rest of the check; return whether what is there is what is recorded."""
        try:
            seen = self._take_shares()
        except (OSError, _LookProperly):
            return False
        answer = b"".join(iter(lambda: os.read(self._answer, 1 << 16), b""))
        count, colon, folders = answer.partition(b":")
        if not colon:
            return False
        digests = [*self._near.folders, *seen.folders]
        digests += [folders[at : at + _DIGEST_BYTES] for at in range(0, len(folders), _DIGEST_BYTES)]
        return digest_library(self._near.videos + seen.videos + int(count), digests) == recorded

    def end(self) -> None:
        """Leave nothing behind: no process, no descriptor. May be called again."""
        if self._child:
            child, self._child = self._child, 0
            os.kill(child, signal.SIGKILL)  # ours until it is waited for, also when it has ended already
            os.waitpid(child, 0)
            os.close(self._turns)
            os.close(self._answer)

    def _work_and_exit(self, answer: int) -> None:
        """The other process: write what was seen, or nothing for a no, and end without a trace."""
        try:
            seen = self._take_shares()
            text = memoryview(b"%d:%b" % (seen.videos, b"".join(seen.folders)))
            while text:
                text = text[os.write(answer, text) :]
        finally:
            os._exit(0)  # not sys.exit: buffers and exit handlers are the parent's

    def _take_shares(self) -> _Seen:
        videos, folders = 0, list[bytes]()
        while turn := os.read(self._turns, 1):
            seen = _look_below(self._shares[turn[0]], self._extensions, self._policy)
            videos += seen.videos
            folders += seen.folders
        return _Seen(videos, folders)


@contextmanager
def begun_quick_check(
    paths: Sequence[str], config: VPOConfig, *, policy_named: bool = False
) -> Iterator[QuickCheck | None]:
    """Begin a check where it is worth it and may say yes; None where it is not."""
    check = None
    root = root_to_check(paths, config)
    if root is not None:
        with suppress(OSError, _LookProperly):
            extensions = frozenset(map(os.fsencode, config.discovery.extensions))
            check = QuickCheck(root, extensions, policy_named=policy_named)
    try:
        yield check
    finally:
        if check is not None:
            check.end()


def root_to_check(paths: Sequence[str], config: VPOConfig) -> bytes | None:
    """Return the real path of the one folder to look at; None where a check is no use."""
    if len(paths) != 1 or config.discovery != DiscoveryConfig(extensions=config.discovery.extensions):
        return None  # exclusions are for the proper walk
    try:
        if os.path.getsize(config.database_path) < WORTH_IT_BYTES:
            return None
    except OSError:
        return None
    return os.path.realpath(os.fsencode(paths[0]))


def _first_levels(
    root: bytes, extensions: frozenset[bytes], policy: bytes | None
) -> tuple[_Seen, list[bytes]]:
    """Look at the topmost folders, until there are enough below them to share; return those below too."""
    videos, folders = 0, list[bytes]()
    far = [root]
    while far and len(far) < _ENOUGH_SHARES:
        here, far = far, []
        for folder in here:
            rows, below = _look_at(folder, extensions, None if folder == root else policy)
            far += below
            if rows:
                videos += len(rows)
                folders.append(digest_folder(folder, rows))
    return _Seen(videos, folders), far


def _look_below(folders: Iterable[bytes], extensions: frozenset[bytes], policy: bytes | None) -> _Seen:
    """Look at folders and all below them. Raises _LookProperly, OSError."""
    videos, digests = 0, list[bytes]()
    pending = list(folders)
    while pending:
        folder = pending.pop()
        rows, below = _look_at(folder, extensions, policy)
        pending += below
        if rows:
            videos += len(rows)
            digests.append(digest_folder(folder, rows))
    return _Seen(videos, digests)


def _look_at(
    folder: bytes, extensions: frozenset[bytes], policy: bytes | None
) -> tuple[list[Row], list[bytes]]:
    """Return one folder's videos and the folders in it. Written out: a call a video is 5 ms over 50,000.

    A file named `policy` is a no.
    """
    rows: list[Row] = []
    below: list[bytes] = []
    add = rows.append
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            dot = name.rfind(b".")
            if not name.find(b"."):
                if name.startswith(_OURS) and name != UNDO_FOLDER:
                    raise _LookProperly
            elif dot > 0 and name[dot + 1 :].lower() in extensions:
                status = entry.stat(follow_symlinks=False)
                mode, inode, device, _, _, _, size, _, _, _ = status
                if mode & _KIND != _FILE:
                    raise _LookProperly
                add((name, device, inode, size, status.st_mtime_ns))
            elif entry.is_symlink():
                raise _LookProperly
            elif entry.is_dir(follow_symlinks=False):
                below.append(entry.path)
            elif name == policy:
                raise _LookProperly
    return rows, below
