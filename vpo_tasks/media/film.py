"""Which of a file's video tracks is the film. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from vpo_tasks.media.model import Track

IMAGE_CODECS = frozenset(
    {"bmp", "gif", "jpeg2000", "jpegls", "jpegxl", "mjpeg", "png", "apng", "rawvideo", "tiff", "webp"}
)
"""Codecs of pictures; films have some of them too, so the codec alone decides nothing."""
_AS_LONG = 0.9
"""Tracks of one film differ by milliseconds; from this share on they count as equally long."""


def film_of(tracks: Sequence[Track]) -> Track | None:
    """Return the main video track, None when there is none that moves.

    Not an attached picture and not a single picture; of several by preference the default one, then the
    longest, then the largest, then the first.
    """
    films = [track for track in tracks if track.type == "video" and not track.still]
    if len(films) < 2:
        return films[0] if films else None
    films = [track for track in films if track.default] or films
    longest_s = max(track.duration_s or 0.0 for track in films)
    films = [track for track in films if (track.duration_s or 0.0) >= _AS_LONG * longest_s]
    return max(films, key=lambda track: (track.width or 0) * (track.height or 0))


def is_unclear(tracks: Sequence[Track]) -> bool:
    """Tell whether a video track could be a single picture and nobody has looked: others would mislead.

    A lone track with the codec of a film is the film, so that most files cost nothing.
    """
    videos = [track for track in tracks if track.type == "video"]
    if len(videos) == 1 and videos[0].codec not in IMAGE_CODECS:
        return False
    return any(track.still is None for track in videos)
