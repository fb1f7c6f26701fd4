"""`vpo status`: where a library stands, without a look into any video."""

from __future__ import annotations

import json
import os

from tests.support.library import read_tree
from tests.support.rights import bound_by_modes

NOBODY_ENCODES = (
    "  - name: video\n    transcode:\n      video: {to: hevc, hw: videotoolbox, hw_fallback: false}\n"
)


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


def test_after_a_policy_edit_what_is_to_do_is_planned_from_the_record(world):
    world.add("a.mkv", "b.mkv")
    world.add("right.mkv", kind="right")
    world.vpo("process", world.media)
    assert status(world)["complying"]["videos"] == 3
    policy = world.media / "policy.yaml"
    policy.write_text(policy.read_text() + "  - name: bare\n    keep_subtitles: {remove_all: true}\n")
    found = status(world)
    assert found["complying"]["videos"] == 1
    (reason,) = found["to_do"]["reasons"]
    assert reason["reason"] == "to be changed by a stream copy (phase bare)"
    assert [os.path.basename(name) for name in reason["files"]] == ["a.mkv", "b.mkv"]
    assert found["to_do"]["size_bytes"] == sum(
        (world.media / name).stat().st_size for name in ("a.mkv", "b.mkv")
    )
    said = world.vpo("status", world.media).stdout
    assert "2: to be changed by a stream copy (phase bare)" in said


def test_a_failure_that_the_edited_policy_asks_nothing_of_any_more_complies(world):
    world.add("a.mkv", "b.mkv", kind="right")
    policy = world.media / "policy.yaml"
    text = policy.read_text()
    policy.write_text(text + "  - name: impossible\n    keep_audio: {languages: [jpn]}\n")
    assert world.vpo("process", world.media).returncode == 1
    assert status(world)["failed"]["videos"] == 2
    policy.write_text(text)
    assert (status(world)["complying"]["videos"], status(world)["failed"]["videos"]) == (2, 0)
    policy.write_text(text + "  - name: other\n    keep_audio: {languages: [swe]}\n")
    assert status(world)["to_do"]["reasons"][0]["reason"] == "failed, and are tried again"


def test_where_no_run_could_begin_the_rest_is_answered_all_the_same(world):
    world.add_many(2)
    world.vpo("process", world.media)
    policy = world.media / "policy.yaml"
    policy.write_text(policy.read_text() + NOBODY_ENCODES)
    assert world.vpo("process", "--dry-run", world.media).returncode == 3
    (reason,) = status(world)["to_do"]["reasons"]
    assert reason["reason"].startswith("cannot be planned: ")
    assert "encoder" in reason["reason"]


def test_a_folder_that_cannot_be_searched_is_named(world):
    world.add("a.mkv", "closed/b.mkv")
    (world.media / "closed").chmod(0)
    # root reads everything, unless it gives up the right to
    through = bound_by_modes()
    said = world.vpo("status", world.media, through=through).stdout
    document = json.loads(world.vpo("status", "--json", world.media, through=through).stdout)
    (world.media / "closed").chmod(0o755)
    assert f"{world.media}/closed: cannot be searched: Permission denied" in said
    assert "named like a video" not in said
    assert document["unsearched"] == {f"{world.media}/closed": "cannot be searched: Permission denied"}


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
