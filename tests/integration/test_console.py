"""The progress line on a real pseudo-terminal, replayed by a terminal emulator."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pyte
import pytest

from tests.support.fake_tools import remuxer
from tests.support.library import VPO

PROGRAM = """
import sys, threading
from vpo_tasks.report.console import Console
from vpo_tasks.report.progress import ProgressTracker

console, tracker = Console(), ProgressTracker(200)

def work(number):
    for index in range(50):
        path = f"/media/Some Folder/日本語 video {number}-{index}.mkv"
        tracker.begin(path)
        console.update(tracker.snapshot())
        tracker.advance(path, 0.5, 1.0)
        console.update(tracker.snapshot())
        if index % 4 == 0 and index < 50:
            console.warning(f"W{number}-{index} end")
        if index % 10 == 0:
            console.output(f"R{number}-{index} end")
        tracker.end(path, "failed" if index % 7 == 0 else "changed")
        console.update(tracker.snapshot())
        threading.Event().wait(0.002)

threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
console.finish()
console.message("done, every one of them")
"""


def run_on_terminal(
    width: int,
    resize_to: int | None = None,
    command=(sys.executable, "-c", PROGRAM),
    environ=os.environ,
    code=0,
) -> tuple[bytes, list[str]]:
    """Return what was written and all lines of the screen, those scrolled away first."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    env = {**environ, "TERM": "xterm-256color", "PYTHONUTF8": "1"}
    process = subprocess.Popen([*command], stdin=slave, stdout=slave, stderr=slave, env=env)
    os.close(slave)
    data = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # Linux says EIO where macOS says end of file: the last writer is gone
            break
        if not chunk:
            break
        data += chunk
        if resize_to and len(data) > 2000:
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, resize_to, 0, 0))
    os.close(master)
    assert process.wait(timeout=30) == code
    screen = pyte.HistoryScreen(max(width, resize_to or 0), 24, history=5000)
    pyte.ByteStream(screen).feed(data)
    scrolled = ["".join(row[x].data for x in range(screen.columns)) for row in screen.history.top]
    return data, [line.rstrip() for line in [*scrolled, *screen.display] if line.strip()]


@pytest.mark.parametrize("width", [20, 41, 80, 200])
def test_four_threads_and_fifty_warnings_leave_whole_lines_only(width):
    data, lines = run_on_terminal(width)
    # a message longer than a narrow terminal goes on in the next row
    joined = "\n".join(lines).replace("done, every one of t\nhem", "done, every one of them")
    expected = {f"warning: W{n}-{i} end" for n in range(4) for i in range(0, 50, 4)}
    expected |= {f"R{n}-{i} end" for n in range(4) for i in range(0, 50, 10)}
    assert len(expected) == 72
    *messages, last = joined.splitlines()
    assert set(messages) == expected
    assert len(messages) == len(expected)
    assert last == "done, every one of them"
    assert b"Processing" in data  # the line was really drawn in between


def test_a_terminal_made_narrower_gets_narrower_lines():
    data, _ = run_on_terminal(80, resize_to=40)
    after = data[len(data) // 2 :].decode("utf-8", "replace")
    drawn = re.findall(r"\x1b\[2K(Processing[^\r\n]*)", after)
    assert drawn
    assert all(len(line) < 40 for line in drawn[2:])


def test_the_line_goes_on_while_no_tool_tells_anything(world):
    world.add_many(3)
    world.put_tool(remuxer(), "time.sleep(3)\nsys.exit(2)\n")
    command = (*VPO, "process", "-w", "3", str(world.media))
    data, _ = run_on_terminal(80, command=command, environ=world.environ, code=1)
    assert b"[3 active]" in data
    assert data.count(b"Processing: 0/3") > 3


def test_a_reader_that_closes_the_pipe_does_not_end_the_program():
    # unbuffered streams would have nothing left to flush at exit, which is half of the trouble
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, env=env
    )
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=30) == 0
