"""Is everything as it was? Asked first, of both halves of the library at once, in two processes.

A yes ends the run. Anything else (a new video, a link, a left-over, a failure that stands) is a no, and the
one walk that knows all the rules (discover.py, survey.py) starts from the beginning.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from vpo_tasks.config import DiscoveryConfig
from vpo_tasks.discover import Discovery, Found, walk_folders
from vpo_tasks.errors import StateError
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store
from vpo_tasks.state.uptodate import Known, signed

WORTH_IT_BYTES = 1 << 20
"""A smaller database (about 3,000 videos) is compared faster than a process is started."""

_IDENTITY = 5  # path, device, inode, size, mtime_ns: what `Store.fresh_videos` returns


class Question(NamedTuple):
    """What is asked: which videos below which folders must all be recorded as compliant with `digest`."""

    database: str
    read_only: bool
    digest: bytes
    discovery: DiscoveryConfig


def all_as_recorded(root: bytes, question: Question, store: Store) -> int | None:
    """Return how many videos are below `root`, if every one is up to date and nothing else calls for a look.

    `root` is a real path. Must be called while the process has one thread: it forks. The other process opens
    the database anew and never touches `store`, because SQLite's connections do not survive a fork.
    """
    if question.discovery != DiscoveryConfig(extensions=question.discovery.extensions):
        return None  # exclusions have rules of their own
    try:
        if os.path.getsize(question.database) < WORTH_IT_BYTES:
            return None
        shares = _shares(root)
    except OSError:
        return None
    if shares is None:
        return None
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(writer, shares[1], question)
    os.close(writer)
    count = None
    answer = b""
    try:
        count = _count_fresh(shares[0], question, store)
        own = _count_own(root, question, store)
        if count is None or own is None:
            os.kill(child, signal.SIGKILL)
        else:
            count += own
            answer = _read_all(reader)
    finally:
        os.close(reader)
        os.waitpid(child, 0)
    if count is None or not answer.isdigit():
        return None
    total = count + int(answer)
    # a record without its video is a video that has vanished, which is somebody's business too
    return total if store.count_fresh(root, question.digest) == total else None


def _shares(root: bytes) -> tuple[list[bytes], list[bytes]] | None:
    """Return the folders in `root` in two halves, in the order of their paths; None: nothing to share."""
    folders = []
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_symlink():
                return None
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(b"."):
                folders.append(entry.path)
    folders.sort(key=lambda folder: folder + b"/")
    middle = len(folders) // 2
    return (folders[:middle], folders[middle:]) if middle else None


def _answer(writer: int, folders: Sequence[bytes], question: Question) -> None:
    """The other process: write the count, or nothing for a no, and end without a trace."""
    try:
        with DaemonConnectionPool(question.database, read_only=question.read_only) as pool:
            count = _count_fresh(folders, question, Store(pool))
        if count is not None:
            os.write(writer, b"%d" % count)
    finally:
        os._exit(0)  # not sys.exit: buffers and exit handlers are the parent's


def _count_fresh(folders: Sequence[bytes], question: Question, store: Store) -> int | None:
    """Count the videos below the folders; None when one is not as recorded."""
    with suppress(OSError, StateError):
        found = walk_folders(folders, question.discovery.extensions)
        fresh = set(store.fresh_between(folders[0], folders[-1], question.digest))
        if not _calls_for_a_look(found) and all(video[:_IDENTITY] in fresh for video in found.videos):
            return len(found.videos)
    return None


def _count_own(root: bytes, question: Question, store: Store) -> int | None:
    """Count the videos in `root` itself."""
    with suppress(OSError, StateError):
        found = walk_folders([root], question.discovery.extensions, recursive=False)
        if not _calls_for_a_look(found) and all(_is_fresh(video, question, store) for video in found.videos):
            return len(found.videos)
    return None


def _is_fresh(video: Found, question: Question, store: Store) -> bool:
    device, inode = signed(video.device), signed(video.inode)
    return store.known_video(video.path) == Known(device, inode, video.size, video.mtime_ns, question.digest)


def _calls_for_a_look(found: Discovery) -> bool:
    return bool(found.odd or found.private or found.ignore_files)


def _read_all(reader: int) -> bytes:
    parts = []
    while part := os.read(reader, 64):
        parts.append(part)
    return b"".join(parts)
