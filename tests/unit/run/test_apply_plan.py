"""A plan carried out: what an earlier change left stops it, a header that holds not costs a copy."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.support.execute import DirectProbes, make_environment, plan_for, work_for
from tests.support.fake_tools import wheel_toolbox
from vpo_tasks.disk.locks import key_lock, path_key
from vpo_tasks.disk.undo_store import Keeping, entries
from vpo_tasks.errors import LockedError, ReplaceError
from vpo_tasks.plan.model import Step
from vpo_tasks.run.apply_plan import apply_plan, check_resolved, resolve_target


@pytest.fixture
def environment(tmp_path):
    return make_environment(tmp_path, toolbox=wheel_toolbox())


@pytest.fixture
def path(tmp_path, templates):
    (tmp_path / "media").mkdir()
    return shutil.copy(templates.messy(".mp4"), tmp_path / "media" / "a.mp4")


@pytest.fixture
def work(path):
    """Without its last track."""
    return work_for(str(path), plan_for(DirectProbes().probe(str(path)), keep=[0, 1]))


def leave(path, kind="json", data=b"torn"):
    left = path.parent / f".vpo-{path_key(str(path))}-00aa.{kind}"
    left.write_bytes(data)
    return left


def test_the_video_becomes_what_was_planned_and_is_kept_when_that_is_asked(path, work, environment):
    before = path.read_bytes()
    done, step = apply_plan(work, environment, Keeping("run", 0))
    assert (step, done.final_path) == (work.step, str(path))
    assert len(DirectProbes().probe(str(path)).tracks) == 2
    (kept,) = entries(bytes(path.parent))
    assert (kept.record.run, kept.source) == ("run", bytes(path))
    (original,) = (path.parent / ".vpo-undo").glob("*.orig")
    assert original.read_bytes() == before


def test_nothing_is_kept_of_a_video_that_stays_where_it_is(path, work, environment, tmp_path):
    (tmp_path / "out").mkdir()
    work = work._replace(destination=str(tmp_path / "out" / "a.mp4"))
    before = path.read_bytes()
    apply_plan(work, environment, Keeping("run", 0))
    assert path.read_bytes() == before
    assert len(DirectProbes().probe(str(tmp_path / "out" / "a.mp4")).tracks) == 2
    assert [*os.listdir(path.parent), *os.listdir(tmp_path / "out")] == ["a.mp4", "a.mp4"]


def test_a_header_that_cannot_be_edited_for_certain_costs_a_copy(path, work, environment):
    """Here because tracks differ, which no header edit makes so."""
    work = work._replace(step=Step(kind="header-edit"))
    _, step = apply_plan(work, environment, None)
    assert (step.kind, step.tool) == ("remux", "ffmpeg")
    assert len(DirectProbes().probe(str(path)).tracks) == 2


def test_a_change_that_is_not_settled_stops_another_one(path, work, environment):
    before = path.read_bytes()
    left = leave(path)
    with pytest.raises(ReplaceError, match="is not settled yet"):
        apply_plan(work, environment, None)
    assert (path.read_bytes(), left.read_bytes()) == (before, b"torn")


def test_a_change_of_another_video_or_without_a_journal_stops_nothing(path, environment):
    leave(path.parent / "b.mp4")
    leave(path, "part")
    check_resolved(str(path), environment.locks_dir)


def test_a_change_that_is_in_hand_is_waited_for_by_nobody(path, environment):
    leave(path)
    with key_lock(environment.locks_dir, path_key(str(path)), str(path), None), pytest.raises(LockedError):
        check_resolved(str(path), environment.locks_dir)


def test_only_a_target_that_was_complete_is_ours(path, environment, tmp_path):
    assert not resolve_target(str(path), str(tmp_path / "nowhere" / "a.mp4"), environment)
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "a.mp4"
    assert not resolve_target(str(path), str(target), environment)
    left = target.parent / f".vpo-{path_key(str(path))}-00aa.json"
    left.write_bytes(b"")
    assert not resolve_target(str(path), str(target), environment)
    assert not left.exists()
