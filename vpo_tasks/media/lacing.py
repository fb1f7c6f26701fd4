"""Where the frames of a Matroska block lie (RFC 9559, 10.3): one, or several in a lace. Pure."""

from __future__ import annotations

from vpo_tasks.media.ebml import VINT_LENGTH

XIPH, FIXED, EBML = 0x02, 0x04, 0x06
LACING = 0x06
HEAD_BYTES = 1 << 11
"""More than the sizes of a usual lace take."""


def find_frame(flags: int, head: bytes, size: int, number: int) -> tuple[int, int]:
    """Return start and length of frame `number` of a block's `size` bytes behind its flags.

    `head` is the beginning of these bytes. Raises IndexError when the sizes are not in it.
    """
    lacing = flags & LACING
    if not lacing:
        return 0, size
    count, at = head[0] + 1, 1
    if lacing == FIXED:
        length = (size - 1) // count
        return 1 + number * length, length
    sizes: list[int] = []
    for _ in range(count - 1):
        length, at = _xiph(head, at) if lacing == XIPH else _ebml(head, at, sizes)
        sizes.append(length)
    sizes.append(size - at - sum(sizes))
    return at + sum(sizes[:number]), sizes[number]


def _xiph(head: bytes, at: int) -> tuple[int, int]:
    length = 0
    while head[at] == 255:
        length, at = length + 255, at + 1
    return length + head[at], at + 1


def _ebml(head: bytes, at: int, before: list[int]) -> tuple[int, int]:
    """Read the first size, or what the next differs by from the one before."""
    width = VINT_LENGTH[head[at]]
    if not width:
        raise IndexError
    value = int.from_bytes(head[at : at + width], "big") & ((1 << 7 * width) - 1)
    if before:
        value += before[-1] - ((1 << (7 * width - 1)) - 1)
    return value, at + width
