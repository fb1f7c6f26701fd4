"""Estimates, budgets and order: from what was learned, with a clock of our own."""

from __future__ import annotations

import pytest

from tests.support.tracks import plan, video
from vpo_tasks.errors import LargerError, ReplaceError, SpaceError, ToolError
from vpo_tasks.library.bulk_check import Stale
from vpo_tasks.library.discover import Found
from vpo_tasks.plan.compile import compile_step
from vpo_tasks.plan.encoding import encode_key
from vpo_tasks.policy.model import KeepAudio, Transcode, VideoTranscode
from vpo_tasks.run.estimates import Budget, Estimates, amount_of, speed_of
from vpo_tasks.run.jobs import Attempts
from vpo_tasks.run.order import in_order
from vpo_tasks.state.measurements import Measured, Measurements, Speed
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.workers import resolve_threads

TOOLS = frozenset({"ffmpeg", "mkvmerge"})
HEVC = Transcode(video=VideoTranscode(to="hevc", preset="slow"))


def encode(tracks="v0 h264 1920x1080, a1 eng", **fields):
    planned = plan(video(tracks, **fields), transcode=HEVC)
    return planned, compile_step(planned, TOOLS)


def test_a_step_is_kept_by_kind_codec_preset_and_height():
    planned, step = encode()
    assert speed_of(planned, step) == Speed("encode", "hevc", "slow", 1080)
    assert amount_of(planned, step) == 600
    remux = plan(video("a1 eng, a2 fre"), keep_audio=KeepAudio(languages=("eng",)))
    step = compile_step(remux, TOOLS)
    assert speed_of(remux, step) == Speed("remux")
    assert amount_of(remux, step) == remux.source.size_bytes


def test_what_was_learned_says_how_long_it_takes_and_what_it_saves():
    planned, step = encode()
    known = Estimates({Speed("encode", "hevc", "slow", 1080): Measured(100, 50, 1000, 400)})
    assert known.seconds(planned, step) == pytest.approx(300, abs=1)
    assert known.saved_an_hour(planned, step) == pytest.approx(0.6 * 10**9 * 12, rel=0.01)


def test_another_height_goes_with_the_pixels_and_nothing_learned_is_the_speed_of_playing():
    planned, step = encode()
    known = Estimates({Speed("encode", "hevc", "slow", 2160): Measured(100, 400, 1, 1)})
    assert known.seconds(planned, step) == pytest.approx(600, abs=1)
    assert Estimates({}).seconds(planned, step) == pytest.approx(600, abs=1)


def test_lessons_count_the_newest_most(tmp_path):
    with DaemonConnectionPool(str(tmp_path / "state.db")) as pool:
        lessons = Measurements(pool)
        pace = Speed("encode", "av1", "slow", 720)
        lessons.remember_speed(pace, Measured(10, 10, 100, 50))
        for _ in range(9):
            lessons.remember_speed(pace, Measured(30, 10, 100, 50))
        learned = lessons.speeds()[pace]
        assert 2.8 < learned.rate < 3
        assert learned.ratio == pytest.approx(0.5)


def test_lessons_know_encoders_of_one_file_only_and_larger_encodes_of_one_video(tmp_path):
    with DaemonConnectionPool(str(tmp_path / "state.db")) as pool:
        lessons = Measurements(pool)
        lessons.remember_encoders(b"/bin/ffmpeg", 1, 2, {"libx265", "aac"})
        assert lessons.encoders(b"/bin/ffmpeg", 1, 2) == {"libx265", "aac"}
        assert lessons.encoders(b"/bin/ffmpeg", 2, 2) is None
        lessons.remember_larger(b"/a", ["x", "y"])
        lessons.remember_larger(b"/a", ["y"])
        assert lessons.larger([b"/a", b"/b"]) == {b"/a": {"y"}}


def test_a_budget_of_time_counts_from_now():
    now = [100.0]
    budget = Budget(seconds=60, clock=lambda: now[0])
    assert budget.begin("a", 50, 0) is None
    now[0] += 30
    assert "0:30 left" in (budget.begin("b", 40, 0) or "")
    assert budget.begin("c", 20, 0) is None


def test_a_budget_of_bytes_holds_what_is_in_hand_and_counts_what_was_written():
    budget = Budget(write_bytes=100)
    assert budget.begin("a", 0, 60) is None
    assert budget.begin("b", 0, 60) is not None
    budget.end("a", 30)
    assert budget.begin("b", 0, 60) is None
    budget.end("b", 0)
    budget.end("b", 50)  # the second end of the same work counts for nothing
    assert budget.begin("c", 0, 70) is None


def stale(name, size):
    return Stale(Found(name, 1, 1, size, 0, 1, 0), "new")


def test_order_is_heaviest_first_and_by_path_among_equals():
    items = [stale(b"a", 1), stale(b"b", 3), stale(b"c", 3), stale(b"d", 2)]
    names = [i.found.path for i in in_order(items, "cost", lambda i: (i.found.size, 0.0))]
    assert names == [b"b", b"c", b"d", b"a"]
    assert [i.found.path for i in in_order(items, "gain", lambda i: (0.0, -i.found.size))] == [
        b"a",
        b"d",
        b"b",
        b"c",
    ]
    assert in_order(items, "path", lambda _i: (0.0, 0.0)) == items


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 8, 16, 64])
def test_threads_of_all_workers_and_their_decoders_stay_within_half_more_than_the_cores(cores):
    for workers in range(1, max(2, cores // 2 + 1)):
        for asked in (None, 1, 1000):
            threads = resolve_threads(asked, workers, cores)
            assert threads >= 1
            assert workers * (threads + max(1, threads // 2)) <= max(1.5 * cores, 2 * workers)


def test_larger_is_known_once_and_then_there_is_nothing_more_to_try():
    planned, step = encode()
    error = LargerError("/v", 0, 10, 20)
    once = Attempts().after(error, planned, step)
    assert once is not None
    stream = next(s for s in planned.streams if s.encode)
    assert once.larger == {encode_key(planned.source.tracks[0], stream.encode)}
    assert once.after(error, planned, step) is None


def test_phases_are_suspected_one_at_a_time_the_last_first_and_then_all():
    planned, step = encode()
    failed = ToolError("/v", ["ffmpeg"], 1, "")
    trials = Attempts(all_phases=(("p", "a"), ("p", "b")), untried=(("p", "a"), ("p", "b")), reason="x")
    suspects = []
    found = trials.after(failed, planned, step)
    while found is not None:
        suspects.append(sorted(found.failed))
        found = found.after(failed, planned, step)
    assert suspects == [[("p", "b")], [("p", "a")], [("p", "a"), ("p", "b")]]


@pytest.mark.parametrize("error", [SpaceError("/v", "full"), ReplaceError("/v", "changed")])
def test_what_is_not_the_encode_s_fault_is_not_tried_without_it(error):
    planned, step = encode()
    assert Attempts().after(error, planned, step) is None
