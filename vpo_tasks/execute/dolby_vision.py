"""Removing the Dolby Vision configuration of pictures that were encoded (quirks.STALE_DOLBY_VISION)."""

from __future__ import annotations

import os
import zlib
from collections.abc import Collection, Iterator

from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.disk.system_calls import Disk
from vpo_tasks.media.matroska.ebml import Element, Source, open_source
from vpo_tasks.media.matroska.header import BLOCK_ADDITION_MAPPING, mapped_dolby_vision
from vpo_tasks.media.picture import DOLBY_VISION_BOXES

_SEGMENT, _TRACKS, _TRACK_ENTRY, _CLUSTER = 0x18538067, 0x1654AE6B, 0xAE, 0x1F43B675
_CRC_BYTES = b"\xbf\x84"
_ENTRY_HEAD = 86
"""Bytes of a visual sample entry, its own size and type included, before its boxes."""
_TO_ENTRIES = (b"mdia", b"minf", b"stbl", b"stsd")

Patch = tuple[int, bytes]


def drop_configurations(disk: Disk, made: OpenFile, container: str, places: Collection[int]) -> None:
    """Overwrite in place what claims Dolby Vision on the tracks at `places`, counted in the file's order.

    The file is open for writing, and keeps its size. Raises OSError, or ProbeError when it is damaged.
    """
    with open_source(os.fsdecode(made.tool_path)) as source:
        patches = list(_of_matroska(source, places) if container == "mkv" else _of_movie(source, places))
    for offset, data in patches:
        disk.write_at(made.fd, offset, data)


def _of_matroska(source: Source, places: Collection[int]) -> Iterator[Patch]:
    tracks = _tracks_of(source)
    content = bytearray(source.read(tracks.start, tracks.size or 0))
    entries = [e for e in source.children(tracks.start, tracks.end or 0) if e.id == _TRACK_ENTRY]
    for entry in (entries[place] for place in places if place < len(entries)):
        for child in source.children(entry.start, entry.end or 0):
            data = source.read(child.start, child.size or 0)
            if child.id == BLOCK_ADDITION_MAPPING and mapped_dolby_vision(data):
                length = child.start + len(data) - child.offset
                at = child.offset - tracks.start
                content[at : at + length] = _void(length)
    if content.startswith(_CRC_BYTES):  # of everything behind it in the element (RFC 8794, 11.3.1)
        content[2:6] = zlib.crc32(content[6:]).to_bytes(4, "little")
    yield tracks.start, bytes(content)


def _tracks_of(source: Source) -> Element:
    offset = 0
    while True:
        element = source.element(offset)
        if element.id == _TRACKS and element.size is not None:
            return element
        if element.id == _SEGMENT:
            offset = element.start
        elif element.end is None or element.id == _CLUSTER:
            raise source.damaged(offset)
        else:
            offset = element.end


def _void(length: int) -> bytes:
    """Return a Void element of so many bytes, its header included."""
    if length < 100:
        return b"\xec" + (0x80 | length - 2).to_bytes(1, "big") + bytes(length - 2)
    return b"\xec" + (1 << 56 | length - 9).to_bytes(8, "big") + bytes(length - 9)


def _of_movie(source: Source, places: Collection[int]) -> Iterator[Patch]:
    for kind, start, end in _boxes(source, 0, source.size):
        if kind != b"moov":
            continue
        tracks = [(first, last) for name, first, last in _boxes(source, start, end) if name == b"trak"]
        for place in places:
            if place < len(tracks):
                yield from _of_track(source, *tracks[place])


def _of_track(source: Source, start: int, end: int) -> Iterator[Patch]:
    for step in _TO_ENTRIES:
        start, end = next(((a, b) for kind, a, b in _boxes(source, start, end) if kind == step), (0, 0))
    for _, first, last in _boxes(source, start + 8, end):
        for kind, content, _ in _boxes(source, first - 8 + _ENTRY_HEAD, last):
            if kind in DOLBY_VISION_BOXES:
                yield content - 4, b"free"


def _boxes(source: Source, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Walk the boxes between two offsets as (type, start of the content, end)."""
    while start + 8 <= end:
        head = source.read(start, 16)
        size, kind, content = int.from_bytes(head[:4], "big"), head[4:8], start + 8
        if size == 1:
            size, content = int.from_bytes(head[8:16], "big"), start + 16
        if size < content - start or start + size > end:
            return
        yield kind, content, start + size
        start += size
