"""What is in a video, as frozen values. Shared by every package."""

from __future__ import annotations

from typing import Literal

import msgspec

from vpo_tasks.media.inventory import InventoryItem

TrackType = Literal["video", "audio", "subtitle", "attachment", "other"]

MODEL_VERSION = 4
"""Raised when stored MediaInfo would no longer mean the same; older records are probed again."""
READABLE_VERSIONS = (3, MODEL_VERSION)
"""What still loads. Version 3 did not know single pictures: see `media.film.is_unclear`."""


class Track(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One stream. `index` is the stream's position in FFmpeg's order, counting every stream from 0.

    `codec` and `profile` are FFmpeg's names, lower case (`dts` with profile `dts-hd ma`).
    `language` is canonical (media/languages.py): ISO 639-2/B, a tag of BCP 47 where the file names region or
    script, a tag nobody knows as it stands, `und` when the file names none; None only in hand-made values.
    Attached pictures (cover art) are attachments: type `attachment`, `is_picture` true.
    """

    index: int
    type: TrackType
    codec: str
    profile: str | None = None
    language: str | None = None
    title: str | None = None
    default: bool = False
    forced: bool = False
    dispositions: tuple[str, ...] = ()
    """Further dispositions that are set (`hearing_impaired`, `comment`, `original`, …), sorted."""
    channels: int | None = None
    channel_layout: str | None = None
    sample_rate: int | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: str | None = None
    """Average frame rate as a fraction, `24000/1001`."""
    pixel_format: str | None = None
    color_transfer: str | None = None
    color_primaries: str | None = None
    color_space: str | None = None
    color_range: str | None = None
    pixel_aspect: float | None = None
    """Width of a pixel by its height; None: as one."""
    rotation: int = 0
    """Degrees by which a player turns the picture, counter-clockwise, 0 to 359; after mirroring it."""
    mirrored: bool = False
    dolby_vision: str | None = None
    """Profile and compatibility as in the header's configuration, `8.1`; `5` has no compatible picture."""
    hdr10_plus: bool = False
    """The first pictures carry HDR10+'s dynamic metadata; looked for where the transfer is PQ."""
    interlaced: bool = False
    """Each picture is two fields, one shown after the other."""
    undated: bool = False
    """Pictures are stored in another order than they are shown in; only a decoder can tell when each is."""
    duration_s: float | None = None
    bit_rate: int | None = None
    """Bit/s."""
    codec_data: bool | None = None
    """Whether the header holds what the decoder must know beside the packets; None: not looked for."""
    encrypted: bool = False
    """The packets are encrypted; what says how is in the header, and no tool of ours carries it over."""
    entry: int | None = None
    """Matroska: its place among all entries of the header, where FFmpeg leaves out some before it."""
    filename: str | None = None
    """Attachments only."""
    content: str | None = None
    """Attachments only: size and checksum."""
    mime_type: str | None = None
    is_picture: bool = False
    still: bool | None = None
    """Video only: a single picture, such as a cover stored as a track. None: not looked for, because the
    file's only video track has the codec of a film (`media.film.is_unclear`)."""


class Chapter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A chapter: start and end in seconds."""

    start_s: float
    end_s: float
    title: str | None = None


class MediaInfo(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One video as the probe found it, or as a plan predicts it.

    `container` is normalised (policy-format 3.1): mkv, mp4, mov, avi, else FFmpeg's name in lower case.
    `tags` are the container's tags: keys in lower case, values text.
    """

    container: str
    format_name: str
    doc_type: str | None = None
    """Matroska only: `matroska` or `webm`."""
    size_bytes: int = 0
    duration_s: float | None = None
    bit_rate: int | None = None
    tags: dict[str, str] = {}
    chapters: tuple[Chapter, ...] = ()
    tracks: tuple[Track, ...] = ()
    inventory: tuple[InventoryItem, ...] | None = None
    """What it holds beyond all this (media/inventory.py); None: not looked for."""

    def of_type(self, kind: TrackType) -> tuple[Track, ...]:
        """Return the tracks of one type, in file order."""
        return tuple(track for track in self.tracks if track.type == kind)


class Shown(msgspec.Struct, frozen=True):
    """The part of a stream that is seen. Timestamps in seconds."""

    packets: int
    first_s: float
    last_s: float
    early_s: float = 0.0
    """By how much earlier some decoders show pictures, damaged, that hang on missing ones."""


class StreamCount(msgspec.Struct, frozen=True):
    """What a complete walk over one stream found. Timestamps in seconds; None when the stream is empty."""

    index: int
    packets: int
    first_s: float | None
    last_s: float | None
    shown: Shown | None = None
    """What is seen of it where an edit list leaves packets out, or (`demux`) the first pictures hang on ones
    from before the beginning; None: all of it."""
    size: int | None = None
    """The bytes of its packets; None: they are compressed, or not told."""
    astray: int = 0
    """Bytes of media data beside its packets that the file's index gives to nobody, or to two. MP4 only."""
    mark: str = ""
    """Of some packets, spread over the stream: sizes and first bytes. Matroska only, else empty."""

    @property
    def seen(self) -> StreamCount:
        """The same without the packets that nobody sees: what a decoder makes of the stream."""
        shown = self.shown
        return self if shown is None else StreamCount(self.index, shown.packets, shown.first_s, shown.last_s)
