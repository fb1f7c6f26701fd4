"""What a failure stops, what it does not, and what the exit code says."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tests.support.library import ENGLISH, FRENCH, SUBTITLE, VIDEO
from vpo_tasks.media.synthetic import SampleTrack

DODO = "from vpo_tasks.dodo import DOIT_CONFIG, task_process\n"
CFG = "[GLOBAL]\nloader = vpo\nreporter = vpo\nbackend = vpo\n"


def results(done):
    return {
        os.path.basename(result["file"]): result["status"] for result in json.loads(done.stdout)["results"]
    }


@pytest.fixture
def mixed(world):
    """Six videos in path order; the third is broken."""
    world.add("a.mkv", "b.mkv", "d.mkv", "e.mkv", "f.mkv")
    (world.media / "c.mkv").write_text("this is a text")
    return world


@pytest.mark.parametrize("mode", ["skip", "continue"])
def test_one_failure_does_not_stop_the_others(mixed, mode):
    mixed.write_policy(on_error=mode)
    done = mixed.vpo("process", "--json", "-w", 1, mixed.media)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["summary"]["changed_count"] == 5
    assert report["summary"]["fail_count"] == 1
    assert report["summary"]["stopped_early"] is False


def test_fail_stops_handing_out_and_names_file_and_reason(mixed):
    mixed.write_policy(on_error="fail")
    done = mixed.vpo("process", "--json", "-w", 1, mixed.media)
    assert done.returncode == 1
    assert results(done) == {"a.mkv": "changed", "b.mkv": "changed", "c.mkv": "failed"}
    summary = json.loads(done.stdout)["summary"]
    assert summary["stopped_early"] is True
    assert summary["not_started_count"] == 3
    assert "c.mkv" in done.stderr
    again = mixed.vpo("process", "--json", "-w", 1, "--on-error", "skip", mixed.media)
    assert json.loads(again.stdout)["summary"]["up_to_date_count"] == 2


def test_what_is_in_hand_when_one_fails_finishes_and_is_recorded(mixed):
    mixed.write_policy(on_error="fail")
    for name in ("a.mkv", "b.mkv"):
        (mixed.media / name).unlink()
    mixed.watch_tools(delay=0.8)  # d and e are in hand while c fails at once
    done = mixed.vpo("process", "--json", "--order", "path", "-w", 3, mixed.media)
    status = results(done)
    assert status["c.mkv"] == "failed"
    assert "f.mkv" not in status
    assert {status["d.mkv"], status["e.mkv"]} == {"changed"}
    again = mixed.vpo("process", "--json", "--on-error", "skip", mixed.media)
    assert json.loads(again.stdout)["summary"]["up_to_date_count"] == 2


def test_the_command_line_wins_over_the_policy(mixed):
    mixed.write_policy(on_error="fail")
    done = mixed.vpo("process", "--json", "-w", 1, "--on-error", "continue", mixed.media)
    assert json.loads(done.stdout)["summary"]["changed_count"] == 5
    (mixed.media / "g.mkv").write_text("text")
    mixed.write_policy(on_error="continue")
    done = mixed.vpo("process", "--json", "-w", 1, "--on-error", "fail", mixed.media)
    assert json.loads(done.stdout)["summary"]["stopped_early"] is True


STEPS = """
schema_version: 13
config: {{on_error: {mode}}}
phases:
  - name: audio
    keep_audio: {{languages: [kor]}}
  - name: titles
    audio_actions: {{clear_all_titles: true}}
"""


@pytest.mark.parametrize(("mode", "changed"), [("skip", set()), ("continue", {"titles"}), ("fail", set())])
def test_a_phase_that_cannot_be_done_drops_the_videos_further_phases_or_not(world, mode, changed):
    world.write_policy(STEPS.format(mode=mode))
    world.add("a.mkv")
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 1
    (result,) = json.loads(done.stdout)["results"]
    assert result["status"] == "failed"
    assert {change["phase"] for change in result["changes"]} == changed
    assert "audio" in done.stderr
    again = world.vpo("process", "--json", world.media)
    assert json.loads(again.stdout)["results"][0]["changes"] == []


def test_what_the_other_phases_change_is_told_of_a_failed_video_before_and_after(world):
    world.write_policy(STEPS.format(mode="continue"))
    world.add("a.mkv")
    change = 'audio 2 (fre aac stereo "VF"): clear the title "VF" — all titles are cleared'
    before = world.vpo("process", "--dry-run", world.media)
    assert change in before.stderr
    assert "(1 of them would be changed all the same)" in before.stdout
    after = world.vpo("process", "-v", world.media)
    assert "all the same it was changed by" in after.stderr
    assert change in after.stderr
    assert "(1 of them changed all the same)" in after.stdout


@pytest.mark.parametrize(("arguments", "mode", "changed"), [
    ((), "fail", 2), (("--continue",), "fail", 5), ((), "skip", 5), ((), "continue", 5), (("--no-continue",), "skip", 2),
])  # fmt: skip
def test_doit_maps_continue_and_else_obeys_the_policy(mixed, arguments, mode, changed):
    mixed.write_policy(on_error=mode)
    (mixed.media / "dodo.py").write_text(DODO)
    (mixed.media / "doit.cfg").write_text(CFG)
    done = mixed.doit("-n", 1, *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "c.mkv" in done.stderr
    report = json.loads(mixed.vpo("process", "-n", "--json", mixed.media).stdout)
    assert report["summary"]["up_to_date_count"] == changed


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (lambda world: None, 0),
        (lambda world: (world.media / "x.mkv").write_bytes(b""), 1),
        (lambda world: (world.media / "policy.yaml").write_text("schema_version: 13\nphasen: []\n"), 2),
        (lambda world: world.configure("[processing]\nworkers = 0\n"), 2),
        (lambda world: (world.configure(""), (world.home / "state.db").write_bytes(b"garbage" * 1000)), 4),
    ],
    ids=["fine", "one failed", "policy", "config", "database"],
)
def test_exit_codes(world, break_it, code):
    world.add("a.mkv")
    break_it(world)
    done = world.vpo("process", world.media)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert bool(done.stderr.strip()) == (code != 0)


GUARD = """
schema_version: 13
config: {{on_error: {mode}}}
phases:
  - name: clean
    keep_audio: {{languages: [kor]}}
    keep_subtitles: {{remove_all: true}}
    filter_attachments: {{remove_all: true}}
    video_actions: {{clear_all_default: true}}
  - name: next
    audio_actions: {{clear_all_titles: true}}
"""


@pytest.mark.parametrize("mode", ["continue", "skip", "fail"])
def test_a_phase_whose_audio_guard_fails_removes_no_subtitle_and_no_attachment(world, mode):
    world.write_policy(GUARD.format(mode=mode))
    font = SampleTrack("attachment", "ttf", filename="Font.ttf")
    path = world.templates.get("font.mkv", VIDEO, ENGLISH, FRENCH, SUBTITLE, font)
    video = world.media / "a.mkv"
    shutil.copy(path, video)
    before = json.loads(world.vpo("inspect", "--json", video).stdout)
    dry = json.loads(world.vpo("process", "-n", "--json", world.media).stdout)["results"]
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 1
    (result,) = json.loads(done.stdout)["results"]
    assert result["failed_phase"] == "clean"
    assert result["changes"] == dry[0]["changes"]
    after = json.loads(world.vpo("inspect", "--json", video).stdout)
    assert [track["type"] for track in after["tracks"]] == [track["type"] for track in before["tracks"]]
    assert [track["default"] for track in after["tracks"]] == [track["default"] for track in before["tracks"]]
    titles = [track["title"] for track in after["tracks"] if track["type"] == "audio"]
    assert titles == ([None, None] if mode == "continue" else [None, "VF"])
    if mode != "continue":
        assert video.read_bytes() == path.read_bytes()
