from __future__ import annotations

import msgspec
import pytest
from hypothesis import given

from tests.support.results import (
    CHANGED,
    FAILED,
    SKIPPED,
    UNCHANGED,
    batches,
    file_results,
    make_batch,
)
from vpo_tasks.report.summary import file_lines, summary_text


def test_a_run_with_nothing_to_do_says_so_in_one_line():
    assert (
        summary_text(make_batch(up_to_date=1200, total_duration_seconds=0.31))
        == "Nothing to do: 1,200 videos are as the policy says (1,200 up to date; 0.3 s)."
    )
    assert (
        summary_text(make_batch(UNCHANGED))
        == "Nothing to do: 1 video is as the policy says (1 looked at; 12 s)."
    )


def test_several_policies_are_named():
    assert "1 video is as the policies a and b say (" in summary_text(
        make_batch(UNCHANGED, policies=("a", "b"))
    )


def test_a_run_is_told_by_outcome_with_reasons():
    batch = make_batch(CHANGED, FAILED, SKIPPED, UNCHANGED, up_to_date=10)
    assert summary_text(batch).splitlines() == [
        "Done: 14 videos in 12 s with 2 workers",
        "  succeeded    2  (1 changed, 1 unchanged)",
        "  up to date  10",
        "  skipped      1  (1 hard-linked)",
        "  failed       1",
        "    /media/b.mkv: phase tidy: truncated: 7 bytes missing",
        "  read 4.0 GiB, written 3.0 GiB, saved 1.0 GiB",
    ]


def test_a_dry_run_speaks_of_what_would_be():
    text = summary_text(make_batch(CHANGED, UNCHANGED, dry_run=True))
    assert text.startswith("Dry run, nothing touched: 2 videos")
    assert "(1 would be changed, 1 unchanged)" in text
    assert "about 3.0 GiB to write" in text
    assert "saved" not in text


def test_a_run_stopped_by_a_failure_says_what_was_not_started_and_how_to_go_on():
    text = summary_text(make_batch(FAILED, not_started=7, stopped_early=True, on_error="fail"))
    assert text.startswith("Stopped early: 8 videos")
    assert "  not started 7" in text
    assert text.splitlines()[-1] == (
        "Stopped at the first failure (on_error: fail); the same command goes on from here."
    )


def test_an_interrupted_run_says_that_the_rest_is_as_it_was():
    text = summary_text(make_batch(CHANGED, not_started=1, stopped_early=True, interrupted=True))
    assert text.startswith("Interrupted: 2 videos")
    assert text.splitlines()[-1] == "Videos not started are as they were; the same command goes on from here."


def test_videos_that_grew_are_not_called_savings():
    grown = CHANGED._replace(size_after=5 << 30)
    assert "grown by 1.0 GiB" in summary_text(make_batch(grown))


def test_a_thousand_failures_are_counted_and_not_all_repeated():
    failures = [FAILED._replace(path=f"/media/{n}.mkv") for n in range(1000)]
    lines = summary_text(make_batch(*failures)).splitlines()
    assert len(lines) < 30
    assert "    … and 980 more (-v or --json lists them all)" in lines
    assert len(summary_text(make_batch(*failures), verbose=True).splitlines()) > 1000


def test_what_failed_writes_nothing_so_its_estimate_is_not_counted():
    failed = CHANGED._replace(status="failed", error="no space", changes=())
    assert "written" not in summary_text(make_batch(failed))


def test_a_changed_video_shows_how_and_when_asked_each_change_with_its_reason():
    head = "/media/a.mkv: changed by a stream copy with mkvmerge, 3.0 GiB written in 2.5 s"
    assert file_lines(CHANGED, verbose=False) == [head]
    first, change = file_lines(CHANGED, verbose=True)
    assert first == head
    assert change.startswith("  audio 2 (fre ac3 5.1): ")
    assert "fre is not one of eng, und" in change


FAILED_IN_PART = CHANGED._replace(status="failed", error="no such audio", failed_phase="audio")


def test_what_other_phases_did_to_a_failed_video_is_told_beside_its_failure():
    failure, done = file_lines(FAILED_IN_PART, verbose=False)
    assert failure == "/media/a.mkv: phase audio: no such audio"
    assert done == ("  all the same it was changed by a stream copy with mkvmerge, 3.0 GiB written in 2.5 s")
    lines = file_lines(FAILED_IN_PART._replace(warnings=("odd",)), verbose=False, dry_run=True)
    assert lines[1].startswith("  all the same it would be changed by a stream copy with mkvmerge")
    assert lines[2].startswith("  audio 2 (fre ac3 5.1): remove")
    assert lines[3] == "  warning: odd"


def test_what_other_phases_did_to_failed_videos_is_counted():
    text = summary_text(make_batch(FAILED_IN_PART, FAILED))
    assert "  failed      2  (1 of them changed all the same)" in text.splitlines()
    assert "written 3.0 GiB, saved 1.0 GiB" in text


def test_verbose_adds_the_phase_and_the_rule_that_decided():
    ruled = CHANGED._replace(changes=(msgspec.structs.replace(CHANGED.changes[0], rule="no french"),))
    assert file_lines(ruled, verbose=True)[1].endswith(" [phase tidy, rule no french]")


def test_a_dry_run_shows_step_and_bytes_of_each_video():
    converted = CHANGED._replace(path="/media/a.avi")
    head, change = file_lines(converted, verbose=False, dry_run=True)
    assert head == (
        "/media/a.avi: would be changed to /media/a.mkv by a stream copy with mkvmerge, "
        "about 3.0 GiB to write"
    )
    assert change.endswith("fre is not one of eng, und")


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (FAILED, "/media/b.mkv: phase tidy: truncated: 7 bytes missing"),
        (FAILED._replace(error="a\nb  c", failed_phase=None), "/media/b.mkv: a b c"),
        (SKIPPED, "/media/c.mkv: skipped: hard-linked"),
        (SKIPPED._replace(path="/m/x\x1b[2J\udcff.mkv"), "/m/x\\x1b[2J\\xff.mkv: skipped: hard-linked"),
        (
            UNCHANGED._replace(final_path="/out/d.mkv"),
            "/media/d.mkv: as the policy says, copied to /out/d.mkv",
        ),
    ],
)
def test_other_outcomes_are_one_line_each(result, line):
    assert file_lines(result, verbose=False) == [line]


def test_what_was_left_as_it_is_is_mentioned_only_when_asked_or_when_it_drew_a_warning():
    assert file_lines(UNCHANGED, verbose=False) == []
    assert file_lines(UNCHANGED, verbose=True) == ["/media/d.mkv: already as the policy says"]
    assert file_lines(UNCHANGED._replace(warnings=("odd",)), verbose=False) == [
        "/media/d.mkv: already as the policy says",
        "  warning: odd",
    ]


@given(batches)
def test_any_summary_is_printable_lines(batch):
    assert all(line.isprintable() for line in summary_text(batch).split("\n"))


@given(file_results)
def test_any_file_is_printable_lines(result):
    for dry_run in (False, True):
        assert all(line.isprintable() for line in file_lines(result, verbose=True, dry_run=dry_run))
