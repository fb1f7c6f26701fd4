"""Removing the Dolby Vision configuration of pictures that were encoded (quirks.STALE_DOLBY_VISION)."""

from __future__ import annotations

import os
import zlib
from collections.abc import Collection, Iterator
from itertools import takewhile

from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.disk.system_calls import Disk
from vpo_tasks.media.matroska.ebml import Element, Source, open_source
from vpo_tasks.media.matroska.header import BLOCK_ADDITION_MAPPING, mapped_dolby_vision
from vpo_tasks.media.mp4.tree import BoxHeader, walk_boxes
from vpo_tasks.media.picture import DOLBY_VISION_BOXES

_SEGMENT, _TRACKS, _TRACK_ENTRY, _CLUSTER = 0x18538067, 0x1654AE6B, 0xAE, 0x1F43B675
_CRC_BYTES = b"\xbf\x84"
_ENTRY_HEAD = 78
"""Bytes of a visual sample entry's content before its boxes."""
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
    for index in _boxes(source, 0, source.size):
        if index.kind != b"moov":
            continue
        tracks = [box for box in _boxes(source, index.start, index.end) if box.kind == b"trak"]
        for place in places:
            if place < len(tracks):
                yield from _of_track(source, tracks[place])


def _of_track(source: Source, track: BoxHeader) -> Iterator[Patch]:
    start, end = track.start, track.end
    for step in _TO_ENTRIES:
        start, end = next(((b.start, b.end) for b in _boxes(source, start, end) if b.kind == step), (0, 0))
    for entry in _boxes(source, start + 8, end):
        for box in _boxes(source, entry.start + _ENTRY_HEAD, entry.end):
            if box.kind in DOLBY_VISION_BOXES:
                yield box.offset + 4, b"free"


def _boxes(source: Source, start: int, end: int) -> Iterator[BoxHeader]:
    """Walk the boxes between two offsets; stop at one that reaches beyond."""
    return takewhile(lambda box: box.end <= end, walk_boxes(source, start, end))
