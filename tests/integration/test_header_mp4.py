"""MP4 and MOV edited in place: FFmpeg reads what was meant, and the media data do not move."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.library import World
from tests.support.tools import need_tool

FILM = ("-f", "lavfi", "-i", "testsrc=s=128x96:r=10:d=0.6", "-f", "lavfi", "-i", "sine=d=0.6")
ITEMS = "rules: {match: all, items: [{name: one, when: exists(video), then: %s}]}"
TITLE = ITEMS % "{set_container_metadata: {field: title, value: A new title}}"
NO_COMMENT = ITEMS % '{set_container_metadata: {field: comment, value: ""}}'
JAPANESE = ITEMS % "{set_language: {track_type: audio, new_language: jpn}}"


def make(world: World, name: str, *words: str) -> Path:
    path = world.media / name
    more = (
        "-metadata",
        "title=Old",
        "-metadata",
        "comment=Said",
        "-metadata:s:a",
        "language=fra",
        "-shortest",
    )
    command = [
        str(need_tool("ffmpeg")),
        "-v",
        "error",
        *FILM,
        "-c:v",
        "libx264",
        "-c:a",
        "aac",
        *more,
        *words,
        str(path),
    ]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def run(world: World, phase: str) -> dict[str, Any]:
    world.write_policy(f"schema_version: 13\nphases:\n  - name: p\n    {phase}\n")
    world.configure('[discovery]\nextensions = ["mp4", "mov", "m4v"]')
    promised = json.loads(world.vpo("process", "--dry-run", "--json", world.media).stdout)["results"][0]
    done = json.loads(world.vpo("process", "--json", world.media).stdout)["results"][0]
    assert (promised["status"], promised["step"], promised["changes"]) == (
        done["status"],
        done["step"],
        done["changes"],
    )
    assert json.loads(world.vpo("process", "--json", world.media).stdout)["summary"]["changed_count"] == 0
    return done


def shown(path: Path) -> dict[str, Any]:
    words = ["-v", "error", "-show_streams", "-show_format", "-of", "json", str(path)]
    return json.loads(subprocess.run([need_tool("ffprobe"), *words], capture_output=True, check=True).stdout)


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("words", [(), ("-movflags", "+faststart")])
def test_a_title_is_written_in_place_and_taken_back(world, suffix, words):
    path = make(world, f"a.{suffix}", *words)
    before, inode = path.read_bytes(), path.stat().st_ino
    done = run(world, TITLE)
    assert done["step"] == "header-edit"
    assert done["tool"] is None
    assert path.stat().st_ino == inode
    found = shown(path)["format"]["tags"]
    assert (found["title"], found["comment"]) == ("A new title", "Said")
    at = before.index(b"mdat")
    size = int.from_bytes(before[at - 4 : at], "big")
    assert path.read_bytes()[at - 4 : at - 4 + size] == before[at - 4 : at - 4 + size]
    assert done["bytes_written"] < 20_000
    world.vpo("undo", path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_a_tag_a_language_and_a_flag_are_read_back(world, suffix):
    path = make(world, f"a.{suffix}")
    assert run(world, NO_COMMENT)["step"] == "header-edit"
    assert "comment" not in shown(path)["format"]["tags"]
    assert shown(path)["format"]["tags"]["title"] == "Old"
    assert run(world, JAPANESE)["step"] == "header-edit"
    assert shown(path)["streams"][1]["tags"]["language"] == "jpn"


def test_a_time_code_track_does_not_stand_in_the_way_of_a_title(world):
    path = make(world, "a.mov", "-timecode", "01:02:03:04")
    assert run(world, TITLE)["step"] == "header-edit"
    found = shown(path)
    assert found["streams"][0]["tags"]["timecode"].startswith("01:02:03:")
    assert [stream.get("codec_tag_string") for stream in found["streams"]][2] == "tmcd"


def test_a_time_code_that_a_copy_would_lose_is_said_before(world):
    path = make(world, "a.mov", "-timecode", "01:02:03:04")
    path.with_name("b.mov").hardlink_to(path)
    world.configure('[discovery]\nextensions = ["mov"]\n[safety]\nhardlinks = "break"')
    world.write_policy(f"schema_version: 13\nphases:\n  - name: p\n    {TITLE}\n")
    for words in (["--dry-run"], []):
        document = json.loads(world.vpo("process", "--json", *words, world.media).stdout)
        assert {result["status"] for result in document["results"]} == {"failed"}
        assert all("a time code" in result["error"] for result in document["results"])


def test_a_fragmented_file_is_copied(world):
    path = make(world, "a.mp4", "-movflags", "+frag_keyframe+empty_moov")
    world.write_policy(f"schema_version: 13\nphases:\n  - name: p\n    {TITLE}\n")
    assert json.loads(world.vpo("process", "--json", world.media).stdout)["summary"]["changed_count"] == 1
    assert shown(path)["format"]["tags"]["title"] == "A new title"
