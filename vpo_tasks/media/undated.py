"""Pictures whose times only a decoder can tell: AVI stores when each is decoded, and nothing else.

So does Matroska where mkvmerge took a stream over from AVI as it was. In the probe process only.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import av

VFW_CODEC_ID = "V_MS/VFW/FOURCC"

_PICTURE_START = b"\0\0\1\xb6"
"""How a picture of MPEG-4 part 2 begins (ISO/IEC 14496-2, `vop_start_code`)."""
_SEARCHED_PACKETS = 256


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
        for packet in islice(container.demux(stream), _SEARCHED_PACKETS):
            if packet.size and bytes(packet).count(_PICTURE_START) > 1:
                return int(stream.index)
    except (av.error.FFmpegError, ValueError):
        return None
    return None
