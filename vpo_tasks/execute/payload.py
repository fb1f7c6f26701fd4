"""Whether a copy holds the bytes of what it copies: a reader that believes a damaged index copies a part.

Counts of packets agree then, and so do digests. Every check raises VerifyError.
"""

from __future__ import annotations

from collections.abc import Sequence

from vpo_tasks.errors import VerifyError
from vpo_tasks.media.model import MediaInfo, StreamCount

_SLACK_BYTES = 4096
_PACKET_BYTES = 64
"""What a container may add to each packet: ADTS, start codes, WavPack's and ProRes' own headers."""
_KEPT = 0.75
_ASTRAY = 0.25
_DEMUXED_SLACK_BYTES = 1 << 16
_DEMUXED_PACKET_BYTES = 256
_PLAIN_CONTAINERS = frozenset({"avi", "flv", "mkv"})
"""Those of which most is packets: a transport stream may be half stuffing, of MP4 the index tells."""


def verify_payload(video: str, name: str, source: StreamCount, copy: StreamCount) -> None:
    """Hold that a copied stream has its source's bytes, as far as containers do not store it otherwise."""
    if source.size is None or copy.size is None:
        return
    least = source.size * _KEPT - _PACKET_BYTES * source.packets - _SLACK_BYTES
    if copy.size < least:
        raise VerifyError(video, f"bytes of {name}", f"about {source.size}", copy.size)


def verify_index(video: str, source: MediaInfo, counts: Sequence[StreamCount], copied: set[int]) -> None:
    """Hold that the packets which the source's index names are what the file holds."""
    for count in counts:
        size = count.size or 0
        if count.index in copied and count.astray > _SLACK_BYTES + size * _ASTRAY:
            wrong = f"{count.astray} bytes more that its index gives to nobody, or twice"
            raise VerifyError(video, f"stream {count.index} of the source", f"{size} bytes", wrong)
    _verify_whole(video, source, counts)


def _verify_whole(video: str, source: MediaInfo, counts: Sequence[StreamCount]) -> None:
    """Hold that most of the file was read as packets, where the container stores little else."""
    attached = [track.content for track in source.of_type("attachment")]
    if source.container not in _PLAIN_CONTAINERS or None in attached:
        return
    if any(count.size is None for count in counts):
        return
    other = sum(int(str(content).partition(":")[0]) for content in attached)
    packets = sum(count.packets for count in counts)
    found = sum(count.size or 0 for count in counts)
    overhead = other + packets * _DEMUXED_PACKET_BYTES + _DEMUXED_SLACK_BYTES
    if found < source.size_bytes // 2 - overhead:
        raise VerifyError(video, "packets of the source", f"most of {source.size_bytes} bytes", found)
