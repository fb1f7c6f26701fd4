"""What a person calls a track: `audio 2 (fre ac3 5.1 "VFF")`."""

from __future__ import annotations

from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.policy.codecs import effective_codec

_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


def name_track(source: MediaInfo, track: Track) -> str:
    """Return the name of a track, counted from 1 within its type as the source has it."""
    if track.type == "attachment":
        return f"attachment {_number(source, track)} ({track.filename or track.codec})"
    parts = [track.language or "und", effective_codec(track)]
    if track.channels:
        parts.append(_LAYOUTS.get(track.channels, f"{track.channels}ch"))
    if track.type == "video":
        parts = [track.codec] + ([f"{track.width}x{track.height}"] if track.width and track.height else [])
    if track.title:
        parts.append(f'"{track.title}"')
    return f"{short_name(source, track)} ({' '.join(parts)})"


def short_name(source: MediaInfo, track: Track) -> str:
    """Return `audio 2`."""
    kind = "data" if track.type == "other" else track.type
    return f"{kind} {_number(source, track)}"


def _number(source: MediaInfo, track: Track) -> int | str:
    number = 0
    for present in source.tracks:
        if present.type == track.type:
            number += 1
            if present.index == track.index:
                return number
    return "new"
