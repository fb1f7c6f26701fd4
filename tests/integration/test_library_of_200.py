"""Two hundred real videos through both doors, with equal results, and second runs that do nothing."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.library import ENGLISH, FRENCH, SUBTITLE, VIDEO, read_tree
from vpo_tasks.media.probe import ProbePool
from vpo_tasks.media.synthetic import make_sample

GERMAN = ENGLISH._replace(language="ger", default=False)
KINDS = [
    (".mkv", (VIDEO, FRENCH._replace(default=True), ENGLISH._replace(default=False), SUBTITLE)),
    (".mkv", (VIDEO, ENGLISH)),
    (".mp4", (VIDEO, ENGLISH, GERMAN)),
    (".mkv", (VIDEO, FRENCH)),
    (".avi", (VIDEO, ENGLISH._replace(codec="mp3", language=None))),
    (".mov", (VIDEO, ENGLISH, FRENCH)),
    (".mkv", (VIDEO, GERMAN, ENGLISH, FRENCH, SUBTITLE._replace(language="ger", forced=True), SUBTITLE)),
    (".mp4", (VIDEO, ENGLISH)),
]
COUNT = 200


def make(folder, number: int) -> None:
    suffix, tracks = KINDS[number % len(KINDS)]
    path = folder / f"shelf{number % 7}" / f"video {number:03}{suffix}"
    path.parent.mkdir(exist_ok=True)
    make_sample(str(path), tracks, seconds=0.4, seed=number)


def contents(folder) -> dict[str, object]:
    """What is in every video: everything the policy can be about; sizes may differ by a muxer's whim."""
    with ProbePool(2) as probes:
        return {
            os.path.relpath(os.path.join(at, name), folder): [
                (track.type, track.codec, track.language, track.title, track.default, track.forced)
                for track in probes.probe(os.path.join(at, name)).tracks
            ]
            for at, _, names in os.walk(folder)
            for name in names
            if name.startswith("video ")
        }


@pytest.mark.slow
def test_both_doors_do_the_same_and_second_runs_do_nothing(world):
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda number: make(world.media, number), range(COUNT)))
    copy = world.root / "copy"
    shutil.copytree(world.media, copy)
    first = world.vpo("process", "-w", 4, "--json", world.media, timeout=400)
    assert first.returncode == 0, first.stderr
    summary = json.loads(first.stdout)["summary"]
    assert summary["total_files"] == COUNT
    assert summary["changed_count"] > COUNT // 3
    assert summary["unchanged_count"] > COUNT // 5

    assert world.vpo("init", copy).returncode == 0
    through_doit = world.doit("-n", 4, cwd=copy, timeout=400)
    assert through_doit.returncode == 0, through_doit.stderr
    assert contents(copy) == contents(world.media)

    before = read_tree(world.root)
    again = world.vpo("process", "-w", 4, "--json", world.media)
    assert json.loads(again.stdout)["summary"]["up_to_date_count"] == COUNT
    assert f"{COUNT} up to date" in world.doit("-n", 4, cwd=copy).stdout
    after = read_tree(world.root)
    assert {name for name in after if after[name] != before.get(name)} <= {
        name for name in after if name.startswith("home/")
    }
    assert world.leftovers() == []
