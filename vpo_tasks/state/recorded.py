"""What is recorded of a video's file: identity and digest, as SQLite keeps them. Standard library only."""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple, Protocol

from vpo_tasks.trusted import open_file

FINGERPRINT_PART = 4096
_HALF = 1 << 63


def signed(number: int) -> int:
    """Return any number as one of the signed 64-bit ones that SQLite holds.

    Some FUSE inodes use the last bit, and so do nanoseconds from the year 2262 on.
    """
    return (number + _HALF) % (_HALF << 1) - _HALF


class HasIdentity(Protocol):
    """What tells which file a video is; sizes in bytes, times in nanoseconds."""

    @property
    def device(self) -> int: ...
    @property
    def inode(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def mtime_ns(self) -> int: ...


class RecordedState(NamedTuple):
    """What is recorded of a video: identity (as SQLite keeps it) and the digest it complies with."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    digest: bytes | None

    @classmethod
    def of(cls, identity: HasIdentity, digest: bytes | None) -> RecordedState:
        """Return what would be recorded of a video with this identity."""
        return cls(
            signed(identity.device), signed(identity.inode), identity.size, signed(identity.mtime_ns), digest
        )

    @classmethod
    def of_status(cls, status: os.stat_result, digest: bytes | None) -> RecordedState:
        """Return what would be recorded of a file, by its stat result."""
        return cls(
            signed(status.st_dev), signed(status.st_ino), status.st_size, signed(status.st_mtime_ns), digest
        )

    def has_content_of(self, other: RecordedState) -> bool:
        """Tell whether size and modification time agree; of another device or inode the sample decides."""
        return self[2:4] == other[2:4]


def head_tail_digest(path: bytes) -> bytes | None:
    """Return a digest of size, head and tail (a few kilobytes read), or None when it cannot be read."""
    try:
        with open_file(path, named=True) as opened:
            size = opened.status.st_size
            head = opened.read(FINGERPRINT_PART)
            os.lseek(opened.descriptor, max(0, size - FINGERPRINT_PART), os.SEEK_SET)
            tail = opened.read(FINGERPRINT_PART)
    except OSError:
        return None
    return hashlib.blake2b(b"%d:%b:%b" % (size, head, tail), digest_size=16).digest()
