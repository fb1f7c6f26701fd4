"""The order of tracks: `track_order` (policy-format 3.6)."""

from __future__ import annotations

from functools import lru_cache

from vpo_tasks.media.languages import LanguageRanges, canonical
from vpo_tasks.media.model import TrackType
from vpo_tasks.plan.draft import Draft, Scope
from vpo_tasks.policy.match import APART, Terms, classify
from vpo_tasks.policy.model import TrackClass

_NO_RANK = 1 << 30
TRAILING = ("attachment", "other")
"""The types of tracks that stand after the others whatever the order."""


def order_tracks(draft: Draft, classes: tuple[TrackClass, ...], terms: Terms, scope: Scope) -> None:
    """Sort by class, then preferred language, then as they stand.

    Attachments and data streams always come last: no container stores them between the tracks.
    """
    leading = [track for track in draft.tracks if track.type not in TRAILING]
    keys = [
        _key(
            track.type,
            track.language,
            track.title,
            track.forced,
            bool(track.dispositions) and not APART.isdisjoint(track.dispositions),
            classes,
            terms,
        )
        for track in leading
    ]
    wanted = sorted(keys)
    if wanted == keys:
        return
    trailing = [track for track in draft.tracks if track.type in TRAILING]
    # sorting is stable: tracks with the same key stay as they stand
    places = sorted(range(len(leading)), key=keys.__getitem__)
    draft.tracks = (*[leading[place] for place in places], *trailing)
    draft.note((None, "order"), scope.cause("track_order", f"track_order is {', '.join(classes)}"))


@lru_cache(maxsize=4096)
def _key(  # noqa: PLR0917 - what the cache tells apart
    kind: TrackType,
    language: str | None,
    title: str | None,
    forced: bool,
    apart: bool,
    classes: tuple[TrackClass, ...],
    terms: Terms,
) -> tuple[int, int]:
    """Return what to sort a track by. Kept, because the tracks of a library are much alike."""
    track_class = classify(kind, language, title, forced, terms, apart=apart)
    place = max([at for at, name in enumerate(classes) if name == track_class], default=len(classes))
    rank = _NO_RANK
    if track_class == "audio_main":
        rank = _rank(canonical(language), terms.audio)
    elif track_class == "subtitle_main":
        rank = _rank(canonical(language), terms.subtitle)
    return place, rank


def _rank(language: str, preferred: LanguageRanges) -> int:
    rank = preferred.rank(language)
    return len(preferred) if rank is None else rank
