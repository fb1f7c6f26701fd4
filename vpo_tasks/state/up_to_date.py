"""What is recorded of a video's file, and whether it is up to date: judged here, and only here.

Accelerators (library/quick_check.py, the sets of library/bulk_check.py) say only "unchanged since judged".

Standard library only. Integers are as SQLite keeps them (`signed`), so that both sides compare as they are.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from vpo_tasks.media.identity import Identity
from vpo_tasks.trusted import open_file

Verdict = Literal["up-to-date", "replan", "same-file", "changed", "new"]
"""`replan`: the video is as recorded, the policy is not. `same-file`: size and mtime are as recorded, device
or inode are not; the fingerprint decides. `changed` and `new`: the video must be inspected."""

_SAMPLE_BYTES = 4096
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

    @classmethod
    def of(cls, identity: Identity, digest: bytes | None) -> RecordedState:
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
            head = opened.read(_SAMPLE_BYTES)
            os.lseek(opened.descriptor, max(0, size - _SAMPLE_BYTES), os.SEEK_SET)
            tail = opened.read(_SAMPLE_BYTES)
    except OSError:
        return None
    return hashlib.blake2b(b"%d:%b:%b" % (size, head, tail), digest_size=16).digest()


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


def verdict_on(
    path: bytes,
    identity: Identity,
    digest: bytes,
    record: RecordedState | None,
    adopt: Callable[[bytes, Identity, bytes], bool],
) -> Verdict:
    """Return the verdict on one video that is there with this identity, under the policy in force, `digest`.

    `same-file` is decided here, by the recorded digest of head and tail: `adopt` (`Store.adopt`) says whether
    it is this one, and then records the new device or inode.
    """
    verdict = judge(record, RecordedState.of(identity, digest))
    if verdict != "same-file" or record is None:
        return verdict
    fingerprint = head_tail_digest(path)
    if fingerprint is None or not adopt(path, identity, fingerprint):
        return "changed"
    return "up-to-date" if record.digest == digest else "replan"


def is_made(verdict: Verdict, made: Iterable[tuple[bytes, RecordedState]], digest: bytes) -> bool:
    """Tell whether a video and what was made of it in an output folder are up to date.

    `made` are the targets with what is recorded of them; one that is as made for this policy will do.
    """
    return verdict in {"up-to-date", "replan"} and any(
        _is_as_made(path, record, digest) for path, record in made
    )


def _is_as_made(target: bytes, record: RecordedState, digest: bytes) -> bool:
    if record.digest != digest:
        return False
    try:
        here = RecordedState.of_status(os.stat(target), digest)
    except OSError:
        return False
    return judge(record, here) == "up-to-date"
