"""`--output`: Make in the classic way. The source stays, the compliant video is the target."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest

from tests.support.library import read_tree
from tests.support.waiting import wait_for
from vpo_tasks.media.probe import ProbePool


@pytest.fixture
def out(world):
    return world.root / "out"


def process(world, out, *args, code=0):
    done = world.vpo("process", "--json", "--output", out, *args, world.media)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_sources_stay_and_targets_comply(world, out):
    world.add("a.mkv", "deep/b.mp4")
    world.add("right.mkv", kind="right")
    before = read_tree(world.media)
    process(world, out)
    assert read_tree(world.media) == before
    assert sorted(read_tree(out)) == ["a.mkv", "deep/b.mp4", "right.mkv"]
    with ProbePool(1) as probes:
        assert [track.language for track in probes.probe(str(out / "a.mkv")).of_type("audio")] == ["eng"]
    assert (out / "right.mkv").read_bytes() == before["right.mkv"]
    assert (out / "right.mkv").stat().st_ino != (world.media / "right.mkv").stat().st_ino


def test_a_second_run_does_nothing_and_a_missing_target_is_made_again(world, out):
    world.add("a.mkv", "b.mkv")
    process(world, out)
    world.watch_tools()
    assert process(world, out)["summary"]["up_to_date_count"] == 2
    (out / "a.mkv").unlink()
    assert process(world, out)["summary"]["changed_count"] == 1
    assert (out / "a.mkv").exists()
    assert world.tool_runs() == 1


def test_a_target_that_somebody_changed_is_left_alone_until_it_is_removed(world, out):
    world.add("a.mkv")
    process(world, out)
    (out / "a.mkv").write_bytes(b"a cut of my own")
    for _ in range(2):
        report = process(world, out, "--retry-failed", code=1)
        assert "changed since it was made" in report["results"][0]["error"]
        assert (out / "a.mkv").read_bytes() == b"a cut of my own"
    (out / "a.mkv").unlink()
    assert process(world, out, "--retry-failed")["summary"]["changed_count"] == 1
    with ProbePool(1) as probes:
        probes.probe(str(out / "a.mkv"))


def test_a_target_as_it_was_made_follows_its_source(world, out):
    (path,) = world.add("a.mkv")
    process(world, out)
    before = (out / "a.mkv").read_bytes()
    os.utime(path, ns=(1_400_000_000_000_000_000,) * 2)
    assert process(world, out)["summary"]["changed_count"] == 1
    assert (out / "a.mkv").stat().st_mtime_ns == 1_400_000_000_000_000_000
    assert len((out / "a.mkv").read_bytes()) == len(before)


def test_a_linked_target_follows_its_source(world, out):
    (path,) = world.add("right.mkv", kind="right")
    process(world, out, "--link")
    os.utime(path, ns=(1_400_000_000_000_000_000,) * 2)
    process(world, out, "--link")
    shutil.copy(path, world.root / "other")
    (world.root / "other").rename(path)
    process(world, out, "--link")
    assert os.path.samefile(path, out / "right.mkv")


@pytest.mark.parametrize("with_tools", [True, False])
def test_what_a_killed_run_left_in_the_output_folder_goes_with_the_next(world, out, with_tools):
    world.add("a.mkv")
    world.watch_tools(delay=1.5)
    run = world.start("process", "--output", out, world.media)
    wait_for(lambda: world.tool_runs() == 1)
    tools = working_in(out) if with_tools else []
    os.kill(run.pid, signal.SIGKILL)
    for pid in tools:
        os.kill(pid, signal.SIGKILL)
    run.communicate()
    wait_for(lambda: not working_in(out))
    assert list(out.glob(".vpo-*"))
    assert process(world, out)["summary"]["changed_count"] == 1
    assert sorted(path.name for path in out.iterdir()) == ["a.mkv"]


def killed_in_the_output_folder(world, out):
    world.watch_tools(delay=1.5)
    run = world.start("process", "--output", out, world.media)
    wait_for(lambda: world.tool_runs() == 1)
    tools = working_in(out / "film")
    os.kill(run.pid, signal.SIGKILL)
    for pid in tools:
        os.kill(pid, signal.SIGKILL)
    run.communicate()
    wait_for(lambda: not working_in(out / "film"))
    assert list(out.rglob(".vpo-*"))


@pytest.mark.parametrize("then", ["renamed", "moved with its folder", "converted", "deleted"])
def test_what_a_killed_run_left_goes_with_the_next_although_the_source_has_another_name(world, out, then):
    world.add("right.mkv", kind="right")
    process(world, out)
    world.add("film/a.mkv")
    source = world.media / "film" / "a.mkv"
    killed_in_the_output_folder(world, out)
    if then == "renamed":
        source.rename(source.with_name("A (2001).mkv"))
    elif then == "moved with its folder":
        source.parent.rename(world.media / "Film (2001)")
    else:
        source.unlink()
        if then == "converted":
            world.add("film/a.mp4")
    process(world, out)
    assert not list(out.rglob(".vpo-*"))
    assert len(list(out.rglob("*.m*"))) == (1 if then == "deleted" else 2)
    assert process(world, out)["summary"]["changed_count"] == 0


def test_what_another_run_has_in_hand_in_the_output_folder_is_left_alone(world, out):
    world.add("a.mkv")
    other = world.media.with_name("other library")
    shutil.copytree(world.media, other)
    (other / "a.mkv").rename(other / "b.mkv")
    world.watch_tools(delay=3)
    run = world.start("process", "--output", out, world.media)
    wait_for(lambda: world.tool_runs() == 1)
    left = {path.name for path in out.glob(".vpo-*")}
    assert left
    done = world.vpo("process", "--output", out, other)
    assert done.returncode == 0, done.stderr
    run.communicate()
    assert run.returncode == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.mkv", "b.mkv"]


def test_what_was_made_and_not_recorded_any_more_is_taken_as_made(world, out):
    # as a kill between the two leaves it, and as an older record of the library does
    world.add("a.mkv", "b.mkv")
    world.add("right.mkv", kind="right")
    (world.media / "theirs.mkv").write_bytes((world.media / "a.mkv").read_bytes())
    out.mkdir()
    shutil.copy2(world.media / "theirs.mkv", out / "theirs.mkv")  # as unfit as its source
    process(world, out, code=1)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()}
    shutil.rmtree(world.home)
    os.utime(out / "b.mkv", ns=(5, 5))
    world.watch_tools()
    report = process(world, out, code=1)
    status = {os.path.basename(result["file"]): result["status"] for result in report["results"]}
    assert status == {"a.mkv": "changed", "b.mkv": "failed", "right.mkv": "unchanged", "theirs.mkv": "failed"}
    assert world.tool_runs() == 0
    assert {name: (out / name).read_bytes() for name in before} == {
        n: data for n, (data, _) in before.items()
    }
    assert process(world, out, code=1)["summary"]["up_to_date_count"] == 2


def working_in(folder) -> list[int]:
    """The processes that work in a folder of this folder: the tools do."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.path.dirname(os.readlink(f"/proc/{pid}/cwd")) == str(folder):
                found.append(int(pid))
        except OSError:
            continue
    return found


def test_linking_takes_no_bytes_for_what_complies_already(world, out):
    (path,) = world.add("right.mkv", kind="right")
    process(world, out, "--link")
    assert os.path.samefile(path, out / "right.mkv")
    assert process(world, out, "--link")["summary"]["up_to_date_count"] == 1


def test_a_file_that_is_not_ours_is_never_overwritten(world, out):
    world.add("a.mkv")
    world.add("right.mkv", kind="right")
    out.mkdir()
    for name in ("a.mkv", "right.mkv"):
        (out / name).write_bytes(b"somebody's")
    report = process(world, out, code=1)
    assert report["summary"]["fail_count"] == 2
    assert read_tree(out) == {"a.mkv": b"somebody's", "right.mkv": b"somebody's"}


def test_an_output_folder_inside_the_library_is_no_source(world):
    world.add("a.mkv")
    out = world.media / "out"
    process(world, out)
    assert process(world, out)["summary"]["total_files"] == 1


def test_the_configured_output_folder_is_used_by_both_doors(world, out):
    world.add("a.mkv")
    world.configure(f"[processing]\noutput = '{out}'\n")
    (world.media / "dodo.py").write_text("from vpo_tasks.dodo import DOIT_CONFIG, task_process\n")
    before = (world.media / "a.mkv").read_bytes()
    done = world.doit()
    assert done.returncode == 0, done.stderr
    assert (out / "a.mkv").exists()
    assert (world.media / "a.mkv").read_bytes() == before
    assert "up to date" in world.vpo("process", world.media).stdout
    assert "process:a.mkv" in world.doit("list").stdout
    info = world.doit("info", "process:a.mkv")
    assert "targets" in info.stdout
    assert str(out / "a.mkv") in info.stdout
    assert "up-to-date" in info.stdout
    (out / "a.mkv").unlink()
    assert world.doit().returncode == 0
    assert (out / "a.mkv").exists()


def test_a_conversion_gives_the_target_the_new_suffix_and_rivals_fail_alone(world, out):
    world.write_policy("schema_version: 13\nphases:\n  - name: c\n    container: {target: mkv}\n")
    world.add("a.avi", "a.mp4", "b.mp4", kind="right")
    report = process(world, out, code=1)
    status = {os.path.basename(result["file"]): result["status"] for result in report["results"]}
    assert status == {"a.avi": "failed", "a.mp4": "failed", "b.mp4": "changed"}
    assert sorted(read_tree(out)) == ["b.mkv"]
    (world.media / "dodo.py").write_text("from vpo_tasks.dodo import DOIT_CONFIG, task_process\n")
    world.configure(f"[processing]\noutput = '{out}'\n")
    done = world.doit()
    assert done.returncode == 1, done.stderr
    assert "a.avi" in done.stderr
