"""doit's own commands inside a media folder, and every trap that doit holds for them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.library import DOIT, read_tree
from tests.support.waiting import wait_for

CONVERT = "schema_version: 13\nphases:\n  - name: convert\n    container: {target: mkv}\n"

ODD_NAMES = [
    b"a=b.mkv",
    b"two\nlines.mkv",
    b"100%.mkv",
    b"-leading.mkv",
    b"@at.mkv",
    b"_private.mkv",
    b"star*.mkv",
    b"semi;colon & $(echo).mkv",
    ("長" * 83).encode() + b"xx.mkv",
    b"not-utf8-\xff.mkv",
]


@pytest.fixture
def library(world):
    """A library as `vpo init` leaves it."""
    policy = (world.media / "policy.yaml").read_text()
    done = world.vpo("init", world.media)
    assert done.returncode == 0, done.stderr
    assert (world.media / "policy.yaml").read_text() == policy, "nothing is overwritten"
    return world


def summary(world):
    return json.loads(world.vpo("process", "-n", "--json", world.media).stdout)["summary"]


def test_doit_does_what_vpo_process_does(library, tmp_path):
    library.add("a.mkv", "b.mp4")
    library.add("right.mkv", kind="right")
    twin = tmp_path / "twin"
    shutil.copytree(library.media, twin)
    done = library.doit("-n", 4)
    assert done.returncode == 0, done.stderr
    assert library.vpo("process", "-w", 4, twin).returncode == 0
    assert sorted(read_tree(library.media)) == sorted(read_tree(twin))
    assert summary(library)["up_to_date_count"] == 3
    assert "changed" in done.stdout


def test_a_second_doit_does_nothing_and_says_so(library):
    library.add_many(3)
    library.watch_tools()
    assert library.doit("-n", 2).returncode == 0
    before = read_tree(library.media)
    again = library.doit("-n", 2)
    assert again.returncode == 0
    assert "up to date" in again.stdout
    assert read_tree(library.media) == before
    assert library.tool_runs() == 3


def test_the_dodo_at_the_top_of_the_project_serves_any_folder_it_is_pointed_at(world):
    world.add("a.mkv", "deep/b.mkv")
    dodo = Path(__file__).parents[2] / "dodo.py"
    done = world.doit("-f", dodo, "-d", world.media, "-n", 2)
    assert done.returncode == 0, done.stderr
    assert summary(world)["up_to_date_count"] == 2
    assert "process:a.mkv" in world.doit("list", "--all", "-f", dodo, "-d", world.media).stdout


def test_list_info_and_forget_see_every_video(library):
    library.add("a.mkv", "deep/b.mkv")
    assert library.doit().returncode == 0
    listing = library.doit("list").stdout
    assert "process:a.mkv" in listing
    assert "process:deep/b.mkv" in listing
    info = library.doit("info", "process:a.mkv")
    assert info.returncode == 0, info.stderr
    assert "up-to-date" in info.stdout
    assert str(library.media / "a.mkv") in info.stdout
    assert summary(library)["up_to_date_count"] == 2
    assert library.doit("forget", "process:a.mkv").returncode == 0
    assert summary(library)["up_to_date_count"] == 1
    info = library.doit("info", "process:a.mkv")
    assert "status     : run" in info.stdout
    assert library.doit("forget", "--all").returncode == 0
    assert summary(library)["up_to_date_count"] == 0
    assert library.doit().returncode == 0
    assert summary(library)["up_to_date_count"] == 2


def test_one_video_can_be_named_up_to_date_or_not(library):
    library.add("a.mkv", "b.mkv")
    assert library.doit("process:b.mkv").returncode == 0
    assert summary(library)["up_to_date_count"] == 1
    assert library.doit("process:b.mkv").returncode == 0
    assert library.doit("process:nope.mkv").returncode != 0


def test_always_execute_looks_at_every_video(library):
    library.add("a.mkv", kind="right")
    assert library.doit().returncode == 0
    done = library.doit("-a")
    assert done.returncode == 0
    assert "1 video is" in done.stdout
    assert "1 looked at" in done.stdout


def test_clean_deletes_nothing(library):
    library.add("a.mkv", "b.mp4")
    library.doit()
    before = read_tree(library.media)
    for arguments in (("clean",), ("clean", "-a"), ("clean", "-c", "process"), ("clean", "--forget")):
        assert library.doit(*arguments).returncode == 0
        assert read_tree(library.media) == before


@pytest.mark.parametrize("door", ["doit", "vpo"])
def test_odd_names_go_through(library, door):
    for name in ODD_NAMES:
        shutil.copy(library.templates.messy(), os.fsencode(library.media) + b"/" + name)
    done = library.doit("-n", 2) if door == "doit" else library.vpo("process", library.media)
    assert done.returncode == 0, done.stderr
    assert summary(library)["up_to_date_count"] == len(ODD_NAMES)
    assert sorted(os.listdir(os.fsencode(library.media))) == sorted(
        [*ODD_NAMES, b"policy.yaml", b"dodo.py", b"doit.cfg", b".vpo-undo"]
    )
    assert "\x1b" not in done.stdout + done.stderr
    listing = library.doit("list")
    assert listing.returncode == 0, listing.stderr
    assert "process:a%3Db.mkv" in listing.stdout
    assert library.doit("info", "process:not-utf8-%FF.mkv").returncode == 0
    assert library.doit("forget", "process:%2Dleading.mkv").returncode == 0
    assert summary(library)["up_to_date_count"] == len(ODD_NAMES) - 1


def test_a_source_that_the_action_consumes_is_no_error(library):
    library.write_policy(CONVERT)
    library.add("a.avi", "b.mp4", kind="right")
    done = library.doit("-n", 2)
    assert done.returncode == 0, done.stderr
    assert "a.mkv" in os.listdir(library.media)
    assert "a.avi" not in os.listdir(library.media)
    assert summary(library)["up_to_date_count"] == 2


def test_two_sources_for_one_target_fail_alone(library):
    library.write_policy(CONVERT)
    library.add("a.avi", "a.mp4", "b.mp4", kind="right")
    done = library.doit()
    assert done.returncode == 1
    assert "a.avi" in done.stderr
    assert "a.mp4" in done.stderr
    assert "b.mkv" in os.listdir(library.media)


def test_an_expected_error_is_one_line_and_no_traceback(library):
    (library.media / "broken.mkv").write_text("text")
    done = library.doit()
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert len([line for line in done.stderr.splitlines() if "broken.mkv" in line]) == 1


def test_a_policy_error_ends_doit_with_our_exit_code_and_no_traceback(library):
    library.add("a.mkv")
    (library.media / "policy.yaml").write_text("schema_version: 13\nphases:\n  - {name: x, keep_audoi: {}}\n")
    done = library.doit()
    assert done.returncode == 2
    assert "keep_audio" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_users_own_task_runs_after_the_videos(library):
    library.add("a.mkv")
    dodo = library.media / "dodo.py"
    dodo.write_text(
        dodo.read_text()
        + "\ndef task_refresh():\n    return {'task_dep': ['process'], 'actions': ['echo refreshed >> refreshed.txt'],"
        " 'verbosity': 0}\n"
    )
    assert library.doit("-n", 2).returncode == 0
    assert (library.media / "refreshed.txt").read_text() == "refreshed\n"


def test_a_bare_dodo_py_works_without_a_doit_cfg(library):
    (library.media / "doit.cfg").unlink()
    library.add_many(3)
    done = library.doit()
    assert done.returncode == 0, done.stderr
    assert summary(library)["up_to_date_count"] == 3
    assert "up to date" in library.doit().stdout
    assert not (library.media / ".doit.db").exists()


def test_processes_instead_of_threads_are_refused_or_harmless(library):
    library.add_many(2)
    (library.media / "doit.cfg").unlink()
    before = {name: data for name, data in read_tree(library.media).items() if name.endswith(".mkv")}
    done = library.doit("-n", 2, "-P", "process")
    after = {name: data for name, data in read_tree(library.media).items() if name.endswith(".mkv")}
    assert done.returncode != 0
    assert after == before
    assert "thread" in done.stdout + done.stderr


def test_sigterm_after_some_videos_keeps_what_is_done(library):
    library.add_many(12)
    library.watch_tools(delay=0.2)
    run = subprocess.Popen(
        [*DOIT, "-n", "2"],
        cwd=library.media,
        env=library.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: sum(line[0] == "end" for line in library.tool_log()) >= 5)
    run.send_signal(signal.SIGTERM)
    _, err = run.communicate(timeout=30)
    assert run.returncode == 130, err
    assert "Traceback" not in err
    done = summary(library)["up_to_date_count"]
    assert done >= 3
    assert library.leftovers() == []


def test_ctrl_c_through_doit_finishes_what_is_in_hand(library):
    library.add_many(8)
    library.watch_tools(delay=0.5)
    run = subprocess.Popen(
        [*DOIT, "-n", "2"],
        cwd=library.media,
        env=library.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: library.tool_runs() >= 2)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 130, err
    assert "Traceback" not in err
    assert (
        summary(library)["up_to_date_count"]
        == library.tool_runs()
        == sum(line[0] == "end" for line in library.tool_log())
    )
    assert library.tool_runs() < 8
    assert "not started" in out
