"""A video that crashes or hangs the process that reads it costs a run that video, and nothing stays behind.

A write lease on the video (Linux) makes the reader's open(2) wait, as a dead disk or mount would: so the test
knows when the reader is at that video, without anything of ours being told.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.waiting import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="leases and /proc are Linux's")


class Trap:
    """A video whose opening hangs, until the kernel breaks the lease (45 s)."""

    def __init__(self, path: Path) -> None:
        self.content = path.read_bytes()
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR)
        try:
            fcntl.fcntl(self._descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError as error:
            os.close(self._descriptor)
            pytest.skip(f"no lease on this file system: {error}")

    def is_sprung(self) -> bool:
        return fcntl.fcntl(self._descriptor, fcntl.F_GETLEASE) != fcntl.F_WRLCK

    def read(self) -> bytes:
        """Give the video free, and return what is in it."""
        fcntl.fcntl(self._descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return self._path.read_bytes()

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def trap(world):
    """Five videos, in the middle one that hangs whoever opens it."""
    made = world.add_many(5)
    usual = signal.signal(signal.SIGIO, signal.SIG_IGN)  # what the kernel sends when the lease is asked back
    found = Trap(made[2])
    yield found
    found.close()
    signal.signal(signal.SIGIO, usual)


def readers(world) -> list[int]:
    """The processes that read videos for this library's runs."""
    mark = os.fsencode(f"VPO_HOME={world.home}")
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"probe_process" in words and mark in environ:
            found.append(int(pid))
    return found


def outcome(run, timeout=60):
    out, err = run.communicate(timeout=timeout)
    assert "Traceback" not in err
    results = {os.path.basename(item["file"]): item for item in json.loads(out)["results"]}
    return run.returncode, {name: item["status"] for name, item in results.items()}, results


ALL_BUT_ONE = {
    "v000.mkv": "changed",
    "v001.mkv": "changed",
    "v002.mkv": "failed",
    "v003.mkv": "changed",
    "v004.mkv": "changed",
}


def test_a_crash_costs_a_run_one_video(world, trap):
    run = world.start("process", "--json", "-w", "1", world.media)
    wait_for(trap.is_sprung)
    (reader,) = readers(world)
    os.kill(reader, signal.SIGSEGV)
    code, statuses, results = outcome(run)
    assert (code, statuses) == (1, ALL_BUT_ONE)
    assert results["v002.mkv"]["error"] == "could not be read: it crashed the probe process (SIGSEGV)"
    assert trap.read() == trap.content
    assert readers(world) == []


@pytest.mark.parametrize("workers", ["1", "3"])
def test_a_hang_costs_a_run_one_video_and_the_time_that_a_stall_may_take(world, trap, workers):
    world.configure("[processing]\nstall_timeout = '6s'\n")
    run = world.start("process", "--json", "-w", workers, world.media)
    code, statuses, results = outcome(run)
    assert trap.is_sprung()
    assert (code, statuses) == (1, ALL_BUT_ONE)
    assert results["v002.mkv"]["error"] == "could not be read: no progress in 6 s"
    assert trap.read() == trap.content
    assert readers(world) == []


def test_a_second_ctrl_c_does_not_wait_for_a_reader_that_hangs(world, trap):
    run = world.start("process", "--json", "-w", "1", world.media)
    wait_for(trap.is_sprung)
    os.kill(run.pid, signal.SIGINT)
    os.kill(run.pid, signal.SIGTERM)
    code, statuses, results = outcome(run, timeout=20)
    assert code == 130
    assert "v002.mkv" not in statuses, results
    assert readers(world) == []


def test_a_reader_that_hangs_ends_with_a_run_that_is_killed(world, trap):
    run = world.start("process", "--json", "-w", "1", world.media)
    wait_for(trap.is_sprung)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    wait_for(lambda: readers(world) == [], timeout=20)
    assert trap.is_sprung()
