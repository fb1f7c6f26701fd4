"""One way from a video's content to plan and step."""

from __future__ import annotations

import pytest

from tests.support.tracks import effects, policy, video
from vpo_tasks.errors import ToolMissing
from vpo_tasks.plan.evaluate import prepare
from vpo_tasks.policy.model import KeepAudio, Phase, TrackActions
from vpo_tasks.run.jobs import NOTHING_TRIED
from vpo_tasks.run.planner import Planner

PATH = "/m/a.mkv"
TITLES = Phase(name="titles", audio_actions=TrackActions(clear_all_titles=True))
ENGLISH = Phase(name="english", keep_audio=KeepAudio(languages=("eng",), fallback="keep_all"))
TITLED = video('a1 aac eng "Stereo", a2 aac fre')


def planner(*phases: Phase, tools=("ffmpeg",), **fields) -> Planner:
    return Planner(prepare([policy(*phases)]), frozenset(tools), None, **fields)


def test_only_the_chosen_phases_are_asked():
    both, one = planner(TITLES, ENGLISH), planner(TITLES, ENGLISH, phases=("english",))
    assert effects(both.plan(PATH, TITLED)) == "a1:title=None a2-"
    assert effects(one.plan(PATH, TITLED)) == "a2-"


def test_a_header_is_edited_only_of_a_file_with_one_name_and_where_that_is_allowed():
    def step(links=1, **fields):
        return (
            planner(TITLES, tools=("mkvmerge",), **fields)
            .decide(PATH, TITLED, NOTHING_TRIED, links=links)[1]
            .kind
        )

    assert step() == "header-edit"
    assert step(links=2) == "remux"
    assert step(header_edits=False) == "remux"


def test_a_plan_that_is_known_is_not_made_again():
    titled = video('a1 aac eng "Stereo"')
    known = planner(TITLES).plan(PATH, titled)
    plan, step = planner(ENGLISH).decide(PATH, titled, NOTHING_TRIED, plan=known)
    assert plan is known
    assert step.kind == "header-edit"


def test_a_plan_that_no_tool_here_can_carry_out_is_told_with_the_tool():
    with pytest.raises(ToolMissing, match="ffmpeg"):
        planner(ENGLISH, tools=()).decide(PATH, TITLED, NOTHING_TRIED)
    plan, step = planner(ENGLISH, tools=()).decide(PATH, video("a1 aac eng"), NOTHING_TRIED)
    assert (plan.is_empty, step.kind) == (True, "none")
