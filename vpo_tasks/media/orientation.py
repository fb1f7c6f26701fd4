"""How a player turns the picture. Apart from the probe: it takes decoding a frame, and is rarely asked."""

from __future__ import annotations

import av

from vpo_tasks.media.av_reading import open_container


def read_rotation(path: str) -> int:
    """Return by how many degrees the first video stream's first frame is to be turned: 0 to 359.

    0 also when there is no frame to be had. Raise ProbeError when the file cannot be opened.
    """
    with open_container(path) as container:
        pictures = [stream for stream in container.streams.video if not _is_cover(stream)]
        try:
            frame = next(container.decode(pictures[0]), None) if pictures else None
        except av.error.FFmpegError:
            return 0
        return int(frame.rotation) % 360 if frame is not None else 0


def _is_cover(stream: av.VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)
