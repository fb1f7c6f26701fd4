"""Header edits as a run makes them: in place where they hold, by a copy where they do not."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from tests.support.library import ENGLISH, SUBTITLE, VIDEO
from vpo_tasks.disk.locks import path_key

SEGMENT, CLUSTER, CUES = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75", b"\x1c\x53\xbb\x6b"
EVERYTHING = """
schema_version: 13
phases:
  - name: p
    default_flags: {}
    rules:
      match: all
      items:
        - name: t
          when: {exists: {track_type: video}}
          then:
            - {set_container_metadata: {field: title, value: A film}}
            - {set_container_metadata: {field: comment, value: hi}}
            - {set_language: {track_type: audio, new_language: jpn}}
"""


def add_flags(world, name: str) -> Path:
    """A video in which only a default flag is wrong."""
    path = world.media / name
    shutil.copy(world.templates.get("flags-made.mkv", VIDEO, ENGLISH, SUBTITLE), path)
    return path


def without_tools(world) -> dict[str, str]:
    """The environment of a machine with Python and its packages; should the wheel's ffmpeg be used, it fails."""
    world.put_tool("ffmpeg", "sys.exit(1)\n")
    return {"PATH": "", "IMAGEIO_FFMPEG_EXE": str(world.bin / "ffmpeg")}


def process(world, **options) -> dict[str, dict[str, Any]]:
    done = world.vpo("process", "--json", world.media, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return {os.path.basename(result["file"]): result for result in json.loads(done.stdout)["results"]}


def test_flags_are_edited_in_place_for_a_few_bytes(world):
    path = add_flags(world, "film.mkv")
    inode, size = path.stat().st_ino, path.stat().st_size
    result = process(world)["film.mkv"]
    assert (result["step"], result["tool"]) == ("header-edit", None)
    assert result["bytes_written"] < 4096 < size
    assert path.stat().st_ino == inode
    assert process(world) == {}


def test_everything_in_the_header_is_changed_without_any_tool(world):
    """The embedded default: Python and its packages; the rest of the file stays byte for byte."""
    world.write_policy(EVERYTHING)
    path = add_flags(world, "film.mkv")
    inode, before = path.stat().st_ino, path.read_bytes()
    result = process(world, env=without_tools(world))["film.mkv"]
    assert (result["step"], result["tool"]) == ("header-edit", None)
    assert path.stat().st_ino == inode
    assert result["bytes_written"] < 4096
    start, end = before.index(CLUSTER), before.rindex(CUES)
    assert path.read_bytes()[start:end] == before[start:end] != b""
    found = json.loads(world.vpo("inspect", "--json", path).stdout)
    assert found["tags"]["title"] == "A film"
    assert found["tags"]["comment"] == "hi"
    assert [track["language"] for track in found["tracks"]] == ["und", "jpn", "eng"]
    assert process(world, env=without_tools(world)) == {}


def test_a_huge_file_gets_a_title_for_kilobytes(world):
    """Sparse: what would be read or copied of it would fill the disk or take minutes."""
    world.write_policy(EVERYTHING)
    path = add_flags(world, "film.mkv")
    stretch(path, 50 << 30)
    blocks = path.stat().st_blocks
    result = process(world, env=without_tools(world))["film.mkv"]
    assert (result["step"], path.stat().st_size >= 50 << 30) == ("header-edit", True)
    assert result["bytes_written"] < 4096
    assert path.stat().st_blocks <= blocks + 64
    assert json.loads(world.vpo("inspect", "--json", path).stdout)["tags"]["title"] == "A film"


def stretch(path: Path, size: int) -> None:
    """Make a film of one cluster more, a hole, and without what stood behind the last one."""
    data = path.read_bytes()
    head = data[: data.rindex(CUES)]
    at = head.index(SEGMENT) + 4
    assert head[at] == 1, "the segment's size is stored in eight bytes"
    room = size - len(head) - 12
    with path.open("wb") as stream:
        stream.write(head[:at] + (size - at - 8 | 1 << 56).to_bytes(8, "big") + head[at + 8 :])
        stream.write(CLUSTER + (room | 1 << 56).to_bytes(8, "big"))
        stream.write(b"\xec" + (room - 9 | 1 << 56).to_bytes(8, "big"))
        stream.truncate(size)


def test_a_header_without_room_that_may_not_move_costs_a_copy(world):
    path = add_flags(world, "film.mkv")
    with path.open("ab") as stream:
        stream.write(b"\0" * 50)  # nor can anything go behind the clusters
    world.write_policy(EVERYTHING.replace("A film", "A film with a title that is " + "very " * 60 + "long"))
    inode = path.stat().st_ino
    result = process(world)["film.mkv"]
    assert result["step"] == "remux"
    assert path.stat().st_ino != inode
    assert process(world) == {}


def test_names_of_one_file_are_never_changed_together(world):
    world.configure("[safety]\nhardlinks = 'break'\n")
    path = add_flags(world, "film.mkv")
    other = world.root / "seeded.mkv"
    os.link(path, other)
    before = other.read_bytes()
    assert process(world)["film.mkv"]["step"] == "remux"
    assert other.read_bytes() == before


def test_a_video_with_an_unsettled_journal_is_left_as_it_is(world):
    path = add_flags(world, "film.mkv")
    before = path.read_bytes()
    journal = world.media / f".vpo-{path_key(str(path))}-0001.json"
    journal.mkdir()  # a journal that nobody can read
    done = world.vpo("process", world.media)
    assert done.returncode == 1
    assert "not settled" in done.stdout + done.stderr
    assert path.read_bytes() == before
