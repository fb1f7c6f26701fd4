"""A plan as a file: it comes back as it was, and what is not as planned any more is refused."""

from __future__ import annotations

import json
import os

import msgspec
import pytest

from tests.support.recorded_library import ENGLISH_ONLY
from tests.support.results import FAILED, make_batch
from tests.support.tracks import video
from vpo_tasks.doit_plugin.runner import run_batch
from vpo_tasks.errors import UsageError
from vpo_tasks.queries.plan_file import (
    check_place,
    has_refused,
    open_plan,
    plan_of,
    read_plan,
    restricted,
    write_plan,
)
from vpo_tasks.report.result import FileProcessingResult

WRONG = video("a1 aac eng, a2 aac fre")


def make_plan(recorded, **options):
    with recorded.open(dry_run=True, **options) as run:
        return plan_of(run, run_batch(run)[0])


@pytest.fixture
def plan(recorded):
    """A plan for two videos of three."""
    recorded.add("right.mkv", video("a1 aac eng"))
    recorded.add("a.mkv", WRONG)
    recorded.add("b.mkv", WRONG)
    return make_plan(recorded)


@pytest.fixture
def applied(recorded):
    """What a run restricted to a plan takes up and refuses, by file name."""

    def apply(plan):
        with recorded.open() as run:
            only = restricted(run, plan)
        kept = [os.path.basename(os.fsdecode(item.found.path)) for item in only.survey.stale]
        return kept, {os.path.basename(item.path): item.reason for item in only.refused}, only.survey

    return apply


def test_a_plan_holds_what_would_be_worked_on_and_comes_back_as_it_was(plan, tmp_path):
    assert [os.path.basename(planned.file) for planned in plan.videos] == ["a.mkv", "b.mkv"]
    assert [change.what for change in plan.videos[0].changes] == ["removed"]
    odd = msgspec.structs.replace(plan, paths=(os.fsdecode(b"/m/\xff"), "/m/\n"), output="/\u00fc")
    for planned in (plan, odd):
        write_plan(str(tmp_path / "plan.json"), planned)
        assert read_plan(str(tmp_path / "plan.json")) == planned


def test_all_of_it_is_taken_up_with_the_changes_that_are_expected(plan, applied):
    kept, refused, survey = applied(plan)
    assert (kept, refused) == (["a.mkv", "b.mkv"], {})
    assert [item.expected for item in survey.stale] == [planned.changes for planned in plan.videos]
    assert (survey.total, survey.up_to_date) == (2, 0)


def test_what_has_changed_or_gone_is_refused(plan, applied, recorded):
    (recorded.media / "a.mkv").unlink()
    os.utime(recorded.media / "b.mkv", ns=(1, 1))
    kept, refused, _ = applied(plan)
    assert kept == []
    assert refused == {
        "a.mkv": "not as planned any more: the video is not there",
        "b.mkv": "not as planned any more: the video has changed",
    }


def test_another_policy_refuses_everything_and_a_comment_nothing(plan, applied, recorded):
    recorded.write_policy(ENGLISH_ONLY + "# as before\n")
    assert applied(plan)[1] == {}
    recorded.write_policy(ENGLISH_ONLY.replace("eng", "ger"))
    kept, refused, _ = applied(plan)
    assert kept == []
    assert set(refused.values()) == {"not as planned any more: the policy means something else"}


def test_what_is_done_already_is_neither_done_again_nor_refused(plan, applied, recorded):
    recorded.add("a.mkv", video("a1 aac eng"), digest=bytes.fromhex(plan.digest), size=80)
    kept, refused, survey = applied(plan)
    assert (kept, refused, survey.up_to_date) == (["b.mkv"], {}, 1)


def test_the_run_of_a_plan_is_under_its_options(recorded):
    recorded.add("a.mkv", WRONG)
    plan = make_plan(recorded, phases=("sound",), on_error="fail", workers=1)
    with open_plan(plan, recorded.config, recorded.console, workers=1, as_json=True) as run:
        assert (run.policies.phases, run.policies.on_error) == (("sound",), "fail")
        assert run.options.retry_failed
        assert len(run.survey.stale) == 1


def test_a_refusal_is_told_from_other_reasons():
    refused = FileProcessingResult("/a", "skipped", reason="not as planned any more: gone")
    assert has_refused([refused])
    assert not has_refused([FAILED, FileProcessingResult("/a", "skipped", reason="locked")])


def test_a_failed_video_is_in_no_plan(recorded):
    recorded.add("a.mkv", WRONG)
    with recorded.open(dry_run=True) as run:
        assert plan_of(run, make_batch(FAILED)).videos == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"vpo_plan": 2}, "another version of vpo"),
        ({"videos": "all"}, "is not a plan"),
        ({"paths": ["/m\0/a"]}, "names what can be no path"),
        ({"output": "/m\ud800"}, "names what can be no path"),
    ],
)
def test_a_file_that_is_no_plan_of_ours_is_refused(plan, tmp_path, change, said):
    write_plan(str(tmp_path / "plan.json"), plan)
    text = json.loads((tmp_path / "plan.json").read_text())
    (tmp_path / "plan.json").write_text(json.dumps(text | change))
    with pytest.raises(UsageError, match=said):
        read_plan(str(tmp_path / "plan.json"))


@pytest.mark.parametrize("data", [b"", b"[" * 100_000, b"\xff", b"{}"])
def test_what_is_no_document_is_refused(tmp_path, data):
    (tmp_path / "plan.json").write_bytes(data)
    with pytest.raises(UsageError, match="is not a plan"):
        read_plan(str(tmp_path / "plan.json"))


def test_only_a_plan_is_overwritten(plan, tmp_path):
    place = tmp_path / "plan.json"
    write_plan(str(place), plan)
    check_place(str(place))
    (tmp_path / "film.mkv").write_bytes(b"film")
    (tmp_path / "link").symlink_to(tmp_path / "film.mkv")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "new").symlink_to(tmp_path / "to be made.json")
    for name in ("film.mkv", "link", "loop", "no folder/plan.json"):
        with pytest.raises(UsageError):
            write_plan(str(tmp_path / name), plan)
    assert (tmp_path / "film.mkv").read_bytes() == b"film"
    write_plan(str(tmp_path / "new"), plan)
    assert read_plan(str(tmp_path / "to be made.json")) == plan
