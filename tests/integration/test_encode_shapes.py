"""Videos of the shapes that are met in real libraries: odd sizes, cut recordings, fields, old AVI files."""

from __future__ import annotations

import itertools
import json
import subprocess

import pytest

from tests.integration.test_encode_keeps import encode, ffmpeg, frame_times, stream
from tests.support.fake_tools import wheel_toolbox
from tests.support.media import need_tool


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("to", ["h264", "hevc", "vp9", "av1"])
def test_a_picture_of_odd_size_is_encoded(world, to, name):
    path = world.media / "a.mkv"
    source = "testsrc=s=85x47:r=25:d=0.4,format=yuv420p,setsar=8/9"
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", "ffv1", path)
    result = encode(world, to=to, ffmpeg_name=name)
    found = stream(path)
    size = (84, 46) if to in {"h264", "hevc"} else (85, 47)
    assert (found["codec_name"], found["width"], found["height"]) == (to, *size)
    assert found["sample_aspect_ratio"] == "8:9"
    assert any("85x47 is cut to 84x46" in text for text in result["warnings"]) == (size == (84, 46))
    again = json.loads(world.vpo("process", "--json", world.media).stdout)
    assert again["summary"]["up_to_date_count"] == 1


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_what_an_edit_list_cuts_off_is_not_missed(world, suffix, name):
    whole, path = world.root / "whole.mp4", world.media / "a.mp4"
    source = ("-f", "lavfi", "-i", "testsrc=s=64x48:d=3", "-f", "lavfi", "-i", "sine=d=3")
    ffmpeg(*source, "-c:v", "libx264", "-preset", "ultrafast", "-bf", 2, "-g", 75, "-c:a", "aac", whole)
    ffmpeg("-ss", 1.6, "-i", whole, "-c", "copy", path)  # most of the pictures are there, and hidden
    shown = len(frame_times_shown(path))
    result = encode(world, to="hevc", container="" if suffix == "mp4" else "mkv", ffmpeg_name=name)
    made = frame_times_shown(result["final_file"])
    assert len(made) == shown < 40
    assert made[-1] - made[0] == pytest.approx((shown - 1) / 25, abs=0.002)
    again = json.loads(world.vpo("process", "--json", world.media).stdout)
    assert again["summary"]["up_to_date_count"] == 1


def frame_times_shown(path) -> list[float]:
    probe = need_tool("ffprobe")
    words = ["-v", "error", "-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "csv=p=0"]
    answer = subprocess.run([probe, *words, str(path)], capture_output=True, check=True, text=True).stdout
    return [float(line.strip(",")) for line in answer.split()]


@pytest.mark.parametrize("name", ["path", "wheel"])
def test_pictures_that_an_avi_leaves_out_are_not_missed_in_matroska(world, name):
    path = world.media / "a.avi"
    source = ("-f", "lavfi", "-i", "testsrc=s=64x48:d=1.2", "-vf", "select='not(eq(n,1)+eq(n,2)+eq(n,9))'")
    ffmpeg(*source, "-fps_mode", "vfr", "-c:v", "msmpeg4", path)
    convert(world, "mkv", name)
    times = frame_times(world.media / "a.mkv")
    assert len(times) == 27
    assert times[:3] == pytest.approx([0, 0.12, 0.16], abs=0.002)


def convert(world, target, ffmpeg_name) -> dict:
    container = f"container: {{target: {target}, on_incompatible_codec: transcode}}"
    world.write_policy(f"schema_version: 13\nname: c\nphases:\n  - name: p\n    {container}\n")
    if ffmpeg_name == "wheel":
        (world.bin / "ffmpeg").symlink_to(wheel_toolbox().tools["ffmpeg"].path)
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 0, done.stderr + done.stdout
    (result,) = json.loads(done.stdout)["results"]
    again = json.loads(world.vpo("process", "--json", world.media).stdout)
    assert again["summary"]["up_to_date_count"] == 1
    return result


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("codec", ["libxvid", "mpeg4", "libx264"])
def test_pictures_of_an_avi_with_b_frames_are_encoded_in_order(world, codec, name):
    # libxvid packs two pictures into one chunk, as DivX did; H.264 does not say how far it reorders
    source = ("-f", "lavfi", "-i", "testsrc=s=64x48:d=1.6")
    ffmpeg(*source, "-c:v", codec, "-bf", 2, world.media / "a.avi", exe=need_tool("ffmpeg"))
    result = encode(world, to="hevc", container="mkv", ffmpeg_name=name)
    times = frame_times_shown(result["final_file"])
    assert len(times) > 30
    steps = [round(later - earlier, 3) for earlier, later in itertools.pairwise(times)]
    assert steps == [0.04] * len(steps)
