"""A video that failed is tried again when something that matters has changed, and counted otherwise."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tests.support.rights import bound_by_modes


def process(world, *args, code=1):
    done = world.vpo("process", "--json", *args, world.media)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)["summary"]


@pytest.fixture
def broken(world):
    """A library whose broken video has failed once."""
    world.add("good.mkv")
    path = world.media / "broken.mkv"
    path.write_bytes(b"no video at all")
    assert process(world)["fail_count"] == 1
    return path


def counts(summary):
    return summary["fail_count"], summary["failed_before_count"]


def test_a_failed_video_is_counted_and_not_tried_again(world, broken):
    done = world.vpo("process", world.media)
    assert done.returncode == 1
    assert "failed before  1" in done.stdout
    assert done.stderr == ""
    verbose = world.vpo("process", "-v", world.media)
    assert str(broken) in verbose.stdout
    assert counts(process(world)) == (1, 1)
    assert counts(process(world, "--dry-run")) == (1, 1)


@pytest.mark.parametrize("command", ["process", "plan"])
def test_a_quiet_run_says_why_it_ends_with_1_when_it_only_counts_what_failed_before(world, broken, command):
    (world.media / "worse.mkv").write_bytes(b"no video either")
    process(world)
    done = world.vpo(command, "-q", world.media)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: 2 videos failed before and not tried again; --retry-failed does\n"
    again = world.vpo(command, "-q", "--retry-failed", world.media)
    assert again.returncode == 1
    assert "failed before" not in again.stderr
    for name in ("broken.mkv", "worse.mkv"):
        shutil.copy(world.templates.right(), world.media / name)
    done = world.vpo(command, "-q", world.media)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_retry_failed_and_force_try_all(world, broken):
    assert counts(process(world, "--retry-failed")) == (1, 0)
    assert counts(process(world, "--force")) == (1, 0)
    assert counts(process(world)) == (1, 1)


def test_what_the_system_did_not_let_us_read_is_tried_again(world):
    (path,) = world.add("a.mkv", kind="right")
    path.chmod(0)
    # root reads everything, unless it gives up the right to
    through = bound_by_modes()
    for _ in range(2):
        done = world.vpo("process", "--json", world.media, through=through)
        assert done.returncode == 1
        document = json.loads(done.stdout)
        assert counts(document["summary"]) == (1, 0)
        assert document["results"][0]["error"] == "cannot be read: permission denied"


def test_a_touched_or_mended_video_is_tried_again(world, broken):
    os.utime(broken, (1, 1))
    assert counts(process(world)) == (1, 0)
    assert counts(process(world)) == (1, 1)
    broken.chmod(0o600)
    broken.chmod(0o644)
    assert counts(process(world)) == (1, 0)
    shutil.copy(world.templates.right(), broken)
    assert counts(process(world, code=0)) == (0, 0)
    assert process(world, code=0)["up_to_date_count"] == 2


def test_another_policy_tries_again(world, broken):
    policy = world.media / "policy.yaml"
    policy.write_text("# a comment\n" + policy.read_text())
    assert counts(process(world)) == (1, 1)
    policy.write_text(policy.read_text() + "  - name: titles\n    audio_actions: {clear_all_titles: true}\n")
    assert counts(process(world)) == (1, 0)


def test_another_tool_or_setting_tries_again(world, broken):
    world.watch_tools()
    assert counts(process(world)) == (1, 0)
    assert counts(process(world)) == (1, 1)
    os.utime(world.bin / "ffmpeg", (1, 1))
    assert counts(process(world)) == (1, 0)
    world.configure("[safety]\nverify = 'full'\n")
    assert counts(process(world)) == (1, 0)
    assert counts(process(world, "--on-error", "skip")) == (1, 0)


def test_a_failure_before_stops_no_run(world, broken):
    world.write_policy(on_error="fail")
    process(world)
    world.add("zz.mkv")
    summary = process(world)
    assert summary["changed_count"] == 1
    assert not summary["stopped_early"]


def test_a_tool_that_fails_is_remembered_and_the_video_stays_known(world):
    world.add("a.mkv")
    for name in ("mkvmerge", "ffmpeg"):
        tool = world.bin / name
        tool.write_text('#!/bin/sh\ncase "$*" in *ersion*) exit 0;; esac\nexit 7\n')
        tool.chmod(0o755)
    assert counts(process(world)) == (1, 0)
    assert counts(process(world)) == (1, 1)
    for name in ("mkvmerge", "ffmpeg"):
        (world.bin / name).unlink()
    assert process(world, code=0)["changed_count"] == 1


def test_two_videos_for_one_name_are_looked_at_every_time(world):
    world.write_policy("schema_version: 13\nphases:\n  - name: c\n    container: {target: mkv}\n")
    world.add("a.avi", "a.mp4", kind="right")
    assert counts(process(world)) == (2, 0)
    (world.media / "a.mp4").rename(world.media / "b.mp4")
    assert process(world, code=0)["changed_count"] == 2


def test_through_doit_it_is_the_same(world, broken):
    world.vpo("init", world.media)
    done = world.doit("-n", 2)
    assert done.returncode == 1
    assert "failed before  1" in done.stdout
    assert world.doit("process:good.mkv").returncode == 0
    assert "failed before  1" in world.doit("process:broken.mkv").stdout
    (world.media / "doit.cfg").unlink()
    done = world.doit()
    assert done.returncode == 1
    assert "failed before  1" in done.stdout
    world.vpo("init", world.media)
    assert "failed before" not in world.doit("-a").stdout
    assert world.doit("forget", "process:broken.mkv").returncode == 0
    assert "failed before" not in world.doit().stdout
    assert "failed before" in world.doit().stdout
