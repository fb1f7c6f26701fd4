"""What is recorded of a whole library, read page by page: it may not fit into memory at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vpo_tasks.media.model import MediaInfo
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import decode_media

_PAGE = 2_000
_COLUMNS = "path, media_version, media, digest FROM details LEFT JOIN videos USING (path)"


class Entry(NamedTuple):
    """A recorded video: its content, None where nothing usable is known, and the digest it complies with."""

    path: bytes
    media: MediaInfo | None
    digest: bytes | None


def read_catalogue(pool: DaemonConnectionPool, place: bytes) -> Iterator[Entry]:
    """Yield the recorded videos at or below `place` in path order."""
    first = place.rstrip(b"/") + b"/"
    last = first[:-1] + b"0"
    yield from map(_entry, pool.execute_read(f"SELECT {_COLUMNS} WHERE path = ?", (place,)))
    after = first
    while True:
        rows = pool.execute_read(
            f"SELECT {_COLUMNS} WHERE path > ? AND path < ? ORDER BY path LIMIT ?",
            (after, last, _PAGE),
        )
        yield from map(_entry, rows)
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


def _entry(row: tuple[bytes, int, bytes | None, bytes | None]) -> Entry:
    path, version, blob, digest = row
    return Entry(path, decode_media(version, blob), digest)
