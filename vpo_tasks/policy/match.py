"""What a policy's words mean for a track: filters, titles, classes (policy-format 3.6, 3.8.2). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from vpo_tasks.media.languages import LanguageRanges, canonical, matches
from vpo_tasks.media.model import Track, TrackType
from vpo_tasks.policy.codecs import matches_audio_pattern, same_codec
from vpo_tasks.policy.model import Comparison, Config, TitleMatch, TrackClass, TrackFilter
from vpo_tasks.policy.patterns import compile_pattern

Commentary = Callable[[str], bool]
"""Tells whether a title is a commentary's."""

_SFX = (
    "sfx", "sound effects", "effects only", "ambient", "foley", "environmental", "sounds only", "atmosphere",
)  # fmt: skip
_MUSIC = (
    "music", "score", "soundtrack", "m&e", "ost", "theme", "instrumental", "orchestra", "songs only",
)  # fmt: skip


class Terms:
    """A policy's `config`, made ready: languages in order of preference, commentary test."""

    __slots__ = ("audio", "commentary", "extra", "subtitle")

    def __init__(self, config: Config) -> None:
        self.audio = LanguageRanges(config.audio_languages)
        self.subtitle = LanguageRanges(config.subtitle_languages)
        self.commentary = commentary_test(config.commentary_patterns)
        self.extra = language_set(config.extra_languages)


def commentary_test(patterns: Sequence[str]) -> Commentary:
    """Return the test for titles. Titles repeat across a library, so answers are kept."""
    compiled = tuple(compile_pattern(text) for text in patterns)

    @lru_cache(maxsize=4096)
    def matches(title: str) -> bool:
        return any(pattern.search(title) for pattern in compiled)

    return matches


@lru_cache(maxsize=4096)
def language_set(codes: tuple[str, ...]) -> LanguageRanges:
    """Return the languages that a list of codes, tags or names means."""
    return LanguageRanges(codes)


def language_of(track: Track) -> str:
    """Return the language in its canonical form; none is `und`."""
    return canonical(track.language)


def has_language(track: Track, code: str) -> bool:
    """Tell whether the track names a language and it is `code`."""
    return bool(track.language) and matches(code, track.language)


def satisfies(value: int | None, comparison: Comparison) -> bool:
    """Compare; an unknown value satisfies nothing."""
    if value is None:
        return False
    operator, bound = comparison
    if operator == "eq":
        return value == bound
    if operator == "lt":
        return value < bound
    if operator == "lte":
        return value <= bound
    if operator == "gt":
        return value > bound
    return value >= bound


APART = frozenset({"comment", "visual_impaired", "descriptions"})
"""Flags of tracks that talk about the film or describe it: whatever holds for commentary holds for these."""
_FOR_THE_DEAF = frozenset({"hearing_impaired", "captions"})
MADE_FOR = APART | _FOR_THE_DEAF
"""Flags that say for whom a track is."""
_SAYS_DEAF = re.compile(
    r"\b(?:sdh|cc)\b|hearing.impaired|hard.of.hearing|\bdeaf|h\u00f6rgesch|geh\u00f6rlos|malentendant|\bsourds?\b"
    r"|\bsordos?\b|non.udenti|slechthorend|d\u00f6v",
    re.IGNORECASE,
)
_SAYS_FORCED = re.compile(
    r"\bforced\b|\bforc\u00e9e?s?\b|\berzwungen|\bforzad[oa]s?\b|\bfor\u00e7ad[oa]s?\b|\bforzat[oi]\b|\bgedwongen\b"
    r"|\bsigns?\b(?!.*\b(?:full|dialog))|\bforeign (?:parts|dialog|only)",
    re.IGNORECASE,
)


def is_commentary(track: Track, commentary: Commentary) -> bool:
    """Tell whether the track is a commentary or a description, by its flags or else by its title."""
    if track.dispositions and not APART.isdisjoint(track.dispositions):
        return True
    return bool(track.title) and commentary(track.title or "")


@lru_cache(maxsize=4096)
def title_kind(title: str) -> tuple[bool, bool]:
    """Return whether a title has a music keyword, and whether it has one of sound effects."""
    folded = title.lower()
    effects = any(word in folded for word in _SFX) or ("effects" in folded and "sound" in folded)
    return any(word in folded for word in _MUSIC), effects


def passes(track: Track, where: TrackFilter, commentary: Commentary) -> bool:
    """Tell whether a track passes every filter that is set."""
    if where.language is not None and not (
        track.language and language_of(track) in language_set(where.language)
    ):
        return False
    if where.codec is not None and not any(same_codec(track, name) for name in where.codec):
        return False
    if where.is_default is not None and track.default != where.is_default:
        return False
    if where.is_forced is not None and track.forced != where.is_forced:
        return False
    if where.channels is not None and not satisfies(track.channels, where.channels):
        return False
    if where.width is not None and not satisfies(track.width, where.width):
        return False
    if where.height is not None and not satisfies(track.height, where.height):
        return False
    if where.title is not None and not title_matches(track.title, where.title):
        return False
    return not (where.not_commentary and is_commentary(track, commentary))


def title_matches(title: str | None, wanted: TitleMatch) -> bool:
    """Tell whether a title matches; no title matches nothing."""
    if not title:
        return False
    if wanted.contains is not None:
        return wanted.contains.lower() in title.lower()
    return compile_pattern(wanted.regex or "").search(title)


def classify(
    kind: TrackType,
    language: str | None,
    title: str | None,
    forced: bool,
    terms: Terms,
    *,
    apart: bool = False,
) -> TrackClass:
    """Return the class that ordering uses (policy-format 3.6); sound effects before music before commentary.

    `apart`: its flags say that it is a commentary or a description, whatever the title.
    """
    if kind == "video":
        return "video"
    if kind == "audio":
        if apart:
            return "audio_commentary"
        music, effects = title_kind(title) if title else (False, False)
        if effects:
            return "audio_sfx"
        if music:
            return "audio_music"
        if title and terms.commentary(title):
            return "audio_commentary"
        return "audio_main" if canonical(language) in terms.audio else "audio_alternate"
    if kind == "subtitle":
        if apart or (title and terms.commentary(title)):
            return "subtitle_commentary"
        return "subtitle_forced" if forced else "subtitle_main"
    return "attachment"


def preferred_track(
    tracks: Sequence[Track],
    languages: LanguageRanges,
    codecs: Sequence[str],
    terms: Terms,
    *,
    by_forced_flag: bool = True,
) -> Track | None:
    """Return the track that a list of languages prefers (policy-format 3.7); language outranks codec.

    A commentary or a description only where there is nothing else; a subtitle for the hard of hearing only
    where there is no full one in its language, a forced one only where there is neither. `by_forced_flag`:
    the flag says so, not only the title.
    """
    # most tracks have neither roles nor a title: those are not even asked
    spoken = [
        track
        for track in tracks
        if not (track.dispositions or track.title) or not is_commentary(track, terms.commentary)
    ]
    if not spoken:
        return tracks[0] if tracks else None
    ranks = [languages.rank(language_of(track)) for track in spoken]
    best = min((rank for rank in ranks if rank is not None), default=None)
    if best is None:
        return _fullest(spoken, by_forced_flag)[0]
    named = [track for track, rank in zip(spoken, ranks, strict=True) if rank == best]
    named = _fullest(named, by_forced_flag)
    for pattern in codecs:
        for track in named:
            if matches_audio_pattern(track, pattern):
                return track
    return named[0]


def _fullest(tracks: list[Track], by_forced_flag: bool) -> list[Track]:
    """Return those that hold most of what is said: full ones, for the hard of hearing, or forced ones."""
    if len(tracks) == 1:
        return tracks
    ranks = [_partiality(track, by_forced_flag) for track in tracks]
    best = min(ranks)
    return [track for track, rank in zip(tracks, ranks, strict=True) if rank == best]


def _partiality(track: Track, by_forced_flag: bool) -> int:
    if track.type == "subtitle" and ((by_forced_flag and track.forced) or _says(_SAYS_FORCED, track.title)):
        return 2
    return 1 if is_for_the_deaf(track) else 0


def is_for_the_deaf(track: Track) -> bool:
    """Tell whether a track is for the hard of hearing, by its flags or, a subtitle, by its title."""
    if not _FOR_THE_DEAF.isdisjoint(track.dispositions):
        return True
    return track.type == "subtitle" and _says(_SAYS_DEAF, track.title)


def is_forced(track: Track) -> bool:
    """Tell whether a subtitle only covers what the audio does not, by its flag or by its title."""
    return track.type == "subtitle" and (track.forced or _says(_SAYS_FORCED, track.title))


@lru_cache(maxsize=4096)
def _says(pattern: re.Pattern[str], title: str | None) -> bool:
    return bool(title) and pattern.search(title or "") is not None
