"""MP4 and QuickTime (ISO/IEC 14496-12) without FFmpeg: is the file whole, what does its index say?

Reads the box headers and the index (`moov`), never the media data.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from vpo_tasks.errors import ProbeError
from vpo_tasks.media.matroska.ebml import open_source
from vpo_tasks.media.mp4.chunks import Chunks, Extent, extents, read_chunks
from vpo_tasks.media.mp4.tree import walk_boxes
from vpo_tasks.media.picture import DOLBY_VISION_BOXES, Picture, dolby_vision_profile, orientation

_MAX_INDEX = 512 << 20
_DATA_BOXES = (b"moov", b"mdat", b"moof")
_HALF_FRAME_S = 0.004
_UNTURNED = (1, 0, 0, 1)
_VISUAL_ENTRY_BYTES = 78
_ENCRYPTED = frozenset({b"encv", b"enca", b"enct", b"encs", b"encm", b"drmi", b"drms"})
"""What a sample entry is called whose packets are encrypted (ISO/IEC 14496-12, 8.12), and by iTunes."""
_EDGE_SAMPLES = 256
"""Samples looked at from either end for the first and last time; frames are reordered over fewer."""


Matrix = tuple[int, int, int, int]


class MovieTrack(NamedTuple):
    """One track of the index. Times in seconds, None when the track is empty."""

    id: int
    name: str | None
    """`udta/name`: where ffmpeg and HandBrake write the title."""
    samples: int
    first_s: float | None
    last_s: float | None
    chapter_ids: tuple[int, ...] = ()
    """Tracks that hold the chapters' names and pictures for this one."""
    is_reordered: bool = False
    """Frames are stored in another order than they are shown in."""
    is_whole: bool = True
    """The edit list only shifts the track: one edit at most beside an initial gap, and no frame is cut."""
    picture: Picture = Picture()
    encrypted: bool = False
    language_tag: str | None = None
    """Its tag of BCP 47 (`elng`); beside it the packed code is to be ignored (ISO 14496-12, 8.4.6)."""


class Movie(NamedTuple):
    """The head of an MP4 file. `missing_bytes` is what its boxes claim beyond the end of the file."""

    missing_bytes: int
    is_fragmented: bool
    tracks: tuple[MovieTrack, ...]

    @property
    def chapter_ids(self) -> frozenset[int]:
        return frozenset(number for track in self.tracks for number in track.chapter_ids)


def read_movie(path: str) -> Movie:
    """Read the index of an MP4 file. Raise ProbeError when there is none or it is damaged."""
    with open_source(path) as source:
        boxes = tuple(walk_boxes(source, 0, source.size))
        missing = max((box.end - source.size for box in boxes if box.kind in _DATA_BOXES), default=0)
        if missing > 0:
            return Movie(missing, is_fragmented=False, tracks=())
        index = next((box for box in boxes if box.kind == b"moov"), None)
        if index is None:
            raise ProbeError(path, "has no index (moov): it was never finished, or its end is missing")
        if index.end - index.start > _MAX_INDEX:
            raise source.damaged(index.start)
        data = source.read(index.start, index.end - index.start)
        try:
            return _read_index(data, any(box.kind == b"moof" for box in boxes))
        except (struct.error, IndexError) as error:
            raise source.damaged(index.start) from error


def read_extents(path: str) -> tuple[dict[int, Extent], int]:
    """Return what the index says of each track's bytes, by the track's id, and how many media data there are.

    Of fragments the index says nothing. Raise ProbeError as `read_movie` does.
    """
    with open_source(path) as source:
        boxes = tuple(walk_boxes(source, 0, source.size))
        index = next((box for box in boxes if box.kind == b"moov"), None)
        if index is None or index.end - index.start > _MAX_INDEX:
            raise source.damaged(0 if index is None else index.start)
        data = source.read(index.start, index.end - index.start)
        media = [(box.start, box.end) for box in boxes if box.kind == b"mdat"]
        try:
            read = {_track_id(c): _read_chunks(c) for kind, c in _boxes(data) if kind == b"trak"}
        except (struct.error, IndexError) as error:
            raise source.damaged(index.start) from error
    chunks = {number: track for number, track in read.items() if track is not None}
    told = dict(zip(chunks, extents(tuple(chunks.values()), media), strict=True))
    return told, sum(end - start for start, end in media)


def _read_chunks(track: bytes) -> Chunks | None:
    return read_chunks(dict(_boxes(_find(track, b"mdia", b"minf", b"stbl"))))


def _track_id(track: bytes) -> int:
    header = _find(track, b"tkhd")
    return int(struct.unpack_from(">I", header, 20 if header[0] == 1 else 12)[0])


def _read_index(data: bytes, has_fragments: bool) -> Movie:
    movie_scale, movie_matrix, fragmented, tracks = 1, _UNTURNED, has_fragments, []
    for kind, content in _boxes(data):
        if kind == b"mvhd":
            movie_scale = _time_scale(content)
            movie_matrix = _matrix(content, 48 if content[0] == 1 else 36)
        elif kind == b"mvex":
            fragmented = True
        elif kind == b"trak":
            tracks.append(_read_track(content, movie_scale, movie_matrix))
    return Movie(0, fragmented, tuple(tracks))


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    offset = 0
    while offset + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        if size < 8 or offset + size > len(data):
            return
        yield kind, data[offset + 8 : offset + size]
        offset += size


def _find(data: bytes, *path: bytes) -> bytes:
    for step in path:
        data = next((content for kind, content in _boxes(data) if kind == step), b"")
    return data


def _time_scale(header: bytes) -> int:
    """Return the ticks per second of an `mvhd` or `mdhd`."""
    return int(struct.unpack_from(">I", header, 20 if header[0] == 1 else 12)[0]) or 1


def _read_track(data: bytes, movie_scale: int, movie_matrix: Matrix) -> MovieTrack:
    header = _find(data, b"tkhd")
    scale = _time_scale(_find(data, b"mdia", b"mdhd"))
    tables = _find(data, b"mdia", b"minf", b"stbl")
    references = _find(data, b"tref", b"chap")
    name = _find(data, b"udta", b"name").rstrip(b"\0").decode("utf-8", "replace")
    shift, simple = _read_edits(_find(data, b"edts", b"elst"), movie_scale, scale)
    samples = _sample_count(tables)
    first, last = _edge_ticks(tables) if samples else (None, None)
    return MovieTrack(
        id=_track_id(data),
        name=name or None,
        samples=samples,
        first_s=None if first is None else first / scale + shift,
        last_s=None if last is None else last / scale + shift,
        chapter_ids=struct.unpack(f">{len(references) // 4}I", references[: len(references) // 4 * 4]),
        is_reordered=bool(_find(tables, b"ctts")),
        is_whole=simple and (first is None or first / scale + shift > -_HALF_FRAME_S),
        picture=_read_picture(header, movie_matrix, _find(tables, b"stsd")),
        language_tag=_find(data, b"mdia", b"elng")[4:].split(b"\0")[0].decode("ascii", "replace") or None,
        encrypted=any(kind in _ENCRYPTED for kind, _ in _boxes(_find(tables, b"stsd")[8:])),
    )


def _read_picture(header: bytes, movie: Matrix, descriptions: bytes) -> Picture:
    one = _matrix(header, 52 if header[0] == 1 else 40)
    turned = (
        one[0] * movie[0] + one[1] * movie[2],
        one[0] * movie[1] + one[1] * movie[3],
        one[2] * movie[0] + one[3] * movie[2],
        one[2] * movie[1] + one[3] * movie[3],
    )
    rotation, mirrored = orientation(turned)
    profile = None
    for _, entry in _boxes(descriptions[8:]):
        for kind, content in _boxes(entry[_VISUAL_ENTRY_BYTES:]):
            if kind in DOLBY_VISION_BOXES:
                profile = profile or dolby_vision_profile(content)
    return Picture(rotation, mirrored, profile)


def _matrix(header: bytes, at: int) -> Matrix:
    """Return the part of a header's matrix that turns a picture; no turn where it is cut off."""
    if len(header) < at + 36:
        return _UNTURNED
    a, b, _, c, d = struct.unpack_from(">5i", header, at)
    return a, b, c, d


def _read_edits(data: bytes, movie_scale: int, scale: int) -> tuple[float, bool]:
    """Return by how many seconds the edit list shifts the track, and whether that is all it does."""
    if not data:
        return 0.0, True
    (count,) = struct.unpack_from(">I", data, 4)
    layout = ">Qq" if data[0] == 1 else ">Ii"
    step = struct.calcsize(layout) + 4
    if count > len(data) // step:
        return 0.0, False
    edits = [struct.unpack_from(layout, data, 8 + step * number) for number in range(count)]
    gap = 0.0
    while edits and edits[0][1] == -1:
        gap += edits.pop(0)[0] / movie_scale
    if not edits:
        return gap, count == 0
    return gap - edits[0][1] / scale, len(edits) == 1


def _sample_count(tables: bytes) -> int:
    sizes = _find(tables, b"stsz") or _find(tables, b"stz2")
    return int(struct.unpack_from(">I", sizes, 8)[0]) if sizes else 0


def _runs(data: bytes, layout: str) -> list[tuple[int, int]]:
    """Return the (count, value) pairs of an `stts` or `ctts`."""
    if not data:
        return []
    (count,) = struct.unpack_from(">I", data, 4)
    body = data[8 : 8 + 8 * count]
    return list(struct.iter_unpack(layout, body[: len(body) // 8 * 8]))


def _edge_ticks(tables: bytes) -> tuple[int | None, int | None]:
    """Return the smallest and the largest presentation time, in ticks of the track."""
    decode = _runs(_find(tables, b"stts"), ">II")
    # version 0 says unsigned, but writers put negative offsets there too
    offsets = _runs(_find(tables, b"ctts"), ">Ii") or [(0xFFFFFFFF, 0)]
    total = sum(count * delta for count, delta in decode)
    head = zip(_take(decode), _take(offsets), strict=False)
    tail = zip(_take(decode[::-1]), _take(offsets[::-1]), strict=False)
    clock, first, last = 0, None, None
    for delta, offset in head:
        first = clock + offset if first is None else min(first, clock + offset)
        clock += delta
    clock = total
    for delta, offset in tail:
        clock -= delta
        last = clock + offset if last is None else max(last, clock + offset)
    return first, last


def _take(runs: list[tuple[int, int]]) -> list[int]:
    """Return the first values of run-length pairs, expanded, at most `_EDGE_SAMPLES` of them."""
    values: list[int] = []
    for count, value in runs:
        values += [value] * min(count, _EDGE_SAMPLES - len(values))
        if len(values) == _EDGE_SAMPLES:
            break
    return values
