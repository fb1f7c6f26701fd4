"""SQLite connections that any thread may use: one reader a thread, one writer for all."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vpo_tasks.errors import StateError
from vpo_tasks.state.schema import SCHEMA_VERSION, upgrade
from vpo_tasks.trusted import make_private_folder, open_private

if TYPE_CHECKING:
    import tempfile

BUSY_TIMEOUT_S = 30.0
_ROOM_BYTES = 1 << 17
"""For the side files that SQLite makes when it opens a database."""
_PAGE_BYTES = 4096
"""SQLite makes sure of so much room in its shared memory by a byte each. Where a file's blocks are smaller,
some of such a page are missing, and on a full disk a touch of those is a SIGBUS."""
_LOG_MODES = (2, 2)
"""Bytes 18 and 19 of a database with a log (WAL); 1 is a rollback journal."""
_NOT_OURS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR})
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_ELSEWHERE = "the state folder must be one that can be written; VPO_HOME names another"
_NOTHING = "file::memory:"
_VERSION_BYTES = slice(60, 64)
"""Where a database's `user_version` stands in its file."""


class DaemonConnectionPool:
    """Connections to one database, opened as threads ask for them; in WAL mode, but on tiny disks.

    Writes go through one connection under a lock and are committed one statement (or one `transaction`) at a
    time: what was committed survives SIGKILL. Every SQLite error comes out as StateError.

    With `read_only` (a dry run) nothing on disk changes: what is there is read, what is written goes to a
    database in memory and is gone with it.
    """

    def __init__(self, path: str, *, timeout_s: float = BUSY_TIMEOUT_S, read_only: bool = False) -> None:
        self._path = path
        self.read_only = read_only
        self._timeout_s = timeout_s
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._registry = threading.Lock()
        self._write_lock = threading.RLock()
        self._depth = 0
        self._keeps_log = True
        with self._errors():
            if read_only:
                self._read_uri = self._snapshot_uri()
                self._writer = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            else:
                self._read_uri = ""
                make_private_folder(os.path.dirname(path))
                _require_room(path)
                self._keeps_log = os.statvfs(os.path.dirname(path)).f_frsize >= _PAGE_BYTES
                os.close(open_private(path, os.O_RDWR | os.O_CREAT))  # SQLite's own mode is the umask's
                self._writer = self._connect()
                if not self._keeps_log:
                    self._leave_the_log()
            self._prepare(self._writer)

    def execute_read(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one query and return all its rows."""
        with self._errors():
            return self._reader().execute(sql, parameters).fetchall()

    def read_below(self, sql: str, folder: bytes, *more: Any) -> list[tuple[Any, ...]]:
        """Run one query over what is below a folder, of paths from `?1` on and before `?2`."""
        return self.execute_read(sql, (*paths_below(folder), *more))

    def execute_write(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement and commit it (inside `transaction`: with the rest). Return the row count."""
        with self.transaction() as connection:
            return connection.execute(sql, parameters).rowcount

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the one writer; commit at the end, roll back when the block raises. May be nested."""
        with self._write_lock, self._errors():
            outermost = self._depth == 0
            if outermost:
                self._writer.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self._writer
            except BaseException:
                if outermost:
                    self._writer.rollback()
                raise
            else:
                if outermost:
                    self._writer.commit()
            finally:
                self._depth -= 1

    def find_damage(self) -> str | None:
        """Read the database through; return what is wrong with it."""
        answer = str(self.execute_read("PRAGMA quick_check(1)")[0][0])
        return None if answer == "ok" else answer

    def close(self) -> None:
        """Close every connection. The pool cannot be used afterwards."""
        with self._registry:
            readers, self._readers = self._readers, []
        with self._write_lock, contextlib.suppress(sqlite3.Error):
            for connection in (*readers, self._writer):
                connection.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    def __enter__(self) -> DaemonConnectionPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect() if not self._read_uri else self._connect_to_snapshot()
            connection.execute("PRAGMA query_only=ON")
            self._local.connection = connection
            with self._registry:
                self._readers.append(connection)
        return connection

    def _connect(self) -> sqlite3.Connection:
        # check_same_thread is off because close() and the writer serve every thread; the lock keeps order
        connection = sqlite3.connect(
            self._path, timeout=self._timeout_s, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA mmap_size=0")  # whatever this build's default is
        return connection

    def _leave_the_log(self) -> None:
        """Turn a database with a log into one without; it is not shared meanwhile, and so not mapped."""
        with open(self._path, "rb") as file:
            if tuple(file.read(20)[18:]) != _LOG_MODES:
                return
        self._writer.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._writer.execute("PRAGMA journal_mode=DELETE")
        self._writer.close()  # the lock goes with the connection
        self._writer = self._connect()

    def _connect_to_snapshot(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._read_uri, uri=True, isolation_level=None, check_same_thread=False)
        if self._is_older(connection):
            upgrade(connection)
        return connection

    def _snapshot_uri(self) -> str:
        """Return where to read from without leaving a trace.

        A copy, where there is a log (SQLite makes side files even to read one) or an older schema.
        """
        # function-local: only a dry run pays for these
        import shutil
        import tempfile
        import urllib.parse

        path = self._path
        if not os.path.exists(path) or os.path.getsize(path) == 0:
            return _NOTHING
        logs = [suffix for suffix in ("-wal", "-journal") if _has_content(path + suffix)]
        with open(path, "rb") as file:
            version = int.from_bytes(file.read(_VERSION_BYTES.stop)[_VERSION_BYTES], "big")
        if logs or version < SCHEMA_VERSION:
            self._scratch = tempfile.TemporaryDirectory(prefix="vpo-")
            for suffix in ("", *logs):
                shutil.copyfile(path + suffix, os.path.join(self._scratch.name, "state.db" + suffix))
            path = os.path.join(self._scratch.name, "state.db")
            # put the log into the copy: to read it beside the copy, SQLite would map a file there
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as copy:
                copy.execute("PRAGMA locking_mode=EXCLUSIVE")
                copy.execute("PRAGMA journal_mode=DELETE")
                if self._is_older(copy):
                    upgrade(copy)
        return f"file:{urllib.parse.quote(path)}?immutable=1"

    def _is_older(self, connection: sqlite3.Connection) -> bool:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StateError(self._path, f"was written by a newer version (schema {version})")
        return version < SCHEMA_VERSION

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if self._is_older(connection):
            connection.execute(f"PRAGMA journal_mode={'WAL' if self._keeps_log else 'DELETE'}")
            upgrade(connection)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(self._path, _explain(error)) from error
        except OSError as error:
            text = error.strerror or str(error)
            if error.errno in _NOT_OURS:
                text = f"{text}: {_ELSEWHERE}"
            raise StateError(self._path, text) from error


def _has_content(path: str) -> bool:
    return os.path.exists(path) and os.path.getsize(path) > 0


def _require_room(path: str) -> None:
    """Raise OSError when the disk, or a quota, has no room for SQLite's side files.

    It maps one of them into memory, where a full disk is a SIGBUS instead of an error.
    """
    name = f"{path}-room-{os.getpid()}"
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise
        return  # SQLite says better what is wrong with the folder
    try:
        left = _ROOM_BYTES
        while left > 0:
            left -= os.write(descriptor, bytes(left))
    finally:
        os.close(descriptor)
        os.unlink(name)


def _explain(error: sqlite3.Error) -> str:
    text = str(error)
    if isinstance(error, sqlite3.OperationalError) and "locked" in text:
        return "is in use by another program"
    if "not a database" in text or "malformed" in text:
        return (
            f"is damaged ({text}); move it away and run again: no video is lost, they are only inspected anew"
        )
    if "unable to open" in text or "readonly" in text:
        return f"{text}: {_ELSEWHERE}"
    return text


def paths_below(folder: bytes) -> tuple[bytes, bytes]:
    """Return between which values (the first included, the last not) everything below a folder is."""
    first = folder.rstrip(b"/") + b"/"
    return first, first[:-1] + b"0"
