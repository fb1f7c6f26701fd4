"""Matroska (RFC 9559) without FFmpeg: is the file whole, and how many frames does each track hold?

Counting reads block headers only, so a film of 50 GB costs some megabytes of reads.
"""

from __future__ import annotations

import math
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from vpo_tasks.errors import ProbeError
from vpo_tasks.media.ebml import VINT_LENGTH, Source, children_of, open_source
from vpo_tasks.media.lacing import HEAD_BYTES, LACING, find_frame
from vpo_tasks.media.picture import DOLBY_VISION_BOXES, Picture, dolby_vision_profile

_EBML, _DOC_TYPE = 0x1A45DFA3, 0x4282
_SEGMENT, _INFO, _TRACKS, _CLUSTER = 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
_TIMESTAMP_SCALE, _TRACK_ENTRY = 0x2AD7B1, 0xAE
_NUMBER, _TYPE, _CODEC_ID = 0xD7, 0x83, 0x86
_DEFAULT_DURATION, _CODEC_DELAY, _TRACK_SCALE = 0x23E383, 0x56AA, 0x23314F
_CONTENT_ENCODINGS = 0x6D80
_VIDEO, _PROJECTION, _PROJECTION_TYPE = 0xE0, 0x7670, 0x7671
_YAW, _PITCH, _ROLL = 0x7673, 0x7674, 0x7675
BLOCK_ADDITION_MAPPING, _ADDITION_TYPE, _ADDITION_DATA = 0x41E4, 0x41E7, 0x41ED
_TIMESTAMP, _BLOCK_GROUP, _BLOCK, _SIMPLE_BLOCK, _BLOCK_DURATION = 0xE7, 0xA0, 0xA1, 0xA3, 0x9B

_KIND = {1: "video", 2: "audio", 0x11: "subtitle", 0x21: "other"}
"""Track types that FFmpeg makes streams of; it leaves out the others (logos, buttons, controls)."""

_MAX_HEAD = 16 << 20
_WINDOW = 64
"""Bytes read at a time: a block's header, and the next one's when the block is small."""
_MARKED_FRAMES, _MARKED_BYTES = 32, 64
"""One frame in so many is looked at, and so much of it: it costs no more than a block header more."""

_PROGRESS_BLOCKS = 4096


class TrackEntry(NamedTuple):
    """One track of the Tracks element. Durations in nanoseconds, 0 when the file does not say."""

    number: int
    kind: str | None
    codec_id: str
    default_duration_ns: int = 0
    codec_delay_ns: int = 0
    scale: float = 1.0
    picture: Picture = Picture()
    is_compressed: bool = False
    """Its frames are not stored as they are."""


class Layout(NamedTuple):
    """The head of a Matroska file. Offsets and sizes in bytes."""

    doc_type: str
    file_size: int
    segment_start: int
    segment_end: int | None
    """None: the segment's size is unknown (a live recording)."""
    first_cluster: int | None
    timestamp_scale_ns: int
    tracks: tuple[TrackEntry, ...]

    @property
    def missing_bytes(self) -> int:
        """Bytes that the segment claims beyond the end of the file; 0 for a whole file."""
        return max((self.segment_end or 0) - self.file_size, 0)

    def stream_indexes(self) -> dict[int, int]:
        """Return track number -> FFmpeg's stream index: entries in file order that have a codec."""
        streams = [track.number for track in self.tracks if track.kind is not None and track.codec_id]
        return {number: index for index, number in enumerate(streams)}


class BlockCount(NamedTuple):
    """Frames of one track (each frame of a lace counts), and the first and last timestamp in nanoseconds."""

    blocks: int
    first_ns: int
    last_ns: int
    mark: str = ""
    """Of some frames, spread over the track: sizes and first bytes; empty when they are compressed."""


def read_layout(path: str) -> Layout:
    """Read the head of a Matroska file. Raise ProbeError when it is none or its head is damaged."""
    with open_source(path) as source:
        return _read_layout(source)


def _read_layout(source: Source) -> Layout:
    head = source.element(0)
    if head.id != _EBML or head.size is None or head.size > _MAX_HEAD:
        raise ProbeError(source.path, "is not a Matroska file")
    content = dict(children_of(source.read(head.start, head.size)))
    doc_type = content.get(_DOC_TYPE, b"matroska").rstrip(b"\0").decode("ascii", "replace")
    offset = head.start + head.size
    segment = source.element(offset)
    while segment.id != _SEGMENT:
        if segment.end is None:
            raise source.damaged(offset)
        offset = segment.end
        segment = source.element(offset)
    found: dict[int, bytes] = {}
    first_cluster = None
    offset, end = segment.start, min(segment.end or source.size, source.size)
    while offset < end:
        try:
            element = source.element(offset)
        except ProbeError:
            if _TRACKS in found:
                break
            raise
        if element.id == _CLUSTER:
            first_cluster = element.offset if first_cluster is None else first_cluster
            if _TRACKS in found:
                break
        elif element.id in (_INFO, _TRACKS) and element.size is not None:
            if element.size > _MAX_HEAD:
                raise source.damaged(offset)
            found.setdefault(element.id, source.read(element.start, element.size))
        if element.end is None:
            break
        offset = element.end
    info = dict(children_of(found.get(_INFO, b"")))
    return Layout(
        doc_type=doc_type,
        file_size=source.size,
        segment_start=segment.start,
        segment_end=segment.end,
        first_cluster=first_cluster,
        timestamp_scale_ns=_unsigned(info.get(_TIMESTAMP_SCALE)) or 1_000_000,
        tracks=tuple(
            _read_track(data) for kind, data in children_of(found.get(_TRACKS, b"")) if kind == _TRACK_ENTRY
        ),
    )


def _read_track(data: bytes) -> TrackEntry:
    fields = dict(children_of(data))
    return TrackEntry(
        number=_unsigned(fields.get(_NUMBER)),
        kind=_KIND.get(_unsigned(fields.get(_TYPE))),
        codec_id=fields.get(_CODEC_ID, b"").rstrip(b"\0").decode("ascii", "replace"),
        default_duration_ns=_unsigned(fields.get(_DEFAULT_DURATION)),
        codec_delay_ns=_unsigned(fields.get(_CODEC_DELAY)),
        scale=_float(fields.get(_TRACK_SCALE), 1.0),
        picture=_read_picture(data, fields.get(_VIDEO, b"")),
        is_compressed=_CONTENT_ENCODINGS in fields,
    )


def _read_picture(entry: bytes, video: bytes) -> Picture:
    rotation, mirrored = _read_projection(dict(children_of(video)).get(_PROJECTION, b""))
    mappings = [data for kind, data in children_of(entry) if kind == BLOCK_ADDITION_MAPPING]
    profiles = [profile for data in mappings if (profile := mapped_dolby_vision(data))]
    return Picture(rotation, mirrored, profiles[0] if profiles else None)


def _read_projection(data: bytes) -> tuple[int, bool]:
    """Return rotation and mirroring of a flat picture, as FFmpeg takes them; none for a panorama."""
    fields = dict(children_of(data))
    yaw, pitch, roll = (_float(fields.get(name), 0.0) for name in (_YAW, _PITCH, _ROLL))
    flat = not _unsigned(fields.get(_PROJECTION_TYPE)) and pitch == 0.0 and yaw in (0.0, 180.0, -180.0)
    return (round(roll) % 360, yaw != 0.0) if flat and math.isfinite(roll) else (0, False)


def mapped_dolby_vision(data: bytes) -> str | None:
    """Return the profile when a BlockAdditionMapping holds a Dolby Vision configuration."""
    fields = dict(children_of(data))
    kind = _unsigned(fields.get(_ADDITION_TYPE)).to_bytes(8, "big")[4:]
    return dolby_vision_profile(fields.get(_ADDITION_DATA, b"")) if kind in DOLBY_VISION_BOXES else None


def _unsigned(data: bytes | None) -> int:
    return int.from_bytes(data[:8], "big") if data else 0


def _float(data: bytes | None, default: float) -> float:
    layout = {4: ">f", 8: ">d"}.get(len(data or b""))
    return float(struct.unpack(layout, data or b"")[0]) if layout else default


def count_blocks(path: str, on_progress: Callable[[], None] | None = None) -> dict[int, BlockCount]:
    """Walk every cluster; return track number -> frames and timestamps.

    Raise ProbeError where the structure breaks; `on_progress` is called every few thousand blocks.
    """
    with open_blocks(path) as blocks:
        blocks.walk(on_progress or _nothing)
        return blocks.counts()


@contextmanager
def open_blocks(path: str) -> Iterator[BlockWalk]:
    """Open a file for a walk over its blocks. Raise ProbeError where it cannot be counted so."""
    with open_source(path) as source:
        layout = _read_layout(source)
        if any(track.scale != 1.0 for track in layout.tracks):
            raise ProbeError(path, "uses a track timestamp scale")
        if layout.missing_bytes:
            raise ProbeError(path, f"truncated: {layout.missing_bytes} bytes missing")
        yield BlockWalk(source, layout)


def _nothing() -> None:
    """Report progress to nobody."""


class BlockWalk:
    """One pass over the clusters of a segment, all at once or bit by bit."""

    def __init__(self, source: Source, layout: Layout) -> None:
        self._source = source
        self._end = min(layout.segment_end or source.size, source.size)
        self._position = self._end if layout.first_cluster is None else layout.first_cluster
        # where the current cluster ends, whether there is one, and its time
        self._limit, self._inside, self._cluster_tick = self._end, False, 0
        self._scale = layout.timestamp_scale_ns
        self._entries = {track.number: track for track in layout.tracks}
        self._tally: dict[int, list[int]] = {}  # number -> frames, first tick, last tick, checksum

    def counts(self) -> dict[int, BlockCount]:
        result = {}
        for number, (blocks, first, last, checksum) in self._tally.items():
            entry = self._entries.get(number)
            # FFmpeg takes the codec delay off in ticks, rounded half away from zero
            delay = ((entry.codec_delay_ns if entry else 0) + self._scale // 2) // self._scale
            mark = "" if entry is None or entry.is_compressed else f"{checksum:08x}"
            times = (first - delay) * self._scale, (last - delay) * self._scale
            result[number] = BlockCount(blocks, *times, mark)
        return result

    def walk(self, on_progress: Callable[[], None], until: int | None = None) -> None:
        """Count from where the walk is to the end, or to the first element at or behind `until`.

        Raise ProbeError where the structure breaks; then there is nothing to go on with.
        """
        try:
            self._walk(on_progress, self._end if until is None else min(until, self._end))
        except IndexError as error:
            raise self._source.damaged(self._position) from error

    def _walk(self, on_progress: Callable[[], None], stop: int) -> None:
        """Step through the elements, into clusters and over everything else.

        The one loop of the program that runs millions of times: header parsing is in line.
        """
        pread, descriptor, lengths = os.pread, self._source.descriptor, VINT_LENGTH
        end, position = self._end, self._position
        window, base = b"", position
        limit, inside, cluster_tick = self._limit, self._inside, self._cluster_tick
        steps = 0
        while position < stop:
            if position >= limit:
                limit, inside = end, False
            at = position - base
            if at + 32 > len(window):
                window, base, at = pread(descriptor, _WINDOW, position), position, 0
            self._position = position
            steps += 1
            if not steps % _PROGRESS_BLOCKS:
                on_progress()
            id_length = lengths[window[at]]
            size_at = at + id_length
            size_length = lengths[window[size_at]]
            data_at = size_at + size_length
            if not 0 < id_length <= 4 or not size_length or data_at > len(window):
                raise self._source.damaged(position)
            kind = int.from_bytes(window[at:size_at], "big")
            mask = (1 << 7 * size_length) - 1
            size = int.from_bytes(window[size_at:data_at], "big") & mask
            start = base + data_at
            if kind == _CLUSTER:
                limit = end if size == mask else start + size
                if limit > end:
                    raise self._source.damaged(position)
                position, inside, cluster_tick = start, True, 0
                continue
            following = start + size
            if size == mask or following > limit:
                raise self._source.damaged(position)
            if id_length == 4:  # no child of a cluster has so long an identifier: one of unknown size ends
                limit, inside = end, False
            elif inside:
                if kind == _SIMPLE_BLOCK:
                    self._count(window[data_at:], start, following, cluster_tick, 0)
                elif kind == _BLOCK_GROUP:
                    self._count_group(start, following, cluster_tick)
                elif kind == _TIMESTAMP:
                    cluster_tick = int.from_bytes(window[data_at : data_at + min(size, 8)], "big")
            position = following
        self._position, self._limit = position, limit
        self._inside, self._cluster_tick = inside, cluster_tick

    def _count_group(self, start: int, end: int, cluster_tick: int) -> None:
        head = self._source.read(start, min(_WINDOW, end - start))
        if head[0] == _BLOCK:
            data_at = 1 + VINT_LENGTH[head[1]]
            size = int.from_bytes(head[1:data_at], "big") & ((1 << 7 * (data_at - 1)) - 1)
            flags = head[data_at + VINT_LENGTH[head[data_at]] + 2]
            if not flags & LACING:  # the group's duration does not matter
                begin = start + data_at
                self._count(head[data_at:], begin, begin + size, cluster_tick, 0)
                return
        block, duration = None, 0
        for child in self._source.children(start, end):
            if child.id == _BLOCK:
                block = child
            elif child.id == _BLOCK_DURATION and child.size is not None:
                duration = _unsigned(self._source.read(child.start, min(child.size, 8)))
        if block is not None:
            head = self._source.read(block.start, _WINDOW)
            self._count(head, block.start, block.end or end, cluster_tick, duration)

    def _count(self, data: bytes, start: int, end: int, cluster_tick: int, duration: int) -> None:
        """Count one block, which lies between `start` and `end` and begins with `data`.

        `duration` is its BlockDuration in ticks or 0.
        """
        length = VINT_LENGTH[data[0]]
        if end - start <= length + 3:
            return  # AVI's "the same picture again": FFmpeg writes it as an empty block, and reads it as none
        number = int.from_bytes(data[:length], "big") & ((1 << 7 * length) - 1)
        offset = (data[length] << 8) | data[length + 1]
        first = cluster_tick + (offset - 0x10000 if offset & 0x8000 else offset)
        flags = data[length + 2]
        # behind the flags, when frames are laced, their number less one
        frames = data[length + 3] + 1 if flags & LACING else 1
        last = first
        if frames > 1:
            entry = self._entries.get(number)
            frame_ticks = duration / frames or (entry.default_duration_ns if entry else 0) / self._scale
            last += round(frame_ticks * (frames - 1))
        tally = self._tally.setdefault(number, [0, first, last, 0])
        marked = -tally[0] % _MARKED_FRAMES
        if marked < frames:
            tally[3] = self._mark(flags, start + length + 3, end, marked, tally[3])
        tally[0] += frames
        tally[1] = min(tally[1], first)
        tally[2] = max(tally[2], last)

    def _mark(self, flags: int, start: int, end: int, number: int, checksum: int) -> int:
        """Return the checksum with a frame taken in: the one with a number in the block behind its flags."""
        head = self._source.read(start, min(HEAD_BYTES, end - start)) if flags & LACING else b""
        at, size = find_frame(flags, head, end - start, number)
        beginning = self._source.read(start + at, max(0, min(_MARKED_BYTES, size)))
        return zlib.crc32(b"%d:%b" % (size, beginning), checksum)
