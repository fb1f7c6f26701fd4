"""When conditions hold (policy-format 9.2)."""

from __future__ import annotations

import pytest

from tests.support.tracks import effects, plan, video
from vpo_tasks.plan.model import Context, LanguageAnalysis, Originality
from vpo_tasks.plan.rules_conditions import ConditionInput, Unknown, holds
from vpo_tasks.policy.match import Terms
from vpo_tasks.policy.model import (
    And,
    Config,
    ContainerMetadata,
    Count,
    Dubbed,
    Exists,
    KeepSubtitles,
    MultiLanguage,
    Not,
    Or,
    Original,
    PluginMetadata,
    Rule,
    Rules,
    SetForced,
    Skip,
    TitleMatch,
    TrackActions,
    TrackFilter,
    Transcode,
    VideoTranscode,
    Warn,
)


def exists(kind, **where):
    return Exists(track_type=kind, where=TrackFilter(**where))


def count(kind, *compare, **where):
    return Count(track_type=kind, compare=compare, where=TrackFilter(**where))


def tag(field, value=None, operator="eq"):
    return ContainerMetadata(field=field, value=value, operator=operator)


def plugin(name, field, value=None, operator="eq"):
    return PluginMetadata(plugin=name, field=field, value=value, operator=operator)


MULTI = MultiLanguage(threshold=0.1, primary_language="en")


def heard(share):
    analysis = LanguageAnalysis(primary="eng", primary_share=1 - share, secondary={"fre": share})
    return {"analyses": {1: analysis}}


def original(is_original, confidence):
    return {"originals": {1: Originality(original=is_original, confidence=confidence)}}


def known(**plugins):
    return {"metadata": plugins}


ROWS = [
    ("C1", exists("subtitle", language=("nl",)), "s2 subrip dut", {}, {}, True),
    ("C2", exists("audio", language=("ces", "fra")), "a1 fre", {}, {}, True),
    ("C3", exists("video", codec=("HEVC",)), "v0 hevc", {}, {}, True),
    ("C4", exists("video", codec=("h265",)), "v0 hevc", {}, {}, True),
    ("C5", exists("audio", channels=("lt", 6)), "a1", {}, {}, False),
    ("C6", exists("audio", title=TitleMatch(contains="surround")), 'a1 "5.1 SURROUND mix"', {}, {}, True),
    ("C7", exists("audio", title=TitleMatch(regex="^alt")), 'a1 "Alternate take"', {}, {}, True),
    ("C8", count("audio", "gt", 1, language=("eng",)), "a1 eng, a2 en, a3 jpn", {}, {}, True),
    ("C9", count("subtitle", "eq", 0), "a1 eng", {}, {}, True),
    ("C10", Not(condition=exists("attachment")), "t3 ttf", {}, {}, False),
    ("C11", tag("Title", "MY FILM"), "v0", {"title": "my film"}, {}, True),
    ("C12", tag("title", "x", "neq"), "v0", {}, {}, False),
    ("C13 number", tag("year", 2000, "gte"), "v0", {"year": "2001"}, {}, True),
    ("C13 no number", tag("year", 2000, "gte"), "v0", {"year": "MMI"}, {}, False),
    ("C14", tag("year", 2001), "v0", {"year": "2001"}, {}, False),
    ("C15", plugin("radarr", "original_language", "eng", "neq"), "v0", {}, known(), False),
    ("C16", plugin("radarr", "edition", operator="exists"), "v0", {}, known(radarr={"edition": None}), True),
    ("C17", plugin("sonarr", "tags", "4K", "contains"), "v0", {}, known(sonarr={"tags": "hd,4k"}), True),
    ("C18", MULTI, "a1 eng", {}, heard(0.12), True),
    ("C19", MULTI, "a1 eng", {}, heard(0.07), False),
    ("C20", Original(value=False), "a1 eng", {}, original(False, 0.8), True),
    ("C21", And(conditions=(exists("audio", language=("kor", "jpn")), Not(condition=exists("subtitle", language=("eng",))))), "a1 jpn, s2 ger", {}, {}, True),
    ("C22", Or(conditions=(exists("attachment"), And(conditions=(exists("video"), exists("audio"))))), "v0, t1", {}, {}, True),
    ("null is unequal to everything", plugin("radarr", "edition", "x", "neq"), "v0", {}, known(radarr={"edition": None}), False),
    ("booleans are numbers", plugin("radarr", "monitored", 1), "v0", {}, known(radarr={"monitored": True}), True),
    ("text is no number for a plugin", plugin("radarr", "year", 1, "gt"), "v0", {}, known(radarr={"year": "2001"}), False),
    ("nan in a tag compares as nothing", tag("year", 1, "gt"), "v0", {"year": "nan"}, {}, False),
    ("a dub of a known original", Dubbed(language="ger"), "a1 jpn, a2 ger", {}, known(radarr={"original_language": "Japanese"}), True),
    ("without data the first track is too weak a guess", Original(), "a1 jpn, a2 ger", {}, known(), False),
    ("a single track is the original, but not surely", Original(), "a1 jpn", {}, {}, False),
    ("nothing is dubbed where nothing is in that language", Dubbed(language="eng"), "a1 jpn, a2 ger", {}, {}, False),
    ("an unknown part that cannot decide", And(conditions=(MULTI, exists("subtitle"))), "a1 eng", {}, {}, False),
    ("an unknown part beside a true one", Or(conditions=(MULTI, exists("audio"))), "a1 eng", {}, {}, True),
    ("no audio speaks no languages", MULTI, "v0", {}, {}, False),
    ("DTS-HD MA is dts-hd", exists("audio", codec=("dts-hd",)), "a1 dts profile=dts-hd_ma", {}, {}, True),
    ("dts covers DTS-HD", exists("audio", codec=("dts",)), "a1 dts profile=dts-hd_ma", {}, {}, True),
    ("plain dts is no DTS-HD", exists("audio", codec=("dts-hd",)), "a1 dts", {}, {}, False),
]  # fmt: skip


def judge(condition, tracks, tags=None, config=None, **context):
    media = video(tracks, tags=tags)
    return holds(
        condition, ConditionInput(media.tracks, media.tags, Terms(config or Config()), Context(**context))
    )


@pytest.mark.parametrize(
    ("condition", "tracks", "tags", "context", "expected"), [pytest.param(*r[1:], id=r[0]) for r in ROWS]
)
def test_condition(condition, tracks, tags, context, expected):
    assert judge(condition, tracks, tags, **context) is expected


def test_c23_commentary_follows_the_policy_s_own_patterns():
    config = Config(commentary_patterns=("zebra",))
    assert judge(exists("audio", not_commentary=True), 'a1 "Zebra talk"', config=config) is False


@pytest.mark.parametrize(
    ("condition", "needs"),
    [
        (MULTI, "audio_is_multi_language"),
        (plugin("radarr", "year", 1), "plugin_metadata"),
        (Original(), "the film's original language"),
        (Dubbed(language="eng"), "the film's original language"),
    ],
)
def test_nobody_can_tell_without_the_data(condition, needs):
    assert judge(condition, "a1 jpn, a2 eng") == Unknown(needs)
    assert judge(Not(condition=condition), "a1 jpn, a2 eng") == Unknown(needs)


FORCE = SetForced(language="eng")
UNDECIDED = [
    ("first: decides a flag", "first", FORCE, (), "s2 eng", True),
    ("first: nothing to force", "first", FORCE, (), "s2 fre", False),
    ("first: already so", "first", FORCE, (), "s2 eng F", False),
    ("first: both ways alike", "first", FORCE, (FORCE,), "s2 eng", False),
    ("first: a message differs", "first", Warn(message="x"), (), "s2 fre", True),
    ("all: decides a flag", "all", FORCE, (), "s2 eng", True),
    ("all: nothing to force", "all", FORCE, (), "s2 fre", False),
    ("all: decides the else", "all", FORCE, (Warn(message="x"),), "s2 fre", True),
]


@pytest.mark.parametrize(
    ("match", "then", "otherwise", "tracks", "fails"), [pytest.param(*r[1:], id=r[0]) for r in UNDECIDED]
)
def test_what_nobody_can_tell_matters_only_when_it_decides_something(match, then, otherwise, tracks, fails):
    rule = Rule(name="r", when=plugin("radarr", "year", 1), then=(then,), otherwise=otherwise)
    planned = plan(tracks, rules=Rules(match=match, items=(rule,)))
    reasons = [failure.reason for failure in planned.failures]
    assert reasons == (["needs plugin_metadata, not available yet"] if fails else [])
    if fails:
        assert effects(planned) == ""


HEVC = Transcode(video=VideoTranscode(to="hevc"))
ENGLISH = KeepSubtitles(languages=("eng",))
UNDECIDED_PHASES = [
    ("a filter that takes nothing away", Skip(what="track_filter"), {"keep_subtitles": ENGLISH}, "s2 eng", False),
    ("a filter that would", Skip(what="track_filter"), {"keep_subtitles": ENGLISH}, "s2 fre", True),
    ("nothing to encode", Skip(what="video_transcode"), {"transcode": HEVC}, "v0 hevc D", False),
    ("something to encode", Skip(what="video_transcode"), {"transcode": HEVC}, "v0 h264 D", True),
    ("cleared before it is set again", FORCE, {"subtitle_actions": TrackActions(clear_all_forced=True)}, "s2 eng F", True),
    ("removed anyway", FORCE, {"keep_subtitles": KeepSubtitles(remove_all=True)}, "s2 eng", False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("then", "operations", "tracks", "fails"), [pytest.param(*r[1:], id=r[0]) for r in UNDECIDED_PHASES]
)
def test_what_nobody_can_tell_is_judged_by_what_the_whole_phase_comes_to(then, operations, tracks, fails):
    rule = Rule(name="r", when=plugin("radarr", "year", 1), then=(then,))
    planned = plan(tracks, rules=Rules(match="all", items=(rule,)), **operations)
    reasons = [failure.reason for failure in planned.failures]
    assert reasons == (["needs plugin_metadata, not available yet"] if fails else [])
    assert not fails or effects(planned) == ""


def test_rules_that_may_turn_out_in_too_many_ways_fail_the_phase():
    unknown = tuple(
        Rule(name=f"r{number}", when=plugin("radarr", "year", number), then=(FORCE,)) for number in range(6)
    )
    planned = plan("s2 fre", rules=Rules(match="all", items=unknown))
    assert [failure.rule for failure in planned.failures] == ["r0"]
    assert plan("s2 fre", rules=Rules(match="all", items=unknown[:5])).failures == ()
