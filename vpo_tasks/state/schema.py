"""Tables, version and migrations of the state database.

The database is an index: deleting it loses time, never a video.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3

SCHEMA_VERSION = 6

# Identity columns are narrow and apart from the media, because every run reads all of them.
# `digest` is the digest in force when the video was last found or made compliant; NULL: it is not.
# A column `path` or `source` names a video, and stands in the tables of VIDEO_TABLES only.
DDL = """\
CREATE TABLE IF NOT EXISTS videos (
    path BLOB PRIMARY KEY,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    digest BLOB
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS details (
    path BLOB PRIMARY KEY,
    media_version INTEGER NOT NULL,
    media BLOB,
    fingerprint BLOB,
    status TEXT NOT NULL,
    error TEXT,
    updated_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS targets (
    target BLOB PRIMARY KEY,
    source BLOB NOT NULL,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    digest BLOB
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS targets_by_source ON targets (source);
CREATE TABLE IF NOT EXISTS policies (
    file BLOB PRIMARY KEY,
    stamp TEXT NOT NULL,
    digest BLOB NOT NULL,
    name TEXT NOT NULL,
    on_error TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failures (
    path BLOB PRIMARY KEY,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    digest BLOB NOT NULL,
    circumstances TEXT NOT NULL,
    kind TEXT NOT NULL,
    phase TEXT,
    error TEXT NOT NULL,
    failed_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vanished (
    path BLOB PRIMARY KEY,
    since REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS encoders (
    ffmpeg BLOB PRIMARY KEY,
    mtime_ns INTEGER NOT NULL,
    size INTEGER NOT NULL,
    encoders TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS needs (
    digest BLOB PRIMARY KEY,
    needs TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS larger (
    path BLOB NOT NULL,
    encode TEXT NOT NULL,
    PRIMARY KEY (path, encode)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS speeds (
    kind TEXT NOT NULL,
    codec TEXT NOT NULL,
    preset TEXT NOT NULL,
    height INTEGER NOT NULL,
    amount REAL NOT NULL,
    seconds REAL NOT NULL,
    bytes_in REAL NOT NULL,
    bytes_out REAL NOT NULL,
    PRIMARY KEY (kind, codec, preset, height)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS undo_folders (
    folder BLOB PRIMARY KEY,
    since REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS library_digests (
    root BLOB PRIMARY KEY,
    digest BLOB NOT NULL,
    videos INTEGER NOT NULL,
    library_digest BLOB NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS video_inserted AFTER INSERT ON videos BEGIN DELETE FROM library_digests; END;
CREATE TRIGGER IF NOT EXISTS video_updated AFTER UPDATE ON videos BEGIN DELETE FROM library_digests; END;
CREATE TRIGGER IF NOT EXISTS video_deleted AFTER DELETE ON videos BEGIN DELETE FROM library_digests; END;
CREATE TABLE IF NOT EXISTS doit (
    task TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (task, key)
) WITHOUT ROWID;
"""


class VideoTable(NamedTuple):
    """A table that holds something of a video."""

    name: str
    column: str = "path"
    """Which column names the video."""
    follows: bool = True
    """Whether the rows go with a renamed video to its new name."""


VIDEO_TABLES = (
    VideoTable("videos"),
    VideoTable("details"),
    VideoTable("failures"),
    VideoTable("larger"),
    VideoTable("vanished", follows=False),
    VideoTable("targets", column="source", follows=False),  # they keep the name that they were made under
)

MIGRATIONS = {
    6: (
        ("videos", "DROP TRIGGER IF EXISTS new_record_breaks_seals"),
        ("videos", "DROP TRIGGER IF EXISTS changed_record_breaks_seals"),
        ("videos", "DROP TRIGGER IF EXISTS lost_record_breaks_seals"),
        ("policies", "ALTER TABLE policies RENAME COLUMN path TO file"),
        ("encoders", "ALTER TABLE encoders RENAME COLUMN path TO ffmpeg"),
        ("paces", "ALTER TABLE paces RENAME TO speeds"),
        ("seals", "ALTER TABLE seals RENAME COLUMN seal TO library_digest"),
        ("seals", "ALTER TABLE seals RENAME TO library_digests"),
    ),
}
"""What leads to a version from the one before: statements, each with the table that it needs.

An older version may not have had that table. New tables need no statement: DDL makes those that are missing.
"""


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring an empty or older database to SCHEMA_VERSION, in one transaction; what it knows is kept."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")  # another process may have done it meanwhile
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        for step in range(version + 1, SCHEMA_VERSION + 1):
            for table, statement in MIGRATIONS.get(step, ()):
                if table in tables:
                    connection.execute(statement)
        for statement in DDL.split(";\n")[:-1]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def forget_videos(connection: sqlite3.Connection, paths: Iterable[bytes]) -> None:
    """Forget all about some videos."""
    named = [(path,) for path in paths]
    for table in VIDEO_TABLES:
        connection.executemany(f"DELETE FROM {table.name} WHERE {table.column} = ?", named)  # noqa: S608 - our names
