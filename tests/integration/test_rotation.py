"""A film from a phone lies on its side unless the container says how to turn it: that must not get lost."""

from __future__ import annotations

import json
import subprocess

import imageio_ffmpeg
import pytest

from tests.support.library import VIDEO
from vpo_tasks.media.probe import ProbePool

CONVERT = "schema_version: 13\nphases:\n  - name: c\n    container: {target: mkv}\n"


@pytest.fixture
def turned(world):
    """An MP4 to be turned by 90 degrees."""
    world.write_policy(CONVERT)
    path = world.media / "phone.mp4"
    source = world.templates.get("plain.mp4", VIDEO)
    argv = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-display_rotation",
        "90",
        "-i",
        source,
        "-c",
        "copy",
        path,
    ]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return path


def test_a_newer_ffmpeg_carries_the_rotation_into_matroska(world, turned):
    world.environ["PATH"] = str(world.bin)  # only the ffmpeg of the wheel
    done = world.vpo("process", world.media)
    assert done.returncode == 0, done.stderr
    with ProbePool(1) as probes:
        assert probes.rotation(str(turned.with_suffix(".mkv"))) == 90


def test_an_older_ffmpeg_converts_it_whole_or_not_at_all(world, turned):
    before = turned.read_bytes()
    (result,) = json.loads(world.vpo("process", "--json", world.media).stdout)["results"]
    with ProbePool(1) as probes:
        if result["status"] == "changed":
            assert probes.rotation(str(turned.with_suffix(".mkv"))) == 90
        else:
            assert "rotation" in result["error"]
            assert turned.read_bytes() == before
    assert world.leftovers() == []
