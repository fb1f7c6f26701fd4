"""The second Ctrl-C ends the program, also where a thread hangs in the kernel and so does who ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.support.tools import need_tool
from tests.support.waiting import wait_for

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
