"""The rule that says whether a video is up to date: written once, used per task and in bulk.

Standard library only. Integers are as SQLite keeps them (`signed`), so that both sides compare as they are.
"""

from __future__ import annotations

import hashlib
import os
from typing import Literal, NamedTuple

from vpo_tasks.trusted import open_file

Verdict = Literal["up-to-date", "replan", "same-file", "changed", "new"]
"""`replan`: the video is as recorded, the policy is not. `same-file`: size and mtime are as recorded, device
or inode are not; the fingerprint decides. `changed` and `new`: the video must be inspected."""

FINGERPRINT_PART = 4096
_HALF = 1 << 63


def signed(number: int) -> int:
    """Return any number as one of the signed 64-bit ones that SQLite holds.

    Some FUSE inodes use the last bit, and so do nanoseconds from the year 2262 on.
    """
    return (number + _HALF) % (_HALF << 1) - _HALF


class RecordedState(NamedTuple):
    """What is recorded of a video: identity (as SQLite keeps it) and the digest it complies with."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    digest: bytes | None


def judge(known: RecordedState | None, found: RecordedState) -> Verdict:
    """Return the verdict on a video found with this identity; `found.digest` is of the policy in force."""
    if known is None:
        return "new"
    if found == known:
        return "up-to-date"
    if found.size != known.size or found.mtime_ns != known.mtime_ns:
        return "changed"
    if found.inode != known.inode or found.device != known.device:
        return "same-file"
    return "replan"


def sample_digest(path: bytes) -> bytes | None:
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
