"""`vpo why`: each verdict with its rule, what is recorded, what the policy asks for, and when it runs again."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tests.support.fake_tools import real_toolbox
from tests.support.library import read_tree


def why(world, path, *args):
    before = read_tree(world.root)
    done = world.vpo("why", "--json", *args, path)
    assert done.returncode == 0, done.stderr
    assert world.vpo("why", *args, path).returncode == 0
    assert read_tree(world.root) == before, "asking why writes nothing"
    return json.loads(done.stdout)


def test_a_new_video_and_the_rules_that_ask_for_its_changes(world):
    (path,) = world.add("a.mkv")
    told = why(world, path)
    assert (told["verdict"], told["recorded"]) == ("new", None)
    assert {change["phase"] for change in told["result"]["changes"]} == {"languages", "flags"}
    text = world.vpo("why", path).stdout
    assert "never looked at" in text
    assert "[phase languages" in text


def test_an_up_to_date_video_and_what_would_make_it_run_again(world):
    (path,) = world.add("a.mkv")
    world.vpo("process", world.media)
    told = why(world, path)
    assert told["up_to_date"]
    assert told["recorded"]["complies"]
    assert told["recorded"]["status"] == "changed"
    assert told["recorded"]["inode"] == path.stat().st_ino == told["seen"]["inode"]
    assert told["result"]["changes"] == []
    assert any("--force" in reason for reason in told["again_when"])


def test_what_changed_is_named(world):
    (path,) = world.add("a.mkv")
    world.vpo("process", world.media)
    os.utime(path)
    assert "time differs" in why(world, path)["rule"]
    with path.open("ab") as stream:
        stream.write(b"x")
    assert "size, time differ" in why(world, path)["rule"]


def test_a_copy_put_back_is_known_by_its_fingerprint(world):
    (path,) = world.add("a.mkv")
    world.vpo("process", world.media)
    shutil.copy2(path, world.root / "copy")
    (world.root / "copy").replace(path)
    told = why(world, path)
    assert told["up_to_date"]
    assert "fingerprint" in told["rule"]


def test_another_policy_is_the_reason_and_its_rule_is_named(world):
    (path,) = world.add("a.mkv")
    world.vpo("process", world.media)
    world.write_policy(
        "schema_version: 13\nphases:\n  - name: tags\n    rules:\n      match: first\n      items:\n"
        "        - name: mark\n          when: {exists: {track_type: video}}\n"
        "          then: {set_container_metadata: {field: title, value: Seen}}\n"
    )
    told = why(world, path)
    assert told["verdict"] == "replan"
    assert "policy means something else" in told["rule"]
    assert [change["rule"] for change in told["result"]["changes"]] == ["mark"]


def test_a_failure_and_what_has_changed_since(world):
    path = world.media / "a.mkv"
    path.write_text("text")
    world.vpo("process", world.media)
    told = why(world, path)
    assert told["verdict"] == "failed-before"
    assert told["failure"]["changed_since"] == []
    assert told["failure"]["error"] == told["result"]["error"]
    world.watch_tools()
    tools = [f"tool {name}" for name in ("ffmpeg", "mkvmerge") if name in real_toolbox().names]
    assert why(world, path)["failure"]["changed_since"][: len(tools)] == tools
    assert "changed since: tool ffmpeg" in world.vpo("why", path).stdout


def test_an_encode_that_came_out_larger_is_asked_for_no_more(world):
    (path,) = world.add("a.mkv", kind="right")
    world.write_policy(
        "schema_version: 13\nphases:\n  - name: video\n    transcode:\n"
        '      video: {to: h264, preset: ultrafast, hw: none, target_bitrate: 20M, ffmpeg_args: ["-qp", "0"]}\n'
    )
    assert [change["what"] for change in why(world, path)["result"]["changes"]] == ["codec"]
    assert world.vpo("process", world.media).returncode == 0
    told = why(world, path)
    assert (told["verdict"], told["result"]["changes"]) == ("up-to-date", [])


def test_what_is_no_video_or_not_there(world):
    os.mkfifo(world.media / "a.mkv")
    assert why(world, world.media / "a.mkv")["verdict"] == "no-video"
    assert world.vpo("why", world.media / "none.mkv").returncode == 2


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("deep/skip.mkv", "ignored", "left out:  by a .vpoignore, by a run over"),
        ("Downloads/a.mkv", "excluded", "left out:  by [discovery] exclude, by a run over"),
        ("Sample/a.mkv", "samples", "left out:  as samples, by a run over"),
        (".trash/a.mkv", "hidden", "left out:  as hidden, by a run over"),
        ("a.bin", "of another extension", "left out:  as of another extension, by a run over"),
    ],
)
def test_a_video_that_runs_leave_out_is_said_to_be(world, name, kind, said):
    path = world.media / name
    path.parent.mkdir(exist_ok=True)
    shutil.copy(world.templates.messy(), path)
    world.add("deep/other.mkv")
    (world.media / ".vpoignore").write_text("skip.mkv\n")
    world.configure("[discovery]\nexclude = ['/Downloads/']\nskip = ['hidden', 'samples']\n")
    assert why(world, path)["left_out"] == kind
    told = world.vpo("why", path).stdout
    assert f"{said} {world.media}\n" in told
    assert "it runs again when\n    - you name it" in told
    assert why(world, world.media / "deep" / "other.mkv")["left_out"] is None
    before = path.read_bytes()
    assert world.vpo("process", world.media).returncode == 0
    assert path.read_bytes() == before


def test_a_folder_is_not_one_of_its_videos(world):
    world.add("a.mkv", "b.mkv")
    done = world.vpo("why", world.media)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {world.media} is a folder: name one video")


def test_a_name_that_is_not_utf8(world):
    path = os.fsencode(world.media) + b"/\xff.mkv"
    shutil.copy(world.templates.right(), path)
    done = world.vpo("why", path)
    assert done.returncode == 0, done.stderr
    assert "\\xff.mkv" in done.stdout


def test_doit_info_points_there(world):
    world.vpo("init", world.media)
    world.add("a b.mkv")
    info = world.doit("info", "process:a b.mkv")
    assert f"vpo why '{world.media}/a b.mkv'" in info.stdout + info.stderr


GATES = """schema_version: 13
config: {on_error: continue}
phases:
  - {name: small, skip_when: {mode: any, file_size_under: 1GB}, keep_subtitles: {remove_all: true}}
  - {name: after, depends_on: [small], default_flags: {}}
  - {name: again, run_if: {phase_modified: after}, audio_actions: {clear_all_titles: true}}
"""
LEFT_OUT = [
    "small: skip_when: it is below file_size_under",
    "after: depends on small, which is left out",
    "again: run_if: after changed nothing",
]


def test_phases_that_do_not_run_are_named_with_the_condition_that_kept_them(world):
    (path,) = world.add("a.mkv")
    world.write_policy(GATES)
    assert why(world, path)["result"]["phases_left_out"] == LEFT_OUT
    text = world.vpo("why", path).stdout
    dry = world.vpo("process", "-n", "-v", world.media).stdout
    for phase in LEFT_OUT:
        assert f"phase left out: {phase}" in text
        assert f"phase left out: {phase}" in dry
