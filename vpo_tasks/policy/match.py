"""What a policy's words mean for a track: filters, titles, classes (policy-format 3.6, 3.8.2). Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from vpo_tasks.media.languages import normalise
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
    """A policy's `config`, made ready: normalised languages in order of preference, commentary test."""

    __slots__ = ("audio", "commentary", "extra", "subtitle")

    def __init__(self, config: Config) -> None:
        self.audio = tuple(normalise(code) for code in config.audio_languages)
        self.subtitle = tuple(normalise(code) for code in config.subtitle_languages)
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
def language_set(codes: tuple[str, ...]) -> frozenset[str]:
    """Return the languages that a list of codes names, normalised."""
    return frozenset(normalise(code) for code in codes)


def language_of(track: Track) -> str:
    """Return the normalised language; none is `und`."""
    return normalise(track.language)


def has_language(track: Track, code: str) -> bool:
    """Tell whether the track names a language and it is `code`."""
    return bool(track.language) and language_of(track) == normalise(code)


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
_NOT_PLAIN = frozenset({"hearing_impaired", "captions"})
"""Flags of tracks that are made for some: another one in the same language comes first."""
MADE_FOR = APART | _NOT_PLAIN
"""Flags that say for whom a track is."""


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
        return "audio_main" if normalise(language) in terms.audio else "audio_alternate"
    if kind == "subtitle":
        if apart or (title and terms.commentary(title)):
            return "subtitle_commentary"
        return "subtitle_forced" if forced else "subtitle_main"
    return "attachment"


def preferred_track(
    tracks: Sequence[Track], languages: Sequence[str], codecs: Sequence[str], terms: Terms
) -> Track | None:
    """Return the track that a list of languages prefers (policy-format 3.7); language outranks codec.

    A commentary or a description only where there is nothing else; what is made for the hard of hearing only
    where there is nothing else in its language.
    """
    # most tracks have neither roles nor a title: those are not even asked
    spoken = [
        track
        for track in tracks
        if not (track.dispositions or track.title) or not is_commentary(track, terms.commentary)
    ]
    if not spoken:
        return tracks[0] if tracks else None
    found = [language_of(track) for track in spoken]
    for language in languages:
        if language not in found:
            continue
        named = _plain_ones([track for track, its in zip(spoken, found, strict=True) if its == language])
        for pattern in codecs:
            for track in named:
                if matches_audio_pattern(track, pattern):
                    return track
        return named[0]
    return _plain_ones(spoken)[0]


def _plain_ones(tracks: list[Track]) -> list[Track]:
    if len(tracks) == 1:
        return tracks
    return [track for track in tracks if _NOT_PLAIN.isdisjoint(track.dispositions)] or tracks
