"""Roles come from flags, and from titles as they were before the run cleared any."""

from __future__ import annotations

import itertools
import os

import msgspec
import pytest

from tests.support.tracks import effects, plan, policy, video
from vpo_tasks.plan.describe import describe_change
from vpo_tasks.plan.evaluate import check_convergence, evaluate
from vpo_tasks.plan.model import Context
from vpo_tasks.policy.load import load_policy
from vpo_tasks.policy.model import (
    AudioSynthesis,
    Config,
    Container,
    DefaultFlags,
    Dubbed,
    Exists,
    Fail,
    KeepAudio,
    Original,
    Phase,
    Rule,
    Rules,
    SetDefault,
    SetLanguage,
    SourceCriterion,
    SynthesisTrack,
    TrackActions,
    TrackFilter,
    Transcode,
    VideoTranscode,
)

ENG = Config(audio_languages=("eng",))
CLEAR = TrackActions(clear_all_titles=True)
INIT = load_policy(os.path.join(os.path.dirname(__file__), "../../../vpo_tasks/cli/templates/policy.yaml"))
APART = ["+comment", "+visual_impaired", "+descriptions", '"Director\'s Commentary"', '"Audio Description"']


def defaults(planned):
    return [track.index for track in planned.result.of_type("audio") if track.default]


def settled(policies, media):
    """The plan, after which nothing is left to do: not in the simulation and not for the next run."""
    planned = evaluate(policies, media)
    assert planned.failures == ()
    check_convergence(policies, planned)
    assert evaluate(policies, planned.result).is_empty
    return planned


@pytest.mark.parametrize("sign", APART)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_policy_of_init_never_makes_a_commentary_the_default(sign, place):
    languages = ["eng", "eng", "jpn"]
    tracks = [f"a{n + 1} {language}" for n, language in enumerate(languages)]
    tracks[place] += f" D {sign}"
    planned = settled([INIT], video(", ".join(tracks)))
    assert planned.result.tracks[place + 1].default is False
    assert len(defaults(planned)) == 1


CLEARED = {
    "same phase": (Phase(name="p", audio_actions=CLEAR, default_flags=DefaultFlags()),),
    "later phase": (Phase(name="p", audio_actions=CLEAR), Phase(name="q", default_flags=DefaultFlags())),
    "earlier phase": (Phase(name="p", default_flags=DefaultFlags()), Phase(name="q", audio_actions=CLEAR)),
}


@pytest.mark.parametrize("container", ["mkv", "mp4", "mov"])
@pytest.mark.parametrize("title", ["Commentary by the director", "Audio Description"])
@pytest.mark.parametrize("phases", CLEARED.values(), ids=CLEARED.keys())
@pytest.mark.parametrize("place", [1, 2])
def test_a_commentary_known_by_its_title_is_not_the_default_when_titles_are_cleared(
    phases, title, place, container
):
    tracks = ["a1 eng", "a2 eng"]
    tracks[place - 1] += f' D "{title}"'
    planned = settled([policy(*phases, config=ENG)], video(", ".join(tracks), container=container))
    assert defaults(planned) == [3 - place]
    track = planned.result.tracks[place]
    if container == "mov":
        assert (track.title, track.dispositions) == (title, ())
        assert "keeps its title: MOV cannot store what it tells" in " ".join(planned.warnings)
    else:
        role = "visual_impaired" if "Description" in title else "comment"
        assert (track.title, track.dispositions) == (None, (role,))
        assert f"flag it as a{' commentary' if role == 'comment' else 'n audio description'}" in " ".join(
            map(describe_change, planned.changes)
        )


def test_another_policy_of_the_run_knows_the_title_that_the_first_one_clears():
    first = policy(Phase(name="p", audio_actions=CLEAR), config=ENG, name="one")
    words = Config(audio_languages=("eng",), commentary_patterns=("kommentar",))
    second = policy(Phase(name="p", default_flags=DefaultFlags()), config=words, name="two")
    planned = settled([first, second], video('a1 eng D "Kommentar", a2 eng'))
    assert defaults(planned) == [2]


def test_a_webm_keeps_the_title_that_no_flag_can_replace():
    media = msgspec.structs.replace(
        video('v0 vp9 D, a1 opus eng "Commentary" D, a2 opus eng'), doc_type="webm"
    )
    planned = settled([policy(*CLEARED["same phase"], config=ENG)], media)
    assert (planned.result.tracks[1].title, defaults(planned)) == ("Commentary", [2])


def test_a_title_that_alone_keeps_music_from_a_filter_stays():
    keep = KeepAudio(languages=("eng",))
    orders = itertools.permutations([Phase(name="p", audio_actions=CLEAR), Phase(name="q", keep_audio=keep)])
    for phases in [*orders, (Phase(name="p", audio_actions=CLEAR, keep_audio=keep),)]:
        planned = settled([policy(*phases)], video('a1 eng D "Main", a2 zxx "Isolated score"'))
        assert effects(planned) == "a1:title=None"
        assert planned.result.tracks[2].title == "Isolated score"


def test_subtitles_keep_their_role_too():
    flags = DefaultFlags(set_preferred_subtitle_default=True)
    asked = policy(Phase(name="p", subtitle_actions=CLEAR, default_flags=flags), config=ENG)
    planned = settled([asked], video('a1 eng D, s2 eng D "Commentary", s3 eng'))
    assert effects(planned) == "s2-D s2:role=comment s2:title=None s3+D"


def test_what_is_made_for_the_hard_of_hearing_comes_after_the_full_track():
    flags = DefaultFlags(set_preferred_subtitle_default=True)
    planned = plan("a1 eng D, s2 eng +hearing_impaired D, s3 eng", default_flags=flags)
    assert effects(planned) == "s2-D s3+D"
    planned = plan("a1 eng D, s2 ger, s3 eng +hearing_impaired", default_flags=flags)
    assert effects(planned) == "s3+D"


def test_order_conditions_and_synthesis_know_the_flag():
    media = "a1 eng +comment, a2 eng"
    planned = plan(media, track_order=("video", "audio_main", "audio_commentary"))
    assert [stream.source for stream in planned.streams] == [0, 2, 1]
    plain = TrackFilter(not_commentary=True)
    rule = Rule(name="r", when=Exists(track_type="audio", where=plain), then=(Fail(message="x"),))
    assert plan("a1 eng +comment", rules=Rules(match="all", items=(rule,))).failures == ()
    assert plan(media, rules=Rules(match="all", items=(rule,))).failures


def test_what_is_made_from_a_commentary_is_one():
    made = SynthesisTrack(
        name="s", codec="aac", channels=2, prefer=(SourceCriterion(channels="max"),), title="Stereo"
    )
    for sign in ("+comment", '"Commentary"'):
        media = video(f"a1 eng 6ch {sign}, a2 eng 1ch D")
        asked = policy(
            Phase(name="p", audio_synthesis=AudioSynthesis(tracks=(made,)), default_flags=DefaultFlags())
        )
        planned = evaluate([asked], media, Context(can_encode=True))
        assert planned.result.tracks[3].dispositions == ("comment",)
        assert evaluate([asked], planned.result, Context(can_encode=True)).is_empty


def test_a_rule_that_sets_the_default_prefers_the_main_track():
    action = SetDefault(track_type="audio", language="eng")
    rules = Rules(match="all", items=(Rule(name="r", when=Exists(track_type="audio"), then=(action,)),))
    assert effects(plan("a1 eng +comment, a2 eng", rules=rules)) == "a2+D"
    assert effects(plan('a1 eng "Commentary"', rules=rules)) == "a1+D"


@pytest.mark.parametrize(("condition", "holds"), [(Original(value=True), True), (Dubbed(value=True), True)])
def test_the_flag_of_the_original_says_which_one_it_is(condition, holds):
    narrowed = msgspec.structs.replace(
        condition, language="jpn" if isinstance(condition, Original) else "eng"
    )
    rule = Rule(name="r", when=narrowed, then=(Fail(message="x"),))
    planned = plan("a1 eng D, a2 jpn +original", rules=Rules(match="all", items=(rule,)))
    assert bool(planned.failures) is holds


def test_a_flag_that_mp4_cannot_store_is_said_before():
    planned = plan("v0 D, a1 aac eng D +original", container=Container(target="mp4"))
    assert planned.result.tracks[1].dispositions == ()
    assert "audio 1 (eng aac): MP4 cannot store the flags original" in planned.warnings


def test_a_title_that_tells_of_hdr_counts_though_it_is_cleared():
    encode = Transcode(video=VideoTranscode(to="hevc"))
    planned = plan(
        'v0 h264 D "HDR10"', video_actions=CLEAR, transcode=encode, context=Context(can_encode=True)
    )
    assert planned.streams[0].encode.hdr == "hdr10"


SUBTITLES = DefaultFlags(set_preferred_subtitle_default=True, clear_other_defaults=True)


@pytest.mark.parametrize("partial", ['"English (SDH)"', "+hearing_impaired", '"Forced"', "F"])
def test_a_partial_subtitle_is_never_preferred_although_the_titles_go(partial):
    cleared = policy(subtitle_actions=CLEAR, default_flags=SUBTITLES)
    planned = settled([cleared], video(f"a1 eng D, s2 eng D {partial}, s3 eng"))
    assert [track.index for track in planned.result.of_type("subtitle") if track.default] == [3]


def test_a_title_that_alone_says_forced_stays_where_forced_flags_are_cleared():
    actions = TrackActions(clear_all_titles=True, clear_all_forced=True)
    planned = settled([policy(subtitle_actions=actions)], video('a1 eng D, s2 eng F "Forced", s3 eng "Full"'))
    assert [(track.forced, track.title) for track in planned.result.of_type("subtitle")] == [
        (False, "Forced"),
        (False, None),
    ]
    assert any("keeps its title" in warning for warning in planned.warnings)


@pytest.mark.parametrize(
    ("languages", "left"), [(("pt-BR",), [1]), (("pt",), [1, 2]), (("pt-PT", "zh-Hant"), [2, 3])]
)
def test_region_and_script_can_be_named(languages, left):
    keep = KeepAudio(languages=languages)
    planned = settled([policy(keep_audio=keep)], video("a1 pt-BR D, a2 pt-PT, a3 zh-Hant-TW"))
    assert [stream.source for stream in planned.streams if stream.source] == left


def test_setting_a_language_leaves_its_region():
    rule = Rule(name="r", when=Exists("audio"), then=(SetLanguage("audio", new_language="por"),))
    assert settled([policy(rules=Rules(match="all", items=(rule,)))], video("a1 pt-BR D")).is_empty


def test_mp4_is_told_to_hold_the_language_without_its_region():
    planned = settled([policy(container=Container(target="mp4"))], video("a1 aac pt-BR D"))
    assert planned.result.tracks[1].language == "por"
    assert any("pt-BR, only por" in warning for warning in planned.warnings)
