"""Records that follow their videos to new names, and those whose videos are gone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vpo_tasks.media.identity import Identity
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.recorded import RecordedState
from vpo_tasks.state.schema import VIDEO_TABLES, forget_videos, paths_below

_CHUNK = 500
KEPT_S = 30 * 86400.0
"""How long the record of a vanished video is kept: it may turn up again under another name."""


class Move(NamedTuple):
    """A video recorded as `old` that is now at `new`. `record` is what is then known of it."""

    old: bytes
    new: bytes
    identity: Identity
    record: RecordedState


class Moves:
    """Questions about records whose videos are not where they were. Safe from any thread."""

    def __init__(self, pool: DaemonConnectionPool) -> None:
        self._pool = pool

    @property
    def read_only(self) -> bool:
        """Whether what is written here is lost when the run ends (a dry run)."""
        return self._pool.read_only

    def of_sizes(self, sizes: Iterable[int]) -> dict[bytes, RecordedState]:
        """Return the records of videos of these sizes: only they can be the ones looked for."""
        wanted = sorted(set(sizes))
        records: dict[bytes, RecordedState] = {}
        for start in range(0, len(wanted), _CHUNK):
            part = wanted[start : start + _CHUNK]
            rows = self._pool.execute_read(
                "SELECT path, device, inode, size, mtime_ns, digest FROM videos"  # noqa: S608 - question marks
                f" WHERE size IN ({', '.join('?' * len(part))})",
                part,
            )
            records.update((row[0], RecordedState._make(row[1:])) for row in rows)
        return records

    def carry_out(self, moves: Sequence[Move]) -> None:
        """Give the records their new names, all at once: two videos may have changed places."""
        old, new = [(move.old,) for move in moves], [(move.new,) for move in moves]
        wanted = {move.new for move in moves}
        aside = [(b"\0" + move.old, move.old) for move in moves if move.old in wanted]
        renames = [(move.new, b"\0" + move.old if move.old in wanted else move.old) for move in moves]
        with self._pool.transaction() as connection:
            connection.executemany("DELETE FROM vanished WHERE path = ?", old)
            connection.executemany(  # those of another video that had the name since
                "DELETE FROM failures WHERE path = ? AND NOT EXISTS (SELECT path FROM videos"
                " WHERE (path, device, inode, size, mtime_ns) = (failures.path, failures.device,"
                " failures.inode, failures.size, failures.mtime_ns))",
                old,
            )
            following = [table.name for table in VIDEO_TABLES if table.follows]
            rename = "UPDATE {} SET path = ? WHERE path = ?"
            for table in following:
                connection.executemany(rename.format(table), aside)
            for table in following:
                connection.executemany(f"DELETE FROM {table} WHERE path = ?", new)  # noqa: S608 - our names
                connection.executemany(rename.format(table), renames)
            connection.executemany(
                "UPDATE videos SET device = ?, inode = ?, size = ?, mtime_ns = ?, digest = ? WHERE path = ?",
                [(*move.record, move.new) for move in moves],
            )
            connection.executemany(  # a rename moves the ctime
                "UPDATE failures SET device = ?, inode = ?, size = ?, mtime_ns = ?, ctime_ns = ?"
                " WHERE path = ?",
                [(*move.record[:4], move.identity.ctime_ns, move.new) for move in moves],
            )

    # -- vanished ----------------------------------------------------------------------------------------

    def devices_below(self, folder: bytes) -> dict[int, int]:
        """Return on which devices (as SQLite keeps them) how many videos below a folder are recorded."""
        rows = self._pool.execute_read(
            "SELECT device, count(*) FROM videos WHERE path >= ? AND path < ? GROUP BY device",
            paths_below(folder),
        )
        return dict(rows)

    def places_below(self, folder: bytes) -> dict[bytes, int]:
        """Return path and device of everything recorded below a folder, failures included."""
        span = paths_below(folder)
        rows = self._pool.execute_read(
            "SELECT path, device FROM failures WHERE path >= ? AND path < ?"
            " UNION SELECT path, device FROM videos WHERE path >= ? AND path < ?",
            (*span, *span),
        )
        return dict(rows)

    def vanished_below(self, folder: bytes) -> dict[bytes, float]:
        """Return the videos that are known to have vanished, and since when (seconds since the epoch)."""
        sql = "SELECT path, since FROM vanished WHERE path >= ? AND path < ?"
        return dict(self._pool.execute_read(sql, paths_below(folder)))

    def note_vanished(self, vanished: Iterable[bytes], back: Iterable[bytes]) -> None:
        """Note that videos are gone, and that others are no longer missed."""
        now = time.time()
        with self._pool.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO vanished (path, since) VALUES (?, ?)",
                [(path, now) for path in vanished],
            )
            connection.executemany("DELETE FROM vanished WHERE path = ?", [(path,) for path in back])

    def forget_all(self, paths: Iterable[bytes]) -> None:
        """Forget all about some videos."""
        with self._pool.transaction() as connection:
            forget_videos(connection, paths)
