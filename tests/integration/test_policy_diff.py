"""What an edit of a policy would do to a recorded library: counted, named, and found without opening a video."""

from __future__ import annotations

import json
import os

import pytest

from tests.support.library import ENGLISH, FRENCH, SUBTITLE, VIDEO, read_tree
from vpo_tasks.media.synthetic import SampleTrack

FLAC = SampleTrack("audio", "flac", language="ger")
KEEP_ALL = "schema_version: 13\nphases:\n  - name: nothing\n    default_flags: {}\n"
ONLY_ENGLISH = (
    "schema_version: 13\nphases:\n  - name: languages\n    keep_audio: {languages: [eng], fallback: {mode: keep_all}}\n"
    "    keep_subtitles: {remove_all: true}\n"
)

WASTEFUL = (
    "schema_version: 13\nphases:\n  - name: video\n    transcode:\n"
    '      video: {to: h264, preset: ultrafast, hw: none, target_bitrate: 20M, ffmpeg_args: ["-qp", "0"]}\n'
)
NOBODY_ENCODES = (
    "schema_version: 13\nphases:\n  - name: video\n    transcode:\n"
    "      video: {to: hevc, hw: videotoolbox, hw_fallback: false}\n"
)


@pytest.fixture
def library(world):
    """Three videos recorded under KEEP_ALL; then their content is gone, so that nobody can read it."""
    world.write_policy(KEEP_ALL)
    for name, tracks in (
        ("both.mkv", (VIDEO, ENGLISH, FRENCH)),
        ("lossless.mkv", (VIDEO, ENGLISH, FLAC, SUBTITLE)),
        ("plain.mkv", (VIDEO, ENGLISH)),
    ):
        world.templates.get(name, *tracks)
        (world.media / name).write_bytes((world.templates.get(name, *tracks)).read_bytes())
    assert world.vpo("process", world.media).returncode == 0
    for path in world.media.glob("*.mkv"):
        path.write_bytes(b"")
    (world.root / "old.yaml").write_text(KEEP_ALL)
    (world.root / "new.yaml").write_text(ONLY_ENGLISH)
    return world


def diff(world, *args, old="old.yaml", new="new.yaml", code=0):
    before = read_tree(world.root)
    done = world.vpo("policy", "diff", world.root / old, world.root / new, world.media, *args)
    assert done.returncode == code, done.stderr
    assert read_tree(world.root) == before
    return json.loads(done.stdout) if "--json" in args else done.stdout


def test_videos_are_counted_by_kind_and_rule_with_what_they_would_lose(library):
    found = diff(library, "--json")
    assert (found["videos"], found["unknown"]) == (3, 0)
    assert (found["changed_by_old"], found["changed_by_new"], found["differing"]) == (0, 2, 2)
    assert found["by_kind"]["removed"] == 2
    assert found["by_rule"] == {"languages: keep_audio": 2, "languages: keep_subtitles": 1}
    assert found["bytes_written"] > 0
    assert found["expected_seconds"] > 0
    assert sum(found["steps"].values()) == 2
    assert found["losses"] == {
        "the last audio track in fre": 1,
        "the last audio track in ger": 1,
        "the last subtitle track in eng": 1,
        "all subtitles": 1,
        "all lossless audio": 1,
    }
    assert found["new_losses"] == found["losses"]
    assert "files" not in found
    text = diff(library)
    assert "all lossless audio: 1 video" in text
    assert "lossless.mkv" not in text


def test_a_list_names_the_videos_and_what_would_differ(library):
    text = diff(library, "--list")
    assert f"{library.media}/lossless.mkv" in text
    assert "plain.mkv" not in text
    assert "warning: loses all subtitles" in text
    files = diff(library, "--list", "--json")["files"]
    assert [os.path.basename(item["file"]) for item in files] == ["both.mkv", "lossless.mkv"]
    assert files[0]["added"][0]["what"] == "removed"


def test_the_other_way_round_nothing_is_lost(library):
    found = diff(library, "--json", old="new.yaml", new="old.yaml")
    assert (found["changed_by_old"], found["changed_by_new"], found["differing"]) == (2, 0, 2)
    assert found["losses"] == {}


def test_policies_that_mean_the_same_differ_on_nothing(library):
    (library.root / "same.yaml").write_text("# a comment\n" + KEEP_ALL)
    found = diff(library, "--json", new="same.yaml")
    assert (found["differing"], found["videos"]) == (0, 3)


def test_one_folder_one_video_or_nothing(library):
    old, new = library.root / "old.yaml", library.root / "new.yaml"
    done = library.vpo("policy", "diff", "--json", old, new, library.media / "both.mkv")
    assert json.loads(done.stdout)["videos"] == 1
    empty = library.root / "empty"
    empty.mkdir()
    done = library.vpo("policy", "diff", old, new, empty)
    assert done.returncode == 0
    assert "vpo process" in done.stdout
    assert library.vpo("policy", "diff", old, new, library.root / "none").returncode == 2


def test_a_policy_that_is_none_is_an_error_with_its_line(library):
    (library.root / "bad.yaml").write_text("schema_version: 13\nphases: 3\n")
    done = library.vpo("policy", "diff", library.root / "old.yaml", library.root / "bad.yaml", library.media)
    assert done.returncode == 2
    assert "bad.yaml:2" in done.stderr


def test_a_video_on_which_the_new_policy_fails_is_said_to(library):
    (library.root / "strict.yaml").write_text(
        "schema_version: 13\nphases:\n  - name: l\n    keep_audio: {languages: [jpn]}\n"
    )
    found = diff(library, "--json", "--list", new="strict.yaml")
    assert found["failing"] == 3
    assert "keep_audio" in found["failures"][f"{library.media}/plain.mkv"]


def test_an_encode_that_a_run_has_found_to_be_larger_is_no_change_that_a_run_would_make(world):
    world.write_policy(KEEP_ALL)
    world.add("a.mkv", kind="right")
    (world.root / "old.yaml").write_text(KEEP_ALL)
    (world.root / "new.yaml").write_text(WASTEFUL)
    assert world.vpo("process", world.media).returncode == 0
    assert diff(world, "--json")["changed_by_new"] == 1
    assert world.vpo("process", "-p", world.root / "new.yaml", world.media).returncode == 0
    assert diff(world, "--json")["changed_by_new"] == 0


def test_where_no_run_would_begin_for_want_of_an_encoder_the_diff_says_so(world):
    world.write_policy(KEEP_ALL)
    world.add("a.mkv", kind="right")
    (world.root / "new.yaml").write_text(NOBODY_ENCODES)
    assert world.vpo("process", world.media).returncode == 0
    done = world.vpo("policy", "diff", world.media / "policy.yaml", world.root / "new.yaml", world.media)
    run = world.vpo("process", "-p", world.root / "new.yaml", world.media)
    assert (done.returncode, run.returncode) == (3, 3)
    assert done.stderr == run.stderr
    back = world.vpo("policy", "diff", world.root / "new.yaml", world.media / "policy.yaml", world.media)
    assert back.returncode == 0  # the old one is only asked what it would change
