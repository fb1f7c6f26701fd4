"""Which tracks stay (policy-format 9.4)."""

from __future__ import annotations

import pytest

from tests.support.tracks import effects, plan, video
from vpo_tasks.policy.model import (
    Config,
    Container,
    DefaultFlags,
    FilterAttachments,
    KeepAudio,
    KeepSubtitles,
    Phase,
    TrackActions,
)


def audio(*languages, **fields):
    return KeepAudio(languages=languages, **fields)


AUDIO = [
    ("F1", audio("de"), "a1 ger D, a2 fre", "a2-"),
    ("F2", audio("eng", "und"), "a1 eng D, a2, a3 spa", "a3-"),
    ("F4", audio("eng", fallback="content_language"), "a1 jpn D, a2 fre, a3 jpn", "a2-"),
    ("F5", audio("eng", fallback="keep_first", minimum=2), "a1 jpn, a2 fre, a3 eng", "a2-"),
    ("F6", audio("eng", fallback="keep_all", minimum=5), "a1 eng, a2 jpn", ""),
    ("F7", audio("kor", fallback="content_language", minimum=3), "a1 jpn, a2 fre, a3 eng", "a2- a3-"),
    ("F8", audio("eng"), 'a1 eng D, a2 jpn "Score", a3 jpn "Foley"', ""),
    (
        "F9",
        audio("eng", keep_music_tracks=False, exclude_sfx_from_language_filter=False),
        'a1 eng D, a2 eng "Score", a3 jpn "SFX", a4 eng "SFX"',
        "a2- a3-",
    ),
    ("F10", audio("eng"), 'a1 eng D, a2 eng "Commentary", a3 jpn "Commentary"', "a3-"),
    ("F11", audio("eng"), "s1 fre", ""),
    ("one spelling of a language is as good as another", audio("fra"), "a1 fre, a2 eng", "a2-"),
    ("keep_all takes back switched-off music", audio("kor", fallback="keep_all", keep_music_tracks=False), 'a1 jpn "Score"', ""),
]  # fmt: skip

SUBTITLES = [
    ("F12", KeepSubtitles(languages=("eng",), preserve_forced=True), "s2 fre F, s3 fre, s4 eng", "s3-"),
    ("F14", KeepSubtitles(remove_all=True, preserve_forced=True), "s2 eng F", "s2-"),
    ("F15 nothing asked", KeepSubtitles(), "s2 fre", ""),
    ("F15 empty list", KeepSubtitles(languages=()), "s2 fre", "s2-"),
]


@pytest.mark.parametrize(("operation", "tracks", "expected"), [pytest.param(*r[1:], id=r[0]) for r in AUDIO])
def test_keep_audio(operation, tracks, expected):
    planned = plan(tracks, keep_audio=operation)
    assert (effects(planned), planned.failures) == (expected, ())


@pytest.mark.parametrize(
    ("operation", "tracks", "expected"), [pytest.param(*r[1:], id=r[0]) for r in SUBTITLES]
)
def test_keep_subtitles(operation, tracks, expected):
    assert effects(plan(tracks, keep_subtitles=operation)) == expected


def test_f3_too_little_audio_left_fails_and_removes_nothing():
    planned = plan("a1 jpn D", keep_audio=audio("kor"))
    assert planned.changes == ()
    (failure,) = planned.failures
    assert (failure.phase, failure.operation) == ("one", "keep_audio")
    assert failure.reason == ("0 audio tracks would be left of jpn, and at least 1 must be (languages: kor)")


def test_no_fallback_leaves_a_video_silent():
    switched_off = audio("kor", fallback="content_language", keep_music_tracks=False)
    planned = plan('a1 jpn "Score"', keep_audio=switched_off)
    assert (effects(planned), planned.failures) == ("", ())


def test_f13_a_forced_flag_that_is_being_cleared_does_not_preserve():
    planned = plan(
        "s2 fre F, s4 eng",
        subtitle_actions=TrackActions(clear_all_forced=True),
        keep_subtitles=KeepSubtitles(languages=("eng",), preserve_forced=True),
    )
    assert effects(planned) == "s2-"


def test_f16_attachments_go_with_a_warning_about_fonts():
    planned = plan("s2 ass, t3 ttf, t4 jpeg", filter_attachments=FilterAttachments(remove_all=True))
    assert effects(planned) == "t3- t4-"
    assert planned.warnings == ("font ttf is removed, ASS subtitles may lose their styling",)


def test_fonts_of_plain_subtitles_go_without_a_warning():
    planned = plan("s2 subrip, t3 ttf", filter_attachments=FilterAttachments(remove_all=True))
    assert (effects(planned), planned.warnings) == ("t3-", ())


def test_f17_flags_are_chosen_among_the_tracks_that_stay():
    planned = plan(
        "a1 eng D, a2 jpn",
        config=Config(audio_languages=("eng",)),
        keep_audio=audio("jpn"),
        default_flags=DefaultFlags(),
    )
    assert effects(planned) == "a1- a2+D"


def test_f18_filters_and_order_in_one_phase():
    planned = plan(
        "a1 jpn, a2 eng, s3 fre, s4 eng",
        keep_audio=audio("eng"),
        keep_subtitles=KeepSubtitles(languages=("eng",)),
        track_order=("video", "subtitle_main", "audio_main"),
    )
    assert [stream.source for stream in planned.streams] == [0, 4, 2]
    assert effects(planned) == "a1- order=0,4,2 s3-"


def test_a_change_names_who_asked_and_why():
    planned = plan(
        'a1 eng ac3 6ch, a2 fre ac3 6ch "VFF"', Phase(name="audio", keep_audio=audio("eng", "und"))
    )
    (change,) = planned.changes
    assert (change.policy, change.phase, change.operation) == ("p", "audio", "keep_audio")
    assert (change.label, change.reason) == ('audio 2 (fre ac3 5.1 "VFF")', "fre is not one of eng, und")


def test_a_rewrite_that_would_lose_data_streams_is_refused():
    planned = plan(video("a1 eng, a2 fre, d3", container="mp4"), keep_audio=audio("eng"))
    assert planned.is_empty
    assert "data streams" in planned.failures[0].reason
    assert planned.failures[0].phase == planned.phases[0].phase


def test_a_conversion_drops_data_streams_only_when_the_policy_says_so():
    source = video("a1 eng, d2", container="mp4")
    refused = plan(source, container=Container(target="mkv"))
    assert refused.is_empty
    assert "on_incompatible_codec: transcode" in refused.failures[0].reason
    dropped = plan(source, container=Container(target="mkv", on_incompatible_codec="transcode"))
    assert [stream.source for stream in dropped.streams] == [0, 1]
    assert any("is dropped" in warning for warning in dropped.warnings)
    assert ("removed", 2) in {(change.what, change.track) for change in dropped.changes}
