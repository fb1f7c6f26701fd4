"""What a header says of tracks that FFmpeg does not tell, joined to what FFmpeg says of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from vpo_tasks.media.languages import canonical
from vpo_tasks.media.matroska.header import Layout
from vpo_tasks.media.model import Track
from vpo_tasks.media.mp4.movie import Movie
from vpo_tasks.media.picture import Picture


def pictures_of(layout: Layout | None, movie: Movie | None, streams: Sequence[Any]) -> dict[int, Picture]:
    """Return what the header says of showing each stream, by its index."""
    if layout is not None:
        indexes = layout.stream_indexes()
        return {indexes[entry.number]: entry.picture for entry in layout.tracks if entry.number in indexes}
    by_id = {track.id: track.picture for track in movie.tracks} if movie is not None else {}
    return {stream.index: by_id[stream.id] for stream in streams if stream.id in by_id}


def with_pictures(
    tracks: Sequence[Track], pictures: Mapping[int, Picture], hdr10_plus: int | None
) -> tuple[Track, ...]:
    """Return the tracks with how each is to be shown."""
    return tuple(
        msgspec.structs.replace(
            track, **pictures.get(track.index, Picture())._asdict(), hdr10_plus=track.index == hdr10_plus
        )
        if track.type == "video"
        else track
        for track in tracks
    )


def language_tags_of(layout: Layout | None, movie: Movie | None, streams: Sequence[Any]) -> dict[int, str]:
    """Return the language that the header gives each stream as a tag of BCP 47, by its index."""
    if layout is not None:
        indexes = layout.stream_indexes()
        tags = {
            indexes[entry.number]: entry.language_tag for entry in layout.tracks if entry.number in indexes
        }
    else:
        by_id = {track.id: track.language_tag for track in movie.tracks} if movie is not None else {}
        tags = {stream.index: by_id.get(stream.id) for stream in streams}
    return {index: tag for index, tag in tags.items() if tag is not None}


def with_languages(tracks: Sequence[Track], tags: Mapping[int, str]) -> tuple[Track, ...]:
    """Return the tracks, those with a language tag in that language."""
    return tuple(
        msgspec.structs.replace(track, language=canonical(tags[track.index]))
        if track.index in tags
        else track
        for track in tracks
    )


def with_encryption(tracks: Sequence[Track], movie: Movie, streams: Sequence[Any]) -> tuple[Track, ...]:
    """Return the tracks, those of an MP4 that are encrypted marked so."""
    ids = {track.id for track in movie.tracks if track.encrypted}
    closed = {stream.index for stream in streams if stream.id in ids} if ids else set()
    return tuple(
        msgspec.structs.replace(track, encrypted=True) if track.index in closed else track for track in tracks
    )


def with_entries(tracks: Sequence[Track], layout: Layout) -> tuple[Track, ...]:
    """Return the tracks with their place in a Matroska header, where FFmpeg's is another, and what it says.

    A track without a name has none: FFmpeg shows a tag of it. One that is encrypted is marked so.
    """
    places = {entry.number: place for place, entry in enumerate(layout.tracks)}
    found = {}
    for number, index in layout.stream_indexes().items():
        entry = layout.tracks[places[number]]
        fields: dict[str, Any] = {} if places[number] == index else {"entry": places[number]}
        if not entry.has_name:
            fields["title"] = None
        if entry.is_encrypted:
            fields["encrypted"] = True
        if fields:
            found[index] = fields
    return tuple(msgspec.structs.replace(track, **found.get(track.index, {})) for track in tracks)
