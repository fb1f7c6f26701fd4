"""What a video looks like to doit, and how many of them doit sees."""

from __future__ import annotations

import sys
import threading

import pytest

from vpo_tasks.doit_plugin.session import Library


@pytest.fixture
def library(world, monkeypatch):
    world.add("a.mkv", "b.mkv", "c.mkv", kind="right")
    monkeypatch.setenv("VPO_HOME", str(world.home))
    assert world.vpo("process", world.media).returncode == 0
    world.add("d.mkv", "e.mkv")
    opened = Library(str(world.media))
    yield opened
    opened._run.close()


def names(library) -> list[str]:
    return [task["name"] for task in library.tasks()]


def test_a_run_makes_tasks_only_for_what_is_stale(library):
    library.select([])
    assert names(library) == ["d.mkv", "e.mkv"]


def test_a_run_over_named_videos_makes_theirs_too(library):
    library.select(["process:b.mkv"])
    assert names(library) == ["b.mkv", "d.mkv", "e.mkv"]


def test_other_commands_see_every_video(library):
    library.select(None)
    assert names(library) == ["a.mkv", "b.mkv", "c.mkv", "d.mkv", "e.mkv"]


def test_a_task_avoids_what_doit_does_badly_for_videos(library, world):
    for task in library.tasks():
        assert task["io"] == {"capture": False}, "doit would swap sys.stdout under every thread"
        assert task["targets"] == [], "a file that is dependency and target is a cycle"
        assert task["clean"] == [], "doit clean would delete the video"
        assert "teardown" not in task, "it would run several times under threads"
        assert task["file_dep"] == [str(world.media / task["name"])]
    config = library.doit_config()
    assert config["par_type"] == "thread"
    assert config["check_file_uptodate"].__name__ == "IdentityChecker", "MD5 reads whole videos"


def test_actions_in_threads_leave_the_standard_streams_alone(library):
    library.select([])
    seen = []
    out = sys.stdout

    def act(task) -> None:
        function, arguments = task["actions"][0]
        assert function(*arguments) is True
        seen.append(sys.stdout is out)

    threads = [threading.Thread(target=act, args=(task,)) for task in library.tasks()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    library.controller().close()
    assert seen == [True, True]


def test_no_tool_at_all_is_exit_code_3_before_any_work(world):
    (path,) = world.add("a.mkv")
    before = path.read_bytes()
    empty = world.root / "empty"
    empty.mkdir()
    world.environ["PATH"] = str(empty)
    world.environ["IMAGEIO_FFMPEG_EXE"] = str(empty / "ffmpeg")
    done = world.vpo("process", world.media)
    assert done.returncode == 3, done.stderr
    assert "ffmpeg is missing" in done.stderr
    assert path.read_bytes() == before
