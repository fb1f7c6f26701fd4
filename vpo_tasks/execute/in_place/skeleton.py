"""A video's skeleton: a sparse file with its header and tail, and what a tool's edit of it would change.

It lies in the local state folder, not beside the video: network and removable filesystems often have no
sparse files, and there it would cost the video's size.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from vpo_tasks.disk import fsops
from vpo_tasks.disk.folders import OpenFile, Place
from vpo_tasks.disk.fsops import Sidecars
from vpo_tasks.disk.journal import Range
from vpo_tasks.disk.system_calls import Disk
from vpo_tasks.execute.in_place.layout import HeaderRefused, Regions, read_regions

MAX_CHANGED_BYTES = 8 << 20
_WHOLE_BYTES = 4 << 20
"""Clusters that take no more than this are copied as they are."""
_FIRST_BYTES = 1 << 20
"""A first cluster of this size at most is copied, so that a reader finds some packets."""
_CHUNK = 1 << 20
_BLOCK = 4096
_GAP = 32
"""Changes nearer to each other than this are written as one."""
_FILLER_BYTES = 24


class HeaderChange(NamedTuple):
    """What changes. The file's end: of both files, what lies beyond the other's size."""

    new_size: int
    ranges: tuple[Range, ...]
    old_end: bytes
    new_end: bytes

    @property
    def is_empty(self) -> bool:
        """True when nothing changes."""
        return not (self.ranges or self.old_end or self.new_end)

    @property
    def written_bytes(self) -> int:
        """Return how many bytes of the video are written."""
        return sum(len(item.new) for item in self.ranges) + len(self.new_end)


class Skeleton(NamedTuple):
    """A skeleton, in our own state folder. `hole` is the span that is neither copied nor described."""

    path: bytes
    file: OpenFile
    """The video, open."""
    regions: Regions
    filler: tuple[int, bytes]
    hole: tuple[int, int]

    @property
    def video(self) -> str:
        return os.fsdecode(self.file.path)


@contextmanager
def skeleton_of(disk: Disk, names: Sidecars, file: OpenFile, regions: Regions) -> Iterator[Skeleton]:
    """Make the skeleton at `names.part`, and remove it in the end. Raises OSError or HeaderRefused."""
    skeleton = _describe(names.part.path, file, regions)
    fsops.remove(disk, names.part)
    try:
        _fill(disk, names.part, skeleton)
        yield skeleton
    finally:
        fsops.remove(disk, names.part)


def changes_in(skeleton: Skeleton) -> HeaderChange:
    """Compare an edited skeleton with its video. Raises HeaderRefused when the edit did more than it may."""
    video, regions = skeleton.video, skeleton.regions
    edited = os.open(skeleton.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        try:
            after = read_regions(OpenFile(edited, skeleton.path))
        except HeaderRefused as error:
            raise HeaderRefused(video, f"after mkvpropedit: {error.detail}") from error
        if after.clusters != regions.clusters or after.size < regions.tail:
            raise HeaderRefused(video, "mkvpropedit would move the clusters")
        source = skeleton.file.fd
        _check_clusters(skeleton, source, edited)
        shorter = min(regions.size, after.size)
        spans = ((0, regions.clusters), (regions.tail, shorter))
        ranges = tuple(item for start, end in spans for item in _differences(source, edited, start, end))
        old_end = _read(source, shorter, regions.size)
        new_end = _read(edited, shorter, after.size)
    finally:
        os.close(edited)
    edit = HeaderChange(after.size, ranges, old_end, new_end)
    if edit.written_bytes + len(old_end) > MAX_CHANGED_BYTES:
        raise HeaderRefused(video, "too much of the header would change")
    return edit


def _describe(path: bytes, file: OpenFile, regions: Regions) -> Skeleton:
    """Decide what stands for the clusters: themselves when they are small, else one that is a hole."""
    start, end = regions.clusters, regions.tail
    if end - start > _WHOLE_BYTES and regions.first_cluster_end - start <= _FIRST_BYTES:
        start = regions.first_cluster_end
    if end - start <= _WHOLE_BYTES:
        return Skeleton(path, file, regions, (end, b""), (end, end))
    return Skeleton(path, file, regions, (start, _filler(end - start)), (start + _FILLER_BYTES, end))


def _filler(size: int) -> bytes:
    """Return the beginning of a cluster of `size` bytes whose content every reader skips in one step."""
    cluster = b"\x1f\x43\xb6\x75" + (size - 12 | 1 << 56).to_bytes(8, "big") + b"\xe7\x81\x00"
    return cluster + b"\xec" + (size - _FILLER_BYTES | 1 << 56).to_bytes(8, "big")


def _fill(disk: Disk, place: Place, skeleton: Skeleton) -> None:
    source = skeleton.file.fd
    fd = disk.create_scratch(place)
    try:
        disk.truncate(fd, skeleton.regions.size)
        if os.fstat(fd).st_blocks * 512 > _WHOLE_BYTES:
            raise HeaderRefused(skeleton.video, "the state folder's filesystem has no sparse files")
        for start, end in ((0, skeleton.filler[0]), (skeleton.regions.tail, skeleton.regions.size)):
            for offset in range(start, end, _CHUNK):
                disk.write_at(fd, offset, _read(source, offset, min(end, offset + _CHUNK)))
        disk.write_at(fd, *skeleton.filler)
    finally:
        os.close(fd)


def _check_clusters(skeleton: Skeleton, source: int, edited: int) -> None:
    """Raise HeaderRefused when what stands for the clusters is not as it was made."""
    start, filler = skeleton.filler
    copied = _differences(source, edited, skeleton.regions.clusters, start)
    if next(copied, None) or os.pread(edited, len(filler), start) != filler or _holds_data(skeleton, edited):
        raise HeaderRefused(skeleton.video, "mkvpropedit would write among the clusters")


def _holds_data(skeleton: Skeleton, edited: int) -> bool:
    """Tell whether anything was written into the hole; at its edges blocks hold other data too."""
    start, end = skeleton.hole
    if start == end:
        return False
    inner_start, inner_end = start + _CHUNK, end - _CHUNK
    for first, last in ((start, inner_start), (inner_end, end)):
        if any(_read(edited, first, last)):
            return True
    if not hasattr(os, "SEEK_DATA"):
        return True
    try:
        return os.lseek(edited, inner_start, os.SEEK_DATA) < inner_end
    except OSError as error:
        if error.errno == errno.ENXIO:  # a hole up to the end of the file
            return False
        raise


def _differences(one: int, other: int, start: int, end: int) -> Iterator[Range]:
    """Yield where two files differ between two offsets, neighbouring bytes together."""
    pending: Range | None = None
    for item in _raw_differences(one, other, start, end):
        if pending is None:
            pending = item
        elif item.offset - pending.offset - len(pending.old) <= _GAP:
            first, last = pending.offset, item.offset + len(item.old)
            pending = Range(first, _read(one, first, last), _read(other, first, last))
        else:
            yield pending
            pending = item
    if pending is not None:
        yield pending


def _raw_differences(one: int, other: int, start: int, end: int) -> Iterator[Range]:
    """Yield for every block that differs the span from its first to its last differing byte."""
    for chunk in range(start, end, _CHUNK):
        stop = min(end, chunk + _CHUNK)
        old, new = _read(one, chunk, stop), _read(other, chunk, stop)
        if old == new:
            continue
        for at in range(0, len(old), _BLOCK):
            a, b = old[at : at + _BLOCK], new[at : at + _BLOCK]
            if a != b:
                places = [place for place, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
                first, last = places[0], places[-1] + 1
                yield Range(chunk + at + first, a[first:last], b[first:last])


def _read(fd: int, start: int, end: int) -> bytes:
    """Return the bytes between two offsets. Raises OSError when the file ends before."""
    parts = []
    while start < end:
        part = os.pread(fd, end - start, start)
        if not part:
            raise OSError(errno.EIO, "the file became shorter while it was read")
        parts.append(part)
        start += len(part)
    return b"".join(parts)
