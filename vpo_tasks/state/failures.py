"""Videos that failed, and under which circumstances: what a run need not try again."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from vpo_tasks.media.identity import Identity
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.up_to_date import signed

_COLUMNS = (
    "path, device, inode, size, mtime_ns, ctime_ns, digest, circumstances, kind, phase, error, failed_at"
)


class Failure(NamedTuple):
    """A video that failed. `identity` as SQLite keeps it; `circumstances` is whatever else could matter."""

    identity: Identity
    digest: bytes
    circumstances: str
    kind: str
    phase: str | None
    error: str
    failed_at: float


class Failures:
    """The remembered failures, by path. Safe from any thread."""

    def __init__(self, pool: DaemonConnectionPool) -> None:
        self._pool = pool

    def of(self, paths: Iterable[bytes]) -> dict[bytes, Failure]:
        """Return what is remembered of some videos."""
        wanted = set(paths)
        return {path: failure for path, failure in self.all().items() if path in wanted}

    def all(self) -> dict[bytes, Failure]:
        """Return every remembered failure; there are few."""
        rows = self._pool.execute_read(f"SELECT {_COLUMNS} FROM failures")  # noqa: S608 - our names
        return {row[0]: Failure(Identity._make(row[1:6]), *row[6:]) for row in rows}

    def remember(
        self,
        path: bytes,
        identity: Identity,
        *,
        digest: bytes,
        circumstances: str,
        kind: str,
        phase: str | None,
        error: str,
    ) -> None:
        """Write that a video failed just now."""
        self._pool.execute_write(
            f"INSERT OR REPLACE INTO failures ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our names
            (path, *as_kept(identity), digest, circumstances, kind, phase, error, time.time()),
        )

    def clear(self, path: bytes) -> None:
        """Forget that a video failed."""
        self._pool.execute_write("DELETE FROM failures WHERE path = ?", (path,))


def as_kept(identity: Identity) -> Identity:
    """Return an identity as SQLite keeps it."""
    return Identity._make(map(signed, identity))
