"""Header edits as a run makes them: in place where they hold, by a copy where they do not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.library import ENGLISH, SUBTITLE, VIDEO
from vpo_tasks.disk.locks import path_key

pytestmark = pytest.mark.usefixtures("mkvtoolnix")


def add_flags(world, name: str, *options: str) -> Path:
    """A video made by mkvmerge in which only a default flag is wrong."""
    path = world.media / name
    made = world.templates.get("flags-made.mkv", VIDEO, ENGLISH, SUBTITLE)
    os.spawnlp(os.P_WAIT, "mkvmerge", "mkvmerge", "-q", "-o", str(path), *options, str(made))
    return path


def process(world) -> dict[str, dict[str, Any]]:
    done = world.vpo("process", "--json", world.media)
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


def test_a_file_behind_whose_end_something_stands_is_copied(world):
    path = add_flags(world, "film.mkv")
    with path.open("ab") as stream:
        stream.write(b"\0" * 50)
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
