"""HDR10+: dynamic metadata that no header tells of. In the probe process only."""

from __future__ import annotations

from itertools import islice
from typing import Any

import av
from av.stream import Disposition

from vpo_tasks.media.colours import TRANSFERS

_HDR10_PLUS = b"\xb5\x00\x3c\x00\x01\x04"
"""How ITU-T T.35 metadata of SMPTE ST 2094-40 begins, in HEVC's SEI as in AV1's OBU."""
_SEARCHED_BYTES = 1 << 16
_SEARCHED_PACKETS = 256


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
        for packet in islice(container.demux(), _SEARCHED_PACKETS):
            if packet.stream_index == stream.index and packet.size:
                return int(stream.index) if _HDR10_PLUS in bytes(packet)[:_SEARCHED_BYTES] else None
    except (av.error.FFmpegError, ValueError):
        return None
    return None
