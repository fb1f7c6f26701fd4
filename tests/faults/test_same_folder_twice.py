"""One folder under two names, by a bind mount and by a symbolic link: nothing done twice, nothing lost."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.filesystems import bind, with_own_mounts
from tests.support.library import Templates, World

FILES = 6


def process(world: World, *folders: Path) -> dict[str, int]:
    done = world.vpo("process", "--json", "-w", 2, "-p", world.media / "policy.yaml", *folders)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["summary"]


def check_done_once(world: World, changed: int) -> None:
    assert changed == FILES
    assert world.tool_runs() == FILES
    assert world.leftovers() == []
    videos = sorted(world.media.glob("*.mkv"))
    assert len(videos) == FILES
    before = {video: video.stat() for video in videos}
    again = process(world, world.media)
    # what was done under the other path is looked at once more under this one, and nothing is to do
    assert again["changed_count"] == 0
    assert again["up_to_date_count"] + again["unchanged_count"] == FILES
    assert {video: video.stat().st_mtime_ns for video in videos} == {
        video: status.st_mtime_ns for video, status in before.items()
    }
    assert world.tool_runs() == FILES


@pytest.fixture
def crowd(tmp_path: Path, templates: Templates) -> World:
    world = World(tmp_path, templates)
    world.add_many(FILES)
    world.watch_tools(delay=0.1)
    return world


def test_bind_mount_given_beside_the_folder_itself(crowd: World) -> None:
    def attempt() -> None:
        other = crowd.root / "bound"
        bind(crowd.media, other)
        assert os.path.samefile(other / "v000.mkv", crowd.media / "v000.mkv")
        check_done_once(crowd, process(crowd, crowd.media, other)["changed_count"])

    with_own_mounts(attempt)


def test_bind_mount_inside_the_folder_it_shows(crowd: World) -> None:
    def attempt() -> None:
        inner = crowd.media / "again"
        bind(crowd.media, inner)
        check_done_once(crowd, process(crowd, crowd.media)["changed_count"])

    # the folder of the mount stays where it is; what was seen through it is what is there
    with_own_mounts(attempt)


def test_two_runs_at_once_through_a_bind_mount(crowd: World) -> None:
    def attempt() -> None:
        other = crowd.root / "bound"
        bind(crowd.media, other)
        runs = [crowd.start("process", "--json", "-w", "2", folder) for folder in (crowd.media, other)]
        ends = [(run.communicate(timeout=120), run.returncode) for run in runs]
        assert [code for _, code in ends] == [0, 0], ends
        changed = sum(json.loads(out)["summary"]["changed_count"] for (out, _), _ in ends)
        check_done_once(crowd, changed)

    with_own_mounts(attempt)


def test_symbolic_link_given_beside_the_folder_itself(crowd: World) -> None:
    link = crowd.root / "link"
    link.symlink_to(crowd.media)
    (crowd.media / "loop").symlink_to(crowd.media)
    check_done_once(crowd, process(crowd, crowd.media, link)["changed_count"])
