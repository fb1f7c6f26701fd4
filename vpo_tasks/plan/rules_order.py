"""The order of tracks: `track_order` (policy-format 3.6)."""

from __future__ import annotations

from vpo_tasks.media.model import Track
from vpo_tasks.plan.draft import Draft, Scope
from vpo_tasks.policy.match import Terms, classify, language_of
from vpo_tasks.policy.model import TrackClass

_NO_RANK = 1 << 30


def order_tracks(draft: Draft, classes: tuple[TrackClass, ...], terms: Terms, scope: Scope) -> None:
    """Sort by class, then preferred language, then as they stand.

    Attachments and data streams always come last: no container stores them between the tracks.
    """
    place = {name: position for position, name in enumerate(classes)}

    def key(track: Track) -> tuple[bool, int, int]:
        kind = classify(track, terms)
        rank = _NO_RANK
        if kind == "audio_main":
            rank = _rank(language_of(track), terms.audio)
        elif kind == "subtitle_main":
            rank = _rank(language_of(track), terms.subtitle)
        return is_trailing(track), place.get(kind, len(classes)), rank

    ordered = tuple(sorted(draft.tracks, key=key))
    if _leading(ordered) != _leading(draft.tracks):
        draft.tracks = ordered
        draft.note((None, "order"), scope.cause("track_order", f"the order is {', '.join(classes)}"))


def _leading(tracks: tuple[Track, ...]) -> list[Track]:
    return [track for track in tracks if not is_trailing(track)]


def is_trailing(track: Track) -> bool:
    """Tell whether a track stands after the others whatever the order."""
    return track.type in ("attachment", "other")


def _rank(language: str, preferred: tuple[str, ...]) -> int:
    return preferred.index(language) if language in preferred else len(preferred)
