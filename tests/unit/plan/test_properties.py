"""What holds for every policy and every video."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.media_values import contexts, videos
from tests.support.policies import policies
from tests.support.tracks import policy, video
from vpo_tasks.errors import PlanError, ToolMissing
from vpo_tasks.plan.compile import HEADER_EDITED, compile_step, is_metadata_only
from vpo_tasks.plan.describe import describe_change, describe_failures
from vpo_tasks.plan.evaluate import check_convergence, evaluate, of_result, prepare
from vpo_tasks.policy.model import Exists, Rule, Rules, TitleMatch, TrackFilter, Warn

TOOLS = st.sets(st.sampled_from(["ffmpeg", "mkvmerge"])).map(frozenset)
FEW = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=1000)


def check_rest(asked, media, context):
    """A plan comes to rest, or the error names who disagrees."""
    planned = evaluate(asked, media, context)
    try:
        check_convergence(asked, planned, context)
    except PlanError as error:
        return str(error)
    if planned.failures:
        return "these disagree: nothing is promised"
    again = evaluate(asked, planned.result, of_result(context, planned))
    return "these disagree: nobody" if again.is_empty else "not at rest"


def check_tracks(planned, media):
    """No picture and no sound is lost, and streams and tracks belong together."""
    sources = {track.index: track for track in media.tracks}
    for kind in ("video", "audio"):
        assert bool(planned.result.of_type(kind)) == bool(media.of_type(kind))
    for stream, track in zip(planned.streams, planned.result.tracks, strict=True):
        assert sources[stream.source].type == track.type
        found, encode = sources[stream.source], stream.encode
        if encode is None:
            assert found.codec == track.codec
        else:  # what the encoder is not told stays as it is
            assert encode.channels or track.channels == found.channels
            assert encode.width or (track.width, track.height) == (found.width, found.height)
    if planned.result is not media:
        assert [track.index for track in planned.result.tracks] == list(range(len(planned.streams)))
        # nothing copies data streams, but an edit of the header leaves them where they are
        in_header = is_metadata_only(planned) and media.container in HEADER_EDITED
        assert in_header or all(track.type != "other" for track in planned.result.tracks)


def check_words(planned, asked):
    """Every change and failure names a phase of the policy and says why."""
    names = {phase.name for phase in asked.phases}
    assert {entry.phase for entry in (*planned.changes, *planned.failures)} <= names
    assert all(entry.reason for entry in (*planned.changes, *planned.failures))


def check_step(planned, tools, header_edits):
    """There is a step, or the error names a tool that is not there."""
    try:
        step = compile_step(planned, tools, header_edits)
    except ToolMissing as missing:
        return missing.tool
    assert (step.kind == "none") == all(change.what == "timestamp" for change in planned.changes)
    assert all(describe_change(change) for change in planned.changes)
    assert bool(describe_failures(planned.failures)) == bool(planned.failures)
    return ""


def check_everything(asked, media, context, tools, header_edits):
    planned = evaluate([asked], media, context)
    assert planned == evaluate(prepare([asked]), media, context)
    if planned.is_empty:
        assert planned.result == media
    check_tracks(planned, media)
    check_words(planned, asked)
    assert check_step(planned, tools, header_edits) not in tools
    assert "these disagree: " in check_rest([asked], media, context)


@FEW
@given(policies(), videos(), contexts(), TOOLS, st.booleans())
def test_what_holds_for_every_policy_and_video(asked, media, context, tools, header_edits):
    check_everything(asked, media, context, tools, header_edits)


@pytest.mark.slow
@pytest.mark.campaign
@MANY
@given(policies(), videos(), contexts(), TOOLS, st.booleans())
def test_what_holds_for_very_many_policies_and_videos(asked, media, context, tools, header_edits):
    check_everything(asked, media, context, tools, header_edits)


@FEW
@given(st.lists(policies(), min_size=2, max_size=2), videos(), contexts())
def test_several_policies_come_to_rest_together_or_disagree_by_name(asked, media, context):
    assert "these disagree: " in check_rest(asked, media, context)


def test_a_pattern_that_stalls_on_a_title_is_a_plan_error_or_an_answer():
    stalls = TrackFilter(title=TitleMatch(regex="^(a|a|b?a)+$"))
    rule = Rule(name="r", when=Exists(track_type="audio", where=stalls), then=(Warn(message="x"),))
    media = video('a1 "%s"' % ("a" * 60 + "!"))
    try:
        planned = evaluate([policy(rules=Rules(match="first", items=(rule,)))], media)
    except PlanError as error:
        outcome = str(error)
    else:
        outcome = str(planned.warnings)
    assert "takes too long" in outcome or outcome == "()"
