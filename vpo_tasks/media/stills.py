"""Which video tracks hold a single picture. In the probe process only.

MP4's index tells. Elsewhere the beginning of the file is read, and only where a picture could be meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import av

from vpo_tasks.media.film import IMAGE_CODECS
from vpo_tasks.media.model import Track

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
