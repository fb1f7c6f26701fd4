"""Videos that say they are Dolby Vision or HDR10+: what the headers and first packets of real ones hold."""

from __future__ import annotations

import struct
from pathlib import Path

from vpo_tasks.media.matroska.ebml import open_source
from vpo_tasks.media.mp4.tree import walk_boxes

_TO_ENTRY = (b"trak", b"mdia", b"minf", b"stbl", b"stsd")
HDR10_PLUS = b"\xb5\x00\x3c\x00\x01\x04\x01\x40\x00"
_SEI_PREFIX = b"\x4e\x01"


def configuration(profile: int, compatible: int) -> bytes:
    """A Dolby Vision decoder configuration record: level 6, RPU and base layer present."""
    return bytes([1, 0, profile << 1, (6 << 3) | 0b101, compatible << 4]) + bytes(19)


def say_dolby_vision(path: Path, profile: int, compatible: int) -> None:
    """Put a configuration into the first track of an MP4 whose index stands behind its media data."""
    data = bytearray(path.read_bytes())
    with open_source(str(path)) as source:
        index = next(box for box in walk_boxes(source, 0, source.size) if box.kind == b"moov")
    parents, start, end = [index.start - 8], index.start, index.end
    for step in _TO_ENTRY:
        at = start
        while data[at + 4 : at + 8] != step:
            at += struct.unpack_from(">I", data, at)[0]
            assert at < end
        parents.append(at)
        start, end = at + 8, at + struct.unpack_from(">I", data, at)[0]
    entry = start + 8
    parents.append(entry)
    record = configuration(profile, compatible)
    box = struct.pack(">I4s", 8 + len(record), b"dvvC" if profile > 7 else b"dvcC") + record
    end = entry + struct.unpack_from(">I", data, entry)[0]
    for at in parents:
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + len(box))
    data[end:end] = box
    path.write_bytes(data)


def with_hdr10_plus(stream: bytes) -> bytes:
    """Put dynamic metadata (SMPTE ST 2094-40) before the first picture of a raw HEVC stream."""
    at = 0
    while True:
        at = stream.index(b"\x00\x00\x01", at)
        kind = (stream[at + 3] >> 1) & 0x3F
        if kind < 32:
            message = bytes([4, len(HDR10_PLUS)]) + HDR10_PLUS + b"\x80"
            start = at - 1 if stream[at - 1] == 0 else at
            return stream[:start] + b"\x00\x00\x00\x01" + _SEI_PREFIX + message + stream[start:]
        at += 3
