"""What is recorded of videos, also of those that are not where they were: SQL.

Paths are bytes; identities are signed numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vpo_tasks.media.identity import Identity
from vpo_tasks.state.pool import DaemonConnectionPool, paths_below
from vpo_tasks.state.schema import VIDEO_TABLES, forget_videos
from vpo_tasks.state.up_to_date import RecordedState

if TYPE_CHECKING:
    from vpo_tasks.media.model import MediaInfo


_AT_ONCE = 500
"""Names in one query: SQLite takes 999 in its oldest versions."""


REMEMBERED_S = 30 * 86400.0
"""How long a vanished video is remembered: it may turn up again under another name."""


class PolicyStamp(NamedTuple):
    """A policy file read before: `stamp` names the file's state and the program's version."""

    stamp: str
    digest: bytes
    name: str
    on_error: str


class Details(NamedTuple):
    """The wide half of a video's record."""

    media: MediaInfo | None
    fingerprint: bytes | None
    status: str
    error: str | None
    updated_at: float


class Move(NamedTuple):
    """A video recorded as `old` that is now at `new`. `record` is what is then known of it."""

    old: bytes
    new: bytes
    identity: Identity
    record: RecordedState


class Store:
    """What the program knows between runs, one method a question. Safe from any thread."""

    def __init__(self, pool: DaemonConnectionPool) -> None:
        self._pool = pool

    @property
    def read_only(self) -> bool:
        """Whether what is written here is lost when the run ends (a dry run)."""
        return self._pool.read_only

    # -- videos ------------------------------------------------------------------------------------------

    def records_below(self, folder: bytes) -> list[tuple[bytes, int, int, int, int, bytes | None]]:
        """Return path, device, inode, size, mtime_ns and digest of what is recorded below a folder."""
        return self._pool.read_below(
            "SELECT path, device, inode, size, mtime_ns, digest FROM videos WHERE path >= ?1 AND path < ?2",
            folder,
        )

    def records_of_sizes(self, sizes: Iterable[int]) -> dict[bytes, RecordedState]:
        """Return the records of videos of these sizes: only they can be the ones looked for."""
        wanted = sorted(set(sizes))
        records: dict[bytes, RecordedState] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            rows = self._pool.execute_read(
                "SELECT path, device, inode, size, mtime_ns, digest FROM videos"  # noqa: S608 - question marks
                f" WHERE size IN ({', '.join('?' * len(part))})",
                part,
            )
            records.update((row[0], RecordedState._make(row[1:])) for row in rows)
        return records

    def known_video(self, path: bytes) -> RecordedState | None:
        """Return what is recorded of one video."""
        rows = self._pool.execute_read(
            "SELECT device, inode, size, mtime_ns, digest FROM videos WHERE path = ?", (path,)
        )
        return RecordedState._make(rows[0]) if rows else None

    def details(self, path: bytes) -> Details | None:
        """Return the wide half of a record; its media is None when an older version wrote it."""
        rows = self._pool.execute_read(
            "SELECT media_version, media, fingerprint, status, error, updated_at FROM details WHERE path = ?",
            (path,),
        )
        if not rows:
            return None
        version, media, *rest = rows[0]
        return Details(decode_media(version, media), *rest)

    def fingerprint(self, path: bytes) -> bytes | None:
        """Return the recorded digest of a video's head and tail (`head_tail_digest`)."""
        rows = self._pool.execute_read("SELECT fingerprint FROM details WHERE path = ?", (path,))
        return rows[0][0] if rows else None

    def stored_media(self, paths: Sequence[bytes]) -> Iterator[tuple[bytes, MediaInfo]]:
        """Yield what is stored of many videos; those of which nothing usable is stored are left out."""
        # function-local: an up-to-date run stores and loads no media, and need not pay for msgspec
        import msgspec

        from vpo_tasks.media.film import is_unclear
        from vpo_tasks.media.model import READABLE_VERSIONS, MediaInfo

        decode = msgspec.msgpack.Decoder(MediaInfo).decode
        versions = ",".join(map(str, READABLE_VERSIONS))
        for start in range(0, len(paths), _AT_ONCE):
            some = paths[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            sql = f"SELECT path, media FROM details WHERE media_version IN ({versions}) AND path IN ({marks})"  # noqa: S608 - numbers and marks
            rows = self._pool.execute_read(sql, some)
            for path, blob in rows:
                if blob is None:
                    continue
                try:
                    media = decode(blob)
                except msgspec.MsgspecError:
                    continue
                if not is_unclear(media.tracks):
                    yield path, media

    def comply(self, paths: Iterable[bytes], digest: bytes) -> None:
        """Record that videos comply with a policy, by what is stored of them. Nothing in a dry run."""
        if self._pool.read_only:
            return  # 3 µs a video, for what nobody reads
        with self._pool.transaction() as connection:
            connection.executemany(
                "UPDATE videos SET digest = ? WHERE path = ?", ((digest, path) for path in paths)
            )

    def record(
        self,
        path: bytes,
        identity: Identity,
        *,
        digest: bytes | None,
        media: MediaInfo | None,
        fingerprint: bytes | None,
        status: str,
        error: str | None = None,
    ) -> None:
        """Write what is known of a video now. `digest` None: it does not comply."""
        version, blob = _encode_media(media)
        with self._pool.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO videos (path, device, inode, size, mtime_ns, digest)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (path, *RecordedState.of(identity, digest)),
            )
            connection.execute(
                "INSERT OR REPLACE INTO details"
                " (path, media_version, media, fingerprint, status, error, updated_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (path, version, blob, fingerprint, status, error, time.time()),
            )

    def adopt(self, path: bytes, identity: Identity, fingerprint: bytes) -> bool:
        """Take over a new device or inode of a video, and return True, if its fingerprint is as recorded."""
        if self.fingerprint(path) != fingerprint:
            return False
        self._pool.execute_write(
            "UPDATE videos SET device = ?, inode = ?, size = ?, mtime_ns = ? WHERE path = ?",
            (*RecordedState.of(identity, None)[:4], path),
        )
        return True

    def forget(self, *paths: bytes) -> None:
        """Forget all about some videos: they are inspected and planned again."""
        with self._pool.transaction() as connection:
            forget_videos(connection, paths)

    def invalidate(self, path: bytes) -> None:
        """Say that a video does not comply, keeping what is known of its content."""
        with self._pool.transaction() as connection:
            connection.execute("UPDATE videos SET digest = NULL WHERE path = ?", (path,))
            connection.execute("UPDATE targets SET digest = NULL WHERE source = ?", (path,))

    def forget_below(self, folder: bytes) -> None:
        """Forget every video below a folder."""
        with self._pool.transaction() as connection:
            for table in VIDEO_TABLES:
                connection.execute(
                    f"DELETE FROM {table.name} WHERE {table.column} >= ? AND {table.column} < ?",  # noqa: S608 - our names
                    paths_below(folder),
                )

    def count_videos(self) -> int:
        """Return how many videos are recorded."""
        return int(self._pool.execute_read("SELECT count(*) FROM videos")[0][0])

    # -- renamed and vanished videos --------------------------------------------------------------------

    def carry_out_moves(self, moves: Sequence[Move]) -> None:
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

    def devices_below(self, folder: bytes) -> dict[int, int]:
        """Return on which devices (as SQLite keeps them) how many videos below a folder are recorded."""
        rows = self._pool.read_below(
            "SELECT device, count(*) FROM videos WHERE path >= ?1 AND path < ?2 GROUP BY device", folder
        )
        return dict(rows)

    def places_below(self, folder: bytes) -> dict[bytes, int]:
        """Return path and device of everything recorded below a folder, failures included."""
        rows = self._pool.read_below(
            "SELECT path, device FROM failures WHERE path >= ?1 AND path < ?2"
            " UNION SELECT path, device FROM videos WHERE path >= ?1 AND path < ?2",
            folder,
        )
        return dict(rows)

    def vanished_below(self, folder: bytes) -> dict[bytes, float]:
        """Return the videos that are known to have vanished, and since when (seconds since the epoch)."""
        sql = "SELECT path, since FROM vanished WHERE path >= ?1 AND path < ?2"
        return dict(self._pool.read_below(sql, folder))

    def note_vanished(self, vanished: Iterable[bytes], back: Iterable[bytes]) -> None:
        """Note that videos are gone, and that others are no longer missed."""
        now = time.time()
        with self._pool.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO vanished (path, since) VALUES (?, ?)",
                [(path, now) for path in vanished],
            )
            connection.executemany("DELETE FROM vanished WHERE path = ?", [(path,) for path in back])

    # -- targets (--output) ------------------------------------------------------------------------------

    def known_targets(self) -> dict[bytes, tuple[bytes, RecordedState]]:
        """Return what was made in output folders: target -> (source, its identity and digest)."""
        rows = self._pool.execute_read(
            "SELECT target, source, device, inode, size, mtime_ns, digest FROM targets"
        )
        return {row[0]: (row[1], RecordedState._make(row[2:])) for row in rows}

    def targets_of(self, source: bytes) -> dict[bytes, RecordedState]:
        """Return the targets made from one source."""
        rows = self._pool.execute_read(
            "SELECT target, device, inode, size, mtime_ns, digest FROM targets WHERE source = ?", (source,)
        )
        return {row[0]: RecordedState._make(row[1:]) for row in rows}

    def record_target(self, target: bytes, source: bytes, identity: Identity, digest: bytes | None) -> None:
        """Write that `target` was made from `source` and is compliant with `digest`."""
        self._pool.execute_write(
            "INSERT OR REPLACE INTO targets (target, source, device, inode, size, mtime_ns, digest)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (target, source, *RecordedState.of(identity, digest)),
        )

    # -- policies ----------------------------------------------------------------------------------------

    def policy_stamp(self, path: bytes) -> PolicyStamp | None:
        """Return what is remembered of a policy file."""
        rows = self._pool.execute_read(
            "SELECT stamp, digest, name, on_error FROM policies WHERE file = ?", (path,)
        )
        return PolicyStamp._make(rows[0]) if rows else None

    def remember_policy(self, path: bytes, stamp: PolicyStamp) -> None:
        """Remember a policy file, so that an up-to-date run need not parse it."""
        self._pool.execute_write(
            "INSERT OR REPLACE INTO policies (file, stamp, digest, name, on_error) VALUES (?, ?, ?, ?, ?)",
            (path, *stamp),
        )

    def policy_needs(self, digest: bytes, ask: Callable[[], str]) -> str:
        """Return what the policies with this digest may encode; `ask`, which parses them, tells it once."""
        rows = self._pool.execute_read("SELECT needs FROM needs WHERE digest = ?", (digest,))
        if rows:
            return str(rows[0][0])
        needs = ask()
        self._pool.execute_write(
            "INSERT OR REPLACE INTO needs (digest, needs) VALUES (?, ?)", (digest, needs)
        )
        return needs

    # -- other doit tasks of a user's dodo.py ------------------------------------------------------------

    def doit_values(self, task: str) -> dict[str, str]:
        """Return what doit saved for a task that is not one of our videos."""
        return dict(self._pool.execute_read("SELECT key, value FROM doit WHERE task = ?", (task,)))

    def save_doit_value(self, task: str, key: str, value: str) -> None:
        """Save one value of a task at once."""
        self._pool.execute_write(
            "INSERT OR REPLACE INTO doit (task, key, value) VALUES (?, ?, ?)", (task, key, value)
        )

    def forget_doit(self, prefix: str, task: str | None = None) -> None:
        """Forget one of doit's tasks, or all whose name starts with `prefix`."""
        if task is not None:
            self._pool.execute_write("DELETE FROM doit WHERE task = ?", (task,))
        else:
            self._pool.execute_write("DELETE FROM doit WHERE substr(task, 1, ?) = ?", (len(prefix), prefix))


def _encode_media(media: MediaInfo | None) -> tuple[int, bytes | None]:
    # function-local: an up-to-date run stores and loads no media, and need not pay for msgspec
    import msgspec

    from vpo_tasks.media.model import MODEL_VERSION

    return MODEL_VERSION, None if media is None else msgspec.msgpack.encode(media)


def decode_media(version: int, blob: bytes | None) -> MediaInfo | None:
    """Return stored media; None when there is none, or it cannot be read or leaves open which is the film."""
    import msgspec

    from vpo_tasks.media.film import is_unclear
    from vpo_tasks.media.model import READABLE_VERSIONS, MediaInfo

    if blob is None or version not in READABLE_VERSIONS:
        return None
    try:
        media = msgspec.msgpack.decode(blob, type=MediaInfo)
    except msgspec.MsgspecError:
        return None  # an index entry that cannot be read is one to make anew
    return None if is_unclear(media.tracks) else media


_PAGE = 2_000
_COLUMNS = "path, media_version, media, digest FROM details LEFT JOIN videos USING (path)"


class CatalogueEntry(NamedTuple):
    """A recorded video: its content, None where nothing usable is known, and the digest it complies with."""

    path: bytes
    media: MediaInfo | None
    digest: bytes | None


def read_catalogue(pool: DaemonConnectionPool, place: bytes) -> Iterator[CatalogueEntry]:
    """Yield the recorded videos at or below `place` in path order."""
    after, last = paths_below(place)
    yield from map(_entry, pool.execute_read(f"SELECT {_COLUMNS} WHERE path = ?", (place,)))
    while True:
        rows = pool.execute_read(
            f"SELECT {_COLUMNS} WHERE path > ? AND path < ? ORDER BY path LIMIT ?",
            (after, last, _PAGE),
        )
        yield from map(_entry, rows)
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


def _entry(row: tuple[bytes, int, bytes | None, bytes | None]) -> CatalogueEntry:
    path, version, blob, digest = row
    return CatalogueEntry(path, decode_media(version, blob), digest)
