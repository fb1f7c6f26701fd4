"""DDL and version of the state database. The database is an index: deleting it loses time, never a video."""

from __future__ import annotations

SCHEMA_VERSION = 5

# Identity columns are narrow and apart from the media, because every run reads all of them.
# `digest` is the policy digest with which the video was last found or made compliant; NULL: it is not.
DDL = """
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
    path BLOB PRIMARY KEY,
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
    path BLOB PRIMARY KEY,
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
CREATE TABLE IF NOT EXISTS paces (
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
CREATE TABLE IF NOT EXISTS seals (
    root BLOB PRIMARY KEY,
    digest BLOB NOT NULL,
    videos INTEGER NOT NULL,
    seal BLOB NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS new_record_breaks_seals AFTER INSERT ON videos BEGIN DELETE FROM seals; END;
CREATE TRIGGER IF NOT EXISTS changed_record_breaks_seals AFTER UPDATE ON videos BEGIN DELETE FROM seals; END;
CREATE TRIGGER IF NOT EXISTS lost_record_breaks_seals AFTER DELETE ON videos BEGIN DELETE FROM seals; END;
CREATE TABLE IF NOT EXISTS doit (
    task TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (task, key)
) WITHOUT ROWID;
"""
