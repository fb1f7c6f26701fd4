"""What a finished library looks like, as one digest: a run that finds it again need not compare every video.

It is made of records, never of what is on disk, so it says nothing that they do not say. Triggers in the
schema remove all library digests when any record changes.
"""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vpo_tasks.state.pool import DaemonConnectionPool

_UNSIGNED = (1 << 64) - 1
_OLDEST_NS = -(1 << 62)
_MARSHAL_VERSION = 2  # the last one whose bytes depend on nothing but the values

Row = tuple[bytes, int, int, int, int]
"""A video's name in its folder, device, inode, size and mtime_ns, as `stat` says them."""


class LibraryDigest(NamedTuple):
    """How many videos there are, and the digest over all of them (16 bytes)."""

    videos: int
    digest: bytes


def digest_folder(folder: bytes, rows: list[Row]) -> bytes:
    """Return the digest (16 bytes) of the videos in one folder, in whatever order they are given."""
    rows.sort()
    return hashlib.blake2b(marshal.dumps((folder, rows), _MARSHAL_VERSION), digest_size=16).digest()


def digest_library(videos: int, folders: Iterable[bytes]) -> LibraryDigest:
    """Return the digest of a library from those of its folders, in whatever order they are given."""
    return LibraryDigest(videos, hashlib.blake2b(b"".join(sorted(folders)), digest_size=16).digest())


class LibraryDigests:
    """The library digests that are remembered, one for a searched folder under the policy in force."""

    def __init__(self, pool: DaemonConnectionPool) -> None:
        self._pool = pool

    def find(self, root: bytes, digest: bytes) -> LibraryDigest:
        """Return the library digest of what is recorded below `root` as compliant with the policy `digest`.

        Made from the records (2 µs a video) when there is none, and remembered for the next run.
        """
        rows = self._pool.execute_read(
            "SELECT videos, library_digest FROM library_digests WHERE root = ? AND digest = ?", (root, digest)
        )
        if rows:
            return LibraryDigest._make(rows[0])
        with self._pool.transaction() as connection:  # no record changes between reading and keeping
            made = self._make(root, digest)
            connection.execute(
                "INSERT OR REPLACE INTO library_digests (root, digest, videos, library_digest)"
                " VALUES (?, ?, ?, ?)",
                (root, digest, *made),
            )
        return made

    def _make(self, root: bytes, digest: bytes) -> LibraryDigest:
        records = self._pool.read_below(
            "SELECT path, device, inode, size, mtime_ns FROM videos"
            " WHERE path >= ?1 AND path < ?2 AND digest = ?3",
            root,
            digest,
        )
        folders = []
        # in the order of paths a folder's own videos stand before, between and after those of its subfolders
        by_folder = sorted((*record[0].rpartition(b"/"), *record[1:]) for record in records)
        for folder, videos in groupby(by_folder, key=_first):
            rows = [
                (video[2], video[3] & _UNSIGNED, video[4] & _UNSIGNED, video[5], _as_stat_says(video[6]))
                for video in videos
            ]
            folders.append(digest_folder(folder, rows))
        return digest_library(len(records), folders)


def _as_stat_says(mtime_ns: int) -> int:
    """Undo `signed`: no file system has times before 1901, so such a time was one after 2262."""
    return mtime_ns if mtime_ns > _OLDEST_NS else mtime_ns + _UNSIGNED + 1


def _first(values: tuple[bytes, ...]) -> bytes:
    return values[0]
