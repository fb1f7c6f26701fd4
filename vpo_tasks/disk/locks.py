"""Locks on videos: `flock` on files in the local state folder, which are never unlinked.

An unlinked lock file lets two holders in; an flock on the video itself would be lost with its replacement.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from vpo_tasks.errors import LockedError
from vpo_tasks.media.identity import Identity
from vpo_tasks.trusted import make_private_folder


class VideoLock(NamedTuple):
    """A lock that is held. A process that inherits `fds` holds it on after us."""

    fds: tuple[int, ...]


def path_key(real_path: str) -> str:
    """Return the 16 hex digits that name a path's lock; our private files carry them too."""
    return hashlib.blake2b(b"path:" + os.fsencode(real_path), digest_size=8).hexdigest()


def _inode_key(identity: Identity) -> str:
    name = f"inode:{identity.device}:{identity.inode}".encode()
    return hashlib.blake2b(name, digest_size=8).hexdigest()


@contextmanager
def video_lock(locks_dir: str, real_path: str, identity: Identity) -> Iterator[VideoLock]:
    """Hold the video by its path and by its inode. Raises LockedError when another run has either."""
    with _held(locks_dir, real_path, (path_key(real_path), _inode_key(identity))) as lock:
        yield lock


@contextmanager
def key_lock(locks_dir: str, key: str, path: str, identity: Identity | None) -> Iterator[VideoLock]:
    """Lock a video by the key of the path it had when its work began; `path` is for LockedError's message."""
    keys = (key,) if identity is None else (key, _inode_key(identity))
    with _held(locks_dir, path, keys) as lock:
        yield lock


@contextmanager
def _held(locks_dir: str, path: str, keys: tuple[str, ...]) -> Iterator[VideoLock]:
    with ExitStack() as stack:
        fds = []
        for key in keys:
            folder = os.path.join(locks_dir, key[:2])
            make_private_folder(folder)
            fd = os.open(os.path.join(folder, key), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            stack.callback(os.close, fd)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # closing is not enough: a process that another thread is just starting has the descriptor too
                stack.callback(fcntl.flock, fd, fcntl.LOCK_UN)
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    raise
                raise LockedError(path, "another run has this video in hand") from error
            fds.append(fd)
        yield VideoLock(tuple(fds))
