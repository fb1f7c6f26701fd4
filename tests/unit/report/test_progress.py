from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from vpo_tasks.report.progress import Current, Progress, ProgressTracker, clock_time, render_progress
from vpo_tasks.report.text import display_width


class FakeClock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_counters_follow_videos_from_begin_to_end():
    tracker = ProgressTracker(4, FakeClock())
    tracker.begin("/m/a.mkv")
    tracker.begin("/m/b.mkv")
    tracker.end("/m/a.mkv", "failed")
    tracker.end("/m/c.mkv", "skipped")
    progress = tracker.snapshot()
    assert progress[:6] == (4, 2, 1, 1, 1, 0)
    assert [item.path for item in progress.current] == ["/m/b.mkv"]


def test_rate_and_time_left_count_the_finished_part_of_videos_in_hand():
    clock = FakeClock()
    tracker = ProgressTracker(4, clock)
    tracker.begin("/m/a.mkv")
    clock.now += 60
    tracker.end("/m/a.mkv", "changed")
    tracker.begin("/m/b.mkv")
    tracker.advance("/m/b.mkv", 0.5, 2.0)
    progress = tracker.snapshot()
    assert progress.rate == 1 / 60
    assert progress.eta_s == 2.5 * 60 / 1.5


def test_no_estimate_before_anything_is_known():
    clock = FakeClock()
    tracker = ProgressTracker(3, clock)
    tracker.begin("/m/a.mkv")
    clock.now += 30
    assert tracker.snapshot().rate is None
    assert tracker.snapshot().eta_s is None


def test_a_late_report_of_a_finished_video_does_not_bring_it_back():
    tracker = ProgressTracker(1, FakeClock())
    tracker.begin("/m/a.mkv")
    tracker.end("/m/a.mkv", "changed")
    tracker.advance("/m/a.mkv", 0.5, None)
    assert tracker.snapshot().active == 0


def test_nothing_is_lost_when_many_threads_count():
    tracker = ProgressTracker(800)

    def work(number):
        for index in range(100):
            path = f"/m/{number}-{index}.mkv"
            tracker.begin(path)
            tracker.advance(path, 0.5, 1.0)
            tracker.end(path, "changed" if index % 2 else "failed")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tracker.snapshot()[:6] == (800, 800, 0, 400, 0, 400)


def test_the_line_reads_as_promised():
    progress = Progress(10, 3, 2, failed=1, rate=0.25, eta_s=1683, current=(Current("/m/a\x1b.mkv", 0.41),))
    assert (
        render_progress(progress, 120)
        == "Processing: 3/10 files [2 active], 1 failed, 15.0 files/min, 28:03 left  a\\x1b.mkv 41%"
    )
    assert render_progress(progress, 50) == "Processing: 3/10 files [2 active], 1 failed"
    assert render_progress(progress, 20) == "Processing: 3/10 fi…"


def test_times_are_shown_as_a_clock_does():
    assert [clock_time(s) for s in (0, 42, 725, 11229)] == ["0:00", "0:42", "12:05", "3:07:09"]


numbers = st.integers(0, 10**7)


@given(
    st.builds(
        Progress,
        numbers,
        numbers,
        numbers,
        numbers,
        rate=st.none() | st.floats(0, 1e6),
        eta_s=st.none() | st.floats(0, 1e8),
        current=st.lists(
            st.builds(Current, st.text(min_size=1), st.none() | st.floats(0, 1)), max_size=2
        ).map(tuple),
    ),
    st.integers(1, 200),
)
def test_the_line_fits_any_width_and_stays_one_line(progress, width):
    line = render_progress(progress, width)
    assert display_width(line) <= width
    assert line.isprintable()


def test_what_is_expected_gives_the_time_left_from_the_start_and_what_passes_corrects_it():
    now = [0.0]
    tracker = ProgressTracker(3, clock=lambda: now[0])
    tracker.expect({"a": 60.0, "b": 30.0, "c": 30.0}, workers=2)
    assert tracker.snapshot().eta_s == 60
    tracker.begin("a")
    tracker.advance("a", 0.5, 2.0)
    now[0] = 60.0  # half of the longest took as long as all of it should have
    assert tracker.snapshot().eta_s == 180
    tracker.end("a", "changed")
    assert tracker.snapshot().eta_s == 60


def test_the_line_shows_percent_and_speed_of_what_is_in_hand():
    progress = Progress(total=2, active=1, current=(Current("/m/Film.mkv", 0.42, 2.34),))
    assert render_progress(progress, 100).endswith("Film.mkv 42% 2.3x")
