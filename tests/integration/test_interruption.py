"""Ctrl-C, SIGTERM and SIGKILL: no orphan, no debris, no original lost, no work done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest

from tests.support.fake_tools import real_toolbox
from tests.support.library import read_tree
from tests.support.waiting import wait_for


def ended(world) -> int:
    return sum(line[0] == "end" for line in world.tool_log())


def tools_alive(world) -> list[str]:
    """Processes that work in the library: the wrappers and the tools behind them run there."""
    alive = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            where = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            continue
        if where.startswith(str(world.media)):
            alive.append(pid)
    return alive


@pytest.fixture
def slow(world):
    world.add_many(6)
    world.watch_tools(delay=1.0)
    return world


def up_to_date(world) -> int:
    return json.loads(world.vpo("process", "-n", "--json", world.media).stdout)["summary"]["up_to_date_count"]


def test_ctrl_c_once_finishes_what_is_in_hand_and_starts_nothing_new(slow):
    run = slow.start("process", "--json", "-w", "2", slow.media)
    wait_for(lambda: slow.tool_runs() == 2)
    os.kill(run.pid, signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 130
    assert (slow.tool_runs(), ended(slow)) == (2, 2)
    summary = json.loads(out)["summary"]
    assert (summary["changed_count"], summary["not_started_count"]) == (2, 4)
    assert "Traceback" not in err
    assert up_to_date(slow) == 2
    assert slow.leftovers() == []


@pytest.fixture
def heeded():
    """Let the children heed SIGHUP, also where the tests themselves were started by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    "signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,), (signal.SIGHUP,), (signal.SIGQUIT,)]
)
@pytest.mark.usefixtures("heeded")
def test_a_second_ctrl_c_or_sigterm_ends_the_tools_and_leaves_every_video_as_it_was(slow, signals):
    before = read_tree(slow.media)
    run = slow.start("process", "-w", "2", slow.media)
    wait_for(lambda: slow.tool_runs() == 2)
    for number in signals:
        os.kill(run.pid, number)
        if number == signal.SIGINT:  # two at the same instant would be one to the kernel
            run.stderr.readline()
    _, err = run.communicate(timeout=30)
    assert run.returncode == 130, err
    assert ended(slow) == 0
    assert read_tree(slow.media) == before
    assert tools_alive(slow) == []
    assert "Traceback" not in err


def test_a_run_that_is_stopped_together_with_its_tool_goes_on_as_if_nothing_had_been(world):
    world.configure("[processing]\nstall_timeout = '6s'\n")
    world.add("a.mkv")
    world.watch_tools(delay=2.0)
    run = world.start("process", "--json", world.media)
    wait_for(lambda: world.tool_runs() == 1)
    frozen = [run.pid, *map(int, tools_alive(world))]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(8)
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 0, err
    assert json.loads(out)["summary"]["changed_count"] == 1
    assert world.leftovers() == []


@pytest.mark.parametrize("attempt", range(3))
def test_a_closed_terminal_ends_a_run_although_two_signals_come_together(slow, attempt):
    slow.watch_tools(delay=40.0)
    before = read_tree(slow.media)
    run = slow.start("process", "-w", "2", slow.media)
    wait_for(lambda: slow.tool_runs() == 2)
    os.kill(run.pid, signal.SIGHUP)  # the kernel's, and the shell's
    os.kill(run.pid, signal.SIGTERM)
    run.communicate(timeout=30)
    assert run.returncode == 130
    assert read_tree(slow.media) == before
    assert tools_alive(slow) == []


def test_sigkill_loses_nothing_and_the_next_run_redoes_none_of_the_finished(slow):
    before = read_tree(slow.media)
    run = slow.start("process", "-w", "2", slow.media)
    wait_for(lambda: ended(slow) >= 2 and slow.tool_runs() >= 4)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    wait_for(lambda: tools_alive(slow) == [])
    for name, data in read_tree(slow.media).items():
        if name.endswith(".mkv") and data != before[name]:
            ffmpeg = real_toolbox().tools["ffmpeg"].path
            check = subprocess.run(
                [ffmpeg, "-v", "error", "-i", slow.media / name, "-f", "null", "-"], capture_output=True
            )
            assert check.returncode == 0, name
    finished = ended(slow)
    done = slow.vpo("process", "--json", "-w", 2, slow.media)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)["summary"]
    assert summary["changed_count"] + summary["up_to_date_count"] + summary["unchanged_count"] == 6
    assert summary["up_to_date_count"] >= finished - 2, "what was recorded is not looked at again"
    assert up_to_date(slow) == 6
    assert slow.leftovers() == []


def test_a_killed_runs_orphaned_tool_keeps_its_video_locked(world):
    world.add("a.mkv")
    world.watch_tools(delay=3.0)
    run = world.start("process", world.media)
    wait_for(lambda: world.tool_runs() == 1)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    done = world.vpo("process", "--json", world.media)
    (result,) = json.loads(done.stdout)["results"]
    assert (result["status"], result["reason"]) == ("skipped", "locked")
    assert done.returncode == 0
    wait_for(lambda: tools_alive(world) == [])
    assert json.loads(world.vpo("process", "--json", world.media).stdout)["summary"]["changed_count"] == 1
    assert world.leftovers() == []


def test_a_run_of_another_state_folder_is_left_to_its_videos(world):
    world.add("a.mkv")
    world.watch_tools(delay=4.0)
    run = world.start("process", world.media)
    wait_for(lambda: world.tool_runs() == 1)
    world.environ["VPO_HOME"] = str(world.root / "another home")
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert (result["status"], result["reason"]) == ("skipped", "locked")
    assert run.wait(timeout=30) == 0
    run.communicate()
    assert json.loads(world.vpo("process", "--json", world.media).stdout)["summary"]["unchanged_count"] == 1
    assert world.tool_runs() == 1
    assert world.leftovers() == []


def test_what_a_killed_run_left_is_settled_by_a_run_that_names_the_video_itself(world):
    (video,) = world.add("a.mkv")
    world.watch_tools(delay=1.5)
    run = world.start("process", video)
    wait_for(lambda: world.tool_runs() == 1)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    wait_for(lambda: tools_alive(world) == [])
    assert world.leftovers()
    done = world.vpo("process", "--json", video)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["summary"]["changed_count"] == 1
    assert world.leftovers() == []


def test_two_runs_at_once_process_every_video_exactly_once(world):
    world.add_many(40)
    world.watch_tools(delay=0.05)
    runs = [world.start("process", "--json", "-w", "3", world.media) for _ in range(2)]
    reports = []
    for run in runs:
        out, err = run.communicate(timeout=120)
        assert run.returncode == 0, err
        reports.append(json.loads(out)["summary"])
    assert sum(summary["changed_count"] for summary in reports) == 40
    assert sum(summary["fail_count"] for summary in reports) == 0
    assert world.tool_runs() == 40
    assert up_to_date(world) == 40
    assert world.leftovers() == []
