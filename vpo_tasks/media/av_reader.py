"""An open FFmpeg container (PyAV) as MediaInfo. In the probe process only: damaged files crash it."""

from __future__ import annotations

import errno
import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import av
import av.logging
import msgspec
from av.stream import Disposition

from vpo_tasks.errors import ProbeError, UnreadableError
from vpo_tasks.media.film import is_unclear
from vpo_tasks.media.formats import FORMAT_WHITELIST, PROTOCOL_WHITELIST, normalise_container
from vpo_tasks.media.frames import VFW_CODEC_ID, find_hdr10_plus, find_stills, find_undated, indexed_stills
from vpo_tasks.media.header_details import (
    language_tags_of,
    pictures_of,
    with_encryption,
    with_entries,
    with_languages,
    with_pictures,
)
from vpo_tasks.media.languages import canonical
from vpo_tasks.media.matroska.ebml import open_source
from vpo_tasks.media.matroska.header import Layout, read_layout
from vpo_tasks.media.model import Chapter, MediaInfo, Track, TrackType
from vpo_tasks.media.mp4.movie import Movie, read_movie
from vpo_tasks.media.picture import MATRICES, PRIMARIES, RANGES, TRANSFERS

PROBE_BYTES = 5_000_000
"""FFmpeg's own default, stated so that no build raises it."""

_MAX_TITLE = 4096

_EBML_MAGIC = b"\x1a\x45\xdf\xa3"
_RIFF_UNKNOWN = 0xFFFFFF00
_MOVIE_MAGIC = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")

_PROGRESSIVE = 1
"""FFmpeg's number; 0 is unknown, what follows are orders of fields."""

_PLAIN_FLAGS = {"default", "forced", "attached_pic"}
_DISPOSITIONS = tuple(
    (name, flag) for name, flag in Disposition.__members__.items() if name not in _PLAIN_FLAGS
)

_DECODING = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
"""PyAV 19 takes no such option any more and hands over what is not UTF-8 by itself."""

_TYPES: Mapping[str, TrackType] = {"video": "video", "audio": "audio", "subtitle": "subtitle"}
_FONT_CODECS = (("truetype", "ttf"), ("ttf", "ttf"), ("opentype", "otf"), ("otf", "otf"))
_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


@contextmanager
def open_container(path: str) -> Iterator[Any]:
    """Open a regular file as one of the video containers. Raise ProbeError with one clear line."""
    av.logging.set_level(None)
    options = {
        "format_whitelist": FORMAT_WHITELIST,
        "protocol_whitelist": PROTOCOL_WHITELIST,
        "probesize": str(PROBE_BYTES),
    }
    try:
        # surrogate escapes reach the file name as the bytes they stand for; options for the streams too
        # (`options=`) crash PyAV 17.0 on formats whose streams turn up late (MPEG, FLV)
        container = av.open("file:" + path, container_options=options, **_DECODING)
    except (av.error.FFmpegError, ValueError, UnicodeError) as error:
        raise failure(path, error) from error
    try:
        yield container
    finally:
        container.close()


_OF_THE_MOMENT = frozenset({
    errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EACCES, errno.EPERM, errno.ESTALE,
    errno.ENOTCONN, errno.ETIMEDOUT, errno.EINTR,
})  # fmt: skip


def failure(path: str, error: Exception, before: str = "") -> ProbeError:
    """Return FFmpeg's error as one of the video, or of the system where that has run out of something."""
    is_system = getattr(error, "errno", None) in _OF_THE_MOMENT or isinstance(error, MemoryError)
    return (UnreadableError if is_system else ProbeError)(path, before + explain_failure(error))


def explain_failure(error: Exception) -> str:
    """Return what FFmpeg's error means to the owner of the file, with FFmpeg's words in brackets."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, PermissionError):
        return "cannot be read: permission denied"
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    number = getattr(error, "errno", None) or 0
    if number == errno.EINVAL:  # FFmpeg's word for a format outside the whitelist
        return "is not a video container (it may be a playlist or a list of files)"
    if number in errno.errorcode:  # FFmpeg's own errors have numbers of their own
        return f"cannot be read: {os.strerror(number).lower()}"
    return f"is not a video container that can be read ({words})"


MAX_STREAMS = 1000
"""FFmpeg's own limit (`max_streams`): it stops reading there without a word."""


def read_media(path: str) -> MediaInfo:
    """Return what is in the video. Raise ProbeError when it is none, or when a part of it is missing."""
    layout, movie = _read_structure(path)
    with open_container(path) as container:
        duration_s = _seconds(container.duration, Fraction(1, 1_000_000))
        chapters = tuple(_read_chapters(container))
        # FFmpeg before 8.1 does not read the names of MP4 tracks
        names = {track.id: track.name for track in movie.tracks} if movie else {}
        if len(container.streams) >= MAX_STREAMS:
            raise ProbeError(path, f"has {MAX_STREAMS} streams or more: past what the tools can read")
        streams = [stream for stream in container.streams if not _is_chapter_track(stream, movie)]
        tracks = tuple(_read_track(stream, names, duration_s) for stream in streams)
        tracks = with_languages(tracks, language_tags_of(layout, movie, streams))
        tracks = with_pictures(tracks, pictures_of(layout, movie, streams), find_hdr10_plus(container))
        undated = find_undated(container, _stored_as_avi(layout, container))
        tracks = tuple(
            msgspec.structs.replace(track, undated=True) if track.index == undated else track
            for track in tracks
        )
        tracks = tracks if movie is None else with_encryption(tracks, movie, streams)
        tracks = tracks if layout is None else with_entries(tracks, layout)
        tracks = _with_stills(path, tracks, movie, streams)
        if not any(track.type == "video" for track in tracks):
            raise ProbeError(path, "no video stream")
        metadata = read_metadata(container)
        format_name = str(container.format.name)
        return MediaInfo(
            container=normalise_container(format_name, metadata.get("major_brand")),
            format_name=format_name,
            doc_type=layout.doc_type if layout else None,
            size_bytes=max(int(container.size), 0),
            duration_s=duration_s,
            bit_rate=int(container.bit_rate) or None,
            tags=read_tags(metadata),
            chapters=chapters,
            tracks=tracks,
        )


def _read_structure(path: str) -> tuple[Layout | None, Movie | None]:
    """Check with our own eyes that the file is whole: FFmpeg reads a truncated one without a word."""
    with open_source(path) as source:
        head, size = source.read(0, 12), source.size
    if head[:4] == _EBML_MAGIC:
        layout = read_layout(path)
        _refuse_truncated(path, layout.missing_bytes)
        return layout, None
    if head[4:8] in _MOVIE_MAGIC:
        movie = read_movie(path)
        _refuse_truncated(path, movie.missing_bytes)
        return None, movie
    if head[:4] == b"RIFF" and head[8:] == b"AVI ":
        claimed = int.from_bytes(head[4:8], "little") + 8
        # recorders leave the size at 0 or at its largest; some count the header or a padding byte wrongly
        if claimed < _RIFF_UNKNOWN:
            _refuse_truncated(path, claimed - size, slack=8)
    return None, None


def _stored_as_avi(layout: Layout | None, container: Any) -> set[int]:
    """Return the indexes of the streams of which only the decoding times are stored."""
    if layout is None:
        return {stream.index for stream in container.streams} if container.format.name == "avi" else set()
    indexes = layout.stream_indexes()
    return {indexes[entry.number] for entry in layout.tracks if entry.codec_id == VFW_CODEC_ID}


def _with_stills(
    path: str, tracks: tuple[Track, ...], movie: Movie | None, streams: Sequence[Any]
) -> tuple[Track, ...]:
    """Find out which video tracks are single pictures, where it could matter."""
    if not is_unclear(tracks):
        return tracks
    by_id = {track.id: track.samples for track in movie.tracks} if movie is not None else {}
    samples = {stream.index: by_id[stream.id] for stream in streams if stream.id in by_id}
    stills = indexed_stills(tracks, samples)
    if stills is None:
        with open_container(path) as container:  # from its beginning, wherever the other one stands
            stills = find_stills(container, tracks)
    return tuple(
        msgspec.structs.replace(track, still=stills[track.index]) if track.index in stills else track
        for track in tracks
    )


def _refuse_truncated(path: str, missing: int, slack: int = 0) -> None:
    if missing > slack:
        raise ProbeError(path, f"truncated: {missing} bytes missing")


def _is_chapter_track(stream: Any, movie: Movie | None) -> bool:
    """Tell whether an MP4 data stream only carries the chapters' names, which are read as chapters already.

    FFmpeg shows the text track that `chap` refers to as a data stream; a copy makes a new one.
    """
    return movie is not None and stream.type == "data" and stream.id in movie.chapter_ids


def _read_track(stream: Any, names: Mapping[int, str | None], container_s: float | None) -> Track:
    metadata = read_metadata(stream)
    flags = stream.disposition
    is_picture = bool(flags & Disposition.attached_pic)
    kind = "attachment" if is_picture or stream.type == "attachment" else _TYPES.get(stream.type, "other")
    codec, profile = _read_codec(stream, metadata)
    title = metadata.get("title") or names.get(stream.id) or metadata.get("name") or None
    common: dict[str, Any] = {
        "index": stream.index,
        "type": kind,
        "codec": codec,
        "profile": profile,
        "language": canonical(metadata.get("language")),
        "title": title[:_MAX_TITLE] if title else None,
        "default": bool(flags & Disposition.default),
        "forced": bool(flags & Disposition.forced),
        "dispositions": tuple(sorted(name for name, flag in _DISPOSITIONS if flags & flag)),
    }
    if kind == "attachment":
        return Track(
            **common,
            filename=metadata.get("filename"),
            content=_describe_content(stream),
            mime_type=metadata.get("mimetype") or (f"image/{_image_word(codec)}" if is_picture else None),
            is_picture=is_picture,
        )
    return Track(
        **common,
        **_read_details(stream),
        duration_s=_duration(stream, metadata) or container_s,
        bit_rate=_bit_rate(stream, metadata),
    )


def _read_codec(stream: Any, metadata: Mapping[str, str]) -> tuple[str, str | None]:
    context = stream.codec_context
    if context is not None:
        profile = context.profile
        return str(context.codec.canonical_name).lower(), str(profile).lower() if profile else None
    if stream.type == "attachment":
        hints = f"{metadata.get('mimetype', '')} {metadata.get('filename', '')}".lower()
        return next((codec for word, codec in _FONT_CODECS if word in hints), "none"), None
    return "bin_data" if stream.type == "data" else "unknown", None


def _read_details(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    if context is None:
        return {}
    codec_data = bool(context.extradata)
    if stream.type == "audio":
        layout = context.layout
        return {
            "codec_data": codec_data,
            "channels": int(layout.nb_channels) or None,
            "channel_layout": str(layout.name) or None,
            "sample_rate": int(context.sample_rate) or None,
        }
    if stream.type == "video":
        rate = stream.average_rate
        aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio
        return {
            "codec_data": codec_data,
            "pixel_aspect": round(float(aspect), 4) if aspect and aspect != 1 else None,
            "width": int(context.width) or None,
            "height": int(context.height) or None,
            "frame_rate": f"{rate.numerator}/{rate.denominator}" if rate else None,
            "pixel_format": context.pix_fmt or None,
            "color_transfer": TRANSFERS.get(int(context.color_trc)),
            "color_primaries": PRIMARIES.get(int(context.color_primaries)),
            "color_space": MATRICES.get(int(context.colorspace)),
            "color_range": RANGES.get(int(context.color_range)),
            "interlaced": int(getattr(context, "field_order", 0)) > _PROGRESSIVE,
        }
    return {"codec_data": codec_data}


def _describe_content(attachment: Any) -> str | None:
    """Return what tells an attachment's content, which FFmpeg has read already; None for a picture."""
    data = getattr(attachment, "data", None)
    return f"{len(data)}:{zlib.crc32(data):08x}" if isinstance(data, bytes) else None


def _duration(stream: Any, metadata: Mapping[str, str]) -> float | None:
    """Return the stream's own duration; Matroska has it in a tag (`DURATION`, `DURATION-eng`)."""
    found = _statistic(metadata, "duration")
    clock = _CLOCK.match(found) if found else None
    if clock:
        return round(int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3]), 6)
    return _seconds(stream.duration, stream.time_base)


def _bit_rate(stream: Any, metadata: Mapping[str, str]) -> int | None:
    context = stream.codec_context
    if context is not None and context.bit_rate:
        return int(context.bit_rate)
    found = _statistic(metadata, "bps")
    return int(found) if found and found.isdecimal() else None


def _statistic(metadata: Mapping[str, str], name: str) -> str | None:
    return next((value for key, value in metadata.items() if key == name or key.startswith(f"{name}-")), None)


def _seconds(value: int | None, time_base: Fraction | None) -> float | None:
    if value is None or time_base is None or value < 0:
        return None
    return round(float(value * time_base), 6)


def _read_chapters(container: Any) -> Iterator[Chapter]:
    for chapter in container.chapters():
        start, end = (float(chapter[key] * chapter["time_base"]) for key in ("start", "end"))
        title = next((text for key, text in chapter["metadata"].items() if key.lower() == "title"), "")
        yield Chapter(round(start, 6), round(end, 6), to_text(title) or None)


def _image_word(codec: str) -> str:
    return "jpeg" if codec == "mjpeg" else codec


_MAX_TAG_KEY = 255
_MAX_TAG_VALUE = 4096


def read_metadata(owner: Any) -> dict[str, str]:
    """Return the tags of a container or stream: keys in lower case, values that are text."""
    return {to_text(key).lower(): to_text(value) for key, value in owner.metadata.items()}


def to_text(text: str) -> str:
    """Replace what is not UTF-8, however PyAV handed it over, so that the value can be stored and shown."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def read_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that are worth keeping: policy-format 3.0 bounds keys and values."""
    return {
        key: value
        for key, value in metadata.items()
        if len(key) <= _MAX_TAG_KEY and len(value) <= _MAX_TAG_VALUE
    }
