"""Phases, gates, errors and times (policy-format 9.7)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.support.tracks import effects, plan, policy, video
from vpo_tasks.errors import PlanError
from vpo_tasks.plan.evaluate import check_convergence, evaluate
from vpo_tasks.plan.model import Context
from vpo_tasks.policy.model import (
    AudioTranscode,
    Config,
    Container,
    DefaultFlags,
    Exists,
    Fail,
    FileTimestamp,
    FilterAttachments,
    KeepAudio,
    KeepSubtitles,
    MultiLanguage,
    Not,
    Phase,
    Rule,
    Rules,
    RunIf,
    SetDefault,
    SetLanguage,
    SkipWhen,
    TrackActions,
    TrackFilter,
    Transcode,
    Transcription,
    VideoTranscode,
)

GB = 1 << 30
CLEAR = TrackActions(clear_all_titles=True)
W1: dict[str, Any] = {"video_codec": ("x265",), "file_size_under": GB}
SKIPS = [
    ("W1", SkipWhen(mode="any", **W1), "v0 hevc", {"size_bytes": 4 * GB}, True),
    ("W2", SkipWhen(mode="all", **W1), "v0 hevc", {"size_bytes": 4 * GB}, False),
    ("W3 1200", SkipWhen(resolution="1080p"), "v0 1920x1200", {}, True),
    ("W3 1079", SkipWhen(resolution="1080p"), "v0 1920x1079", {}, False),
    ("W4 2159", SkipWhen(resolution_under="4k"), "v0 3840x2159", {}, True),
    ("W4 2160", SkipWhen(resolution_under="4k"), "v0 3840x2160", {}, False),
    ("W5", SkipWhen(container=("mkv",)), "v0", {}, True),
    ("W6 at", SkipWhen(duration_over=5400.0), "v0", {"duration_s": 5400.0}, False),
    ("W6 over", SkipWhen(duration_over=5400.0), "v0", {"duration_s": 5400.1}, True),
    ("unknown height never trips", SkipWhen(resolution="480p"), "v0", {}, False),
    ("unknown size never trips", SkipWhen(file_size_under=GB), "v0", {"size_bytes": 0}, False),
    ("a subtitle's language by any spelling", SkipWhen(subtitle_language_exists="fra"), "v0, s1 fre", {}, True),
    ("audio codecs know their aliases", SkipWhen(audio_codec_exists="e-ac-3"), "v0, a1 eac3", {}, True),
    ("an empty list is not asked", SkipWhen(video_codec=()), "v0", {}, False),
]  # fmt: skip


def outcomes(planned):
    return {phase.phase: phase.outcome for phase in planned.phases}


def failing(name, **fields):
    fail = Rule(name="no", when=Exists(track_type="video"), then=(Fail(message="no"),))
    return Phase(name=name, rules=Rules(match="first", items=(fail,)), **fields)


@pytest.mark.parametrize(
    ("when", "tracks", "fields", "skipped"), [pytest.param(*r[1:], id=r[0]) for r in SKIPS]
)
def test_skip_when(when, tracks, fields, skipped):
    planned = plan(video(tracks, **fields), Phase(name="p", skip_when=when))
    assert outcomes(planned) == {"p": "skipped" if skipped else "completed"}


def test_w7_a_skipped_phase_skips_its_dependants():
    planned = plan(
        "v0",
        Phase(name="A", skip_when=SkipWhen(container=("mkv",))),
        Phase(name="B", depends_on=("A",)),
        Phase(name="C", depends_on=("B",)),
    )
    assert outcomes(planned) == {"A": "skipped", "B": "skipped", "C": "skipped"}
    assert planned.failures == ()


@pytest.mark.parametrize(("tracks", "outcome"), [('a1 "x"', "completed"), ("a1", "skipped")])
def test_w8_run_if_a_phase_changed_something(tracks, outcome):
    planned = plan(
        tracks, Phase(name="A", audio_actions=CLEAR), Phase(name="B", run_if=RunIf(phase_modified="A"))
    )
    assert outcomes(planned) == {"A": "completed", "B": outcome}


def test_w9_an_unselected_phase_blocks_its_dependants():
    phases = (Phase(name="A"), Phase(name="B", depends_on=("A",)))
    assert outcomes(plan("v0", *phases, context=Context(phases=("B",)))) == {"A": "pending", "B": "skipped"}


def test_w10_selected_phases_keep_the_order_of_the_file():
    phases = tuple(Phase(name=name) for name in "ABC")
    planned = plan("v0", *phases, context=Context(phases=("C", "A")))
    assert outcomes(planned) == {"A": "completed", "B": "pending", "C": "completed"}
    assert [outcome.phase for outcome in planned.phases] == ["A", "B", "C"]


def test_w11_under_continue_only_dependants_are_skipped():
    planned = plan("v0", failing("A"), Phase(name="B", depends_on=("A",)), Phase(name="C"))
    assert outcomes(planned) == {"A": "failed", "B": "skipped", "C": "completed"}


REFUSALS = {
    "keep_audio": {"keep_audio": KeepAudio(languages=("kor",))},
    "rules": {"rules": Rules(match="first", items=(
        Rule(name="no", when=Exists(track_type="video"), then=(Fail(message="no"),)),
    ))},
    "a rule that nobody can judge": {"rules": Rules(match="first", items=(
        Rule(name="r", when=MultiLanguage(), then=(Fail(message="no"),)),
    ))},
    "container": {"container": Container(target="mp4")},
    "transcode": {"transcode": Transcode(video=VideoTranscode(to="av1", hw="none"))},
    "file_timestamp": {"file_timestamp": FileTimestamp(mode="release_date", fallback="skip")},
}  # fmt: skip
OTHERS: dict[str, Any] = {
    "video_actions": TrackActions(clear_all_default=True),
    "keep_subtitles": KeepSubtitles(remove_all=True),
    "filter_attachments": FilterAttachments(remove_all=True),
    "track_order": ("audio_main", "video"),
    "default_flags": DefaultFlags(),
}


@pytest.mark.parametrize("mode", ["continue", "skip", "fail"])
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_phase_that_fails_does_nothing_and_continue_goes_on_with_the_next(refusal, mode):
    planned = plan(
        'v0 D h264, a1 truehd eng "x", s2 eng "y", t3 ttf',
        Phase(name="A", **OTHERS, **refusal),
        Phase(name="B", subtitle_actions=CLEAR),
        config=Config(on_error=mode),
        context=Context(encoders=frozenset({"aac", "eac3"}), can_encode=True),
    )
    assert [(failure.phase, failure.on_error) for failure in planned.failures] == [("A", mode)]
    assert outcomes(planned) == {"A": "failed", "B": "completed" if mode == "continue" else "pending"}
    assert {change.phase for change in planned.changes} == ({"B"} if mode == "continue" else set())
    assert effects(planned) == ("s2:title=None" if mode == "continue" else "")


def test_w12_a_phase_s_own_mode_wins():
    planned = plan("v0", failing("A", on_error="fail"), Phase(name="B"))
    assert outcomes(planned) == {"A": "failed", "B": "pending"}
    assert [failure.on_error for failure in planned.failures] == ["fail"]


def test_w13_a_phase_of_actions_alone_runs():
    assert effects(plan('a1 "junk"', audio_actions=CLEAR)) == "a1:title=None"


@pytest.mark.parametrize(
    ("metadata", "mode", "mtime_s", "keep"),
    [
        ({"radarr": {"digital_release": "2020-05-04"}}, "release_date", 1_588_550_400.0, False),
        ({"sonarr": {"air_date": "1999-12-31"}}, "release_date", 946_598_400.0, False),
        ({}, "release_date", None, True),
        ({"radarr": {"digital_release": "soon"}}, "release_date", None, True),
        (None, "preserve", None, True),
        (None, "now", None, False),
    ],
)
def test_w15_the_file_s_time(metadata, mode, mtime_s, keep):
    planned = plan("v0", context=Context(metadata=metadata), file_timestamp=FileTimestamp(mode=mode))
    assert (planned.mtime_s, planned.keep_mtime, planned.failures) == (mtime_s, keep, ())


def test_a_time_that_is_right_is_left_alone():
    context = Context(metadata={"radarr": {"release_date": "2020-05-04"}}, mtime_s=1_588_550_400.4)
    planned = plan("v0", context=context, file_timestamp=FileTimestamp(mode="release_date"))
    assert planned.is_empty
    assert planned.keep_mtime


def test_a_release_date_that_nobody_can_look_up_fails_the_phase():
    planned = plan("v0", file_timestamp=FileTimestamp(mode="release_date"))
    assert [failure.reason for failure in planned.failures] == ["needs release_date, not available yet"]


@pytest.mark.parametrize(
    ("fields", "tracks", "fails"),
    [
        ({"enabled": True}, "a1", False),
        ({"update_language_from_transcription": True}, "a1", False),
        ({"enabled": True, "update_language_from_transcription": True}, "a1", True),
        ({"enabled": True, "update_language_from_transcription": True}, "v0", False),
        ({"enabled": True, "update_title_from_classification": True}, 'a1 "AC3 5.1 / 24 bit"', True),
        ({"enabled": True, "update_title_from_classification": True}, 'a1 "Director"', False),
    ],
)
def test_transcription_fails_only_where_it_would_decide(fields, tracks, fails):
    planned = plan(tracks, transcription=Transcription(**fields))
    reasons = [failure.reason for failure in planned.failures]
    assert reasons == (["needs transcription, not available yet"] if fails else [])


def test_what_one_phase_clears_and_the_next_sets_is_no_change():
    planned = plan(
        "v0 D, a1 eng D",
        Phase(name="clear", audio_actions=TrackActions(clear_all_default=True)),
        Phase(name="set", default_flags=DefaultFlags(), run_if=RunIf(phase_modified="clear")),
    )
    assert planned.is_empty
    assert outcomes(planned) == {"clear": "completed", "set": "completed"}


def test_the_last_cause_of_a_net_change_is_named():
    other = Phase(name="late", default_flags=DefaultFlags())
    planned = plan(
        "v0 D, a1 eng",
        Phase(name="early", default_flags=DefaultFlags()),
        Phase(name="clear", audio_actions=TrackActions(clear_all_default=True)),
        other,
    )
    assert [(change.phase, change.what) for change in planned.changes] == [("late", "default")]


def test_several_policies_are_one_plan_and_each_change_names_its_own():
    one = policy(keep_audio=KeepAudio(languages=("eng",)), name="one")
    two = policy(audio_actions=CLEAR, name="two")
    planned = evaluate([one, two], video('v0 D, a1 eng "x", a2 fre "y"'))
    assert sorted((change.policy, change.what) for change in planned.changes) == [
        ("one", "removed"),
        ("two", "title"),
    ]


@pytest.mark.parametrize(
    ("mode", "runs"), [("continue", "completed"), ("skip", "pending"), ("fail", "pending")]
)
def test_a_failed_policy_and_the_next_ones(mode, runs):
    one = policy(failing("A"), config=Config(on_error=mode), name="one")
    planned = evaluate([one, policy(Phase(name="B"), name="two")], video("v0"))
    assert outcomes(planned) == {"A": "failed", "B": runs}


def test_an_order_that_follows_from_a_language_set_later_needs_one_run_only():
    english = Rule(
        name="r",
        when=Exists(track_type="video"),
        then=(SetLanguage(track_type="audio", match_language="spa", new_language="eng"),),
    )
    asked = policy(
        Phase(name="order", track_order=("audio_main", "video", "audio_alternate")),
        Phase(name="languages", rules=Rules(match="first", items=(english,))),
    )
    planned = evaluate([asked], video("v0 D, a1 spa"))
    assert effects(planned) == "a1=eng order=1,0"
    check_convergence([asked], planned)


def test_what_a_later_phase_takes_out_of_the_way_is_done_in_the_same_run():
    asked = policy(
        Phase(name="A", container=Container(target="mp4")),
        Phase(name="B", filter_attachments=FilterAttachments(remove_all=True)),
    )
    planned = evaluate([asked], video("v0 D, a1 aac D, t2 ttf"))
    assert (effects(planned), planned.failures) == ("container=mp4 t2-", ())
    assert planned.warnings == ("phase A failed before later phases: mp4 cannot hold ttf",)
    assert outcomes(planned) == {"A": "completed", "B": "completed"}
    check_convergence([asked], planned)


def test_a_failure_that_stays_is_kept_beside_what_other_phases_do():
    planned = plan('v0, a1 "x"', failing("A"), Phase(name="B", audio_actions=CLEAR))
    assert effects(planned) == "a1:title=None"
    assert [failure.phase for failure in planned.failures] == ["A"]
    assert outcomes(planned) == {"A": "failed", "B": "completed"}


def flip_flop():
    is_default = Exists(track_type="audio", where=TrackFilter(is_default=True))
    return Rules(
        match="first",
        items=(
            Rule(name="off", when=is_default, then=(SetDefault(track_type="audio", value=False),)),
            Rule(name="on", when=Not(condition=is_default), then=(SetDefault(track_type="audio"),)),
        ),
    )


def test_rules_that_never_come_to_rest_are_named():
    asked = policy(Phase(name="flags", rules=flip_flop()))
    planned = evaluate([asked], video("v0 D, a1 D"))
    with pytest.raises(PlanError, match=r"p: flags: on \(default\); p: flags: off \(default\)"):
        check_convergence([asked], planned, Context(path="/m/a.mkv"))


def test_failing_under_skip_leaves_no_trace_of_the_phase():
    planned = plan(
        'v0 D, a1 truehd "x"',
        Phase(name="A", audio_actions=CLEAR, container=Container(target="mp4"), on_error="skip"),
    )
    assert (planned.changes, planned.result) == ((), planned.source)


def test_the_result_numbers_its_tracks_from_nought():
    planned = plan("v0 D, a1 fre, a2 eng D", keep_audio=KeepAudio(languages=("eng",)))
    assert [track.index for track in planned.result.tracks] == [0, 1]
    assert planned.result.duration_s == planned.source.duration_s
    assert msgspec.json.decode(msgspec.json.encode(planned), type=type(planned)) == planned


def test_a_flag_that_the_container_cannot_hold_is_a_warning_and_no_disagreement():
    flags = DefaultFlags(set_subtitle_forced_when_audio_differs=True)
    asked = policy(
        Phase(name="order", track_order=("video", "audio_alternate", "subtitle_main", "subtitle_forced")),
        Phase(name="flags", default_flags=flags),
        config=Config(audio_languages=("eng",), subtitle_languages=("ger", "eng")),
    )
    media = video("v0 D, a1 aac jpn D, s2 mov_text eng, s3 mov_text ger", container="mov")
    planned = evaluate([asked], media)
    assert effects(planned) == "order=0,1,3,2"
    assert "subtitle 2 (ger mov_text): MOV cannot store a forced flag" in planned.warnings
    check_convergence([asked], planned)


@pytest.mark.parametrize(
    ("track", "word"),
    [
        ('a1 dts "DTS-HD MA 5.1"', "DTS-HD MA"),
        ('a1 dts "Surround"', ""),
        ('a1 ac3 "Dolby Digital 5.1"', "Dolby Digital"),
        ('a1 aac "AAC 7.1 Lossless"', "AAC"),
        ('a1 aac "Isaac"', ""),
        ('a1 flac "AAC"', ""),
    ],
)
def test_a_title_that_tells_the_codec_before_an_encode_is_said(track, word):
    asked = policy(transcode=Transcode(audio=AudioTranscode(to="opus", bitrate=64_000)))
    warnings = evaluate([asked], video(f"{track} eng 2ch"), Context(can_encode=True)).warnings
    told = [text for text in warnings if "but opus will be in the track" in text]
    assert told == (
        [f"the title {video(track).tracks[1].title!r} tells {word}, but opus will be in the track"]
        if word
        else []
    )
    again = evaluate(
        [asked], video(f"{track.replace(track.split()[1], 'opus', 1)} eng 2ch"), Context(can_encode=True)
    )
    assert not again.warnings
