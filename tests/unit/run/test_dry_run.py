"""A dry run over records: what would be done is told in order, what complies is counted."""

from __future__ import annotations

import os

import pytest

from tests.support.tracks import video
from vpo_tasks.report.result import FileProcessingResult
from vpo_tasks.run.dry_run import dry_run, preview
from vpo_tasks.run.opening import make_controller

RIGHT, WRONG = video("a1 aac eng"), video("a1 aac eng, a2 aac fre")


@pytest.fixture
def told(recorded):
    def tell(stop=False, **options):
        with recorded.open(dry_run=True, **options) as run:
            controller = make_controller(run)
            if stop:
                controller.stop_handing_out()
            try:
                dry_run(run, controller)
            finally:
                controller.close()
            result = controller.batch_result(run.total, run.survey.up_to_date)
        return {os.path.basename(item.path): item.status for item in result.results}, result

    return tell


@pytest.mark.parametrize("workers", [1, 2])
def test_each_video_is_told_or_counted(recorded, told, workers):
    recorded.add("right.mkv", RIGHT)
    recorded.add("wrong.mkv", WRONG)
    recorded.add("no film.mkv")
    statuses, result = told(workers=workers)
    assert statuses == {"wrong.mkv": "changed", "no film.mkv": "failed"}
    assert (result.unchanged_count, result.changed_count, result.fail_count) == (1, 1, 1)


def test_nothing_more_is_told_once_a_run_is_to_stop(recorded, told):
    recorded.add("wrong.mkv", WRONG)
    statuses, result = told(stop=True)
    assert (statuses, result.not_started_count) == ({}, 1)


def test_the_dearest_video_is_told_first_when_that_was_asked(recorded, monkeypatch):
    recorded.add("a.mkv", video("a1 aac eng, a2 aac fre", size_bytes=10**6))
    recorded.add("b.mkv", video("a1 aac eng, a2 aac fre", size_bytes=10**10))
    recorded.add("c.mkv", RIGHT)
    seen: list[str] = []
    with recorded.open(dry_run=True, order="cost", workers=1) as run:
        controller = make_controller(run)
        monkeypatch.setattr(controller, "take_in", lambda result: seen.append(os.path.basename(result.path)))
        try:
            dry_run(run, controller)
        finally:
            controller.close()
        assert seen == ["b.mkv", "a.mkv"]
        assert controller.batch_result(3, 0).unchanged_count == 1


@pytest.mark.parametrize(("media", "force", "says"), [
    (RIGHT, False, []), (RIGHT, True, ["unchanged"]), (WRONG, False, ["changed"]),
])  # fmt: skip
def test_one_video_is_told_of_unless_nothing_is_to_do(recorded, media, force, says):
    recorded.add("a.mkv", media)
    seen: list[FileProcessingResult] = []
    with recorded.open(dry_run=True) as run:
        controller = make_controller(run)
        try:
            (known,) = controller.recorded(run.survey.stale)
            assert preview(known, known.media, controller, seen.append, force=force) is bool(says)
        finally:
            controller.close()
    assert [result.status for result in seen] == says
