"""A dry run from the record says what one that opens every video says, and what the real run then does."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys

import pytest

from tests.support.library import ENGLISH, FRENCH, SUBTITLE, VIDEO
from tests.support.media import need_tool

STRICTER = """
schema_version: 13
name: stricter
config: {{on_error: {on_error}}}
phases:
  - name: languages
    keep_audio: {{languages: [eng]}}
  - name: container
    container: {{target: mkv}}
  - name: rules
    rules:
      match: all
      items:
        - {{name: warned, when: {{exists: {{track_type: subtitle}}}}, then: [{{warn: "has subtitles"}}]}}
        - {{name: refused, when: {{count: {{track_type: audio, gt: 2}}}}, then: [{{fail: "three of them"}}]}}
"""

EDITED = (
    "schema_version: 13\nname: none\nphases:\n  - name: nothing\n    default_flags: {}\n"
    "  - name: subtitles\n    keep_subtitles: {remove_all: true}\n"
)


@pytest.fixture
def library(world):
    """Videos with which the policy agreed, in every way in which another one may see them; and new ones."""
    world.write_policy("schema_version: 13\nname: none\nphases:\n  - name: nothing\n    default_flags: {}\n")
    kinds = {
        "right.mkv": (VIDEO, ENGLISH),
        "foreign.mkv": (VIDEO, FRENCH._replace(default=True)),
        "both.mkv": (VIDEO, ENGLISH, FRENCH),
        "warned.mkv": (VIDEO, ENGLISH, SUBTITLE),
        "refused.mkv": (VIDEO, ENGLISH, ENGLISH._replace(default=False), ENGLISH._replace(default=False)),
        "convert.mp4": (VIDEO, ENGLISH),
        "rival.mp4": (VIDEO, ENGLISH),
    }
    for name, tracks in kinds.items():
        shutil.copy(world.templates.get(f"rehearsal-{name}", *tracks), world.media / name)
    shutil.copy(world.media / "both.mkv", world.media / "linked.mkv")
    os.link(world.media / "linked.mkv", world.root / "other-name.mkv")
    shutil.copy(world.media / "both.mkv", world.media / "rival.mkv")
    assert world.vpo("process", world.media).returncode == 0
    (world.media / "new").mkdir()
    shutil.copy(world.media / "both.mkv", world.media / "new" / "both.mkv")
    half = (world.media / "both.mkv").read_bytes()
    (world.media / "new" / "torn.mkv").write_bytes(half[: len(half) // 2])
    return world


def results(world, *words, home=None, code=1):
    done = world.vpo(
        "process", "--json", *words, world.media, env={"VPO_HOME": str(home)} if home is not None else {}
    )
    assert done.returncode == code, done.stderr
    document = json.loads(done.stdout)
    for result in document["results"]:
        result.pop("duration_seconds")
    return document["summary"], {
        os.path.relpath(item["file"], world.media): item for item in document["results"]
    }


@pytest.mark.parametrize("workers", ["1", "4"])
def test_from_the_record_as_with_every_video_opened(library, tmp_path, workers):
    library.write_policy(STRICTER.format(on_error="skip"))
    summary, told = results(library, "--dry-run", "--workers", workers)
    opened_summary, opened = results(library, "--dry-run", "--workers", workers, home=tmp_path / "empty")
    assert {name: item["status"] for name, item in told.items()} == {
        "both.mkv": "changed",
        "convert.mp4": "changed",
        "foreign.mkv": "failed",
        "linked.mkv": "skipped",
        "new/both.mkv": "changed",
        "new/torn.mkv": "failed",
        "refused.mkv": "failed",
        "rival.mkv": "changed",
        "rival.mp4": "failed",
        "warned.mkv": "unchanged",
    }
    assert opened.pop("right.mkv")["status"] == "unchanged"  # from the record it is counted only
    assert told == opened
    for counts in (summary, opened_summary):
        counts.pop("total_duration_seconds")
    assert summary == opened_summary


def test_the_real_run_does_what_the_dry_run_said(library):
    library.write_policy(STRICTER.format(on_error="skip"))
    _, told = results(library, "--dry-run")
    _, done = results(library)
    told.pop("right.mkv", None)
    assert {name: item["status"] for name, item in told.items()} == {
        name: item["status"] for name, item in done.items()
    }
    changed = [name for name, item in done.items() if item["status"] == "changed"]
    assert changed
    for name in changed:
        assert told[name]["changes"] == done[name]["changes"]


def test_with_one_worker_the_lines_stand_in_path_order_whether_recorded_or_opened(library):
    library.write_policy(STRICTER.format(on_error="skip"))
    (library.media / "new" / "torn.mkv").unlink()
    said = library.vpo("process", "--dry-run", "--workers", "1", "--order", "path", library.media).stdout
    lines = [line.split(": ")[0] for line in said.splitlines() if line.startswith("/")]
    assert [os.path.relpath(line, library.media) for line in lines] == [
        "both.mkv",
        "convert.mp4",
        "linked.mkv",
        "new/both.mkv",
        "rival.mkv",
        "warned.mkv",
    ]


def test_the_first_failure_stops_where_the_policy_says_so(library):
    library.write_policy(STRICTER.format(on_error="fail"))
    summary, told = results(library, "--dry-run", "--workers", "1", "--order", "path")
    assert [name for name, item in told.items() if item["status"] == "failed"] == ["foreign.mkv"]
    assert summary["stopped_early"]
    assert summary["not_started_count"] > 0
    assert summary["total_files"] == 11


def test_a_run_forced_to_look_lists_what_it_leaves_as_it_is(library):
    summary, told = results(library, "--dry-run", "--force")
    assert told["right.mkv"]["status"] == "unchanged"
    assert summary["up_to_date_count"] == 0


STANDS = {
    "changed": "to be changed by ",
    "failed": "would fail: ",
    "skipped": "would be skipped: ",
    "unchanged": None,
}


def standing(world, *through):
    done = world.vpo("status", "--json", world.media, through=through)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    document = json.loads(done.stdout)
    return document, {
        os.path.relpath(path, world.media): reason["reason"]
        for reason in document["to_do"]["reasons"]
        for path in reason["files"]
    }


def test_vpo_status_says_of_every_recorded_video_what_the_dry_run_says(library):
    library.write_policy(STRICTER.format(on_error="skip"))
    document, to_do = standing(library)
    _, told = results(library, "--dry-run")
    told["right.mkv"] = {"status": "unchanged"}  # from the record it is counted only
    for name, item in told.items():
        start = "never looked at" if name.startswith("new/") else STANDS[item["status"]]
        assert (to_do.get(name) is None) if start is None else to_do[name].startswith(start), name
    assert set(to_do) <= set(told)
    assert document["complying"]["videos"] == 2
    assert document["to_do"]["videos"] == 9
    assert to_do["rival.mp4"] == "would fail: another video has or would get the same name"
    assert to_do["linked.mkv"] == "would be skipped: hard-linked"


@pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")
def test_vpo_status_after_an_edit_opens_no_video_says_strace(library, tmp_path):
    library.write_policy(STRICTER.format(on_error="skip"))
    log = tmp_path / "strace.log"
    standing(library, need_tool("strace"), "-f", "-o", str(log), "-e", "trace=open,openat,openat2,execve")
    said = log.read_text()
    assert re.findall(r'"([^"]+\.(?:mkv|mp4))"', said) == []
    assert "probe_process" not in said


@pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")
@pytest.mark.parametrize("words", [(), ("--dry-run",)], ids=["run", "dry-run"])
def test_after_an_edit_only_the_videos_it_asks_something_of_are_opened_says_strace(library, tmp_path, words):
    shutil.rmtree(library.media / "new")
    policy = library.write_policy(EDITED)
    log = tmp_path / "strace.log"
    strace = (need_tool("strace"), "-f", "-o", str(log), "-e", "trace=open,openat,openat2")
    done = library.vpo("process", "--json", *words, "-p", policy, library.media, through=strace)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)["summary"]
    assert (summary["changed_count"], summary["unchanged_count"], summary["up_to_date_count"]) == (1, 8, 0)
    names = {os.path.basename(name) for name in re.findall(r'"([^"]+\.(?:mkv|mp4))"', log.read_text())}
    assert names == (set() if words else {"warned.mkv"})


@pytest.mark.parametrize(
    "same",
    [
        "# said\nschema_version: 13\nname: none\nphases:\n  - name: nothing\n    default_flags: {}\n",
        "name: none\nphases:\n  - {default_flags: {}, name: nothing}\nschema_version: 13\n",
        (
            "schema_version: 13\nname: none\nconfig: {on_error: continue}\nphases:\n  - name: nothing\n"
            "    default_flags: {set_first_video_default: true, clear_other_defaults: true}\n"
        ),
    ],
    ids=["comment", "order", "defaults"],
)
def test_an_edit_that_means_the_same_touches_none_and_plans_none(library, same):
    shutil.rmtree(library.media / "new")
    library.write_policy(same)
    summary, told = results(library, "--dry-run", code=0)
    assert (summary["up_to_date_count"], summary["unchanged_count"], told) == (9, 0, {})


FAILS = {
    "a rule": "rules: {match: all, items: [{name: r, when: exists(video), then: {fail: no}}]}",
    "the guard": "keep_audio: {languages: [kor]}",
    "what is not known": "file_timestamp: {mode: release_date}",
}
DOES = {
    ".mp4": "container: {target: mkv}",
    ".mov": "container: {target: mkv}",
    ".mkv": "container: {target: mp4, on_incompatible_codec: transcode}",
    ".avi": "audio_actions: {clear_all_titles: true}",
}
LATER_FAILS = (
    "schema_version: 13\nconfig: {{on_error: {}}}\nphases:\n  - {{name: does, {}}}\n  - {{name: fails, {}}}\n"
)


def promise(result):
    return {key: result[key] for key in ("status", "changes", "step", "error", "failed_phase", "final_file")}


@pytest.mark.parametrize("recorded", [False, True], ids=["new", "recorded"])
@pytest.mark.parametrize("mode", ["continue", "skip", "fail"])
@pytest.mark.parametrize("suffix", DOES)
def test_a_conversion_before_a_phase_that_fails_is_promised_as_it_is_done(world, suffix, mode, recorded):
    failing = FAILS[list(FAILS)[len(mode + suffix) % len(FAILS)]]
    tracks = (VIDEO, ENGLISH) if suffix == ".avi" else (VIDEO, ENGLISH, FRENCH)
    shutil.copy(world.templates.get(f"later{suffix}", *tracks), world.media / f"a{suffix}")
    if recorded:
        world.write_policy("schema_version: 13\nphases:\n  - name: nothing\n    default_flags: {}\n")
        assert world.vpo("process", world.media).returncode == 0
    world.write_policy(LATER_FAILS.format(mode, DOES[suffix], failing))
    dry = world.vpo("process", "--json", "-n", world.media)
    planned = world.vpo("plan", "--json", world.media, "-o", world.root / "a.plan")
    why = world.vpo("why", "--json", world.media / f"a{suffix}")
    done = world.vpo("process", "--json", world.media)
    assert (dry.returncode, planned.returncode, done.returncode) == (1, 1, 1), dry.stderr + done.stderr
    expected = promise(json.loads(done.stdout)["results"][0])
    assert (expected["status"], expected["failed_phase"]) == ("failed", "fails")
    assert bool(expected["changes"]) == (suffix != ".avi")
    assert os.listdir(world.media).count(os.path.basename(expected["final_file"])) == 1
    for told in (*json.loads(dry.stdout)["results"], *json.loads(planned.stdout)["results"]):
        assert promise(told) == expected
    assert promise(json.loads(why.stdout)["result"]) == expected


def test_a_plan_with_a_conversion_before_a_phase_that_fails_is_carried_out(world):
    world.add("a.mp4")
    world.write_policy(LATER_FAILS.format("continue", DOES[".mp4"], FAILS["a rule"]))
    assert world.vpo("plan", world.media, "-o", world.root / "a.plan").returncode == 1
    done = world.vpo("apply", "--json", world.root / "a.plan")
    assert done.returncode == 1
    (result,) = json.loads(done.stdout)["results"]
    assert (result["status"], result["step"], result["reason"]) == ("failed", "remux", None)
    assert (world.media / "a.mkv").exists()
    assert not (world.media / "a.mp4").exists()
