"""A stream whose reader goes, whose disk is full, whose character set is small."""

from __future__ import annotations

import errno
import io
import os

import pytest

from vpo_tasks.report.console import LenientStream, discard


@pytest.fixture
def broken():
    """A text stream into a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        yield stream


class Full(io.StringIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error, self.asked = error, 0

    def write(self, text: str) -> int:
        self.asked += 1
        raise self.error


def test_a_reader_that_is_gone_silences_the_stream_and_nothing_is_called_lost(broken):
    stream = LenientStream(broken)
    stream.write("one")
    stream.write("two")
    assert stream.lost is None
    broken.write("at exit")  # goes to nothing: closing it does not fail
    broken.flush()


def test_a_full_disk_is_told_and_not_tried_again():
    full = Full(OSError(errno.ENOSPC, "No space left on device"))
    stream = LenientStream(full)
    stream.write("one")
    stream.write("two")
    assert stream.lost is full.error
    assert full.asked == 1


def test_a_pipe_that_is_full_for_now_does_not_end_the_stream():
    full = Full(BlockingIOError())
    stream = LenientStream(full)
    stream.write("one")
    stream.write("two")
    assert (stream.lost, full.asked) == (None, 2)


def test_what_the_character_set_lacks_is_escaped():
    raw = io.BytesIO()
    pipe = io.TextIOWrapper(raw, encoding="latin-1")
    LenientStream(pipe).write("ü映\udcff\n")
    assert raw.getvalue() == b"\xfc\\u6620\\udcff\n"


def test_a_closed_stream_is_no_terminal_has_a_width_and_takes_text():
    closed = io.StringIO()
    closed.close()
    stream = LenientStream(closed)
    stream.write("one")
    assert (stream.is_terminal(), stream.width(), stream.lost) == (False, 80, None)


@pytest.mark.parametrize(("term", "redraws"), [("xterm", True), ("dumb", False), ("", False)])
def test_a_line_is_redrawn_on_terminals_that_can(monkeypatch, term, redraws):
    monkeypatch.setenv("TERM", term)
    leader, follower = os.openpty()
    with os.fdopen(leader, "rb"), os.fdopen(follower, "w") as terminal:
        assert LenientStream(terminal).is_terminal() is redraws


def test_discarding_leaves_no_descriptor_open(broken):
    before = len(os.listdir("/dev/fd"))
    discard(broken)
    assert len(os.listdir("/dev/fd")) == before
    broken.write("x")
    broken.flush()
