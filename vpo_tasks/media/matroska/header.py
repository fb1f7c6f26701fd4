"""The head of a Matroska file (RFC 9559) without FFmpeg: its tracks, and whether the file is whole."""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

from vpo_tasks.errors import ProbeError
from vpo_tasks.media.matroska.ebml import Source, children_of, open_source
from vpo_tasks.media.picture import DOLBY_VISION_BOXES, Picture, dolby_vision_profile

_EBML, _DOC_TYPE = 0x1A45DFA3, 0x4282
_SEGMENT, _INFO, _TRACKS, CLUSTER = 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
_TIMESTAMP_SCALE, _TRACK_ENTRY = 0x2AD7B1, 0xAE
_NUMBER, _TYPE, _CODEC_ID = 0xD7, 0x83, 0x86
_DEFAULT_DURATION, _CODEC_DELAY, _TRACK_SCALE = 0x23E383, 0x56AA, 0x23314F
_CONTENT_ENCODINGS, _CONTENT_ENCODING, _CONTENT_ENCRYPTION = 0x6D80, 0x6240, 0x5035
_NAME, _LANGUAGE_BCP47 = 0x536E, 0x22B59D
_VIDEO, _PROJECTION, _PROJECTION_TYPE = 0xE0, 0x7670, 0x7671
_YAW, _PITCH, _ROLL = 0x7673, 0x7674, 0x7675
BLOCK_ADDITION_MAPPING, _ADDITION_TYPE, _ADDITION_DATA = 0x41E4, 0x41E7, 0x41ED

_KIND = {1: "video", 2: "audio", 0x11: "subtitle", 0x21: "other"}
"""Track types that FFmpeg makes streams of; it leaves out the others (logos, buttons, controls)."""

_MAX_HEAD = 16 << 20


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
    is_encrypted: bool = False
    has_name: bool = True
    """FFmpeg shows a tag `TITLE` of the track for the name that it lacks."""
    language_tag: str | None = None
    """Its tag of BCP 47; beside it the older field must be ignored (RFC 9559 5.1.4.1.20)."""


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


def read_layout(path: str) -> Layout:
    """Read the head of a Matroska file. Raise ProbeError when it is none or its head is damaged."""
    with open_source(path) as source:
        return tracks_layout(source)


def tracks_layout(source: Source) -> Layout:
    """Return the head of an open file. Raise ProbeError as `read_layout` does."""
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
        if element.id == CLUSTER:
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
        timestamp_scale_ns=unsigned(info.get(_TIMESTAMP_SCALE)) or 1_000_000,
        tracks=tuple(
            _read_track(data) for kind, data in children_of(found.get(_TRACKS, b"")) if kind == _TRACK_ENTRY
        ),
    )


def _read_track(data: bytes) -> TrackEntry:
    fields = dict(children_of(data))
    return TrackEntry(
        number=unsigned(fields.get(_NUMBER)),
        kind=_KIND.get(unsigned(fields.get(_TYPE))),
        codec_id=fields.get(_CODEC_ID, b"").rstrip(b"\0").decode("ascii", "replace"),
        default_duration_ns=unsigned(fields.get(_DEFAULT_DURATION)),
        codec_delay_ns=unsigned(fields.get(_CODEC_DELAY)),
        scale=_float(fields.get(_TRACK_SCALE), 1.0),
        picture=_read_picture(data, fields.get(_VIDEO, b"")),
        is_compressed=_CONTENT_ENCODINGS in fields,
        is_encrypted=any(
            _CONTENT_ENCRYPTION in dict(children_of(encoding))
            for kind, encoding in children_of(fields.get(_CONTENT_ENCODINGS, b""))
            if kind == _CONTENT_ENCODING
        ),
        has_name=bool(fields.get(_NAME, b"").rstrip(b"\0")),
        language_tag=fields.get(_LANGUAGE_BCP47, b"").rstrip(b"\0").decode("ascii", "replace") or None,
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
    flat = not unsigned(fields.get(_PROJECTION_TYPE)) and pitch == 0.0 and yaw in (0.0, 180.0, -180.0)
    return (round(roll) % 360, yaw != 0.0) if flat and math.isfinite(roll) else (0, False)


def mapped_dolby_vision(data: bytes) -> str | None:
    """Return the profile when a BlockAdditionMapping holds a Dolby Vision configuration."""
    fields = dict(children_of(data))
    kind = unsigned(fields.get(_ADDITION_TYPE)).to_bytes(8, "big")[4:]
    return dolby_vision_profile(fields.get(_ADDITION_DATA, b"")) if kind in DOLBY_VISION_BOXES else None


def unsigned(data: bytes | None) -> int:
    """Return an element's unsigned integer; 0 for none."""
    return int.from_bytes(data[:8], "big") if data else 0


def _float(data: bytes | None, default: float) -> float:
    layout = {4: ">f", 8: ">d"}.get(len(data or b""))
    return float(struct.unpack(layout, data or b"")[0]) if layout else default
