"""The recovery journal: what a replacement is about to do, so that a later start can end or undo it.

A journal is a file of lines, each a checksum and a record; the last line that is whole counts. Appending and
fsync therefore change its state in one step, and a torn line is as if it had not been written.
"""

from __future__ import annotations

import hashlib
import os
import socket
from typing import Literal

import msgspec

from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo, StreamCount

MAX_BYTES = 64 << 20
_HEAD_BYTES = 1 << 16
_SAMPLES = 16

Mode = Literal["replace", "rename", "output"]
State = Literal["intent", "committing", "done"]


class Record(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One line of a journal. `source` and `target` are names in the journal's folder, as bytes.

    In mode `output` the source is elsewhere and only named here (an absolute path). `owner` says whose locks
    tell whether the work is still in hand.
    """

    version: int = 1
    mode: Mode
    state: State
    owner: str
    source: bytes
    target: bytes
    old: Identity
    old_print: str
    new: Identity | None = None
    new_print: str = ""
    media: MediaInfo | None = None
    """What the new video was verified to be."""
    counts: tuple[StreamCount, ...] = ()


def owner_of(locks_dir: str) -> str:
    """Return whose locks count: this machine's, in this state folder."""
    home = hashlib.blake2b(os.fsencode(os.path.realpath(locks_dir)), digest_size=6).hexdigest()
    return f"{socket.gethostname()}:{home}"


def encode(record: Record) -> bytes:
    """Return the line for a record."""
    body = msgspec.json.encode(record)
    return _checksum(body) + b" " + body + b"\n"


def decode(data: bytes) -> Record | None:
    """Return the last whole record, None when there is none."""
    found = None
    for line in data.split(b"\n"):
        checksum, _, body = line.partition(b" ")
        if not body or checksum != _checksum(body):
            continue  # torn by a crash or a full disk; a later one may be whole again
        try:
            record = msgspec.json.decode(body, type=Record)
        except (msgspec.DecodeError, RecursionError):  # a newer version's: the checksum holds
            return None
        if _stays_in_its_folder(record):
            found = record
    return found


def _stays_in_its_folder(record: Record) -> bool:
    # anybody can put a file into a media folder; it may not send us to another one
    names = [record.target] if record.mode == "output" else [record.target, record.source]
    return all(name not in (b"", b".", b"..") and b"/" not in name for name in names)


def read_record(path: bytes) -> Record | None:
    """Return what the journal at `path` says. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(fd, "rb") as stream:
        return decode(stream.read(MAX_BYTES))


def fingerprint(path: bytes) -> str:
    """Return a digest of a file's size and of samples of its content: a megabyte read at most.

    It tells our own new video from anything else after inode numbers have changed (SMB, FUSE).
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        size = os.fstat(fd).st_size
        digest = hashlib.blake2b(str(size).encode(), digest_size=16)
        last = max(0, size - _HEAD_BYTES)
        for number in range(_SAMPLES):
            digest.update(os.pread(fd, _HEAD_BYTES, last * number // (_SAMPLES - 1)))
        return digest.hexdigest()
    finally:
        os.close(fd)


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).hexdigest().encode()
