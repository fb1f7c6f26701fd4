"""How many packets each stream really holds, by the cheapest way that is exact.

Matroska: block headers. MP4: the index. The rest, and what these cannot vouch for: every packet is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vpo_tasks.errors import ProbeError
from vpo_tasks.media.av_reading import explain, open_container
from vpo_tasks.media.matroska import count_blocks, read_layout
from vpo_tasks.media.model import MediaInfo, StreamCount
from vpo_tasks.media.mp4 import MovieTrack, read_movie

_PROGRESS_PACKETS = 512


def count_packets(
    path: str, media: MediaInfo, on_progress: Callable[[], None] = lambda: None, *, demux: bool = False
) -> tuple[StreamCount, ...]:
    """Return a count for every track of `media` but the attachments, in order.

    `demux` reads every packet whatever the container. Frames of a Matroska lace count one each; their times
    are within a tick of FFmpeg's. Raise ProbeError when the file cannot be read to its end.
    """
    counts = None
    if not demux and media.container == "mkv":
        counts = _count_matroska(path, media, on_progress)
    elif not demux and media.container in ("mp4", "mov"):
        counts = _count_movie(path, media)
    return counts if counts is not None else _count_demuxed(path, media, on_progress)


def _count_matroska(
    path: str, media: MediaInfo, on_progress: Callable[[], None]
) -> tuple[StreamCount, ...] | None:
    indexes = read_layout(path).stream_indexes()
    tracks = [track for track in media.tracks if track.type != "attachment"]
    if sorted(indexes.values()) != [track.index for track in tracks]:
        return None  # FFmpeg took some entry for something else than we do
    try:
        blocks = count_blocks(path, on_progress)
    except ProbeError:
        return None  # FFmpeg finds its way past damage; the count must be of what it would find
    found = {indexes[number]: count for number, count in blocks.items() if number in indexes}
    return tuple(
        StreamCount(track.index, count.blocks, count.first_ns / 1e9, count.last_ns / 1e9, count.mark)
        if (count := found.get(track.index))
        else StreamCount(track.index, 0, None, None)
        for track in tracks
    )


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
        return StreamCount(stream.index, count, first, last)
    # FFmpeg's index holds decoding times only; ours are good while the edit list cuts nothing
    if count != entry.samples or not entry.is_whole:
        return None
    return StreamCount(stream.index, count, entry.first_s, entry.last_s)


def _count_demuxed(path: str, media: MediaInfo, on_progress: Callable[[], None]) -> tuple[StreamCount, ...]:
    wanted = [track.index for track in media.tracks if track.type != "attachment"]
    packets = dict.fromkeys(wanted, 0)
    first: dict[int, float] = {}
    last: dict[int, float] = {}
    with open_container(path) as container:
        try:
            for step, packet in enumerate(container.demux()):
                if not step % _PROGRESS_PACKETS:
                    on_progress()
                index = packet.stream_index
                ticks = packet.dts if packet.pts is None else packet.pts
                if index not in packets or (ticks is None and not packet.size):
                    continue  # PyAV ends every stream with an empty packet
                packets[index] += 1
                if ticks is not None:
                    seconds = float(ticks * packet.time_base)
                    first[index] = min(first.get(index, seconds), seconds)
                    last[index] = max(last.get(index, seconds), seconds)
        except (OSError, ValueError) as error:
            raise ProbeError(path, f"could not be read to its end: {explain(error)}") from error
    return tuple(StreamCount(index, packets[index], first.get(index), last.get(index)) for index in wanted)
