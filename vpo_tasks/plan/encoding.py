"""What a probe of the output will show of an encoded track; None where only the encoder can tell."""

from __future__ import annotations

from types import MappingProxyType

import msgspec

from vpo_tasks.media.model import Track
from vpo_tasks.plan.model import Encode

_MAX_CHANNELS = MappingProxyType({"ac3": 6, "eac3": 6, "mp3": 2})
"""What FFmpeg's encoders take; the others take eight."""


def encoded_audio(track: Track, encode: Encode) -> tuple[Track, Encode]:
    """Return the track and the settings, channels cut to what the encoder takes."""
    channels = encode.channels or track.channels
    limit = _MAX_CHANNELS.get(encode.codec, 8)
    if channels is not None and channels > limit:
        channels = limit
        encode = msgspec.structs.replace(encode, channels=limit)
    made = msgspec.structs.replace(
        track,
        codec=encode.codec,
        profile=None,
        channels=channels,
        channel_layout=None,
        sample_rate=None,
        bit_rate=None,
    )
    return made, encode


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
        width=encode.width or track.width,
        height=encode.height or track.height,
    )
    return made, encode
