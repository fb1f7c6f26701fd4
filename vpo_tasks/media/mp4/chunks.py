"""Whether the index of an MP4 names all of the media data: a bit that flips in it makes packets shrink.

FFmpeg believes the index, and so does every copy. In what muxers write the data lies without gaps: where a
chunk ends, the next one begins.
"""

from __future__ import annotations

import array
import struct
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple


class Extent(NamedTuple):
    """What the index says of one track: the bytes of its packets, and by how many its chunks miss the next.

    `astray` are bytes between the end of a chunk and what follows, and bytes that are another's too.
    """

    size: int
    astray: int


class Chunks(NamedTuple):
    """The chunks of one track: where each begins and how long it is."""

    offsets: Sequence[int]
    sizes: Sequence[int]


def read_chunks(tables: Mapping[bytes, bytes]) -> Chunks | None:
    """Read the contents of `stsz` or `stz2`, `stsc`, and `stco` or `co64`; None where there are no samples.

    Raise struct.error for what is cut off.
    """
    ends = _read_sizes(tables)
    runs, offsets, large_offsets = (tables.get(kind, b"") for kind in (b"stsc", b"stco", b"co64"))
    if ends is None or not runs:
        return None
    begins = _numbers(offsets[8:], "I") if offsets else _numbers(large_offsets[8:], "Q")
    found, done = [], 0
    for samples in _samples_of(_numbers(runs[8:], "I"), len(begins)):
        found.append(ends.between(done, done + samples))
        done += samples
    return Chunks(begins, found)


def extents(tracks: Sequence[Chunks], data: Sequence[tuple[int, int]]) -> list[Extent]:
    """Return what each track's chunks come to; `data` is where the boxes with media data begin and end."""
    limits = sorted({
        *(offset for track in tracks for offset in track.offsets), *(end for _, end in data)
    })  # fmt: skip
    return [_extent(track, limits) for track in tracks]


def _extent(track: Chunks, limits: Sequence[int]) -> Extent:
    astray = 0
    for offset, size in zip(track.offsets, track.sizes, strict=False):
        at = bisect_right(limits, offset)
        if at < len(limits):
            astray += abs(limits[at] - offset - size)
    return Extent(sum(track.sizes), astray)


def _read_sizes(tables: Mapping[bytes, bytes]) -> _Uniform | _Each | None:
    sizes, compact = tables.get(b"stsz", b""), tables.get(b"stz2", b"")
    if sizes:
        uniform, count = struct.unpack_from(">II", sizes, 4)
        return _Uniform(uniform, count) if uniform else _Each(_numbers(sizes[12:], "I")[:count])
    if not compact:
        return None
    width, count = struct.unpack_from(">BI", compact, 7)
    body = compact[12:]
    if width == 4:
        return _Each([half for byte in body for half in (byte >> 4, byte & 15)][:count])
    return _Each(_numbers(body, "B" if width == 8 else "H")[:count])


class _Uniform:
    """Sizes of samples that are all the same; their number may be a lie of billions."""

    def __init__(self, size: int, count: int) -> None:
        self._size, self._count = size, count

    def between(self, first: int, end: int) -> int:
        return self._size * max(0, min(end, self._count) - first)


class _Each:
    """Sizes of samples one by one."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self._ends = [0, *accumulate(sizes)]

    def between(self, first: int, end: int) -> int:
        last = len(self._ends) - 1
        return self._ends[min(end, last)] - self._ends[min(first, last)]


def _samples_of(runs: Sequence[int], chunks: int) -> Iterator[int]:
    """Yield how many samples each chunk has, from (first chunk, samples, description) counted from 1."""
    done = 0  # a damaged table goes back: no chunk is counted twice
    for at in range(0, len(runs) - 2, 3):
        until = min(runs[at + 3] - 1 if at + 3 < len(runs) else chunks, chunks)
        for _ in range(max(runs[at] - 1, done), until):
            yield runs[at + 1]
        done = max(done, until)


def _numbers(data: bytes, kind: str) -> Sequence[int]:
    found = array.array(kind)
    found.frombytes(data[: len(data) // found.itemsize * found.itemsize])
    if sys.byteorder == "little":
        found.byteswap()
    return found
