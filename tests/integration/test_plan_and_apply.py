"""A plan says what a dry run says; applying it does exactly that, and refuses what is not as planned any more."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal

import pytest

from tests.support.library import read_tree
from tests.support.waiting import wait_for


def plan(world, *args):
    done = world.vpo("plan", "-o", world.root / "plan.json", *args, world.media)
    assert done.returncode == 0, done.stderr
    return json.loads((world.root / "plan.json").read_text())


def apply(world, code=0):
    done = world.vpo("apply", "--json", world.root / "plan.json")
    assert done.returncode == code, done.stderr
    report = json.loads(done.stdout)
    return {os.path.basename(result["file"]): result for result in report["results"]} | {
        "summary": report["summary"]
    }


def test_a_place_where_no_plan_can_be_written_is_said_before_anything_is_planned(world):
    world.add("a.mkv")
    place = world.root / "none" / "plan.json"
    done = world.vpo("plan", "-o", place, world.media)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {place}: there is no folder {world.root}/none\n"


@pytest.mark.parametrize("leads_to", ["none/plan.json", "link.json"])
def test_a_link_to_where_no_plan_can_be_is_refused_before_anything_is_planned(world, leads_to):
    world.add("a.mkv")
    place = world.root / "link.json"
    place.symlink_to(world.root / leads_to)
    done = world.vpo("plan", "-o", place, world.media)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {place}")
    assert done.stderr.count("\n") == 1
    assert place.is_symlink()


def test_a_plan_goes_where_a_dangling_link_leads(world):
    world.add("a.mkv")
    (world.root / "plan.json").symlink_to("elsewhere.json")
    plan(world)
    assert (world.root / "plan.json").is_symlink()
    assert json.loads((world.root / "elsewhere.json").read_text())["videos"]
    assert apply(world)["summary"]["changed_count"] == 1


@pytest.mark.parametrize("path", ["/x\0y", "/x\ud800y"])
@pytest.mark.parametrize("place", ["paths", "policies", "output", "file", "target"])
def test_a_plan_file_that_names_what_can_be_no_path_is_refused(world, place, path):
    world.add("a.mkv")
    document = plan(world)
    if place in ("file", "target"):
        document["videos"][0][place] = path
    else:
        document[place] = path if place == "output" else [path]
    (world.root / "plan.json").write_text(json.dumps(document))
    before = read_tree(world.media)
    done = world.vpo("apply", world.root / "plan.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not a plan that `vpo plan -o` wrote" in done.stderr
    assert read_tree(world.media) == before


def test_what_of_a_plan_is_done_already_is_up_to_date_and_not_refused(world):
    world.write_policy(
        "schema_version: 13\nname: mkv\nphases:\n  - name: c\n    container: {target: mkv}\n"
        "  - name: l\n    keep_audio: {languages: [eng]}\n"
    )
    world.add("a.mkv", "b.mp4")
    plan(world)
    assert apply(world)["summary"]["changed_count"] == 2
    (world.media / "b.mkv").rename(world.media / "aside")
    assert apply(world, code=1)["b.mp4"]["reason"] == "not as planned any more: the video is not there"
    (world.media / "aside").rename(world.media / "b.mkv")
    summary = apply(world)["summary"]
    assert (summary["up_to_date_count"], summary["skipped_count"]) == (2, 0)


def without_times(text):
    return re.sub(r"\d+(\.\d+)? m?s", "", text)


@pytest.mark.parametrize("options", [[], ["-v"], ["--json"], ["--phases", "flags"], ["-q"]])
def test_a_plan_prints_what_a_dry_run_prints_and_touches_nothing(world, options):
    world.add("a.mkv", "b.mp4")
    world.add("right.mkv", kind="right")
    before = read_tree(world.root)
    planned = world.vpo("plan", *options, world.media)
    dry = world.vpo("process", "--dry-run", *options, world.media)
    assert (planned.returncode, planned.stderr) == (dry.returncode, dry.stderr)
    if options == ["--json"]:
        one, other = json.loads(planned.stdout), json.loads(dry.stdout)
        for document in (one, other):
            document["summary"].pop("total_duration_seconds")
            for result in document["results"]:
                result.pop("duration_seconds")
        assert one == other
    else:
        lines = [sorted(without_times(done.stdout).splitlines()) for done in (planned, dry)]
        assert lines[0] == lines[1]
    assert read_tree(world.root) == before


def test_a_plan_names_videos_changes_and_the_policy_and_is_what_is_done(world):
    world.add("a.mkv", "b.mp4")
    world.add("right.mkv", kind="right")
    planned = plan(world)
    assert [os.path.basename(video["file"]) for video in planned["videos"]] == ["a.mkv", "b.mp4"]
    assert planned["videos"][0]["identity"][1] == (world.media / "a.mkv").stat().st_ino
    results = apply(world)
    assert {name: results[name]["status"] for name in ("a.mkv", "b.mp4")} == {
        "a.mkv": "changed",
        "b.mp4": "changed",
    }
    for video in planned["videos"]:
        done = results[os.path.basename(video["file"])]
        assert [change["reason"] for change in done["changes"]] == [
            change["reason"] for change in video["changes"]
        ]
    assert results["summary"]["total_files"] == 2
    again = world.vpo("process", "--json", world.media)
    assert json.loads(again.stdout)["summary"]["up_to_date_count"] == 2


def test_what_came_after_the_plan_is_not_touched(world):
    world.add("a.mkv")
    plan(world)
    (new,) = world.add("new.mkv")
    before = new.read_bytes()
    assert "new.mkv" not in apply(world)
    assert new.read_bytes() == before


def test_videos_that_changed_or_went_are_refused_and_the_rest_is_done(world):
    world.add("a.mkv", "b.mkv", "c.mkv", "d.mkv")
    plan(world)
    shutil.copy(world.templates.right(), world.media / "a.mkv")
    os.utime(world.media / "b.mkv")
    (world.media / "c.mkv").unlink()
    before = read_tree(world.media)
    results = apply(world, code=1)
    assert {name: results[name]["status"] for name in ("a.mkv", "b.mkv", "c.mkv", "d.mkv")} == {
        "a.mkv": "skipped",
        "b.mkv": "skipped",
        "c.mkv": "skipped",
        "d.mkv": "changed",
    }
    assert results["a.mkv"]["reason"] == "not as planned any more: the video has changed"
    assert results["c.mkv"]["reason"] == "not as planned any more: the video is not there"
    after = read_tree(world.media)
    assert [name for name in before if before[name] != after.get(name)] == ["d.mkv"]


def test_another_policy_refuses_everything_but_a_comment_does_not(world):
    world.add("a.mkv")
    plan(world)
    policy = world.media / "policy.yaml"
    text = policy.read_text()
    policy.write_text(text + "  - name: t\n    audio_actions: {clear_all_titles: true}\n")
    before = read_tree(world.media)
    assert "policy" in apply(world, code=1)["a.mkv"]["reason"]
    assert read_tree(world.media) == before
    policy.write_text("# a comment\n" + text)
    assert apply(world)["a.mkv"]["status"] == "changed"


def test_a_plan_whose_changes_are_not_what_the_policy_asks_for_is_refused(world):
    world.add("a.mkv")
    planned = plan(world)
    planned["videos"][0]["changes"].pop()
    (world.root / "plan.json").write_text(json.dumps(planned))
    before = read_tree(world.media)
    assert apply(world, code=1)["a.mkv"]["reason"] == "not as planned any more: other changes would be made"
    assert read_tree(world.media) == before


def test_an_interrupted_apply_goes_on_with_the_same_command(world):
    world.add_many(4)
    world.watch_tools(delay=0.5)
    plan(world)
    run = world.start("apply", "-w", "1", world.root / "plan.json")
    wait_for(lambda: world.tool_runs() == 2)
    os.kill(run.pid, signal.SIGINT)
    run.communicate(timeout=30)
    assert run.returncode == 130
    summary = apply(world)["summary"]
    assert (summary["changed_count"], summary["up_to_date_count"], summary["skipped_count"]) == (2, 2, 0)
    assert world.tool_runs() == 4


def test_a_plan_for_an_output_folder_fills_it(world):
    world.add("a.mkv", "deep/b.mkv")
    world.add("right.mkv", kind="right")
    before = read_tree(world.media)
    out = world.root / "out"
    plan(world, "--output", out)
    assert not out.exists()
    results = apply(world)
    assert results["summary"]["fail_count"] == 0
    assert sorted(read_tree(out)) == ["a.mkv", "deep/b.mkv", "right.mkv"]
    assert read_tree(world.media) == before


def test_a_name_that_is_not_utf8_goes_through(world):
    shutil.copy(world.templates.messy(), os.fsencode(world.media) + b"/\xff.mkv")
    plan(world)
    assert apply(world)["summary"]["changed_count"] == 1


def test_a_plan_overwrites_a_plan_and_nothing_else(world):
    (video,) = world.add("a.mkv")
    plan(world)
    plan(world)
    before = video.read_bytes()
    done = world.vpo("plan", "-o", video, world.media)
    assert done.returncode == 2
    assert "is no plan" in done.stderr
    assert video.read_bytes() == before


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"vpo_plan": 1, "videos": 3}', "[" * 100_000])
def test_what_is_no_plan_is_a_usage_error(world, text):
    (world.root / "plan.json").write_text(text)
    done = world.vpo("apply", world.root / "plan.json")
    assert done.returncode == 2
    assert "not a plan" in done.stderr
    assert world.vpo("apply", world.root / "none.json").returncode == 2
