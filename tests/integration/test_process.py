"""A folder goes through `vpo process`: what changes, what does not, and what a second run does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from tests.support.library import ENGLISH, FRENCH, SUBTITLE, VIDEO, read_tree
from tests.support.media import need_tool
from vpo_tasks.media.probe import ProbePool


def probe(path):
    with ProbePool(1) as probes:
        return probes.probe(str(path))


def process(world, *args, code=0):
    done = world.vpo("process", "--json", *args, world.media)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def by_name(report):
    return {os.path.basename(result["file"]): result for result in report["results"]}


def test_what_the_policy_asks_for_is_what_is_in_the_file_afterwards(world):
    world.add("a.mkv", "b.mp4")
    world.add("right.mkv", kind="right")
    report = process(world)
    results = by_name(report)
    assert {name: result["status"] for name, result in results.items()} == {
        "a.mkv": "changed",
        "b.mp4": "changed",
        "right.mkv": "unchanged",
    }
    for name in ("a.mkv", "b.mp4"):
        media = probe(world.media / name)
        assert [track.language for track in media.of_type("audio")] == ["eng"]
    assert not any(track.default for track in probe(world.media / "a.mkv").of_type("subtitle"))
    assert {change["phase"] for change in results["a.mkv"]["changes"]} == {"languages", "flags"}
    assert all(change["reason"] for change in results["a.mkv"]["changes"])
    assert world.leftovers() == []


def test_a_second_run_does_nothing_and_says_so(world):
    world.add_many(3)
    world.watch_tools()
    process(world)
    before = read_tree(world.media)
    runs = world.tool_runs()
    again = world.vpo("process", world.media)
    assert again.returncode == 0
    assert "up to date" in again.stdout
    assert process(world)["summary"]["up_to_date_count"] == 3
    assert world.tool_runs() == runs
    assert read_tree(world.media) == before


def test_a_touched_video_is_looked_at_once_and_not_processed(world):
    (path,) = world.add("a.mkv", kind="right")
    process(world)
    os.utime(path)
    world.watch_tools()
    assert by_name(process(world))["a.mkv"]["status"] == "unchanged"
    assert process(world)["summary"]["up_to_date_count"] == 1
    assert world.tool_runs() == 0


def test_a_policy_edit_touches_only_the_affected_videos(world):
    world.add("a.mkv", "b.mkv")
    shutil.copy(world.templates.get("titled.mkv", VIDEO, ENGLISH._replace(title="x")), world.media / "t.mkv")
    process(world)
    policy = world.media / "policy.yaml"
    policy.write_text(policy.read_text() + "  - name: titles\n    audio_actions: {clear_all_titles: true}\n")
    world.watch_tools()
    before = {name: (world.media / name).stat() for name in ("a.mkv", "b.mkv")}
    results = by_name(process(world))
    assert [name for name, result in results.items() if result["status"] == "changed"] == ["t.mkv"]
    assert world.tool_runs() == 0  # a title is written in the header, without a tool
    for name, stat in before.items():
        now = (world.media / name).stat()
        assert (now.st_ino, now.st_mtime_ns, now.st_ctime_ns) == (
            stat.st_ino,
            stat.st_mtime_ns,
            stat.st_ctime_ns,
        )
    policy.write_text("# a comment\n" + policy.read_text())
    assert process(world)["summary"]["up_to_date_count"] == 3


def test_a_dry_run_touches_nothing_and_says_what_it_would_do(world):
    world.add("a.mkv", "b.mp4")
    world.add("right.mkv", kind="right")
    before = read_tree(world.root)
    report = process(world, "--dry-run")
    text = world.vpo("process", "-n", "-v", world.media)
    assert read_tree(world.root) == before
    assert not world.home.exists()
    change = by_name(report)["a.mkv"]
    assert report["dry_run"] is True
    assert change["step"] == "remux"
    assert change["bytes_written"] > 0
    assert "would" in text.stdout
    assert "fre" in text.stdout
    process(world)
    before = read_tree(world.root)
    assert process(world, "-n")["summary"]["up_to_date_count"] == 3
    assert read_tree(world.root) == before


def test_the_same_video_given_twice_or_through_links_is_processed_once(world):
    (path,) = world.add("a.mkv")
    (world.media / "link.mkv").symlink_to(path)
    (world.media / "folder").symlink_to(world.media)
    world.watch_tools()
    done = world.vpo("process", "--json", world.media, path, world.media / "link.mkv")
    assert json.loads(done.stdout)["summary"]["total_files"] == 1
    assert world.tool_runs() == 1
    assert (world.media / "link.mkv").is_symlink()


def test_a_hard_linked_video_is_skipped_unless_it_complies(world):
    (path,) = world.add("a.mkv")
    (right,) = world.add("right.mkv", kind="right")
    os.link(path, world.root / "seeding.mkv")
    os.link(right, world.root / "seeding2.mkv")
    before = path.read_bytes()
    results = by_name(process(world))
    assert (results["a.mkv"]["status"], results["a.mkv"]["reason"]) == ("skipped", "hard-linked")
    assert results["right.mkv"]["status"] == "unchanged"
    assert path.read_bytes() == before


def test_breaking_hard_links_gives_each_name_its_own_copy(world):
    (path,) = world.add("a.mkv")
    outside = world.root / "seeding.mkv"
    os.link(path, outside)
    before = path.read_bytes()
    world.configure("[safety]\nhardlinks = 'break'\n")
    assert by_name(process(world))["a.mkv"]["status"] == "changed"
    assert outside.read_bytes() == before
    assert path.stat().st_nlink == 1
    assert world.leftovers() == []


def test_no_video_is_a_usage_error_that_names_places_and_extensions(world):
    done = world.vpo("process", world.media)
    assert done.returncode == 2
    assert str(world.media) in done.stderr
    assert "mkv" in done.stderr


def test_without_a_policy_the_hint_is_vpo_init(world):
    world.add("a.mkv")
    (world.media / "policy.yaml").unlink()
    done = world.vpo("process", world.media)
    assert done.returncode == 2
    assert f"vpo init {world.media}" in done.stderr


def test_the_policy_is_the_nearest_above_then_the_configured_one(world):
    world.add("deep/er/a.mkv")
    done = world.vpo("process", "--json", world.media / "deep" / "er")
    assert json.loads(done.stdout)["policy"] in ("library", ["library"])
    elsewhere = world.root / "other.yaml"
    (world.media / "policy.yaml").rename(elsewhere)
    assert world.vpo("process", world.media).returncode == 2
    world.configure(f"[processing]\npolicy = '{elsewhere}'\n")
    assert world.vpo("process", world.media).returncode == 0


def test_only_the_named_phases_run(world):
    world.add("a.mkv")
    report = process(world, "--phases", "flags")
    assert {change["phase"] for change in report["results"][0]["changes"]} == {"flags"}
    assert world.vpo("process", "--phases", "nope", world.media).returncode == 2
    second = world.media / "second.yaml"
    second.write_text((world.media / "policy.yaml").read_text())
    done = world.vpo(
        "process", "-p", world.media / "policy.yaml", "-p", second, "--phases", "flags", world.media
    )
    assert done.returncode == 2


def test_not_recursive_stays_in_the_folder(world):
    world.add("a.mkv", "deep/b.mkv")
    assert process(world, "--no-recursive", "-n")["summary"]["total_files"] == 1
    assert process(world, "-R", "-n")["summary"]["total_files"] == 2


def test_force_looks_again_and_finds_nothing_to_do(world):
    world.add("a.mkv")
    process(world)
    before = read_tree(world.media)
    assert process(world, "--force")["results"][0]["status"] == "unchanged"
    assert read_tree(world.media) == before


CONVERT = """
schema_version: 13
phases:
  - name: convert
    container: {target: mkv}
"""


def test_a_conversion_leaves_the_new_name_and_nothing_else(world):
    world.write_policy(CONVERT)
    world.add("a.avi", "b.mp4", kind="right")
    process(world)
    assert sorted(os.listdir(world.media)) == [".vpo-undo", "a.mkv", "b.mkv", "policy.yaml"]
    assert probe(world.media / "a.mkv").container == "mkv"
    assert process(world)["summary"]["up_to_date_count"] == 2


def test_two_sources_for_one_name_both_fail_and_name_each_other_and_the_rest_goes_on(world):
    world.write_policy(CONVERT)
    world.add("a.avi", "a.mp4", "b.mp4", kind="right")
    before = {name: (world.media / name).read_bytes() for name in ("a.avi", "a.mp4")}
    results = by_name(process(world, code=1))
    assert results["b.mp4"]["status"] == "changed"
    assert "a.mp4" in results["a.avi"]["error"]
    assert "a.avi" in results["a.mp4"]["error"]
    assert {name: (world.media / name).read_bytes() for name in before} == before


def test_a_name_that_is_taken_or_too_long_is_said_by_a_dry_run_and_by_why(world):
    world.write_policy(CONVERT)
    long = "y" * 252 + ".ts"
    world.add("a.mkv", "a.mp4", kind="right")
    copy = ("-map", "0", "-c", "copy", world.media / long)
    subprocess.run([need_tool("ffmpeg"), "-v", "error", "-i", world.media / "a.mkv", *copy], check=True)
    for words in (("--dry-run",), ()):
        told = by_name(process(world, *words, code=1))
        assert told["a.mp4"]["error"] == f"{world.media}/a.mkv has that name already; rename one of them"
        assert told[long]["error"] == "the new name would be longer than 255 bytes"
    assert "has that name already" in world.vpo("why", world.media / "a.mp4").stdout


def test_a_conversion_never_replaces_a_video_that_has_the_name_already(world):
    world.write_policy(CONVERT)
    world.add("a.mp4", "a.mkv", kind="right")
    before = read_tree(world.media)
    results = by_name(process(world, code=1))
    assert results["a.mp4"]["status"] == "failed"
    assert results["a.mkv"]["status"] == "unchanged"
    assert read_tree(world.media) == before


def test_seven_phases_cost_one_tool_run(world):
    phases = "".join(
        f"  - name: p{number}\n    {operation}\n"
        for number, operation in enumerate(
            [
                "keep_audio: {languages: [eng], fallback: {mode: keep_all}}",
                "keep_subtitles: {remove_all: true}",
                "default_flags: {}",
                "track_order: [audio_main, video]",
                "audio_actions: {clear_all_titles: true}",
                "filter_attachments: {remove_all: true}",
                "video_actions: {clear_all_titles: true}",
            ]
        )
    )
    world.write_policy(f"schema_version: 13\nphases:\n{phases}")
    world.add("a.mkv")
    world.watch_tools()
    process(world)
    assert world.tool_runs() == 1
    size = (world.media / "a.mkv").stat().st_size
    assert size <= world.tool_bytes_written() < 2 * size, "written once, and not once a phase"
    assert [track.type for track in probe(world.media / "a.mkv").tracks] == ["audio", "video"]


def test_several_policies_apply_in_order_in_one_pass(world):
    shutil.copy(
        world.templates.get("two.mkv", VIDEO, ENGLISH._replace(title="x"), FRENCH, SUBTITLE),
        world.media / "a.mkv",
    )
    other = world.root / "titles.yaml"
    other.write_text(
        "schema_version: 13\nphases:\n  - name: titles\n    audio_actions: {clear_all_titles: true}\n"
    )
    world.watch_tools()
    report = process(world, "-p", world.media / "policy.yaml", "-p", other)
    assert {change["policy"] for change in report["results"][0]["changes"]} == {"library", "titles"}
    assert world.tool_runs() == 1


@pytest.mark.parametrize("flag", ["-q", "--quiet"])
def test_quiet_prints_nothing_but_errors(world, flag):
    world.add("a.mkv")
    (world.media / "broken.mkv").write_bytes(b"")
    done = world.vpo("process", flag, world.media)
    assert done.returncode == 1
    assert done.stdout == ""
    assert all("broken.mkv" in line for line in done.stderr.splitlines())
