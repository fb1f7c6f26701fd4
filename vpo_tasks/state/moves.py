"""Records that follow their videos to new names, and those whose videos are gone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vpo_tasks.media.identity import Identity
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.recorded import RecordedState

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
        with self._pool.transaction() as connection:
            taken = []
            for move in moves:
                details = connection.execute("SELECT * FROM details WHERE path = ?", (move.old,)).fetchone()
                failure = connection.execute(  # of the recorded video, not of another that had its name since
                    "SELECT failures.* FROM failures JOIN videos USING (path, device, inode, size, mtime_ns)"
                    " WHERE path = ?",
                    (move.old,),
                ).fetchone()
                larger = connection.execute(
                    "SELECT encode FROM larger WHERE path = ?", (move.old,)
                ).fetchall()
                taken.append((move, details, failure, larger))
            for move in moves:
                for table in ("videos", "details", "failures", "vanished", "larger"):
                    connection.execute(f"DELETE FROM {table} WHERE path = ?", (move.old,))  # noqa: S608 - our names
            for move, details, failure, larger in taken:
                connection.execute(
                    "INSERT OR REPLACE INTO videos VALUES (?, ?, ?, ?, ?, ?)", (move.new, *move.record)
                )
                connection.executemany(
                    "INSERT OR REPLACE INTO larger VALUES (?, ?)", [(move.new, row[0]) for row in larger]
                )
                if details is not None:
                    marks = ", ".join("?" * len(details))
                    connection.execute(
                        f"INSERT OR REPLACE INTO details VALUES ({marks})",  # noqa: S608 - question marks
                        (move.new, *details[1:]),
                    )
                if failure is not None:
                    identity = (*move.record[:4], move.identity.ctime_ns)  # a rename moves the ctime
                    marks = ", ".join("?" * len(failure))
                    connection.execute(
                        f"INSERT OR REPLACE INTO failures VALUES ({marks})",  # noqa: S608 - question marks
                        (move.new, *identity, *failure[6:]),
                    )

    # -- vanished ----------------------------------------------------------------------------------------

    def devices_below(self, folder: bytes) -> dict[int, int]:
        """Return on which devices (as SQLite keeps them) how many videos below a folder are recorded."""
        rows = self._pool.execute_read(
            "SELECT device, count(*) FROM videos WHERE path >= ? AND path < ? GROUP BY device", _span(folder)
        )
        return dict(rows)

    def places_below(self, folder: bytes) -> dict[bytes, int]:
        """Return path and device of everything recorded below a folder, failures included."""
        span = _span(folder)
        rows = self._pool.execute_read(
            "SELECT path, device FROM failures WHERE path >= ? AND path < ?"
            " UNION SELECT path, device FROM videos WHERE path >= ? AND path < ?",
            (*span, *span),
        )
        return dict(rows)

    def vanished_below(self, folder: bytes) -> dict[bytes, float]:
        """Return the videos that are known to have vanished, and since when (seconds since the epoch)."""
        sql = "SELECT path, since FROM vanished WHERE path >= ? AND path < ?"
        return dict(self._pool.execute_read(sql, _span(folder)))

    def note_vanished(self, vanished: Iterable[bytes], back: Iterable[bytes]) -> None:
        """Note that videos are gone, and that others are no longer missed."""
        now = time.time()
        with self._pool.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO vanished VALUES (?, ?)", [(path, now) for path in vanished]
            )
            connection.executemany("DELETE FROM vanished WHERE path = ?", [(path,) for path in back])

    def forget_all(self, paths: Sequence[bytes]) -> None:
        """Forget all about some videos."""
        with self._pool.transaction() as connection:
            for table, column in (
                ("videos", "path"), ("details", "path"), ("failures", "path"), ("vanished", "path"),
                ("larger", "path"), ("targets", "source"),
            ):  # fmt: skip
                connection.executemany(
                    f"DELETE FROM {table} WHERE {column} = ?",  # noqa: S608 - our own names
                    [(path,) for path in paths],
                )


def _span(folder: bytes) -> tuple[bytes, bytes]:
    first = folder.rstrip(b"/") + b"/"
    return first, first[:-1] + b"0"
