"""`--output`: Make in the classic way. The source stays, the compliant video is the target."""

from __future__ import annotations

import json
import os

import pytest

from tests.support.library import read_tree
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


def test_a_changed_target_is_made_again(world, out):
    world.add("a.mkv")
    process(world, out)
    (out / "a.mkv").write_bytes(b"scribble")
    assert process(world, out)["summary"]["changed_count"] == 1
    with ProbePool(1) as probes:
        probes.probe(str(out / "a.mkv"))


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
    (world.media / "dodo.py").write_text("from vpo_tasks.tasks.dodo import DOIT_CONFIG, task_process\n")
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
    (world.media / "dodo.py").write_text("from vpo_tasks.tasks.dodo import DOIT_CONFIG, task_process\n")
    world.configure(f"[processing]\noutput = '{out}'\n")
    done = world.doit()
    assert done.returncode == 1, done.stderr
    assert "a.avi" in done.stderr
