"""Order and flags (policy-format 9.5)."""

from __future__ import annotations

import pytest

from tests.support.tracks import effects, plan, policy, video
from vpo_tasks.plan.evaluate import check_convergence, evaluate
from vpo_tasks.policy.model import Config, DefaultFlags, Exists, Rule, Rules, SetLanguage, TrackActions

ENG = Config(audio_languages=("eng",))
DIFFERS = DefaultFlags(
    set_subtitle_default_when_audio_differs=True, set_subtitle_forced_when_audio_differs=True
)

ORDER = [
    ("O1", "video audio_main audio_alternate", "v0, a1 spa, a2 eng, a3 ger", [0, 2, 1, 3]),
    ("O3", "subtitle_main video", "v0, a1 eng, s2 eng", [2, 0, 1]),
    ("O4", "video subtitle_forced subtitle_commentary subtitle_main", 's1 eng, s2 eng F "Commentary", s3 eng F', [0, 3, 2, 1]),
    ("O6", "video audio_sfx audio_music audio_main", 'a1 eng, a2 eng "Sound Effects", a3 eng "Visual effects", a4 eng "Isolated score"', [0, 2, 4, 1, 3]),
    ("attachments come last whatever is asked", "attachment audio_main video", "a1 eng, t2 ttf", [1, 0, 2]),
    ("a class listed twice takes its last place", "audio_main video audio_main", "a1 eng", [0, 1]),
]  # fmt: skip

FLAGS = [
    ("D1", DefaultFlags(), Config(), "a1 jpn D, a2 und", "a1-D a2+D"),
    ("D2", DefaultFlags(), ENG, 'a1 jpn "Commentary", a2 kor, a3 fre D', "a2+D a3-D"),
    ("D3", DefaultFlags(preferred_audio_codec=("eac3", "dts")), Config(), "a1 eng aac D, a2 eng dts, a3 eng eac3, a4 jpn eac3", "a1-D a3+D"),
    ("D4", DefaultFlags(clear_other_defaults=False), Config(), "a1 jpn D, a2 eng, s3 eng D", "a2+D"),
    ("D5", DefaultFlags(set_preferred_audio_default=False), Config(), "a1 jpn D, a2 eng D, s3 eng D", "s3-D"),
    ("D6", DefaultFlags(set_preferred_subtitle_default=True), Config(), 'a1 eng D, s2 fre D, s3 eng "Commentary", s4 eng', "s2-D s4+D"),
    ("D7", DIFFERS, ENG, "a1 jpn D, s2 fre, s3 eng", "s3+D s3+F"),
    ("D8", DIFFERS, ENG, "a1 jpn, a2 eng, s3 eng", "a2+D"),
    ("D9", DefaultFlags(set_subtitle_default_when_audio_differs=True), Config(), "a1 und D, s2 eng", ""),
    ("only commentary audio differs", DIFFERS, ENG, 'a1 eng D "Commentary", s2 eng', "s2+D s2+F"),
    ("of two films the first becomes the default", DefaultFlags(), Config(), "v0 D, v1 D", "v1-D"),
    ("a film that is the default stays it", DefaultFlags(), Config(), "v0, v1 D", ""),
    ("a cover is no film", DefaultFlags(), Config(), "v0 mjpeg still D, v1", "v0-D v1+D"),
    ("a lone cover keeps its flag", DefaultFlags(), Config(), "v0 mjpeg still, a1 eng D", ""),
]  # fmt: skip


@pytest.mark.parametrize(("classes", "tracks", "expected"), [pytest.param(*r[1:], id=r[0]) for r in ORDER])
def test_track_order(classes, tracks, expected):
    planned = plan(tracks, track_order=tuple(classes.split()))
    assert [stream.source for stream in planned.streams] == expected


def test_o2_languages_rank_within_the_class():
    planned = plan(
        "a1 eng, s2 spa, s3 fre, s4 eng",
        config=Config(subtitle_languages=("eng", "fra")),
        track_order=("video", "audio_main", "subtitle_main"),
    )
    assert [stream.source for stream in planned.streams] == [0, 1, 4, 3, 2]


def test_o5_an_mp4_is_reordered_too():
    planned = plan(video("a1 eng D, a2 spa", container="mp4"), track_order=("audio_alternate", "video"))
    assert [stream.source for stream in planned.streams] == [2, 0, 1]


@pytest.mark.parametrize(
    ("flags", "config", "tracks", "expected"), [pytest.param(*r[1:], id=r[0]) for r in FLAGS]
)
def test_default_flags(flags, config, tracks, expected):
    assert effects(plan(tracks, config=config, default_flags=flags)) == expected


def test_d10_a_cleared_video_default_stays_off():
    asked = policy(video_actions=TrackActions(clear_all_default=True), default_flags=DefaultFlags())
    planned = evaluate([asked], video("a1 eng D"))
    assert effects(planned) == "v0-D"
    check_convergence([asked], planned)


def test_d11_a_default_cleared_and_set_again_is_no_change():
    planned = plan(
        "a1 eng D", audio_actions=TrackActions(clear_all_default=True), default_flags=DefaultFlags()
    )
    assert effects(planned) == ""


@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_subtitles_may_all_be_off_but_not_all_sound(container):
    planned = plan(video("a1 eng D, s2 eng D", container=container), default_flags=DefaultFlags())
    assert effects(planned) == "s2-D"
    assert not planned.warnings
    off = plan(video("a1 eng D", container=container), audio_actions=TrackActions(clear_all_default=True))
    assert effects(off) == ""
    assert any("always has a default audio track" in warning for warning in off.warnings)


def test_an_avi_holds_neither_flags_nor_languages():
    planned = plan(video("v0, a1 eng, a2 jpn", container="avi"), default_flags=DefaultFlags())
    assert effects(planned) == ""
    assert "audio 1 (eng ac3): AVI cannot store a default flag" in planned.warnings


def test_moving_nothing_but_data_streams_is_no_change():
    media = video("d0, a1 eng", container="mp4")
    planned = plan(media, track_order=("audio_main",))
    assert (planned.changes, planned.result, planned.warnings) == ((), media, ())


def test_a_transport_stream_names_languages_of_sound_only():
    name = SetLanguage(track_type="video", new_language="jpn")
    rule = Rule(name="r", when=Exists(track_type="audio"), then=(name,))
    media = video("v0, a1 eng", container="mpegts")
    planned = plan(media, rules=Rules(match="first", items=(rule,)))
    assert effects(planned) == ""
    assert planned.warnings == ("video 1 (h264): MPEG-TS cannot store the language jpn",)
