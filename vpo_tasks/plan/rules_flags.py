"""Flags and titles: `default_flags` and the `*_actions` blocks (policy-format 3.5, 3.7)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from vpo_tasks.media.film import film_of
from vpo_tasks.media.model import Track
from vpo_tasks.plan.draft import Draft, Scope
from vpo_tasks.plan.names import name_track
from vpo_tasks.plan.rules_tracks import is_kept_for_title
from vpo_tasks.policy.match import (
    APART,
    MADE_FOR,
    Commentary,
    Terms,
    commentary_test,
    is_commentary,
    is_for_the_deaf,
    is_forced,
    language_of,
    preferred_track,
)
from vpo_tasks.policy.model import DefaultFlags, KeepAudio, Policy, TrackActions

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


def clear_titles(
    draft: Draft, kind: str, titles: Titles, scope: Scope, *, keeps_unforced: bool = False
) -> None:
    """Clear the titles of a type. A role that only the title tells becomes a flag first.

    A title for which alone a filter keeps the track (music, effects) stays: no flag says that. So does one
    that says forced where the flag is cleared (`keeps_unforced`).
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
        cause = scope.cause(operation, "its title said so, and all titles are cleared")
        if kind == "subtitle" and is_forced(track) and not track.forced:
            if keeps_unforced:
                draft.warn(f"{name_track(draft.source, track)} keeps its title: it says that it is forced")
                continue
            draft.set_forced(track, True, cause)
        current = next(present for present in draft.tracks if present.index == track.index)
        role = role_in(track, titles.commentary) if kind in ("audio", "subtitle") else None
        if role is not None:
            draft.add_role(current, role, cause)
        current = next(present for present in draft.tracks if present.index == track.index)
        draft.set_title(current, None, scope.cause(operation, "all titles are cleared"))


def role_in(track: Track, commentary: Commentary) -> str | None:
    """Return the flag for what the title says and no flag does, None when there is none.

    `comment`, `visual_impaired`, or of subtitles `hearing_impaired`.
    """
    if not track.title or not APART.isdisjoint(track.dispositions):
        return None
    if commentary(track.title):
        return "visual_impaired" if _DESCRIBES.search(track.title) else "comment"
    is_told = is_for_the_deaf(track) and MADE_FOR.isdisjoint(track.dispositions)
    return "hearing_impaired" if is_told else None


_OPERATION = "default_flags"


def clear_marks(draft: Draft, kind: str, actions: TrackActions, titles: Titles, scope: Scope) -> None:
    """Clear flags and titles on every track of a type. What only a title says of a track is not lost."""
    operation = f"{kind}_actions"
    if actions.clear_all_forced:
        cause = scope.cause(operation, "all forced flags are cleared")
        for track in draft.of_type(kind):
            draft.set_forced(track, False, cause)
    if actions.clear_all_default:
        cause = scope.cause(operation, "all default flags are cleared")
        for track in draft.of_type(kind):
            draft.set_default(track, False, cause)
    if actions.clear_all_titles:
        clear_titles(draft, kind, titles, scope, keeps_unforced=bool(actions.clear_all_forced))


def set_default_flags(
    draft: Draft, flags: DefaultFlags, terms: Terms, scope: Scope, video_cleared: bool
) -> None:
    """Choose the default tracks. `video_cleared`: the same phase clears all video defaults."""
    film = film_of(draft.tracks) if flags.set_first_video_default and not video_cleared else None
    if film is not None:
        _choose(draft, draft.of_type("video"), film, flags, scope, who="the film")
    audio = draft.of_type("audio")
    if flags.set_preferred_audio_default and audio:
        chosen = preferred_track(audio, terms.audio, flags.preferred_audio_codec, terms)
        if chosen is not None:
            _choose(draft, audio, chosen, flags, scope, who="the preferred audio")
    _flag_subtitles(draft, audio, flags, terms, scope)


def _flag_subtitles(
    draft: Draft, audio: Sequence[Track], flags: DefaultFlags, terms: Terms, scope: Scope
) -> None:
    """Choose the default subtitle, or none, and force it when the audio is not understood."""
    subtitles = draft.of_type("subtitle")
    differs = (
        flags.set_subtitle_default_when_audio_differs or flags.set_subtitle_forced_when_audio_differs
    ) and audio_differs(audio, terms)
    # where this operation sets the flag itself, the flag does not tell a forced subtitle from a full one
    by_flag = not (flags.set_subtitle_forced_when_audio_differs and differs)
    preferred = preferred_track(subtitles, terms.subtitle, (), terms, by_forced_flag=by_flag)
    if preferred is None:
        return
    if flags.set_preferred_subtitle_default:
        _choose(draft, subtitles, preferred, flags, scope, who="the preferred subtitle")
    elif flags.set_subtitle_default_when_audio_differs and differs:
        who = "no audio is in a preferred language, so the preferred subtitle"
        _choose(draft, subtitles, preferred, flags, scope, who=who)
    elif flags.clear_other_defaults and any(track.default for track in subtitles):
        cause = scope.cause(_OPERATION, "no subtitle is the default")
        for track in subtitles:
            draft.set_default(track, False, cause)
    if flags.set_subtitle_forced_when_audio_differs and differs:
        reason = "no audio is in a preferred language, so the preferred subtitle is forced"
        current = next(track for track in draft.tracks if track.index == preferred.index)
        draft.set_forced(current, True, scope.cause(_OPERATION, reason))


def audio_differs(audio: Sequence[Track], terms: Terms) -> bool:
    """Tell whether no spoken audio is in a preferred language; true without audio."""
    return not any(
        language_of(track) in terms.audio for track in audio if not is_commentary(track, terms.commentary)
    )


def _choose(
    draft: Draft, tracks: Sequence[Track], chosen: Track, flags: DefaultFlags, scope: Scope, *, who: str
) -> None:
    """Make one track the default, and with `clear_other_defaults` the only one. `who` begins the reason."""
    wrong = [
        track
        for track in tracks
        if track.default != (track.index == chosen.index)
        and (track.index == chosen.index or flags.clear_other_defaults)
    ]
    if not wrong:
        return
    cause = scope.cause(_OPERATION, f"{who} ({language_of(chosen)} {chosen.codec}) is the default")
    for track in wrong:
        draft.set_default(track, not track.default, cause)
