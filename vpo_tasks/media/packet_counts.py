"""How many packets each stream really holds, by the cheapest way that is exact.

Matroska: block headers. MP4: the index. The rest, and what these cannot vouch for: every packet is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import msgspec

from vpo_tasks.errors import ProbeError
from vpo_tasks.media.av_reader import failure, open_container
from vpo_tasks.media.matroska.blocks import BlockCount, count_blocks, open_blocks
from vpo_tasks.media.matroska.header import read_layout
from vpo_tasks.media.model import MediaInfo, Shown, StreamCount
from vpo_tasks.media.mp4.movie import MovieTrack, read_extents, read_movie

_PROGRESS_PACKETS = 512


def count_packets(
    path: str, media: MediaInfo, on_progress: Callable[[], None] = lambda: None, *, demux: bool = False
) -> tuple[StreamCount, ...]:
    """Return a count for every track of `media` but the attachments, in order.

    `demux` reads every packet whatever the container, and looks for the first key frame. Frames of a Matroska
    lace count one each; their times are within a tick of FFmpeg's. Raise ProbeError when the file cannot be
    read to its end.
    """
    counts = None
    if not demux and media.container == "mkv":
        counts = _count_matroska(path, media, on_progress)
    elif not demux and media.container in ("mp4", "mov"):
        counts = _count_movie(path, media)
    if counts is None:
        counts = _count_demuxed(path, media, on_progress, finds_key_frame=demux)
    return _with_extents(path, counts) if media.container in ("mp4", "mov") else counts


def _with_extents(path: str, counts: tuple[StreamCount, ...]) -> tuple[StreamCount, ...]:
    """Return the counts of an MP4 with what its index says of bytes, or the sum of its fragments."""
    told, media_bytes = read_extents(path)
    if not any(extent.size for extent in told.values()):
        return _with_rest(counts, media_bytes)
    with open_container(path) as container:
        extents = {stream.index: told.get(stream.id) for stream in container.streams}
    return tuple(
        msgspec.structs.replace(
            count, size=extent.size if count.size is None else count.size, astray=extent.astray
        )
        if (extent := extents.get(count.index))
        else count
        for count in counts
    )


def _count_matroska(
    path: str, media: MediaInfo, on_progress: Callable[[], None]
) -> tuple[StreamCount, ...] | None:
    indexes = _stream_indexes(path, media)
    if indexes is None:
        return None
    try:
        blocks = count_blocks(path, on_progress)
    except ProbeError:
        return None  # FFmpeg finds its way past damage; the count must be of what it would find
    return _as_counts(media, indexes, blocks)


def _stream_indexes(path: str, media: MediaInfo) -> dict[int, int] | None:
    """Return track number -> stream index; None when FFmpeg took some entry for something else than we do."""
    indexes = read_layout(path).stream_indexes()
    tracks = [track.index for track in media.tracks if track.type != "attachment"]
    return indexes if sorted(indexes.values()) == tracks else None


def _as_counts(
    media: MediaInfo, indexes: Mapping[int, int], blocks: Mapping[int, BlockCount]
) -> tuple[StreamCount, ...]:
    found = {indexes[number]: count for number, count in blocks.items() if number in indexes}
    return tuple(
        StreamCount(
            track.index,
            count.blocks,
            count.first_ns / 1e9,
            count.last_ns / 1e9,
            size=count.size,
            mark=count.mark,
        )
        if (count := found.get(track.index))
        else StreamCount(track.index, 0, None, None)
        for track in media.tracks
        if track.type != "attachment"
    )


def _with_rest(counts: tuple[StreamCount, ...], media_bytes: int) -> tuple[StreamCount, ...]:
    """Return the counts, the media data that nobody read laid to the largest stream."""
    largest = max(counts, key=lambda count: count.size or 0, default=None)
    rest = max(0, media_bytes - sum(count.size or 0 for count in counts))
    return tuple(
        msgspec.structs.replace(count, astray=rest) if count is largest else count for count in counts
    )


class Following:
    """A count of a Matroska file that goes along while somebody else reads it, a bit behind.

    So a file that is larger than the memory comes from the disk once. Close it, or count to the end.
    """

    def __init__(self, path: str, media: MediaInfo) -> None:
        """Raise ProbeError where it cannot be counted so."""
        self.path = path
        self._media = media
        indexes = _stream_indexes(path, media)
        if indexes is None:
            raise ProbeError(path, "has tracks that only a demuxer tells apart")
        self._indexes = indexes
        self._open = ExitStack()
        self._blocks = self._open.enter_context(open_blocks(path))

    def go_on(self, until: int, on_progress: Callable[[], None]) -> None:
        """Count up to an offset in bytes. Raise ProbeError where the structure breaks."""
        self._blocks.walk(on_progress, until)

    def finish(self, on_progress: Callable[[], None]) -> tuple[StreamCount, ...]:
        """Count the rest and return what `count_packets` would. Raise ProbeError as `go_on` does."""
        with self._open:
            self._blocks.walk(on_progress)
            return _as_counts(self._media, self._indexes, self._blocks.counts())

    def close(self) -> None:
        """Let go of the file. May be called again."""
        self._open.close()


def _count_movie(path: str, media: MediaInfo) -> tuple[StreamCount, ...] | None:
    """Count from FFmpeg's index of the file, to which edit lists were applied; None if that is not exact."""
    movie = read_movie(path)
    if movie.is_fragmented:
        return None
    known = {track.id: track for track in movie.tracks}
    counts = []
    with open_container(path) as container:
        streams = {stream.index: stream for stream in container.streams}
        for track in media.tracks:
            if track.type == "attachment":
                continue
            count = _count_index(streams.get(track.index), known)
            if count is None:
                return None
            counts.append(count)
    return tuple(counts)


def _count_index(stream: Any, known: Mapping[int, MovieTrack]) -> StreamCount | None:
    entry = known.get(stream.id) if stream is not None else None
    entries = getattr(stream, "index_entries", None)  # PyAV 17 on
    if entry is None or entries is None:
        return None
    count = len(entries)
    if count and not entry.is_reordered:
        first, last = (float(entries[at].timestamp * stream.time_base) for at in (0, -1))
        return StreamCount(stream.index, count, first, last, _shown_of(entries, stream.time_base))
    # FFmpeg's index holds decoding times only; ours are good while the edit list cuts nothing
    if count != entry.samples or not entry.is_whole:
        return None
    return StreamCount(stream.index, count, entry.first_s, entry.last_s)


def _shown_of(entries: Any, time_base: Any) -> Shown | None:
    """Return what an edit list leaves of frames in the order in which they are shown; it cuts at the ends."""
    start, end = 0, len(entries) - 1
    while start < end and entries[start].is_discard:
        start += 1
    while end > start and entries[end].is_discard:
        end -= 1
    if end - start + 1 == len(entries):
        return None
    first, last = (float(entries[at].timestamp * time_base) for at in (start, end))
    return Shown(end - start + 1, first, last)


class _Tally:
    """Packets of one stream, and the first and last of their times."""

    def __init__(self) -> None:
        self.packets = 0
        self.size = 0
        self.first: float | None = None
        self.last: float | None = None

    def add(self, seconds: float | None, size: int = 0) -> None:
        self.packets += 1
        self.size += size
        if seconds is not None:
            self.first = seconds if self.first is None else min(self.first, seconds)
            self.last = seconds if self.last is None else max(self.last, seconds)

    def count(self, index: int, shown: _Tally, *, cut: bool) -> StreamCount:
        part = None
        if shown.packets < self.packets and shown.first is not None and shown.last is not None:
            early_s = shown.first - self.first if cut and self.first is not None else 0.0
            part = Shown(shown.packets, shown.first, shown.last, early_s)
        return StreamCount(index, self.packets, self.first, self.last, part, self.size)


class _Beginning:
    """Tells which pictures of a recording that begins between two key frames hang on ones before it."""

    def __init__(self) -> None:
        self.cut = False
        self._began = False
        self._key_s: float | None = None

    def hides(self, packet: Any, seconds: float | None) -> bool:
        if not self._began:
            self._began, self.cut = True, not packet.is_keyframe
        if not self.cut:
            return False
        if self._key_s is None:
            if not packet.is_keyframe or seconds is None:
                return True
            self._key_s = seconds
        return seconds is not None and seconds < self._key_s


def _count_demuxed(
    path: str, media: MediaInfo, on_progress: Callable[[], None], *, finds_key_frame: bool
) -> tuple[StreamCount, ...]:
    wanted = [track.index for track in media.tracks if track.type != "attachment"]
    every = {index: _Tally() for index in wanted}
    shown = {index: _Tally() for index in wanted}
    pictures = {track.index: _Beginning() for track in media.of_type("video") if finds_key_frame}
    with open_container(path) as container:
        try:
            for step, packet in enumerate(container.demux()):
                if not step % _PROGRESS_PACKETS:
                    on_progress()
                index = packet.stream_index
                ticks = packet.dts if packet.pts is None else packet.pts
                if index not in every or (ticks is None and not packet.size):
                    continue  # PyAV ends every stream with an empty packet
                seconds = None if ticks is None else float(ticks * packet.time_base)
                every[index].add(seconds, packet.size)
                hidden = index in pictures and pictures[index].hides(packet, seconds)
                if not packet.is_discard and not hidden:
                    shown[index].add(seconds)
        except (OSError, ValueError) as error:
            raise failure(path, error, "could not be read to its end: ") from error
    return tuple(
        every[index].count(index, shown[index], cut=index in pictures and pictures[index].cut)
        for index in wanted
    )
