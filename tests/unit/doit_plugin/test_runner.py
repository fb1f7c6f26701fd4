"""A run to its end: what is counted, what a dry run writes, what stops it."""

from __future__ import annotations

import pytest

from tests.support.results import CHANGED, FAILED, UNCHANGED, make_batch
from tests.support.tracks import video
from vpo_tasks.doit_plugin.runner import exit_code, run_batch
from vpo_tasks.report.result import FileProcessingResult

RIGHT, WRONG = video("a1 aac eng"), video("a1 aac eng, a2 aac fre")


@pytest.mark.parametrize(("result", "has_bug", "code"), [
    (make_batch(CHANGED, UNCHANGED), False, 0),
    (make_batch(CHANGED, FAILED), False, 1),
    (make_batch(CHANGED), True, 70),
    (make_batch(FAILED, interrupted=True), True, 130),
])  # fmt: skip
def test_the_exit_code_tells_the_worst(result, has_bug, code):
    assert exit_code(result, has_bug=has_bug) == code


def test_a_finished_library_ends_at_once(recorded):
    recorded.add("a.mkv", RIGHT, digest=recorded.digest())
    with recorded.open() as run:
        result, code = run_batch(run)
    assert (result.total_files, result.up_to_date_count, result.results, code) == (1, 1, (), 0)


def test_what_complies_by_its_record_is_counted_and_recorded_so(recorded):
    path = recorded.add("a.mkv", RIGHT)
    with recorded.open() as run:
        assert run_batch(run)[0].unchanged_count == 1
        assert run.store.known_video(bytes(path)).digest == run.digest
    with recorded.open() as run:
        assert run.survey.up_to_date == 1


def test_a_dry_run_says_what_it_would_do_and_keeps_nothing(recorded):
    path = recorded.add("a.mkv", WRONG)
    before = path.read_bytes()
    with recorded.open(dry_run=True) as run:
        result, code = run_batch(run)
    assert (result.changed_count, code) == (1, 0)
    assert [change.what for change in result.results[0].changes] == ["removed"]
    assert path.read_bytes() == before
    with recorded.pool() as pool:
        assert pool.execute_read("SELECT digest FROM videos") == [(None,)]


def test_what_is_no_film_fails_and_is_not_tried_again(recorded):
    recorded.add("a.mkv")
    for _ in range(2):
        with recorded.open() as run:
            result, code = run_batch(run)
        assert (result.fail_count, code) == (1, 1)
    assert result.results[0].failed_before


def test_what_was_refused_and_what_is_named_like_a_video_are_told(recorded):
    recorded.add("a.mkv", RIGHT, digest=recorded.digest())
    (recorded.media / "b.mkv").mkdir()
    with recorded.open() as run:
        refused = FileProcessingResult("/gone.mkv", "skipped", reason="not as planned any more")
        result, _ = run_batch(run._replace(refused=(refused,)))
    assert [item.reason for item in result.results] == ["not as planned any more", "is a folder"]
    assert result.skipped_count == 2


def test_on_error_fail_begins_nothing_more(recorded):
    for number in range(4):
        recorded.add(f"{number}.mkv")
    with recorded.open(workers=1, on_error="fail") as run:
        result, code = run_batch(run)
    assert (result.fail_count, result.not_started_count, code) == (1, 3, 1)
