"""`vpo status`: where a library stands, without a look into any video."""

from __future__ import annotations

import json
import os

from tests.support.library import read_tree


def status(world, *args, code=0):
    done = world.vpo("status", "--json", *args, world.media)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_a_library_never_looked_at_is_all_to_do(world):
    world.add_many(3)
    before = read_tree(world.root)
    found = status(world)
    assert read_tree(world.root) == before
    assert not world.home.exists()
    assert (found["videos"], found["complying"]["videos"], found["to_do"]["videos"]) == (3, 0, 3)
    assert found["size_bytes"] == sum(path.stat().st_size for path in world.media.glob("*.mkv"))
    assert [reason["reason"] for reason in found["to_do"]["reasons"]] == ["never looked at"]


def test_videos_are_counted_by_where_they_stand_and_failures_by_their_reason(world):
    made = world.add_many(4)
    for name in ("one.mkv", "two.mkv"):
        data = world.templates.messy().read_bytes()
        (world.media / name).write_bytes(data[: len(data) // 2 + len(name) * (name == "one.mkv")])
    (world.media / "text.mkv").write_text("text")
    (world.media / ".hidden.mkv").write_text("text")
    assert world.vpo("process", world.media).returncode == 1
    os.utime(made[0])
    world.add("new.mkv")
    os.link(made[1], world.root / "other-name.mkv")
    found = status(world)
    assert (found["videos"], found["complying"]["videos"]) == (8, 3)
    assert {reason["reason"]: reason["videos"] for reason in found["to_do"]["reasons"]} == {
        "never looked at": 1,
        "changed since they were looked at": 1,
    }
    assert found["failed"]["videos"] == 3
    (alike,) = [reason for reason in found["failed"]["reasons"] if reason["videos"] == 2]
    assert alike["reason"] == "truncated: … bytes missing"
    assert [os.path.basename(name) for name in alike["files"]] == ["one.mkv", "two.mkv"]
    assert found["left_out"] == {"hidden": 1}
    text = world.vpo("status", world.media).stdout
    assert "truncated: … bytes missing" in text
    assert "one.mkv" not in text
    assert "one.mkv" in world.vpo("status", "-v", world.media).stdout


def test_a_policy_edit_moves_videos_from_complying_to_do(world):
    world.add_many(2)
    world.vpo("process", world.media)
    assert status(world)["complying"]["videos"] == 2
    policy = world.media / "policy.yaml"
    policy.write_text(policy.read_text() + "  - name: t\n    audio_actions: {clear_all_titles: true}\n")
    assert status(world)["to_do"]["reasons"][0]["reason"] == "not known to be as the policy says now"


def test_an_empty_folder_stands_at_nothing(world):
    found = status(world)
    assert (found["videos"], found["to_do"]["videos"], found["failed"]["videos"]) == (0, 0, 0)


def test_the_current_folder_is_the_default(world):
    world.add_many(1)
    done = world.vpo("status", cwd=world.media)
    assert "1 video" in done.stdout


def test_what_is_left_out_is_counted_by_status_and_by_a_verbose_run(world):
    world.add("a.mkv", "Sample/b.mkv", "c.mkv", kind="right")
    (world.media / ".vpoignore").write_text("c.mkv\n")
    world.configure("[discovery]\nskip = ['hidden', 'samples']\n")
    assert status(world)["left_out"] == {"ignored": 1, "samples": 1}
    assert "not looked at: 1 ignored, 1 samples" in world.vpo("process", "-v", world.media).stdout
    assert "not looked at" not in world.vpo("process", world.media).stdout
    (world.media / ".vpoignore").write_text("*\n")
    done = world.vpo("process", world.media)
    assert done.returncode == 2
    assert "left out" in done.stderr
