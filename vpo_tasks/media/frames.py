"""What only packets and frames tell: single pictures, HDR10+, missing times. In the probe process only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import av
from av.stream import Disposition

from vpo_tasks.media.film import IMAGE_CODECS
from vpo_tasks.media.model import Track
from vpo_tasks.media.picture import TRANSFERS

_SEARCHED_PACKETS = 8192
_SEARCHED_BYTES = 16 << 20
_MOVING = 48
"""So many pictures of another track without a second one of this: two seconds of film."""


def indexed_stills(tracks: Sequence[Track], samples: Mapping[int, int]) -> dict[int, bool] | None:
    """Return for each video track whether it is a single picture, by the numbers of samples in an index.

    None when the index does not hold them all: the file is in fragments.
    """
    wanted = [track.index for track in tracks if track.type == "video"]
    if not all(samples.get(index) for index in wanted):
        return None
    return {index: samples[index] == 1 for index in wanted}


def find_stills(container: Any, tracks: Sequence[Track]) -> dict[int, bool]:
    """Return the same by reading from the beginning, no further than it takes.

    A track of which nothing was found is no film where the whole file was read, or where its codec is one of
    pictures; else it may be a film that begins later.
    """
    videos = [track for track in tracks if track.type == "video"]
    packets = {track.index: 0 for track in videos}
    read_bytes, is_whole = 0, False
    try:
        for number, packet in enumerate(container.demux()):
            if packet.stream_index in packets and packet.size:
                packets[packet.stream_index] += 1
                if min(packets.values()) > 1:
                    break
            read_bytes += packet.size
            seen = all(packets.values()) and max(packets.values()) > _MOVING
            if seen or number >= _SEARCHED_PACKETS or read_bytes >= _SEARCHED_BYTES:
                break
        else:
            is_whole = True
    except (av.error.FFmpegError, ValueError):
        pass  # what was found until then counts; damage is for whoever reads the whole file
    return {
        track.index: packets[track.index] == 1
        or (not packets[track.index] and (is_whole or track.codec in IMAGE_CODECS))
        for track in videos
    }


_HDR10_PLUS = b"\xb5\x00\x3c\x00\x01\x04"
"""How ITU-T T.35 metadata of SMPTE ST 2094-40 begins, in HEVC's SEI as in AV1's OBU."""
_HDR_SEARCHED_BYTES = 1 << 16
_HDR_SEARCHED_PACKETS = 256


def find_hdr10_plus(container: Any) -> int | None:
    """Return the index of the first video stream with the PQ transfer if its first packet carries HDR10+.

    Only such a stream is read, and of it a packet. A cover may stand in front of it.
    """
    pictures = (s for s in container.streams.video if not s.disposition & Disposition.attached_pic)
    # FFmpeg makes no codec context where it does not know the codec
    known = (s for s in pictures if s.codec_context is not None)
    stream = next((s for s in known if TRANSFERS.get(int(s.codec_context.color_trc)) == "smpte2084"), None)
    if stream is None:
        return None
    try:
        for packet in islice(container.demux(), _HDR_SEARCHED_PACKETS):
            if packet.stream_index == stream.index and packet.size:
                return int(stream.index) if _HDR10_PLUS in bytes(packet)[:_HDR_SEARCHED_BYTES] else None
    except (av.error.FFmpegError, ValueError):
        return None
    return None


VFW_CODEC_ID = "V_MS/VFW/FOURCC"

_PICTURE_START = b"\0\0\1\xb6"
"""How a picture of MPEG-4 part 2 begins (ISO/IEC 14496-2, `vop_start_code`)."""
_TIMES_SEARCHED_PACKETS = 256


def find_undated(container: Any, stored_as_avi: set[int]) -> int | None:
    """Return the index of the first of these streams with reordered pictures if it is such a one, else None.

    FFmpeg works out the times of plain MPEG-4 in AVI; not where two pictures are packed into one chunk, as
    DivX and Xvid did, and not those of other codecs. A cover in front of it reorders nothing.
    """
    streams = (s for s in container.streams.video if s.index in stored_as_avi and s.codec_context is not None)
    stream = next((s for s in streams if s.codec_context.has_b_frames), None)
    if stream is None:
        return None
    if stream.codec_context.name != "mpeg4" or container.format.name != "avi":
        return int(stream.index)
    try:
        for packet in islice(container.demux(stream), _TIMES_SEARCHED_PACKETS):
            if packet.size and bytes(packet).count(_PICTURE_START) > 1:
                return int(stream.index)
    except (av.error.FFmpegError, ValueError):
        return None
    return None
