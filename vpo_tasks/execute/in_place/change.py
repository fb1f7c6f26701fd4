"""What a header edit changes in a file, whatever its container: ranges of bytes, and the file's end.

Each container has a module beside this one with a function of an open file and a plan that makes it
(`matroska.matroska_change`). It only reads, and raises HeaderRefused when the video is to be copied instead.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.disk.journal import Range
from vpo_tasks.errors import FileError

MAX_CHANGED_BYTES = 8 << 20
"""Of old and new bytes together: all of them stand in the journal."""
_GAP = 32
"""Changes nearer to each other than this are written as one."""
_BLOCK = 512


class HeaderRefused(FileError):
    """The header of this video cannot be edited in place with certainty. Nothing was touched."""


class HeaderChange(NamedTuple):
    """What changes. The file's end: of both files, what lies beyond the other's size."""

    new_size: int
    ranges: tuple[Range, ...]
    old_end: bytes = b""
    new_end: bytes = b""

    @property
    def is_empty(self) -> bool:
        """True when nothing changes."""
        return not (self.ranges or self.old_end or self.new_end)

    @property
    def written_bytes(self) -> int:
        """Return how many bytes of the video are written."""
        return sum(len(item.new) for item in self.ranges) + len(self.new_end)


class PatchedContent:
    """An open file as it would be, `size` bytes long, with other bytes at some offsets."""

    def __init__(self, fd: int, size: int, patches: Iterable[tuple[int, bytes]]) -> None:
        self._fd = fd
        self._size = size
        self._patches = tuple(patches)

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes; fewer only at the end. What the file lacks, and no patch has, is 0."""
        count = max(0, min(count, self._size - offset))
        data = bytearray(os.pread(self._fd, count, offset))
        data += bytes(count - len(data))
        for at, patch in self._patches:
            first, last = max(at, offset), min(at + len(patch), offset + count)
            if first < last:
                data[first - offset : last - offset] = patch[first - at : last - at]
        return bytes(data)


def changed_content(fd: int, change: HeaderChange) -> PatchedContent:
    """Return an open file as it will be after a change."""
    patches = [(item.offset, item.new) for item in change.ranges]
    if change.new_end:
        patches.append((change.new_size - len(change.new_end), change.new_end))
    return PatchedContent(fd, change.new_size, patches)


def change_to(file: OpenFile, pieces: Iterable[bytes | int]) -> HeaderChange:
    """Compare an open file with what it is to be: pieces of it in order, a number for bytes that stay.

    Raises HeaderRefused when too much would change, OSError when the file cannot be read.
    """
    size = os.fstat(file.fd).st_size
    found: list[Range] = []
    new_end: list[bytes] = []
    offset = changed = 0
    for piece in pieces:
        if not isinstance(piece, int):
            inside = piece[: max(0, size - offset)]
            found += _differences(offset, read_bytes(file.fd, offset, offset + len(inside)), inside)
            new_end.append(piece[len(inside) :])
            changed += len(new_end[-1])
        offset += piece if isinstance(piece, int) else len(piece)
        if changed + sum(len(item.old) + len(item.new) for item in found) > MAX_CHANGED_BYTES:
            raise HeaderRefused(os.fsdecode(file.path), "too much of the header would change")
    if size - offset > MAX_CHANGED_BYTES:
        raise HeaderRefused(os.fsdecode(file.path), "too much of the file would go")
    old_end = read_bytes(file.fd, offset, size)
    return HeaderChange(offset, tuple(_joined(file.fd, found)), old_end, b"".join(new_end))


def change_by_patches(file: OpenFile, writes: Sequence[tuple[int, bytes]], new_size: int) -> HeaderChange:
    """Return the change of an open file by bytes at some offsets; what lies beyond its size is its new end.

    Raises HeaderRefused and OSError as `change_to` does.
    """
    size = os.fstat(file.fd).st_size
    pieces: list[bytes | int] = []
    at = 0
    for offset, data in sorted(writes):
        if offset < at:
            raise HeaderRefused(os.fsdecode(file.path), "two changes of its header meet")
        pieces += [offset - at, data]
        at = offset + len(data)
    if at > max(size, new_size):
        raise HeaderRefused(os.fsdecode(file.path), "a change would lie behind its end")
    if new_size > at:
        pieces.append(new_size - at)
    return change_to(file, pieces)


def read_bytes(fd: int, start: int, end: int) -> bytes:
    """Return the bytes between two offsets. Raises OSError when the file ends before."""
    parts = []
    while start < end:
        part = os.pread(fd, end - start, start)
        if not part:
            raise OSError(errno.EIO, "the file became shorter while it was read")
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def _differences(offset: int, old: bytes, new: bytes) -> Iterator[Range]:
    """Yield for every block that differs the span from its first to its last differing byte."""
    if old == new:
        return
    for at in range(0, len(old), _BLOCK):
        a, b = old[at : at + _BLOCK], new[at : at + _BLOCK]
        if a != b:
            places = [place for place, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
            first, last = places[0], places[-1] + 1
            yield Range(offset + at + first, a[first:last], b[first:last])


def _joined(fd: int, ranges: Iterable[Range]) -> Iterator[Range]:
    """Yield ranges, neighbours together with the few bytes between them."""
    pending: Range | None = None
    for item in ranges:
        if pending is None:
            pending = item
        elif item.offset - pending.offset - len(pending.old) <= _GAP:
            between = read_bytes(fd, pending.offset + len(pending.old), item.offset)
            old, new = pending.old + between + item.old, pending.new + between + item.new
            pending = Range(pending.offset, old, new)
        else:
            yield pending
            pending = item
    if pending is not None:
        yield pending
