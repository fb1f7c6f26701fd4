"""Track classes, keywords and preferences (policy-format 3.6, 3.7)."""

from __future__ import annotations

import pytest

from tests.support.tracks import track
from vpo_tasks.media.languages import LanguageRanges
from vpo_tasks.policy.match import Terms, classify, preferred_track, satisfies, title_kind
from vpo_tasks.policy.model import Config

TERMS = Terms(Config(audio_languages=("en", "und"), subtitle_languages=("fra",)))

CLASSES = [
    ("v0", "video"),
    ("a1 eng", "audio_main"),
    ("a1", "audio_main"),
    ("a1 jpn", "audio_alternate"),
    ('a1 jpn "Score"', "audio_music"),
    ('a1 eng "Sound effects and music"', "audio_sfx"),
    ('a1 eng "DIRECTOR"', "audio_commentary"),
    ('a1 eng "Music commentary"', "audio_music"),
    ("s1 eng", "subtitle_main"),
    ("s1 jpn F", "subtitle_forced"),
    ('s1 eng F "Commentary"', "subtitle_commentary"),
    ("t1 ttf", "attachment"),
    ("d1", "attachment"),
]
TITLES = [
    ("Music", (True, False)),
    ("The Lost World", (True, False)),
    ("M&E", (True, False)),
    ("Visual effects", (False, False)),
    ("Effects, sound", (False, True)),
    ("Foley and score", (True, True)),
    ("Surround 5.1", (False, False)),
]
COMPARISONS = [
    ("eq", 6, 6, True),
    ("lt", 6, 6, False),
    ("lte", 6, 6, True),
    ("gt", 6, 7, True),
    ("gte", 6, 5, False),
]


def class_of(found, terms):
    return classify(found.type, found.language, found.title, found.forced, terms)


@pytest.mark.parametrize(("text", "expected"), CLASSES)
def test_class(text, expected):
    assert class_of(track(text), TERMS) == expected


@pytest.mark.parametrize(("title", "expected"), TITLES)
def test_keywords_in_titles(title, expected):
    assert title_kind(title) == expected


@pytest.mark.parametrize(("operator", "bound", "value", "expected"), COMPARISONS)
def test_comparison(operator, bound, value, expected):
    assert satisfies(value, (operator, bound)) is expected
    assert not satisfies(None, (operator, bound))


@pytest.mark.parametrize(
    ("tracks", "languages", "codecs", "expected"),
    [
        ("a1 jpn, a2 eng", ("eng",), (), 2),
        ("a1 jpn, a2 kor", ("eng",), (), 1),
        ('a1 eng "Commentary", a2 jpn', ("eng",), (), 2),
        ('a1 jpn "Commentary", a2 eng "Director"', ("eng",), (), 1),
        ("a1 eng aac, a2 jpn dts, a3 eng dts", ("eng", "jpn"), ("dts",), 3),
        ("a1 eng aac, a2 jpn dts", ("eng", "jpn"), ("dts",), 1),
    ],
)
def test_the_preferred_track(tracks, languages, codecs, expected):
    made = [track(text) for text in tracks.split(", ")]
    assert preferred_track(made, LanguageRanges(languages), codecs, TERMS).index == expected


@pytest.mark.parametrize(
    ("tracks", "expected"),
    [
        ("s1 eng +hearing_impaired, s2 eng", 2),
        ('s1 eng "English (SDH)", s2 eng "English"', 2),
        ('s1 eng "Forced", s2 eng "English"', 2),
        ("s1 eng F, s2 eng", 2),
        ("s1 eng F, s2 eng +hearing_impaired", 2),
        ('s1 eng "Signs & Songs", s2 eng "Dialogue"', 2),
        ('s1 eng "Full (signs and dialogue)", s2 eng', 1),
        ('s1 eng "Forced", s2 jpn', 1),
        ('s1 eng "Reinforced concrete", s2 eng', 1),
        ('s1 eng "Commentary", s2 eng F', 2),
    ],
)
def test_the_preferred_subtitle_is_a_full_one(tracks, expected):
    made = [track(text) for text in tracks.split(", ")]
    assert preferred_track(made, LanguageRanges(("eng",)), (), TERMS).index == expected


@pytest.mark.parametrize(("tracks", "expected"), [("s1 eng F, s2 eng", 1), ('s1 eng F "Forced", s2 eng', 2)])
def test_where_the_policy_sets_the_forced_flag_only_titles_tell_forced_subtitles(tracks, expected):
    made = [track(text) for text in tracks.split(", ")]
    found = preferred_track(made, LanguageRanges(("eng",)), (), TERMS, by_forced_flag=False)
    assert found.index == expected


def test_no_track_is_preferred_among_none():
    assert preferred_track([], LanguageRanges(("eng",)), (), TERMS) is None


def test_without_patterns_nothing_is_commentary():
    terms = Terms(Config(commentary_patterns=()))
    assert class_of(track('a1 eng "Commentary"'), terms) == "audio_main"
