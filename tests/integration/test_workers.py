"""How many videos are in hand at once, through every door."""

from __future__ import annotations

import json

import pytest

DODO = "from vpo_tasks.dodo import DOIT_CONFIG, task_process\n"
CFG = "[GLOBAL]\nloader = vpo\nreporter = vpo\nbackend = vpo\n"


def run_through(world, door: str, count: int):
    """Ask for `count` workers through a door."""
    if door == "vpo process -w":
        return world.vpo("process", "-w", count, world.media)
    (world.media / "dodo.py").write_text(DODO)
    if door == "doit with doit.cfg":
        (world.media / "doit.cfg").write_text(CFG)
    return world.doit("-n", count)


DOORS = ["vpo process -w", "doit with doit.cfg", "doit with the bare dodo.py"]


@pytest.mark.parametrize("door", DOORS)
def test_no_door_has_more_videos_in_hand_than_half_the_cores(world, door):
    world.add_many(9)
    world.watch_tools(delay=0.4)
    world.environ["VPO_CPU_COUNT"] = "6"
    done = run_through(world, door, 16)
    assert done.returncode == 0, done.stderr
    assert world.tool_runs() == 9
    assert world.most_at_once() == 3


@pytest.mark.parametrize("door", DOORS[:2])
def test_the_cap_is_explained_with_both_numbers_and_the_cores(world, door):
    world.add_many(1)
    world.environ["VPO_CPU_COUNT"] = "6"
    done = run_through(world, door, 16)
    assert "16 workers asked for, 3 used: half of 6 cores" in done.stderr


def test_asking_for_no_more_than_the_cap_says_nothing(world):
    world.add_many(1)
    done = world.vpo("process", "-w", 4, world.media)
    assert done.returncode == 0
    assert "workers" not in done.stderr


def test_the_flag_wins_over_the_configuration(world):
    world.add_many(6)
    world.configure("[processing]\nworkers = 6\n")
    world.watch_tools(delay=0.3)
    done = world.vpo("process", "-w", 2, world.media)
    assert done.returncode == 0, done.stderr
    assert world.most_at_once() == 2


def test_the_configuration_wins_over_the_default_of_two(world):
    world.add_many(6)
    world.watch_tools(delay=0.3)
    assert world.vpo("process", world.media).returncode == 0
    assert world.most_at_once() == 2
    world.configure("[processing]\nworkers = 3\n")
    (world.root / "tools.log").unlink()
    for path in world.add(*(f"more{number}.mkv" for number in range(6))):
        assert path.exists()
    assert world.vpo("process", world.media).returncode == 0
    assert world.most_at_once() == 3


@pytest.mark.parametrize("wrong", ["0", "-1", "two", "1.5"])
def test_a_wrong_number_is_a_usage_error(world, wrong):
    world.add_many(1)
    done = world.vpo("process", "-w", wrong, world.media)
    assert done.returncode == 2
    assert "-w" in done.stderr


def test_a_wrong_number_in_the_configuration_is_named_with_file_and_line(world):
    world.add_many(1)
    world.configure("[processing]\n\nworkers = 0\n")
    done = world.vpo("process", world.media)
    assert done.returncode == 2
    assert f"{world.home}/config.toml:3:1: processing.workers" in done.stderr


def test_one_worker_goes_strictly_in_path_order_and_so_does_the_output(world):
    names = ["b.mkv", "a/z.mkv", "c.mkv", "a/y.mkv", "B.mkv"]
    world.add(*names)
    world.watch_tools(delay=0.05)
    done = world.vpo("process", "-w", 1, world.media)
    assert done.returncode == 0, done.stderr
    assert world.most_at_once() == 1
    shown = [
        name
        for line in done.stdout.splitlines()
        for name in names
        if line.rstrip().endswith(f"/{name}") or f"/{name}:" in line
    ]
    assert shown == sorted(names)
    results = json.loads(world.vpo("process", "--force", "--json", "-w", 1, world.media).stdout)["results"]
    assert [result["file"] for result in results] == [str(world.media / name) for name in sorted(names)]


def test_five_files_and_ten_workers_are_five_in_hand_and_no_more_threads_than_files(world):
    world.add_many(5)
    world.watch_tools(delay=0.6)
    assert world.vpo("process", "-w", 10, world.media).returncode == 0
    assert world.most_at_once() == 5
    threads = max(int(line[3]) for line in world.tool_log() if line[0] == "start")
    assert threads <= 5 + 2, "five workers, the main thread and the one that listens for signals"


def test_one_slow_video_does_not_hold_up_the_others(world):
    world.add("a-slow.mkv", *(f"b{number}.mkv" for number in range(6)))
    world.watch_tools(delay=0.05, delays={"a-slow": 2.0})
    assert world.vpo("process", "-w", 2, world.media).returncode == 0
    (slow,) = [line[1] for line in world.tool_log() if line[-1] == "a-slow.mkv"]
    ended = [line[1] for line in world.tool_log() if line[0] == "end"]
    assert len(ended) == 7
    assert ended[-1] == slow, "the other worker did all the rest meanwhile"
