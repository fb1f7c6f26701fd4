"""What was measured: the encoders of an ffmpeg, speeds of this machine, encodes not worth it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from vpo_tasks.state.pool import DaemonConnectionPool


class Speed(NamedTuple):
    """What a speed is of. `height` is the picture's nominal height; codec and preset may be empty."""

    kind: str
    codec: str = ""
    preset: str = ""
    height: int = 0


class Measured(NamedTuple):
    """What was measured: seconds of video (encodes) or bytes (the rest), and the seconds it took."""

    amount: float
    seconds: float
    bytes_in: float
    bytes_out: float

    @property
    def rate(self) -> float:
        return self.amount / self.seconds

    @property
    def ratio(self) -> float | None:
        """The output's size as a part of the input's."""
        return self.bytes_out / self.bytes_in if self.bytes_in else None


class Measurements:
    """Questions and answers, one method each. Safe from any thread."""

    def __init__(self, pool: DaemonConnectionPool) -> None:
        self._pool = pool

    def encoders(self, ffmpeg: bytes, mtime_ns: int, size: int) -> frozenset[str] | None:
        """Return what an ffmpeg was found to have; None when it was never asked, or is another file now.

        Nothing is no answer: older versions kept it so when the question came to nothing.
        """
        rows = self._pool.execute_read(
            "SELECT encoders FROM encoders WHERE ffmpeg = ? AND mtime_ns = ? AND size = ?",
            (ffmpeg, mtime_ns, size),
        )
        return (frozenset(rows[0][0].split()) or None) if rows else None

    def remember_encoders(self, ffmpeg: bytes, mtime_ns: int, size: int, encoders: Iterable[str]) -> None:
        """Remember what an ffmpeg has."""
        self._pool.execute_write(
            "INSERT OR REPLACE INTO encoders (ffmpeg, mtime_ns, size, encoders) VALUES (?, ?, ?, ?)",
            (ffmpeg, mtime_ns, size, " ".join(sorted(encoders))),
        )

    def larger(self, paths: Sequence[bytes]) -> dict[bytes, frozenset[str]]:
        """Return the encodes of one video or more that came out larger (`plan.encoding.encode_key`)."""
        # few videos have any: to look through those in between takes less than to ask for each
        found = self.larger_between(min(paths), max(paths))
        return {path: found[path] for path in paths if path in found} if found else found

    def larger_between(self, first: bytes, last: bytes) -> dict[bytes, frozenset[str]]:
        """Return the same of all videos that have any, from one path to another."""
        found: dict[bytes, set[str]] = defaultdict(set)
        for path, encode in self._pool.execute_read(
            "SELECT path, encode FROM larger WHERE path BETWEEN ? AND ?", (first, last)
        ):
            found[path].add(encode)
        return {path: frozenset(encodes) for path, encodes in found.items()}

    def remember_larger(self, path: bytes, encodes: Iterable[str]) -> None:
        """Remember the encodes of a video that came out larger, in place of what was remembered."""
        with self._pool.transaction() as connection:
            connection.execute("DELETE FROM larger WHERE path = ?", (path,))
            connection.executemany(
                "INSERT INTO larger (path, encode) VALUES (?, ?)", [(path, key) for key in encodes]
            )

    def speeds(self) -> Mapping[Speed, Measured]:
        """Return every speed that was measured."""
        rows = self._pool.execute_read(
            "SELECT kind, codec, preset, height, amount, seconds, bytes_in, bytes_out FROM speeds"
            " WHERE seconds > 0 AND amount > 0"
        )
        return {Speed(*row[:4]): Measured(*row[4:]) for row in rows}

    def overall_speed(self) -> tuple[float, float]:
        """Return the bytes of source that one second of work does, and the part of them that it saves.

        Before anything was measured: 10 MB, and half.
        """
        rows = self._pool.execute_read(
            "SELECT sum(bytes_in), sum(bytes_out), sum(seconds) FROM speeds"
            " WHERE kind = 'encode' AND seconds > 0 AND bytes_in > 0"
        )
        before, after, seconds = rows[0]
        if not before or not seconds:
            return 10e6, 0.5
        return before / seconds, 1 - (after or 0.0) / before

    def remember_speed(self, speed: Speed, measured: Measured) -> None:
        """Add a measurement; the older ones count for less each time."""
        with self._pool.transaction() as connection:
            connection.execute(
                "INSERT INTO speeds (kind, codec, preset, height, amount, seconds, bytes_in, bytes_out)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " amount = amount * 0.7 + excluded.amount,"
                " seconds = seconds * 0.7 + excluded.seconds,"
                " bytes_in = bytes_in * 0.7 + excluded.bytes_in,"
                " bytes_out = bytes_out * 0.7 + excluded.bytes_out",
                (*speed, *measured),
            )
