"""What other users of a library put there is not an order."""

from __future__ import annotations

import os
import pwd

import pytest

from tests.support.library import read_tree

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to others")

SHRINK = """schema_version: 13
phases:
  - name: shrink
    transcode: {{video: {{to: h264, preset: ultrafast, hw: none, keep_if_larger: true, ffmpeg_args: {words}}}}}
"""
ESCAPES = '["-f", "matroska", "{victim}", "-map", "0:v", "-c:v", "libx264"]'


def give(path, owner="nobody"):
    os.chown(path, pwd.getpwnam(owner).pw_uid, -1, follow_symlinks=False)


@pytest.mark.parametrize("command", [("process",), ("process", "-n"), ("plan",), ("status",)])
def test_a_policy_of_another_user_in_the_folder_is_refused_and_used_when_named(world, command):
    world.add("a.mkv")
    give(world.media / "policy.yaml")
    before = read_tree(world.media)
    done = world.vpo(*command, world.media)
    assert done.returncode == 2
    assert "policy.yaml: belongs to nobody (uid 65534), not to you; name it with --policy" in done.stderr
    assert read_tree(world.media) == before
    if command[0] != "status":
        assert world.vpo(*command, "-p", world.media / "policy.yaml", world.media).returncode == 0


def test_it_is_refused_too_after_a_run_that_knew_it_when_it_was_ours(world):
    world.add("a.mkv")
    assert world.vpo("process", world.media).returncode == 0
    give(world.media / "policy.yaml")
    assert world.vpo("process", world.media).returncode == 2


def test_it_is_used_when_the_configuration_names_it(world):
    world.add("a.mkv")
    give(world.media / "policy.yaml")
    world.configure(f'[processing]\npolicy = "{world.media}/policy.yaml"\n')
    assert world.vpo("process", world.media).returncode == 0


def test_a_link_of_another_user_does_not_choose_among_our_policies(world):
    world.add("a.mkv")
    (world.media / "policy.yaml").rename(world.root / "other.yaml")
    os.symlink(world.root / "other.yaml", world.media / "policy.yaml")
    assert world.vpo("process", "-n", world.media).returncode == 0
    give(world.media / "policy.yaml")
    assert "is a link that belongs to nobody" in world.vpo("process", world.media).stderr


def test_arguments_that_name_another_output_are_refused_before_any_work(world):
    victim = world.root / "precious"
    victim.write_text("precious")
    world.add("a.mkv")
    policy = world.write_policy(SHRINK.format(words=ESCAPES.format(victim=victim)))
    before = read_tree(world.media)
    for command in (("policy", "check", policy), ("process", world.media), ("process", "-n", world.media)):
        done = world.vpo(*command)
        assert done.returncode == 2
        assert f"{policy}:4:" in done.stderr
        assert "trust_ffmpeg_args" in done.stderr
    assert read_tree(world.media) == before
    assert victim.read_text() == "precious"
    assert world.vpo("policy", "show", policy).returncode == 0  # it loads


def test_the_runners_own_configuration_may_trust_arguments_and_a_policy_may_not(world):
    world.add("a.mkv")
    policy = world.write_policy(SHRINK.format(words='["-metadata", "x=y"]'))
    assert world.vpo("process", world.media).returncode == 2
    world.configure("[safety]\ntrust_ffmpeg_args = true\n")
    assert world.vpo("policy", "check", policy).returncode == 0
    assert world.vpo("process", "-n", world.media).returncode == 0
    assert world.vpo("process", world.media).returncode == 0
    world.add("b.mkv")
    world.configure(
        "[safety]\ntrust_ffmpeg_args = false\n"
    )  # the policy is remembered, and refused all the same
    before = read_tree(world.media)
    assert world.vpo("process", world.media).returncode == 2
    assert read_tree(world.media) == before


def test_a_configuration_in_a_home_that_is_anothers_is_refused_unless_vpo_home_names_it(world):
    world.add("a.mkv")
    (world.root / ".vpo").mkdir()
    config = world.root / ".vpo" / "config.toml"
    config.write_text("[safety]\ntrust_ffmpeg_args = true\n")
    give(config)
    done = world.vpo("process", world.media, env={"HOME": str(world.root), "VPO_HOME": ""})
    assert done.returncode == 2
    assert "belongs to nobody (uid 65534), not to you; set VPO_HOME" in done.stderr
    named = {"HOME": str(world.root), "VPO_HOME": str(world.root / ".vpo")}
    assert world.vpo("process", world.media, env=named).returncode == 0


@pytest.mark.parametrize("what", ["fifo", "theirs"])
def test_a_vpoignore_that_cannot_be_used_stops_its_folder_and_not_the_run(world, what):
    world.add("a.mkv", "sub/b.mkv", "sub/deep/c.mkv")
    ignore = world.media / "sub" / ".vpoignore"
    if what == "fifo":
        os.mkfifo(ignore)
    else:
        ignore.write_text("c.mkv\n")
        give(ignore)
    before = read_tree(world.media)
    done = world.vpo("process", world.media, timeout=60)
    after = read_tree(world.media)
    assert done.returncode == 1
    assert f"error: {world.media}/sub: not looked into: its .vpoignore" in done.stderr
    assert {name for name in before if before[name] != after[name]} == {"a.mkv"}
    assert "not looked into" in world.vpo("status", world.media).stdout
    assert "left out:  for want of a .vpoignore" in world.vpo("why", world.media / "sub/b.mkv").stdout
    ignore.unlink()
    assert world.vpo("process", world.media).returncode == 0
    assert all(read_tree(world.media)[name] != before[name] for name in ("sub/b.mkv", "sub/deep/c.mkv"))


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_planted_link_changes_no_video_elsewhere(world, kind):
    world.add("a.mkv")
    private = world.root / "private"
    private.mkdir()
    video = world.add("b.mkv")[0].rename(private / "b.mkv")
    before = video.read_bytes()
    link = world.media / ("planted" if kind == "folder" else "planted.mkv")
    link.symlink_to(private if kind == "folder" else video)
    give(link)
    done = world.vpo("process", world.media)
    assert done.returncode == 0
    assert "planted" in done.stdout
    assert "a symbolic link of nobody (uid 65534) to what belongs to root (uid 0)" in done.stdout
    assert video.read_bytes() == before
    assert world.vpo("process", video, "-p", world.media / "policy.yaml").returncode == 0
    assert video.read_bytes() != before


@pytest.mark.parametrize("name", ["dodo.py", "doit.cfg", "policy.yaml"])
def test_doit_runs_nothing_that_another_user_put_there(world, name):
    world.add("a.mkv")
    assert world.vpo("init", world.media).returncode == 0
    give(world.media / name)
    before = read_tree(world.media)
    done = world.doit()
    assert done.returncode == 2
    assert f"{name}: belongs to nobody" in done.stderr
    assert "Traceback" not in done.stderr
    assert read_tree(world.media) == before


def test_no_command_waits_for_a_fifo(world):
    world.add("a.mkv")
    for name in ("fifo", "media/dodo.py", "media/doit.cfg"):
        os.mkfifo(world.root / name)
    fifo = world.root / "fifo"
    for command in (
        ("policy", "check", fifo),
        ("policy", "show", fifo),
        ("policy", "diff", fifo, fifo, world.media),
        ("process", "-p", fifo, world.media),
        ("apply", fifo),
        ("plan", "-o", fifo, world.media),
    ):
        done = world.vpo(*command, timeout=20)
        assert done.returncode == 2, command
        assert "fifo" in done.stderr
    assert world.vpo("init", world.media, timeout=20).returncode == 0
    world.home.mkdir(exist_ok=True)
    os.mkfifo(world.home / "config.toml")
    done = world.vpo("process", world.media, timeout=20)
    assert done.returncode == 2
    assert "config.toml: is a FIFO, not a file" in done.stderr
