"""Every frame of every kind of lace is found (RFC 9559, 10.3)."""

from __future__ import annotations

import pytest

from vpo_tasks.media.matroska.blocks import EBML, FIXED, XIPH, find_frame

FRAMES = [bytes([n]) * size for n, size in enumerate((800, 500, 1000, 3))]


@pytest.mark.parametrize(
    ("flags", "head", "frames"),
    [
        (0x80, b"", FRAMES[:1]),
        # the example of the RFC: 800, 500 and 1000 bytes
        (XIPH, bytes([2, 255, 255, 255, 35, 255, 245]), FRAMES[:3]),
        (EBML, bytes([2, 0x43, 0x20, 0x5E, 0xD3]), FRAMES[:3]),
        (EBML | 0x80, bytes([3, 0x43, 0x20, 0x5E, 0xD3, 0x61, 0xF3]), FRAMES),
        (FIXED, bytes([1]), [b"a" * 7, b"b" * 7]),
    ],
)
def test_frames_are_found(flags: int, head: bytes, frames: list[bytes]) -> None:
    block = head + b"".join(frames)
    for number, frame in enumerate(frames):
        at, size = find_frame(flags, block[:64], len(block), number)
        assert block[at : at + size] == frame


@pytest.mark.parametrize(
    ("flags", "head"), [(XIPH, [2, 255, 255]), (EBML, [2, 0, 7]), (EBML, [2, 0x81]), (FIXED, [])]
)
def test_sizes_that_are_not_there_are_an_error(flags: int, head: list[int]) -> None:
    with pytest.raises(IndexError):
        find_frame(flags, bytes(head), 5000, 1)
