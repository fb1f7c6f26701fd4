"""The second Ctrl-C ends the program, also where a thread hangs in the kernel and so does who ends it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.support.tools import need_tool
from tests.support.waiting import wait_for
from vpo_tasks.report.console import Console
from vpo_tasks.report.progress import ProgressTracker
from vpo_tasks.run import signals
from vpo_tasks.run.signals import stop_signals

_HUNG = """
import os, sys, threading, time
from vpo_tasks.report.console import Console
from vpo_tasks.report.progress import ProgressTracker
from vpo_tasks.run.signals import stop_signals

class Controller:
    console, tracker = Console(), ProgressTracker(1)
    aborted = threading.Event()
    def stop_handing_out(self): pass
    def abort(self):
        self.aborted.set()
        hang()
    def kill(self): print("killed", flush=True)

def hang():
    os.open(sys.argv[1], os.O_RDONLY)  # a FIFO that nobody writes to

worker = threading.Thread(target=hang)
worker.start()
with stop_signals(Controller()):
    print("ready", flush=True)
    worker.join()
"""


@pytest.fixture
def hung(tmp_path):
    """A run of which every thread waits for a file that never answers."""
    os.mkfifo(tmp_path / "fifo")
    words = [sys.executable, "-c", _HUNG, str(tmp_path / "fifo")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        yield run
        run.kill()


class Controller:
    """Notes what it is told to do."""

    def __init__(self):
        self.console = Console(io.StringIO(), io.StringIO())
        self.tracker = ProgressTracker(1)
        self.aborted = threading.Event()
        self.told = []

    def stop_handing_out(self):
        self.told.append("stop")

    def abort(self):
        self.told.append("abort")

    def within(self, seconds):
        self.told.append(seconds)


@pytest.fixture
def controller(monkeypatch):
    """A controller; it stands for the last resort too, which would end the tests."""
    made = Controller()
    monkeypatch.setattr(signals, "LastResort", lambda _: made)
    return made


def test_the_first_ctrl_c_starts_nothing_new_and_raises_nothing(controller):
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with stop_signals(controller):
        assert signal.getsignal(signal.SIGINT) is not handlers[0]
        os.kill(os.getpid(), signal.SIGINT)
        wait_for(lambda: controller.told)
    assert controller.told == ["stop"]
    assert not controller.aborted.is_set()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers


def test_the_second_ctrl_c_ends_sooner_than_sigterm(controller):
    with stop_signals(controller):
        for number, words in ((signal.SIGINT, 1), (signal.SIGINT, 3), (signal.SIGTERM, 5)):
            os.kill(os.getpid(), number)
            wait_for(lambda words=words: len(controller.told) >= words)
    stop, soon, first, later, second = controller.told
    assert (stop, first, second) == ("stop", "abort", "abort")
    assert soon < 5 < later


def test_a_hang_up_that_is_to_be_ignored_stays_so(controller):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_signals(controller):
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGINT)
            wait_for(lambda: controller.told)
        assert controller.told == ["stop"]
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_last_resort_kills_the_tools_then_ends_and_the_shorter_time_counts(monkeypatch):
    monkeypatch.setattr(signals, "_LAST_S", 0.05)
    monkeypatch.setattr(signals, "_say", lambda: None)
    done: list[object] = []
    monkeypatch.setattr(os, "_exit", done.append)
    resort = signals.LastResort(lambda: done.append("killed"))
    started = time.monotonic()
    resort.within(60)
    resort.within(0.3)
    wait_for(lambda: len(done) > 1)
    assert done == ["killed", 130]
    assert 0.2 < time.monotonic() - started < 10


def test_the_second_ctrl_c_ends_a_run_that_hangs_within_five_seconds(hung):
    hung.send_signal(signal.SIGINT)
    hung.stderr.readline()
    hung.send_signal(signal.SIGINT)
    out, err = hung.communicate(timeout=20)
    assert (hung.returncode, out) == (130, "killed\n")
    assert "the next run settles what was in hand" in err


def test_ctrl_c_after_sigterm_shortens_the_time_that_tools_have(hung):
    hung.send_signal(signal.SIGTERM)
    time.sleep(1.5)
    hung.send_signal(signal.SIGINT)
    hung.communicate(timeout=20)
    assert hung.returncode == 130


def test_the_end_does_not_wait_for_whoever_reads_its_words(hung):
    """Nobody empties a pipe that is full."""
    hung.send_signal(signal.SIGINT)
    time.sleep(0.5)
    hung.send_signal(signal.SIGINT)
    assert hung.wait(timeout=8) == 130


def test_a_disk_that_hangs_and_answers_again_costs_nothing(world, tmp_path):
    bindfs = need_tool("bindfs")
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    world.add_many(8)
    seen = tmp_path / "seen"
    seen.mkdir()
    disk = subprocess.Popen([bindfs, "-f", str(world.media), str(seen)])
    try:
        wait_for((seen / "policy.yaml").exists)
        world.watch_tools(delay=0.3)
        run = world.start("process", "-w", "2", seen)
        wait_for(lambda: world.tool_runs() >= 2)
        disk.send_signal(signal.SIGSTOP)
        time.sleep(1)
        run.send_signal(signal.SIGINT)
        time.sleep(1)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=30)
        assert run.returncode == 130
        disk.send_signal(signal.SIGCONT)
        done = world.vpo("process", "-q", seen)
        assert done.returncode == 0, done.stderr
        assert world.leftovers() == []
    finally:
        disk.send_signal(signal.SIGCONT)
        subprocess.run(["umount", "-l", str(seen)], check=False)
        disk.wait(10)
