"""How a track is encoded, and what a probe will show of it; None where only the encoder can tell."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from vpo_tasks.media.model import Track
from vpo_tasks.plan.model import Encode

_BY_COUNT = MappingProxyType(
    {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
)
_COUNTS = MappingProxyType({layout: count for count, layout in _BY_COUNT.items()})
_NEAREST = MappingProxyType(
    {
        "2.1": "5.1", "3.0(back)": "quad", "3.1": "5.1", "4.0": "5.0", "4.1": "5.1", "quad(side)": "quad",
        "5.0(side)": "5.0", "5.1(side)": "5.1", "6.0": "6.1", "6.0(front)": "7.1", "hexagonal": "6.1",
        "6.1(back)": "6.1", "6.1(front)": "7.1", "7.0": "7.1", "7.0(front)": "7.1", "7.1(wide)": "7.1",
        "7.1(wide-side)": "7.1", "octagonal": "7.1",
    }
)  # fmt: skip
"""The smallest layout with room for every channel of the other."""
_FLAC_TAKES = frozenset({"5.0(side)", "5.1(side)"})


def stored_layout(codec: str, layout: str | None) -> str | None:
    """Return the layout to turn this one into before it is encoded; None: it is taken as it is."""
    if codec == "opus" or (codec == "flac" and layout not in _FLAC_TAKES):
        return _NEAREST.get(layout or "")
    # spelled out at length otherwise, which few players read
    return "5.1" if codec == "aac" and layout == "5.1(side)" else None


def channel_layout(codec: str, channels: int) -> str | None:
    """Return the layout to ask for where so many channels are wanted; None: FFmpeg's own choice serves."""
    if codec in ("opus", "flac"):
        return _BY_COUNT.get(channels)
    return "5.1" if codec == "aac" and channels == 6 else None


def count_channels(layout: str) -> int:
    """Return how many channels one of the layouts above has."""
    return _COUNTS[layout]


Hdr = Literal["hdr10", "hlg"]

SOFTWARE_ENCODERS = MappingProxyType(
    {
        "h264": ("libx264",),
        "hevc": ("libx265",),
        "vp9": ("libvpx-vp9",),
        "av1": ("libaom-av1", "libsvtav1"),
        "opus": ("libopus",),
        "mp3": ("libmp3lame",),
        "dts": ("dca",),
    }
)
"""FFmpeg's encoders for a codec, best first, where they are not called like the codec."""

HARDWARE_CODECS = MappingProxyType(
    {
        "nvenc": frozenset({"h264", "hevc", "av1"}),
        "qsv": frozenset({"h264", "hevc", "av1"}),
        "vaapi": frozenset({"h264", "hevc"}),
        "videotoolbox": frozenset({"h264", "hevc"}),
    }
)
"""What each kind of hardware encodes, in the order in which `auto` tries them."""

X265_TUNES = frozenset({"animation", "grain", "fastdecode", "zerolatency"})

_MAX_CHANNELS = MappingProxyType({"ac3": 6, "eac3": 6, "dts": 6, "mp3": 2, "truehd": 6})
"""What FFmpeg's encoders take; the others take eight."""
_MAX_BITRATES = MappingProxyType({"ac3": 640_000, "eac3": 6_144_000, "mp3": 320_000})
_OPUS_CHANNEL_BITRATE = 256_000
_HDR_TITLES: tuple[tuple[str, Hdr], ...] = (
    ("dolby vision", "hdr10"), ("dovi", "hdr10"), ("hdr10", "hdr10"), ("hlg", "hlg"), ("hdr", "hdr10"),
    ("bt2020", "hdr10"),
)  # fmt: skip


_FULL_COLOUR = ("444", "gbr", "rgb", "bgr", "gray")

_HDR_OF_DOLBY_VISION: Mapping[str, Hdr | None] = MappingProxyType(
    {"1": "hdr10", "2": None, "4": "hlg", "6": "hdr10"}
)
"""By what else the pictures are compatible with; 2 is standard range."""


def is_dolby_vision_only(track: Track) -> bool:
    """Tell whether the pictures have true colours only with the Dolby Vision metadata (profile 5)."""
    profile, _, compatible = (track.dolby_vision or "").partition(".")
    return profile == "5" and not compatible


_SVT_PIXELS = 64
"""Older versions of SVT-AV1 take no smaller picture."""


def software_encoders_for(encode: Encode) -> tuple[str, ...]:
    """Return FFmpeg's encoders for an encode, best first: for HDR10 those that write its static metadata."""
    known = software_encoders(encode.codec)
    if encode.hdr != "hdr10" or min(encode.width or _SVT_PIXELS, encode.height or _SVT_PIXELS) < _SVT_PIXELS:
        return known
    return tuple(sorted(known, key=lambda name: name == "libaom-av1"))


def software_encoders(codec: str) -> tuple[str, ...]:
    """Return FFmpeg's software encoders for a codec, best first."""
    return SOFTWARE_ENCODERS.get(codec, (codec,))


def hardware_encoders(codec: str, hw: str) -> tuple[str, ...]:
    """Return FFmpeg's hardware encoders for a codec that `hw` (`auto`, `none` or a kind) allows, in order."""
    kinds = HARDWARE_CODECS if hw == "auto" else (hw,)
    return tuple(f"{codec}_{kind}" for kind in kinds if codec in HARDWARE_CODECS.get(kind, ()))


_TOLD_AS = MappingProxyType(
    {
        "h264": r"avc|[hx]\.?264", "hevc": r"hevc|[hx]\.?265", "av1": "av1", "vp9": "vp9", "vp8": "vp8",
        "mpeg2video": r"mpeg-?2", "mpeg4": r"xvid|divx|mpeg-?4", "vc1": r"vc-?1", "aac": r"aac|he-aac",
        "ac3": r"ac-?3|dolby digital", "eac3": r"e-?ac-?3|ddp|dd\+|dolby digital plus", "truehd": "true-?hd",
        "dts": r"dts(-(hd|x|es))?( ?ma)?", "flac": "flac", "mp3": "mp3", "opus": "opus", "vorbis": "vorbis",
        "alac": "alac",
    }
)  # fmt: skip
"""What people call a codec in the names of tracks."""


def told_codec(title: str | None, codec: str) -> str:
    """Return the word of a title that names a codec; empty for none."""
    words = _TOLD_AS.get(codec)
    found = words and re.search(rf"(?<![a-z0-9])({words})(?![a-z0-9])", title or "", re.IGNORECASE)
    return found[0] if found else ""


def has_alpha(track: Track) -> bool:
    """Tell whether a picture has transparency, by the name of its pixel format (`yuva444p10le`, `bgra`)."""
    name = track.pixel_format or ""
    return name.startswith(("yuva", "gbrap", "rgba", "bgra", "argb", "abgr", "ya8", "ya16", "ayuv"))


def hdr_of(track: Track) -> Hdr | None:
    """Return `hdr10` or `hlg` by the transfer, else by what the title says; None for standard range."""
    if track.color_transfer == "smpte2084":
        return "hdr10"
    if track.color_transfer == "arib-std-b67":
        return "hlg"
    if track.color_transfer not in (None, "unknown"):
        return None
    compatible = (track.dolby_vision or "").partition(".")[2]
    if compatible in _HDR_OF_DOLBY_VISION:
        return _HDR_OF_DOLBY_VISION[compatible]
    title = (track.title or "").lower()
    return next((kind for hint, kind in _HDR_TITLES if hint in title), None)


def encoded_audio(track: Track, encode: Encode) -> tuple[Track, Encode]:
    """Return the track and the settings, channels and bit rate cut to what the encoder takes."""
    channels = encode.channels or track.channels
    limit = _MAX_CHANNELS.get(encode.codec, 8)
    if channels is not None and channels > limit:
        channels = limit
        encode = msgspec.structs.replace(encode, channels=limit)
    layout = stored_layout(encode.codec, track.channel_layout) if encode.channels is None else None
    if layout is not None:
        channels = count_channels(layout)
    made = msgspec.structs.replace(
        track,
        codec=encode.codec,
        profile=None,
        channels=channels,
        channel_layout=None,
        sample_rate=None,
        bit_rate=None,
    )
    return made, within_limits(encode, channels)


def within_limits(encode: Encode, channels: int | None) -> Encode:
    """Return the settings with a bit rate that the encoder takes for so many channels."""
    if encode.codec == "dts" and encode.bitrate is not None:
        return msgspec.structs.replace(encode, bitrate=max(encode.bitrate, _least_dts(channels or 2)))
    most = _MAX_BITRATES.get(encode.codec)
    if encode.codec == "opus":
        most = _OPUS_CHANNEL_BITRATE * (channels or 1)
    if most is None or encode.bitrate is None or encode.bitrate <= most:
        return encode
    return msgspec.structs.replace(encode, bitrate=most)


def _least_dts(channels: int) -> int:
    """Return the lowest rate that FFmpeg's DTS encoder takes: 93.75 frames a second (libavcodec/dcaenc.c).

    From three channels on FFmpeg chooses the layout, which may have five and the low one.
    """
    full, low = (channels, 0) if channels < 3 else (5, 1)
    return -(-(132 + 1389 * full + 72 * low) * 9375 // 100_000) * 1000


def encode_key(track: Track, encode: Encode) -> str:
    """Return what names the encode of this track with these settings, for `Context.larger`."""
    essence = (track.codec, track.width, track.height, track.frame_rate)
    return hashlib.blake2b(msgspec.json.encode((essence, encode)), digest_size=16).hexdigest()


def even_size(track: Track, codec: str) -> tuple[int, int] | None:
    """Return the size without the odd row or column that H.264 and HEVC have no room for; None: it has none.

    They store colour for two pixels at once, unless the picture has it for every one.
    """
    layout = track.pixel_format or ""
    if codec not in ("h264", "hevc") or not track.width or not track.height:
        return None
    if any(word in layout for word in _FULL_COLOUR):
        return None
    size = max(2, track.width // 2 * 2), max(2, track.height // 2 * 2)
    return None if size == (track.width, track.height) else size


def keeps_fields(encode: Encode, height: int | None) -> bool:
    """Tell whether an encode says of interlaced pictures that they are: H.264 can, of whole pairs of rows."""
    return encode.interlaced and encode.codec == "h264" and not (height or 0) % 4


def encoded_subtitle(track: Track, codec: str) -> tuple[Track, Encode]:
    """Return the track as the text format `codec`, and the settings."""
    made = msgspec.structs.replace(track, codec=codec, profile=None, bit_rate=None)
    return made, Encode(codec=codec)


def encoded_video(track: Track, encode: Encode) -> tuple[Track, Encode]:
    """Return the track in its new codec and size, and the settings."""
    made = msgspec.structs.replace(
        track,
        codec=encode.codec,
        profile=None,
        bit_rate=None,
        pixel_format=None,
        dolby_vision=None,
        hdr10_plus=False,
        interlaced=keeps_fields(encode, encode.height or track.height),
        undated=False,
        width=encode.width or track.width,
        height=encode.height or track.height,
    )
    return made, encode
