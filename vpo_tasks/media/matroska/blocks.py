"""How many frames each track of a Matroska file (RFC 9559) holds, and from when to when; laces included."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from vpo_tasks.errors import ProbeError
from vpo_tasks.media.matroska.ebml import VINT_LENGTH, Source, open_source
from vpo_tasks.media.matroska.header import CLUSTER, Layout, tracks_layout, unsigned

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


_TIMESTAMP, _BLOCK_GROUP, _BLOCK, _SIMPLE_BLOCK, _BLOCK_DURATION = 0xE7, 0xA0, 0xA1, 0xA3, 0x9B

_WINDOW = 64
"""Bytes read at a time: a block's header, and the next one's when the block is small."""
_MARKED_FRAMES, _MARKED_BYTES = 32, 64
"""One frame in so many is looked at, and so much of it: it costs no more than a block header more."""

_PROGRESS_BLOCKS = 4096


class BlockCount(NamedTuple):
    """Frames of one track (each frame of a lace counts), and the first and last timestamp in nanoseconds."""

    blocks: int
    first_ns: int
    last_ns: int
    size: int | None = None
    """The bytes of all frames, a bit more where they are laced; None when they are compressed."""
    mark: str = ""
    """Of some frames, spread over the track: sizes and first bytes; empty when they are compressed."""


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
        layout = tracks_layout(source)
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
        self._tally: dict[int, list[int]] = {}  # number -> frames, first tick, last tick, checksum, bytes
        self._unsure: dict[int, int] = {}  # number -> tick of the last lace whose frames tell no duration

    def counts(self) -> dict[int, BlockCount]:
        """Return what was counted so far. Raise ProbeError where the blocks do not tell when a track ends."""
        result = {}
        for number, (blocks, first, last, checksum, size) in self._tally.items():
            if self._unsure.get(number, last - 1) >= last:
                # mkvmerge laces Vorbis, whose packets differ in length: only a parser knows when one begins
                raise ProbeError(self._source.path, f"track {number} ends in laced frames without a duration")
            entry = self._entries.get(number)
            # FFmpeg takes the codec delay off in ticks, rounded half away from zero
            delay = ((entry.codec_delay_ns if entry else 0) + self._scale // 2) // self._scale
            is_plain = entry is not None and not entry.is_compressed
            mark = f"{checksum:08x}" if is_plain else ""
            times = (first - delay) * self._scale, (last - delay) * self._scale
            result[number] = BlockCount(blocks, *times, size if is_plain else None, mark)
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
            if kind == CLUSTER:
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
                duration = unsigned(self._source.read(child.start, min(child.size, 8)))
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
            if not frame_ticks:
                self._unsure[number] = first
        tally = self._tally.setdefault(number, [0, first, last, 0, 0])
        marked = -tally[0] % _MARKED_FRAMES
        if marked < frames:
            tally[3] = self._mark(flags, start + length + 3, end, marked, tally[3])
        tally[0] += frames
        tally[4] += end - start - length - 3
        tally[1] = min(tally[1], first)
        tally[2] = max(tally[2], last)

    def _mark(self, flags: int, start: int, end: int, number: int, checksum: int) -> int:
        """Return the checksum with a frame taken in: the one with a number in the block behind its flags."""
        head = self._source.read(start, min(HEAD_BYTES, end - start)) if flags & LACING else b""
        at, size = find_frame(flags, head, end - start, number)
        beginning = self._source.read(start + at, max(0, min(_MARKED_BYTES, size)))
        return zlib.crc32(b"%d:%b" % (size, beginning), checksum)
