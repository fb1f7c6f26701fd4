"""Several folders on one command line, and videos that lie outside the one searched."""

from __future__ import annotations

import itertools
import json
import os

import pytest

DODO = "from vpo_tasks.dodo import DOIT_CONFIG, task_process\n"


def summary_of(done):
    return json.loads(done.stdout)["summary"]


@pytest.fixture
def two(world):
    """Folders A and B, in both of which there is an s/d.mkv to do."""
    world.add("A/s/d.mkv", "B/s/d.mkv")
    return world


def test_two_folders_with_equal_names_in_them_are_processed_together(two):
    done = two.vpo("process", "--json", two.media / "A", two.media / "B")
    assert done.returncode == 0, done.stderr
    assert summary_of(done)["changed_count"] == 2
    again = two.vpo("process", "--json", two.media / "A", two.media / "B")
    assert summary_of(again)["up_to_date_count"] == 2


def test_two_files_of_one_name_are_processed_together(two):
    done = two.vpo("process", "--json", two.media / "A/s/d.mkv", two.media / "B/s/d.mkv")
    assert done.returncode == 0, done.stderr
    assert summary_of(done)["changed_count"] == 2


@pytest.mark.parametrize(
    "given", [p for n in (2, 3) for p in itertools.permutations(["A", "A/s", "A/s/d.mkv"], n)] + [("A", "A")]
)
def test_a_folder_and_what_lies_in_it_are_processed_once(two, given):
    two.add("A/d.mkv")
    inside = 2 if "A" in given else 1
    done = two.vpo("process", "--json", *(two.media / path for path in given))
    assert done.returncode == 0, done.stderr
    assert summary_of(done)["changed_count"] == inside
    again = two.vpo("process", "--json", *(two.media / path for path in given))
    assert summary_of(again)["up_to_date_count"] == summary_of(again)["total_files"] == inside


def test_two_outputs_of_one_name_fail_both_and_the_rest_is_made(two):
    two.add("A/s/e.mkv")
    out = two.root / "out"
    done = two.vpo("process", "--json", "--output", out, two.media / "A", two.media / "B")
    assert done.returncode == 1, done.stderr
    assert (summary_of(done)["fail_count"], summary_of(done)["changed_count"]) == (2, 1)
    assert done.stderr.count("rename one of them") == 2
    assert os.listdir(out / "s") == ["e.mkv"]


@pytest.fixture
def linked(world):
    """A library whose videos have the names of others behind two links in it."""
    world.add("d.mkv", "s/d.mkv", "../elsewhere/d.mkv", "../elsewhere/s/d.mkv", "../other/d.mkv")
    for name in ("elsewhere", "other"):
        (world.media / name).symlink_to(world.root / name)
    (world.media / "dodo.py").write_text(DODO)
    (world.media / "doit.cfg").write_text("[GLOBAL]\nloader = vpo\nreporter = vpo\nbackend = vpo\n")
    return world


def test_videos_behind_links_with_equal_names_are_processed_together(linked):
    done = linked.vpo("process", "--json", linked.media)
    assert done.returncode == 0, done.stderr
    assert summary_of(done)["changed_count"] == 5


def test_doit_names_videos_behind_links_by_their_whole_path(linked):
    listing = linked.doit("list", "--all").stdout
    names = {word for word in listing.split() if word.startswith("process:")}
    far = {
        f"process:{linked.root / name}" for name in ("elsewhere/d.mkv", "elsewhere/s/d.mkv", "other/d.mkv")
    }
    assert names == {"process:d.mkv", "process:s/d.mkv", *far}
    done = linked.doit("-n", 2)
    assert done.returncode == 0, done.stdout + done.stderr
    (name,) = (name for name in far if name.endswith("other/d.mkv"))
    assert linked.doit("forget", name).returncode == 0
    report = json.loads(linked.vpo("process", "--json", "-n", linked.media).stdout)
    assert [os.fspath(linked.root / "other/d.mkv")] == [result["file"] for result in report["results"]]
    assert linked.doit(name).returncode == 0
    assert linked.doit("info", name).returncode == 0
