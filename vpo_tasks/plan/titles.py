"""Clearing titles without losing what only a title says of a track.

Otherwise a commentary would become the default as soon as its title is gone, in the same run or the next.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from vpo_tasks.media.model import Track
from vpo_tasks.plan.draft import Draft, Scope
from vpo_tasks.plan.names import name_track
from vpo_tasks.plan.rules_tracks import is_kept_for_title
from vpo_tasks.policy.match import APART, Commentary, commentary_test
from vpo_tasks.policy.model import KeepAudio, Policy

_DESCRIBES = re.compile(r"des[ck]ri|h\u00f6rfilm", re.IGNORECASE)


class Titles(NamedTuple):
    """What the policies of a run read out of titles, whichever of them clears the titles."""

    commentary: Commentary
    filters: tuple[KeepAudio, ...]


def titles_of(policies: Sequence[Policy]) -> Titles:
    """Return what these policies read out of titles."""
    patterns = dict.fromkeys(pattern for policy in policies for pattern in policy.config.commentary_patterns)
    filters = (phase.keep_audio for policy in policies for phase in policy.phases)
    return Titles(commentary_test(tuple(patterns)), tuple(keep for keep in filters if keep is not None))


def clear_titles(draft: Draft, kind: str, titles: Titles, scope: Scope) -> None:
    """Clear the titles of a type. A role that only the title tells becomes a flag first.

    A title for which alone a filter keeps the track (music, effects) stays: no flag says that.
    """
    operation = f"{kind}_actions"
    for track in draft.of_type(kind):
        if not track.title:
            continue
        if kind == "audio" and any(is_kept_for_title(track, keep) for keep in titles.filters):
            draft.warn(
                f"{name_track(draft.source, track)} keeps its title: keep_audio keeps it for that alone"
            )
            continue
        role = role_in(track, titles.commentary) if kind in ("audio", "subtitle") else None
        if role is not None:
            cause = scope.cause(operation, "its title said so, and all titles are cleared")
            draft.add_role(track, role, cause)
        current = next(present for present in draft.tracks if present.index == track.index)
        draft.set_title(current, None, scope.cause(operation, "all titles are cleared"))


def role_in(track: Track, commentary: Commentary) -> str | None:
    """Return the flag for what the title says and no flag does: `comment`, `visual_impaired` or None."""
    if not track.title or not APART.isdisjoint(track.dispositions) or not commentary(track.title):
        return None
    return "visual_impaired" if _DESCRIBES.search(track.title) else "comment"
