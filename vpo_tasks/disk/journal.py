"""The recovery journal: what a change is about to do, so that a later start can finish or undo it.

A journal is a file of lines, each a checksum and a record; the last line that is whole counts. Appending and
fsync therefore change its state in one step, and a torn line is as if it had not been written.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
from collections.abc import Callable
from typing import Literal

import msgspec

from vpo_tasks.disk.folders import Place
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo, StreamCount
from vpo_tasks.trusted import is_ours, owner_name

MAX_JOURNAL_BYTES = 64 << 20
_MAX_NUMBER = 1 << 63
_MAX_TIME_S = 1e11
_HEAD_BYTES = 1 << 16
_SAMPLES = 16

Mode = Literal["replace", "rename", "output"]
State = Literal["intent", "committing", "done", "undoing"]


class Kept(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What every journal says about undoing the work later.

    With `keep`, journal and original go into the undo store when the work is done. `run` names the run, `at`
    is its time in seconds since the epoch.
    """

    keep: bool = False
    run: str = ""
    at: float = 0.0


class Record(Kept, frozen=True, omit_defaults=True, kw_only=True):
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


class Range(msgspec.Struct, frozen=True, array_like=True):
    """Bytes that an edit changes in place: as many new ones as old ones."""

    offset: int
    old: bytes
    new: bytes


class HeaderRecord(Kept, frozen=True, omit_defaults=True, kw_only=True):
    """One line of a header edit's journal. `source` is a name in the journal's folder.

    The edit changes `ranges`, and the file's end: of both files, what lies beyond the other's size.
    """

    version: int = 1
    mode: Literal["header"]
    state: Literal["writing", "done", "undoing"]
    owner: str
    source: bytes
    old: Identity
    old_print: str
    new_size: int
    ranges: tuple[Range, ...]
    old_end: bytes = b""
    new_end: bytes = b""
    new: Identity | None = None


AnyRecord = Record | HeaderRecord


class ForeignRecordError(ValueError):
    """A valid record that must not be acted on, and why: another user's, or a newer version's."""


_NEWER = "was begun by a newer version; nothing was touched"
_OTHERS = "belongs to {0}; nothing was touched (run vpo as {0}, or remove it)"


class _Mode(msgspec.Struct):
    mode: str


def owner_of(locks_dir: str) -> str:
    """Return the identity of a set of locks: this machine and this state folder."""
    home = hashlib.blake2b(os.fsencode(os.path.realpath(locks_dir)), digest_size=6).hexdigest()
    return f"{socket.gethostname()}:{home}"


def encode(record: AnyRecord) -> bytes:
    """Return the line for a record."""
    body = msgspec.json.encode(record)
    return _checksum(body) + b" " + body + b"\n"


def decode(data: bytes) -> AnyRecord | None:
    """Return the last whole record, None when there is none. Raises ForeignRecordError."""
    found: AnyRecord | None = None
    for line in data.split(b"\n"):
        checksum, _, body = line.partition(b" ")
        if not body or checksum != _checksum(body):
            continue  # torn by a crash or a full disk; a later one may be whole again
        try:
            record = _decode_body(body)
        except (msgspec.DecodeError, RecursionError) as error:  # the checksum holds
            raise ForeignRecordError(_NEWER) from error
        if _stays_in_its_folder(record) and _can_be(record):
            found = record
    return found


def _decode_body(body: bytes) -> AnyRecord:
    if msgspec.json.decode(body, type=_Mode).mode == "header":
        return msgspec.json.decode(body, type=HeaderRecord)
    return msgspec.json.decode(body, type=Record)


def _stays_in_its_folder(record: AnyRecord) -> bool:
    # anybody can put a file into a media folder; it may not send us to another one
    plain = all(name not in (b"", b".", b"..") and b"/" not in name for name in _names_of(record))
    return plain and not any(b"\0" in name for name in (*_names_of(record), record.source))


def _names_of(record: AnyRecord) -> tuple[bytes, ...]:
    """Return the names in the journal's folder that may be changed."""
    if isinstance(record, HeaderRecord):
        return (record.source,)
    return (record.target,) if record.mode == "output" else (record.target, record.source)


def _can_be(record: AnyRecord) -> bool:
    """Validate a record's numbers, which go into system calls unchanged."""
    if not (0 <= record.at < _MAX_TIME_S and abs(record.old.mtime_ns) < _MAX_NUMBER):
        return False
    if not isinstance(record, HeaderRecord):
        # what was made elsewhere is never undone: its source is a path of its own choice
        return record.mode != "output" or not (record.state == "undoing" or record.keep)
    sizes = record.old.size, record.new_size
    if not (min(sizes) >= 0 and max(sizes) < _MAX_NUMBER):
        return False
    ends = len(record.old_end), len(record.new_end)
    if ends != (max(0, sizes[0] - sizes[1]), max(0, sizes[1] - sizes[0])):
        return False
    return all(
        len(item.old) == len(item.new) and 0 <= item.offset <= min(sizes) - len(item.old)
        for item in record.ranges
    )


def read_record(place: Place) -> AnyRecord | None:
    """Return what a journal of our own making says. Raises OSError or ForeignRecordError."""
    return _read(place)[0]


def read_found_record(place: Place) -> AnyRecord | None:
    """Return what a journal says that was found beside videos or in an undo store.

    Raises as `read_record` does, ForeignRecordError also when it is neither the running user's nor root's:
    anybody can put a journal into a folder of theirs, and what it asks for would be done with our rights.
    """
    record, status = _read(place)
    if record is not None and not is_ours(status.st_uid):
        raise ForeignRecordError(_OTHERS.format(owner_name(status.st_uid)))
    return record


def _read(place: Place) -> tuple[AnyRecord | None, os.stat_result]:
    fd = place.open()
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", place.path)
        with open(fd, "rb", closefd=False) as stream:
            return decode(stream.read(MAX_JOURNAL_BYTES)), status
    finally:
        os.close(fd)


def sample_digest(place: Place) -> str:
    """Return the `file_sample_digest` of what a name holds. Raises OSError, also for a link."""
    fd = place.open()
    try:
        return file_sample_digest(fd)
    finally:
        os.close(fd)


def file_sample_digest(fd: int) -> str:
    """Return a digest of an open file's size and of samples of its content: a megabyte read at most.

    It tells our own new video from anything else after inode numbers have changed (SMB, FUSE).
    """
    return recorded_sample_digest(os.fstat(fd).st_size, lambda offset, count: os.pread(fd, count, offset))


def recorded_sample_digest(size: int, read: Callable[[int, int], bytes]) -> str:
    """Return the head and tail digest of `size` bytes that `read` gives by offset and count."""
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    last = max(0, size - _HEAD_BYTES)
    for number in range(_SAMPLES):
        digest.update(read(last * number // (_SAMPLES - 1), _HEAD_BYTES))
    return digest.hexdigest()


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).hexdigest().encode()
