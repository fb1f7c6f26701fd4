"""SQLite connections that any thread may use: one reader a thread, one writer for all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vpo_tasks.errors import StateError
from vpo_tasks.state.schema import DDL, SCHEMA_VERSION

if TYPE_CHECKING:
    import tempfile

BUSY_TIMEOUT_S = 30.0
_NOT_OURS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR})
_ELSEWHERE = "the state folder must be one that can be written; VPO_HOME names another"
_NOTHING = "file::memory:"
_TABLES = re.compile(r"(CREATE TABLE IF NOT EXISTS (\w+) .*?;)", re.DOTALL)


class DaemonConnectionPool:
    """Connections to one database in WAL mode, opened as threads ask for them.

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
        with self._errors():
            if read_only:
                self._read_uri = self._snapshot_uri()
                self._writer = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            else:
                self._read_uri = ""
                os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
                self._writer = self._connect()
            self._prepare(self._writer)

    def execute_read(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one query and return all its rows."""
        with self._errors():
            return self._reader().execute(sql, parameters).fetchall()

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
        return connection

    def _connect_to_snapshot(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._read_uri, uri=True, check_same_thread=False)
        self._check_version(connection)
        # temporary, and so possible in a snapshot too: the tables that an older version did not have, empty
        present = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        for statement, name in _TABLES.findall(DDL):
            if name not in present:
                connection.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE"))
        return connection

    def _snapshot_uri(self) -> str:
        """Return where to read from without leaving a trace: SQLite makes side files even to read a WAL."""
        # function-local: only a dry run pays for these
        import shutil
        import tempfile
        import urllib.parse

        path = self._path
        if not os.path.exists(path) or os.path.getsize(path) == 0:
            return _NOTHING
        if os.path.exists(path + "-wal") and os.path.getsize(path + "-wal") > 0:
            self._scratch = tempfile.TemporaryDirectory(prefix="vpo-")
            for suffix in ("", "-wal"):
                shutil.copyfile(path + suffix, os.path.join(self._scratch.name, "state.db" + suffix))
            path = os.path.join(self._scratch.name, "state.db")
            return f"file:{urllib.parse.quote(path)}"
        return f"file:{urllib.parse.quote(path)}?immutable=1"

    def _check_version(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StateError(self._path, f"was written by a newer version (schema {version})")

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
            return
        self._check_version(connection)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(f"BEGIN IMMEDIATE;{DDL}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")

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
