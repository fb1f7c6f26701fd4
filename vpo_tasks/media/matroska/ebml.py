"""EBML elements (RFC 8794) read from a file by position: bounded, and no size in the file is believed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from vpo_tasks.errors import ProbeError, UnreadableError

VINT_LENGTH = tuple(9 - byte.bit_length() if byte else 0 for byte in range(256))
"""First byte of a variable-size integer -> its length in bytes; 0 is invalid."""

_LONGEST_HEADER = 12


class Element(NamedTuple):
    """One element: `start` is the offset of its data, `size` the bytes of data (None: unknown)."""

    id: int
    offset: int
    start: int
    size: int | None

    @property
    def end(self) -> int | None:
        return None if self.size is None else self.start + self.size


class Source:
    """A file under a reader: its descriptor, size and path, and the errors that name it."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes; fewer only at the end of the file."""
        return os.pread(self.descriptor, count, offset)

    def damaged(self, offset: int) -> ProbeError:
        """Return the error for something at `offset` that cannot be."""
        return ProbeError(self.path, f"is damaged at byte {offset}")

    def element(self, offset: int) -> Element:
        """Return the element that starts at `offset`. Raise ProbeError for what is none."""
        head = self.read(offset, _LONGEST_HEADER)
        element = parse_element(head, 0, offset)
        if element is None:
            raise self.damaged(offset)
        return element

    def children(self, start: int, end: int) -> Iterator[Element]:
        """Walk the elements between two offsets, each of known size and inside the bounds."""
        while start < end:
            element = self.element(start)
            if element.end is None or element.end > end:
                raise self.damaged(start)
            yield element
            start = element.end


@contextmanager
def open_source(path: str) -> Iterator[Source]:
    """Open a file for reading by position. Raise ProbeError for whatever the system says meanwhile."""
    try:
        descriptor = _open(path)
        try:
            yield Source(path, descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UnreadableError(path, f"cannot be read: {(error.strerror or 'read error').lower()}") from error


def _open(path: str) -> int:
    flags = os.O_RDONLY | os.O_CLOEXEC
    try:
        return os.open(path, flags | os.O_NONBLOCK)  # a FIFO would be waited for
    except BlockingIOError:
        # a regular file on which another program, a file server, has a lease; the kernel asks for it back
        return os.open(path, flags)


def parse_element(data: bytes, position: int, offset: int) -> Element | None:
    """Parse the header at `position` of `data`, which lies at `offset` in the file; None when it is none."""
    try:
        id_length = VINT_LENGTH[data[position]]
        if not 0 < id_length <= 4:
            return None
        size_at = position + id_length
        size_length = VINT_LENGTH[data[size_at]]
    except IndexError:
        return None
    after = size_at + size_length
    if not size_length or after > len(data):
        return None
    mask = (1 << 7 * size_length) - 1
    size = int.from_bytes(data[size_at:after], "big") & mask
    identifier = int.from_bytes(data[position:size_at], "big")
    return Element(identifier, offset, offset + after - position, None if size == mask else size)


def children_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk the elements in `data` as (identifier, content); stop silently at the first broken one."""
    position = 0
    while position < len(data):
        element = parse_element(data, position, position)
        if element is None or element.end is None or element.end > len(data):
            return
        yield element.id, data[element.start : element.end]
        position = element.end
