"""Where a Matroska file's header and tail are: the only parts that a header edit reads or writes.

Whatever is not plain is refused, and the video is copied instead. mkvpropedit reads a file in the same way:
up to the first cluster, from there by the SeekHead, and cluster by cluster where there is none.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.errors import FileError, ProbeError
from vpo_tasks.media.matroska.ebml import Element, Source, children_of, open_source
from vpo_tasks.media.matroska.header import read_layout

MAX_HEADER_BYTES = 64 << 20
_MAX_CLUSTERS = 1_000_000
"""A second's walk, and a film of days; nothing else would end the walk over a file of empty ones."""

_EBML, _SEGMENT, _CLUSTER, _SEEK_HEAD = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x114D9B74
_INFO, _TRACKS, _CUES, _TAGS = 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1254C367
_CHAPTERS, _ATTACHMENTS, _VOID, _CRC = 0x1043A770, 0x1941A469, 0xEC, 0xBF
_SEEK, _SEEK_ID, _SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
_HEADER = frozenset({_SEEK_HEAD, _INFO, _TRACKS, _CUES, _TAGS, _CHAPTERS, _ATTACHMENTS, _VOID, _CRC})
# quirks.MOVED_TRACKS
_TAIL = _HEADER - {_INFO, _TRACKS}


class HeaderRefused(FileError):
    """The header of this video cannot be edited in place with certainty. Nothing was touched."""


class Regions(NamedTuple):
    """Offsets in bytes: the header is `[0, clusters)`, the tail `[tail, size)`."""

    size: int
    clusters: int
    first_cluster_end: int
    tail: int


def read_regions(file: OpenFile) -> Regions:
    """Find header and tail. Raises HeaderRefused."""
    shown = os.fsdecode(file.path)
    try:
        with open_source(os.fsdecode(file.tool_path)) as source:
            return _Walk(source).regions()
    except (ProbeError, HeaderRefused) as error:
        raise HeaderRefused(shown, error.detail) from error


def track_numbers(file: OpenFile) -> dict[int, int]:
    """Return the track number of every stream index. Raises HeaderRefused when two have the same."""
    shown = os.fsdecode(file.path)
    try:
        layout = read_layout(os.fsdecode(file.tool_path))
    except ProbeError as error:
        raise HeaderRefused(shown, error.detail) from error
    numbers = [track.number for track in layout.tracks]
    if len(set(numbers)) != len(numbers) or 0 in numbers:
        raise HeaderRefused(shown, "two tracks have the same number")
    return {index: number for number, index in layout.stream_indexes().items()}


class _Walk:
    """One look at a file's top-level elements."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._end = source.size
        self._start = 0
        self._seen: set[int] = set()
        self._targets: dict[int, int] = {}
        self._bytes = 0

    def regions(self) -> Regions:
        self._open_segment()
        cluster = self._walk_header()
        if cluster.end is None:
            raise self._refused("a cluster has no size")
        if not {_INFO, _TRACKS} <= self._seen:
            raise self._refused("its tracks are not described in front of the clusters")
        if _SEEK_HEAD in self._seen:
            tail = self._tail_by_seek_head(cluster)
        else:
            tail = self._tail_by_walking(cluster)
        if not cluster.end <= tail <= self._end:
            raise self._refused("the first cluster does not end where it should")
        self._walk_tail(cluster, tail)
        return Regions(self._end, cluster.offset, cluster.end, tail)

    def _open_segment(self) -> None:
        head = self._source.element(0)
        if head.id != _EBML or head.end is None or head.end > MAX_HEADER_BYTES:
            raise self._refused("does not begin with an EBML header")
        segment = self._source.element(head.end)
        if segment.id != _SEGMENT:
            raise self._refused("has something in front of its segment")
        if segment.end is None:
            raise self._refused("the segment's size is unknown")
        if segment.end != self._end:
            raise self._refused("the segment does not end with the file")
        self._start = segment.start

    def _walk_header(self) -> Element:
        """Return the first cluster."""
        offset = self._start
        while offset < self._end:
            element = self._source.element(offset)
            if element.id == _CLUSTER:
                return element
            offset = self._take(element, _HEADER)
        raise self._refused("holds no clusters")

    def _take(self, element: Element, known: frozenset[int]) -> int:
        """Take in an element outside the clusters; return where it ends."""
        if element.id not in known:
            raise self._refused(f"holds an unknown element at byte {element.offset}")
        if element.end is None or element.size is None or element.end > self._end:
            raise self._refused(f"an element at byte {element.offset} has no size")
        if element.id in (_INFO, _TRACKS) and element.id in self._seen:
            raise self._refused("describes its tracks twice")
        self._bytes += element.end - element.offset
        if self._bytes > MAX_HEADER_BYTES:
            raise self._refused(f"more than {MAX_HEADER_BYTES >> 20} MiB of header")
        self._seen.add(element.id)
        if element.id == _SEEK_HEAD:
            self._read_seek_head(self._source.read(element.start, element.size))
        return element.end

    def _read_seek_head(self, data: bytes) -> None:
        for kind, seek in children_of(data):
            if kind == _SEEK:
                fields = dict(children_of(seek))
                position = self._start + int.from_bytes(fields.get(_SEEK_POSITION, b""), "big")
                self._targets[position] = int.from_bytes(fields.get(_SEEK_ID, b""), "big")

    def _tail_by_seek_head(self, cluster: Element) -> int:
        return min((offset for offset in self._targets if offset > cluster.offset), default=self._end)

    def _tail_by_walking(self, cluster: Element) -> int:
        offset, steps = cluster.offset, 0
        while offset < self._end:
            steps += 1
            if steps > _MAX_CLUSTERS:
                raise self._refused("has no index, and more clusters than are walked")
            element = self._source.element(offset)
            if element.id != _CLUSTER:
                break
            if element.end is None:
                raise self._refused("a cluster has no size")
            offset = element.end
        return offset

    def _walk_tail(self, cluster: Element, tail: int) -> None:
        starts = {}
        offset = tail
        while offset < self._end:
            element = self._source.element(offset)
            starts[offset] = element.id
            offset = self._take(element, _TAIL)
        for offset, identifier in self._targets.items():
            if offset > cluster.offset and starts.get(offset) != identifier:
                raise self._refused("its index of elements is wrong")

    def _refused(self, reason: str) -> HeaderRefused:
        return HeaderRefused(self._source.path, reason)
