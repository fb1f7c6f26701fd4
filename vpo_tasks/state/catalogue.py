"""What is recorded of a whole library, read page by page: it may not fit into memory at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import decode_media

if TYPE_CHECKING:
    from vpo_tasks.media.model import MediaInfo

_PAGE = 2_000


def read_media(pool: DaemonConnectionPool, place: bytes) -> Iterator[tuple[bytes, MediaInfo | None]]:
    """Yield the recorded videos at or below `place` in path order, with MediaInfo where that is known."""
    first = place.rstrip(b"/") + b"/"
    last = first[:-1] + b"0"
    rows = pool.execute_read("SELECT path, media_version, media FROM details WHERE path = ?", (place,))
    yield from ((path, decode_media(version, blob)) for path, version, blob in rows)
    after = first
    while True:
        rows = pool.execute_read(
            "SELECT path, media_version, media FROM details WHERE path > ? AND path < ?"
            " ORDER BY path LIMIT ?",
            (after, last, _PAGE),
        )
        yield from ((path, decode_media(version, blob)) for path, version, blob in rows)
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]
