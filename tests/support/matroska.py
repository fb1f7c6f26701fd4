"""Matroska built byte by byte: what no muxer writes on purpose."""

from __future__ import annotations

UNKNOWN = b"\x01\xff\xff\xff\xff\xff\xff\xff"


def element(identifier: int, data: bytes, size: bytes | None = None) -> bytes:
    """Return an element; `size` replaces the encoded size."""
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + (size if size is not None else (len(data) | 1 << 56).to_bytes(8, "big")) + data


def number(identifier: int, value: int) -> bytes:
    return element(identifier, value.to_bytes(8, "big"))


def block(track: int, tick: int, payload: bytes = b"x", lacing: bytes = b"") -> bytes:
    """Return a SimpleBlock; `lacing` is what follows the flags (the frame count less one, …)."""
    flags = b"\x02" if lacing else b"\x80"
    return element(
        0xA3, bytes([0x80 | track]) + tick.to_bytes(2, "big", signed=True) + flags + lacing + payload
    )


def cluster(tick: int, *blocks: bytes, size: bytes | None = None) -> bytes:
    return element(0x1F43B675, number(0xE7, tick) + b"".join(blocks), size)


def track(num: int, kind: int, codec: bytes, *more: bytes) -> bytes:
    return element(0xAE, number(0xD7, num) + number(0x83, kind) + element(0x86, codec) + b"".join(more))


def matroska(*parts: bytes, tracks: tuple[bytes, ...], size: bytes | None = None) -> bytes:
    """Return a file: EBML header, then a segment with Info, Tracks and `parts`."""
    header = element(0x1A45DFA3, element(0x4282, b"matroska"))
    info = element(0x1549A966, number(0x2AD7B1, 1_000_000))
    return header + element(0x18538067, info + element(0x1654AE6B, b"".join(tracks)) + b"".join(parts), size)
