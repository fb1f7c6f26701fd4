"""Filesystems that show every hard link as a file of its own (mergerfs, sshfs): work is done once, and kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from tests.support.library import ENGLISH, FRENCH, VIDEO
from tests.support.tools import need_tool

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")


@pytest.fixture(params=["", "use_ino", "category.create=epmfs"], ids=lambda options: options or "default")
def pool(request, tmp_path):
    """A pool of two branches, as people join the disks of a server."""
    mergerfs = need_tool("mergerfs")
    folders = [tmp_path / name for name in ("a", "b", "pool")]
    for folder in folders:
        folder.mkdir()
    options = ["-o", request.param] if request.param else []
    subprocess.run([mergerfs, *options, f"{folders[0]}:{folders[1]}", folders[2]], check=True)
    yield folders[2]
    subprocess.run(["umount", "-l", folders[2]], check=True)


@pytest.mark.parametrize(
    ("suffix", "phase"),
    [
        (".mkv", "keep_audio: {languages: [eng]}"),
        (".mkv", "default_flags: {set_first_video_default: true}, audio_actions: {clear_all_titles: true}"),
        (".mp4", "container: {target: mkv}"),
    ],
    ids=["replaced", "edited", "renamed"],
)
def test_work_on_a_pool_of_disks_is_done_once_and_can_be_undone(world, pool, suffix, phase):
    library = pool / "library"
    library.mkdir()
    path = library / f"film{suffix}"
    shutil.copy(world.templates.get(f"pool{suffix}", VIDEO, ENGLISH, FRENCH), path)
    before = path.read_bytes()
    policy = world.root / "pool.yaml"
    policy.write_text(f"schema_version: 13\nphases: [{{name: f, {phase}}}]\n")
    counts = []
    for _ in range(2):
        done = world.vpo("process", "--json", "-p", policy, library)
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout)["summary"]
        counts.append((summary["changed_count"], summary["up_to_date_count"]))
    assert counts == [(1, 0), (0, 1)]
    assert [name for name in os.listdir(library) if name != ".vpo-undo"] == [
        "film.mkv" if suffix == ".mp4" else path.name
    ]
    assert world.vpo("undo", path if suffix == ".mkv" else library / "film.mkv").returncode == 0
    assert path.read_bytes() == before
    assert os.listdir(library) == [path.name]
