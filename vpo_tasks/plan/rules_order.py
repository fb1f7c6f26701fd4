"""The order of tracks: `track_order` (policy-format 3.6)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from vpo_tasks.media.model import Track
from vpo_tasks.plan.draft import Draft, Scope
from vpo_tasks.policy.match import Terms, classify, language_of
from vpo_tasks.policy.model import TrackClass

_NO_RANK = 1 << 30
TRAILING = ("attachment", "other")
"""The types of tracks that stand after the others whatever the order."""


def order_tracks(draft: Draft, classes: tuple[TrackClass, ...], terms: Terms, scope: Scope) -> None:
    """Sort by class, then preferred language, then as they stand.

    Attachments and data streams always come last: no container stores them between the tracks.
    """
    place = _places(classes)
    leading = [track for track in draft.tracks if track.type not in TRAILING]
    keys = [_key(track, place, len(classes), terms) for track in leading]
    wanted = sorted(range(len(leading)), key=keys.__getitem__)
    if wanted != list(range(len(leading))):
        trailing = [track for track in draft.tracks if track.type in TRAILING]
        draft.tracks = (*[leading[position] for position in wanted], *trailing)
        draft.note((None, "order"), scope.cause("track_order", f"the order is {', '.join(classes)}"))


def _key(track: Track, place: Mapping[TrackClass, int], last: int, terms: Terms) -> tuple[int, int]:
    """Return what to sort by; classes that `place` does not name come `last`."""
    kind = classify(track, terms)
    rank = _NO_RANK
    if kind == "audio_main":
        rank = _rank(language_of(track), terms.audio)
    elif kind == "subtitle_main":
        rank = _rank(language_of(track), terms.subtitle)
    return place.get(kind, last), rank


@lru_cache(maxsize=256)
def _places(classes: tuple[TrackClass, ...]) -> Mapping[TrackClass, int]:
    return MappingProxyType({name: position for position, name in enumerate(classes)})


def _rank(language: str, preferred: tuple[str, ...]) -> int:
    return preferred.index(language) if language in preferred else len(preferred)
