"""A film from a phone lies on its side unless the container says how to turn it: that must not get lost."""

from __future__ import annotations

import itertools
import json
import subprocess

import pytest

from tests.support.fake_tools import wheel_toolbox
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleTrack, make_sample

TRACKS = [
    SampleTrack("video", "h264"),
    SampleTrack("audio", "aac", "eng"),
    SampleTrack("audio", "aac", "fre"),
]
KEEP = "schema_version: 13\nname: k\nphases:\n  - name: k\n    keep_audio: {languages: [eng]}\n"
CONVERT = "schema_version: 13\nname: c\nphases:\n  - name: c\n    container: {target: %s}\n"
ENCODE = (
    CONVERT
    + "    transcode:\n      video: {to: hevc, crf: 40, preset: ultrafast, hw: none, keep_if_larger: true}\n"
)
TURNS = {"90": (90, False), "180": (180, False), "-90": (270, False), "90 -display_hflip": (270, True)}
OLD = """#!/bin/sh
case "$*" in *-version*) echo 'ffmpeg version 4.4.2 of long ago'; exit;; esac
exec %s "$@"
"""


def turned(path, turn="90"):
    """A video that asks to be turned, in the container that its name asks for."""
    plain = path.with_name("plain.tmp.mkv")
    make_sample(str(plain), TRACKS, seconds=0.4)
    argv = [wheel_toolbox().tools["ffmpeg"].path, "-v", "error", "-display_rotation", *turn.split()]
    argv += ["-i", str(plain), "-map", "0", "-c", "copy", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    plain.unlink()
    return path


def orientation(path):
    track = read_media(str(path)).tracks[0]
    return track.rotation, track.mirrored


def process(world, *words):
    done = world.vpo("process", "--json", *words, world.media)
    (result,) = json.loads(done.stdout)["results"]
    return result


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("turn", TURNS)
def test_the_header_tells(tmp_path, suffix, turn):
    assert orientation(turned(tmp_path / f"a.{suffix}", turn)) == TURNS[turn]


@pytest.mark.parametrize(
    ("turn", "tools"), list(itertools.product(["90", "90 -display_hflip"], ["all", "wheel"]))
)
@pytest.mark.parametrize(
    "way",
    [
        ("mp4", "mkv", CONVERT), ("mkv", "mp4", CONVERT), ("mp4", "mp4", KEEP), ("mov", "mov", KEEP),
        ("mkv", "mkv", KEEP), ("mp4", "mkv", ENCODE), ("mkv", "mkv", ENCODE), ("mkv", "mp4", ENCODE),
    ],
)  # fmt: skip
def test_it_survives_every_way_with_every_ffmpeg(world, way, tools, turn):
    """FFmpeg before 6 writes no rotation into Matroska: another one is taken then."""
    before, after, policy = way
    if tools == "wheel":
        world.environ["PATH"] = str(world.bin)
    world.write_policy(policy % after if "%" in policy else policy)
    turned(world.media / f"phone.{before}", turn)
    result = process(world)
    assert result["status"] == "changed", result
    assert result["final_file"].endswith(after)
    assert orientation(result["final_file"]) == TURNS[turn]


def test_where_no_ffmpeg_can_keep_it_the_video_fails_before_any_work(world):
    world.write_policy(CONVERT % "mkv")
    path = turned(world.media / "phone.mp4")
    upright = world.media / "upright.mp4"
    make_sample(str(upright), TRACKS[:2], seconds=0.3)
    old = world.bin / "ffmpeg"
    old.write_text(OLD % wheel_toolbox().tools["ffmpeg"].path)
    old.chmod(0o755)
    before = path.read_bytes()
    env = {"IMAGEIO_FFMPEG_EXE": str(old), "PATH": str(world.bin)}
    report = json.loads(world.vpo("process", "--json", world.media, env=env).stdout)
    failed, done = sorted(report["results"], key=lambda result: result["file"])
    assert (failed["status"], failed["error_kind"]) == ("failed", "ToolMissing"), failed
    assert "version 6" in failed["error"]
    assert path.read_bytes() == before
    assert done["status"] == "changed"
    assert world.leftovers() == []
