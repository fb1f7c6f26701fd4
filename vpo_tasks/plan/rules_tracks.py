"""Which tracks stay: `keep_audio`, `keep_subtitles`, `filter_attachments` (policy-format 3.2, 3.3)."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from vpo_tasks.media.languages import LanguageRanges, canonical, is_known, same_language, unknown_words
from vpo_tasks.media.model import Track
from vpo_tasks.plan.draft import Draft, Refusal, Scope
from vpo_tasks.policy.match import Terms, is_forced, language_of, language_set, title_kind
from vpo_tasks.policy.model import FilterAttachments, KeepAudio, KeepSubtitles

_FONT_CODECS = frozenset({"ttf", "otf", "ttc", "woff", "woff2"})
_FONT_TYPES = frozenset(
    {
        "application/x-truetype-font", "application/x-font-ttf", "application/x-font-otf",
        "application/vnd.ms-opentype", "application/font-sfnt", "application/x-font-opentype",
    }
)  # fmt: skip


def keep_audio(draft: Draft, operation: KeepAudio, scope: Scope, terms: Terms) -> None:
    """Remove unwanted audio; raise Refusal when too little would be left."""
    tracks = draft.of_type("audio")
    if not tracks:
        return
    wanted = language_set(operation.languages)
    removed = {track.index: why for track in tracks if (why := _unwanted(track, operation, wanted))}
    if len(tracks) - len(removed) < operation.minimum:
        _fall_back(tracks, removed, operation)
    if not removed:
        return
    if len(removed) == len(tracks):
        raise Refusal("keep_audio", f"no audio would be left: {_found(tracks)}")
    if _unknown_codes(operation.languages, terms.extra) and any(
        track.index in removed and language_of(track) not in wanted for track in tracks
    ):
        _refuse_unknown("keep_audio", operation.languages, draft, terms)
    for track in tracks:
        if track.index in removed:
            draft.remove(track, scope.cause("keep_audio", removed[track.index]))


def _unwanted(track: Track, operation: KeepAudio, wanted: LanguageRanges) -> str | None:
    """Return why a track goes, or None."""
    music, effects = title_kind(track.title) if track.title else (False, False)
    if music:
        if not operation.keep_music_tracks:
            return "music tracks are not kept"
        if operation.exclude_music_from_language_filter:
            return None
    elif effects:
        if not operation.keep_sfx_tracks:
            return "sound effects tracks are not kept"
        if operation.exclude_sfx_from_language_filter:
            return None
    language = language_of(track)
    if language in wanted:
        return None
    return f"{language} is not {_one_of(operation.languages)}"


def is_kept_for_title(track: Track, operation: KeepAudio) -> bool:
    """Tell whether the operation would remove the track if it had no title."""
    wanted = language_set(operation.languages)
    untitled = msgspec.structs.replace(track, title=None)
    return _unwanted(track, operation, wanted) is None and _unwanted(untitled, operation, wanted) is not None


def _fall_back(tracks: list[Track], removed: dict[int, str], operation: KeepAudio) -> None:
    """Take tracks out of `removed` as the fallback says."""
    if operation.fallback == "error":
        left = len(tracks) - len(removed)
        languages = ", ".join(operation.languages)
        raise Refusal(
            "keep_audio",
            f"{left} audio track{'' if left == 1 else 's'} would be left of {_found(tracks)}, "
            f"and at least {operation.minimum} must be (languages: {languages})",
        )
    if operation.fallback == "keep_all":
        removed.clear()
    elif operation.fallback == "keep_first":
        missing = operation.minimum - (len(tracks) - len(removed))
        for index in list(removed)[:missing]:
            del removed[index]
    else:
        for track in tracks:
            if same_language(track.language, tracks[0].language):
                removed.pop(track.index, None)


def keep_subtitles(
    draft: Draft, operation: KeepSubtitles, scope: Scope, terms: Terms, clears_forced: bool
) -> None:
    """Remove unwanted subtitles. `clears_forced`: the same phase clears all forced flags."""
    if operation.remove_all:
        for track in draft.of_type("subtitle"):
            draft.remove(track, scope.cause("keep_subtitles", "all subtitles are removed"))
        return
    if operation.languages is None:
        return
    wanted = language_set(operation.languages)
    preserves_forced = operation.preserve_forced and not clears_forced
    unwanted = [
        track
        for track in draft.of_type("subtitle")
        if language_of(track) not in wanted and not (preserves_forced and is_forced(track))
    ]
    if unwanted:
        _refuse_unknown("keep_subtitles", operation.languages, draft, terms)
    for track in unwanted:
        reason = f"{language_of(track)} is not {_one_of(operation.languages)}"
        draft.remove(track, scope.cause("keep_subtitles", reason))


def _refuse_unknown(operation: str, codes: tuple[str, ...], draft: Draft, terms: Terms) -> None:
    """Raise Refusal when a list by which tracks would go has a code that nobody knows: it may be a slip.

    A code that some track of the video has, or that the policy lists as an extra one, is meant.
    """
    unknown = _unknown_codes(codes, terms.extra)
    if not unknown:
        return
    present = {language_of(track) for track in (*draft.source.tracks, *draft.tracks)}
    doubtful = [code for code in unknown if canonical(code) not in present]
    if doubtful:
        advice = "; correct the policy, or list it in config.extra_languages"
        raise Refusal(operation, f"removes nothing by this list: {unknown_words(doubtful[0])}{advice}")


@lru_cache(maxsize=256)
def _unknown_codes(codes: tuple[str, ...], extra: LanguageRanges) -> tuple[str, ...]:
    """Return the codes that nobody knows and that are not among the extra ones."""
    return tuple(code for code in codes if not is_known(code) and canonical(code) not in extra)


def filter_attachments(draft: Draft, operation: FilterAttachments, scope: Scope) -> None:
    """Remove all attachments if asked; warn when a styled subtitle loses its fonts."""
    if not operation.remove_all:
        return
    styled = any(track.codec in ("ass", "ssa") for track in draft.of_type("subtitle"))
    for track in draft.of_type("attachment"):
        reason = "all attachments are removed"
        if styled and is_font(track):
            reason += "; ASS subtitles may lose their styling"
            name = track.filename or track.codec
            draft.warn(f"font {name} is removed, ASS subtitles may lose their styling")
        draft.remove(track, scope.cause("filter_attachments", reason))


def is_font(track: Track) -> bool:
    """Tell whether an attachment is a font, by codec, type or extension."""
    mime = (track.mime_type or "").lower()
    extension = (track.filename or "").lower().rpartition(".")[2]
    return (
        track.codec in _FONT_CODECS
        or extension in _FONT_CODECS
        or mime.startswith("font/")
        or mime in _FONT_TYPES
    )


def _one_of(codes: tuple[str, ...]) -> str:
    """Return `eng`, or `one of eng, und`."""
    if not codes:
        return "wanted"
    return codes[0] if len(codes) == 1 else f"one of {', '.join(codes)}"


def _found(tracks: list[Track]) -> str:
    """Return the languages of tracks for a person."""
    return ", ".join(language_of(track) for track in tracks)
