"""Rules and actions (policy-format 9.3)."""

from __future__ import annotations

import pytest

from tests.support.tracks import effects, plan, policy, video
from vpo_tasks.plan.evaluate import check_convergence, evaluate
from vpo_tasks.plan.model import Context
from vpo_tasks.plan.rules_actions import expand
from vpo_tasks.policy.model import (
    Config,
    Count,
    Exists,
    Fail,
    KeepAudio,
    Not,
    Phase,
    PluginField,
    Rule,
    Rules,
    SetContainerMetadata,
    SetDefault,
    SetForced,
    SetLanguage,
    Skip,
    TrackActions,
    Transcode,
    VideoTranscode,
    Warn,
)

YES = Exists(track_type="video")
NO = Not(condition=YES)
CAN_ENCODE = Context(can_encode=True)


def rules(match, *items):
    """Make rules of (condition, then, else)."""
    made = [
        Rule(name=f"r{number}", when=when, then=then, otherwise=otherwise)
        for number, (when, then, otherwise) in enumerate(items, 1)
    ]
    return Rules(match=match, items=tuple(made))


def always(*actions):
    return rules("first", (YES, actions, ()))


X, Y, Z = Warn(message="x"), Warn(message="y"), Warn(message="z")

MATCHING = [
    ("R1", rules("first", (YES, (X,), ()), (YES, (Y,), ())), ("x",)),
    ("R2", rules("first", (NO, (X,), (Z,)), (YES, (Y,), ())), ("y",)),
    ("R3", rules("first", (NO, (X,), (Z,)), (NO, (X,), (Y,))), ("y",)),
    ("R4", rules("all", (YES, (X,), ()), (NO, (), (Z,)), (YES, (Y,), ())), ("x", "y")),
    ("R5", rules("all", (YES, (X,), ()), (NO, (), (Z,))), ("x",)),
    ("all: none true runs the last else", rules("all", (NO, (), (X,)), (NO, (), (Y,))), ("y",)),
]

JPN = PluginField(plugin="radarr", field="original_language")
ACTIONS = [
    ("R6", SetDefault(track_type="audio", language="eng"), "a1 jpn, a2 eng, a3 eng", "a2+D"),
    ("R7", SetForced(language="en"), "s2 eng, s3 eng F, s4 fre", "s2+F"),
    ("R8", SetLanguage(track_type="audio", match_language="und", new_language="jpn"), "a1 und, a2 eng", "a1=jpn"),
    ("R9", SetLanguage(track_type="video", new_language="deu"), "v0 ger", ""),
    ("R11", SetLanguage(track_type="video", from_plugin_metadata=JPN), "v0", ""),
    ("a default can be cleared", SetDefault(track_type="video", value=False), "v0 D", "v0-D"),
    ("the encoder tag is the tools' own", SetContainerMetadata(field="encoder", value="x"), "v0", ""),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "messages"), [pytest.param(*r[1:], id=r[0]) for r in MATCHING])
def test_which_rules_run(asked, messages):
    assert plan("v0", rules=asked).warnings == messages


def test_r4_skips_of_several_rules_add_up():
    asked = rules(
        "all",
        (YES, (Skip(what="audio_transcode"),), ()),
        (NO, (), (Fail(message="else"),)),
        (YES, (Skip(what="video_transcode"),), ()),
    )
    transcode = Transcode(video=VideoTranscode(to="hevc"))
    planned = plan("v0 h264, a1 eng aac", context=CAN_ENCODE, rules=asked, transcode=transcode)
    assert (effects(planned), planned.failures) == ("", ())


@pytest.mark.parametrize(("action", "tracks", "expected"), [pytest.param(*r[1:], id=r[0]) for r in ACTIONS])
def test_action(action, tracks, expected):
    planned = plan(tracks, context=Context(metadata={}), rules=always(action))
    assert (effects(planned), planned.failures) == (expected, ())


@pytest.mark.parametrize(("tags", "expected"), [({}, ""), ({"comment": "x"}, "tag:comment=None")])
def test_r10_an_empty_value_deletes_a_tag(tags, expected):
    asked = always(SetContainerMetadata(field="Comment", value=""))
    assert effects(plan(video("v0", tags=tags), rules=asked)) == expected


def test_a_plugin_s_language_name_becomes_a_code():
    asked = always(SetLanguage(track_type="video", from_plugin_metadata=JPN))
    known = Context(metadata={"radarr": {"original_language": "Japanese"}})
    assert effects(plan("v0", context=known, rules=asked)) == "v0=jpn"


def test_a_language_that_nobody_knows_is_refused():
    asked = always(SetLanguage(track_type="video", new_language="zz"))
    planned = plan("v0", rules=asked)
    assert (effects(planned), [f.reason for f in planned.failures]) == ("", ["zz is not a language"])


def test_a_plugin_s_odd_language_leaves_the_track_alone():
    asked = always(SetLanguage(track_type="video", from_plugin_metadata=JPN))
    planned = plan(
        "v0", context=Context(metadata={"radarr": {"original_language": "Gibberish"}}), rules=asked
    )
    assert (effects(planned), planned.failures) == ("", ())
    assert planned.warnings == ("rule r1: Gibberish is not a language",)


def test_a_plugin_s_value_that_nobody_can_look_up_fails_the_phase():
    asked = always(SetLanguage(track_type="video", from_plugin_metadata=JPN))
    planned = plan("v0", rules=asked)
    assert [failure.reason for failure in planned.failures] == [
        "needs from_plugin_metadata, not available yet"
    ]


def test_r12_a_warning_is_shown_with_its_names_filled_in():
    rule = Rule(name="chk", when=YES, then=(Warn(message="{rule_name}: {filename}"),))
    planned = plan("v0", context=Context(path="/m/a.mkv"), rules=Rules(match="first", items=(rule,)))
    assert planned.warnings == ("chk: a.mkv",)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("{path}", "/m/a.mkv"),
        ("{{x}}", "{x}"),
        ("{nope} {path}", "{nope} {path} (unknown placeholder {nope})"),
        ("{}", "{} (unknown placeholder {})"),
        ("a { b", "a { b"),
    ],
)
def test_placeholders(message, expected):
    assert expand(message, "rule", "/m/a.mkv") == expected


def test_r13_fail_under_skip_ends_the_video():
    planned = plan(
        "a1 eng",
        Phase(name="a", rules=always(Fail(message="nope")), on_error="skip"),
        Phase(name="b", audio_actions=TrackActions(clear_all_titles=True)),
    )
    (failure,) = planned.failures
    assert (failure.reason, failure.rule, failure.on_error) == ("nope", "r1", "skip")
    assert [outcome.outcome for outcome in planned.phases] == ["failed", "pending"]


def test_fail_under_continue_drops_the_edits_of_its_phase_only():
    planned = plan(
        'a1 eng "x"',
        Phase(
            name="a", rules=always(Fail(message="nope")), video_actions=TrackActions(clear_all_default=True)
        ),
        Phase(name="b", audio_actions=TrackActions(clear_all_titles=True)),
    )
    assert effects(planned) == "a1:title=None"
    assert [outcome.outcome for outcome in planned.phases] == ["failed", "completed"]


def test_r14_skip_track_filter_suppresses_the_filters():
    only_one = Count(track_type="audio", compare=("eq", 1))
    planned = plan(
        "a1 jpn",
        rules=rules("first", (only_one, (Skip(what="track_filter"),), ())),
        keep_audio=KeepAudio(languages=("eng",)),
    )
    assert (effects(planned), planned.failures) == ("", ())


def test_r15_skip_video_transcode_in_the_same_phase():
    planned = plan(
        "v0 h264",
        context=CAN_ENCODE,
        rules=always(Skip(what="video_transcode")),
        transcode=Transcode(video=VideoTranscode(to="hevc")),
    )
    assert effects(planned) == ""


def test_r16_cleared_and_set_again_stays_and_comes_to_rest():
    asked = policy(
        subtitle_actions=TrackActions(clear_all_forced=True), rules=always(SetForced(language="eng"))
    )
    planned = evaluate([asked], video("s2 eng F, s3 fre F"))
    assert effects(planned) == "s3-F"
    check_convergence([asked], planned)


def test_rules_see_the_tracks_as_the_phase_found_them():
    french = Exists(track_type="audio", where=Exists(track_type="audio").where)
    planned = plan(
        "a1 fre, a2 eng",
        config=Config(),
        keep_audio=KeepAudio(languages=("eng",)),
        rules=rules("first", (Count(track_type="audio", compare=("eq", 2)), (X,), ()), (french, (Y,), ())),
    )
    assert planned.warnings == ("x",)
