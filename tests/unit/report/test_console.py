from __future__ import annotations

import io

import pytest

from vpo_tasks.report.console import Console
from vpo_tasks.report.progress import Progress


class FakeClock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class LostReader(io.StringIO):
    """A pipe whose reader has gone away."""

    def __init__(self):
        super().__init__()
        self.attempts = 0

    def write(self, text):
        self.attempts += 1
        raise BrokenPipeError


def test_without_a_terminal_there_are_plain_lines_at_most_every_ten_seconds():
    clock, err = FakeClock(), io.StringIO()
    console = Console(err, io.StringIO(), clock=clock)
    for tenth in range(601):
        clock.now = tenth / 10
        console.update(Progress(600, tenth))
    console.finish()
    lines = err.getvalue().splitlines()
    assert "\r" not in err.getvalue()
    assert lines == [f"Processing: {done}/600 files [0 active]" for done in range(100, 601, 100)]


def test_on_a_terminal_the_line_is_drawn_at_most_ten_times_a_second():
    clock, err = FakeClock(), io.StringIO()
    console = Console(err, io.StringIO(), live=True, clock=clock)
    for hundredth in range(200):
        clock.now = hundredth / 100
        console.update(Progress(200, hundredth))
    assert 15 <= err.getvalue().count("Processing") <= 20


def test_messages_come_before_the_line_and_the_line_comes_back():
    err = io.StringIO()
    console = Console(err, io.StringIO(), live=True, clock=FakeClock())
    console.update(Progress(2, 1))
    console.warning("odd\x1b[2J name")
    console.finish()
    clear = "\r\x1b[2K"
    line = "Processing: 1/2 files [0 active]"
    assert err.getvalue() == f"{clear}{line}{clear}warning: odd\\x1b[2J name\n{line}{clear}"


def test_results_go_to_stdout_and_only_they():
    err, out = io.StringIO(), io.StringIO()
    console = Console(err, out, clock=FakeClock())
    console.message("starting")
    console.output("/m/a.mkv: changed\n  default: eng")
    assert out.getvalue() == "/m/a.mkv: changed\n  default: eng\n"
    assert err.getvalue() == "starting\n"


def test_quiet_says_nothing_but_errors():
    clock, err = FakeClock(), io.StringIO()
    console = Console(err, io.StringIO(), quiet=True, live=True, clock=clock)
    console.message("hello")
    console.warning("careful")
    clock.now = 99
    console.update(Progress(2, 1))
    console.error("lost")
    console.finish()
    assert err.getvalue() == "error: lost\n"


@pytest.mark.parametrize("live", [True, False])
def test_a_reader_that_went_away_ends_the_talk_not_the_run(live):
    clock, gone = FakeClock(), LostReader()
    console = Console(gone, gone, live=live, clock=clock)
    console.message("a")
    console.output("b")
    clock.now = 60
    console.update(Progress(2, 1))
    console.finish()
    assert gone.attempts == 2  # once a stream, then never again


def test_a_closed_stream_is_no_error():
    closed = io.StringIO()
    closed.close()
    console = Console(closed, closed)
    console.error("nobody hears")
    assert closed.closed


def test_a_stream_of_another_character_set_gets_what_it_can_show():
    shown = io.BytesIO()
    err = io.TextIOWrapper(shown, encoding="ascii")
    Console(err, io.StringIO()).message("日本.mkv")
    assert shown.getvalue() == b"\\u65e5\\u672c.mkv\n"
