"""An operation is a type and a function: a line in Phase, and one in the table of what plans it."""

from typing import Annotated

import pytest

from tests.support.policy_text import issues_of, load
from tests.support.tracks import video
from vpo_tasks.plan import prepared
from vpo_tasks.plan.evaluate import evaluate
from vpo_tasks.plan.operations import OPERATIONS, Operation
from vpo_tasks.policy.field_types import Folded
from vpo_tasks.policy.model import PHASES, Phase
from vpo_tasks.policy.table import PolicyValue, table_of
from vpo_tasks.policy.written import policy_schema, write_policy

CONTROL = {"name", "skip_when", "depends_on", "run_if", "on_error"}


class Stamp(PolicyValue, frozen=True):
    """A made-up operation: tracks of some codecs get a title."""

    codecs: Annotated[tuple[Folded, ...], "Which codecs."]
    title: Annotated[str, "The title to give."] = "stamped"


def stamp(work, asked):
    for track in work.draft.tracks:
        if track.codec in asked.codecs:
            work.draft.set_title(track, asked.title, work.scope.cause("stamp", "stamped as asked"))


class PhaseWithStamp(Phase, frozen=True):
    stamp: Annotated[Stamp | None, "Title tracks by codec."] = None


@pytest.fixture(autouse=True)
def _tables(monkeypatch):
    monkeypatch.setattr(PHASES, "phase", table_of(PhaseWithStamp))
    monkeypatch.setattr(prepared, "OPERATIONS", (*OPERATIONS, Operation("stamp", stamp)))


def test_it_loads():
    (phase,) = load("stamp: {codecs: [AAC]}").phases
    assert phase.stamp == Stamp(codecs=("aac",), title="stamped")


def test_it_is_shown():
    (phase,) = write_policy(load("stamp: {codecs: [AAC]}"))["phases"]
    assert phase["stamp"] == {"codecs": ["aac"], "title": "stamped"}


def test_it_is_planned_and_then_has_nothing_to_do():
    policy = load("stamp: {codecs: [AAC], title: Main}")
    plan = evaluate([policy], video("a1 eng aac, a2 eng ac3"))
    assert plan.failures == ()
    assert [(change.what, change.operation) for change in plan.changes] == [("title", "stamp")]
    assert [track.title for track in plan.result.tracks if track.type == "audio"].count("Main") == 1
    assert evaluate([policy], plan.result).changes == ()


def test_it_stands_in_the_schema():
    assert policy_schema()["$defs"]["phase"]["properties"]["stamp"] == {
        "description": "Title tracks by codec.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "codecs": {
                "description": "Which codecs.",
                "type": "array",
                "items": {"type": "string", "pattern": "\\S"},
            },
            "title": {"description": "The title to give.", "default": "stamped", "type": "string"},
        },
        "required": ["codecs"],
    }


@pytest.mark.parametrize(
    ("fragment", "hint"),
    [
        ("stmp: {codecs: [aac]}", "did you mean stamp?"),
        ("stamp: {codecs: [aac], titel: x}", "did you mean title?"),
        ("stamp: {}", "codecs is missing"),
    ],
)
def test_mistakes_in_it_are_explained(fragment, hint):
    (issue,) = issues_of(fragment)
    assert hint in issue.message


def test_every_operation_of_a_phase_has_its_line_in_the_plans_table():
    assert {operation.name for operation in OPERATIONS} == set(table_of(Phase).fields) - CONTROL
