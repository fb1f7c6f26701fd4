"""Dolby Vision and HDR10+: kept by every copy, and where an encode loses them, said before it begins."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.support.dolby_vision import say_dolby_vision, with_hdr10_plus
from tests.support.fake_tools import wheel_toolbox
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.matroska.header import read_layout

PQ = "log-level=none:pools=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
CONVERT = "schema_version: 13\nname: c\nphases:\n  - name: c\n    container: {target: %s}\n"
ENCODE = """
schema_version: 13
name: e
phases:
  - name: e
%s    transcode:
      video: {to: %s, crf: 40, preset: ultrafast, hw: none, keep_if_larger: true}
"""


def ffmpeg(*words, exe=None):
    argv = [exe or wheel_toolbox().tools["ffmpeg"].path, "-nostdin", "-v", "error", *map(str, words)]
    done = subprocess.run(argv, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def make(path, profile=8, compatible=1):
    """A video that says Dolby Vision, in the container that its name asks for."""
    plain = path.with_name("plain.tmp.mp4")
    source = ("-f", "lavfi", "-i", "testsrc2=s=128x96:d=0.4", "-pix_fmt", "yuv420p10le")
    ffmpeg(*source, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", PQ, "-tag:v", "hvc1", plain)
    say_dolby_vision(plain, profile, compatible)
    if path.suffix == ".mp4":
        plain.rename(path)
    else:
        ffmpeg("-i", plain, "-c", "copy", path)
        plain.unlink()
    return path


def only(world, ffmpeg_name):
    if ffmpeg_name == "wheel":
        world.environ["PATH"] = str(world.bin)


def process(world, *words):
    done = world.vpo("process", "--json", *words, world.media)
    (result,) = json.loads(done.stdout)["results"]
    return result


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize(
    ("profile", "compatible", "said"), [(8, 1, "8.1"), (8, 4, "8.4"), (5, 0, "5"), (7, 6, "7.6")]
)
def test_the_header_tells_the_profile(tmp_path, suffix, profile, compatible, said):
    path = make(tmp_path / f"a.{suffix}", profile, compatible)
    assert read_media(str(path)).tracks[0].dolby_vision == said


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize(("before", "after"), [("mp4", "mkv"), ("mkv", "mp4")])
def test_a_stream_copy_into_another_container_keeps_it(world, before, after, name):
    only(world, name)
    world.write_policy(CONVERT % after)
    make(world.media / f"a.{before}")
    result = process(world)
    assert result["status"] == "changed", result
    assert read_media(result["final_file"]).tracks[0].dolby_vision == "8.1"


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("to", ["hevc", "av1"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_an_encode_says_before_that_it_is_lost_and_does_not_claim_it_after(world, suffix, to, name):
    """FFmpeg 5.1 to 7 would copy the configuration to pictures that have no Dolby Vision any more."""
    only(world, name)
    policy = ENCODE % ("", to)
    world.write_policy(policy.replace("keep_if_larger", "max_width: 64, keep_if_larger"))
    path = make(world.media / f"a.{suffix}")
    assert any("Dolby Vision does not survive" in text for text in process(world, "--dry-run")["warnings"])
    result = process(world)
    assert result["status"] == "changed", result
    found = read_media(str(path)).tracks[0]
    assert (found.codec, found.width, found.dolby_vision) == (to, 64, None)
    assert found.color_transfer == "smpte2084"
    ffmpeg("-i", path, "-f", "null", "-")
    if suffix == "mkv":
        assert read_layout(str(path)).missing_bytes == 0


def test_pictures_that_have_true_colours_only_with_it_are_not_encoded(world):
    world.write_policy(ENCODE % ("", "av1"))
    path = make(world.media / "a.mkv", 5, 0)
    before = path.read_bytes()
    result = process(world)
    assert result["status"] == "unchanged", result
    assert any("profile 5" in text for text in result["warnings"])
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_hdr10_plus_is_found_in_the_first_picture_and_its_loss_is_said(world, suffix):
    world.write_policy(ENCODE % ("    container: {target: mkv}\n", "av1"))
    raw, timed, path = world.root / "raw.hevc", world.root / "timed.mp4", world.media / f"a.{suffix}"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=128x96:d=0.4", "-pix_fmt", "yuv420p10le", "-c:v", "libx265",
        "-preset", "ultrafast", "-x265-params", PQ, raw,
    )  # fmt: skip
    plain = raw.read_bytes()
    raw.write_bytes(with_hdr10_plus(plain))
    ffmpeg("-f", "hevc", "-i", raw, "-c", "copy", timed)
    ffmpeg("-i", timed, "-c", "copy", path)
    assert read_media(str(path)).tracks[0].hdr10_plus
    assert any("HDR10+ does not survive" in text for text in process(world, "--dry-run")["warnings"])


def test_a_picture_without_it_is_not_taken_for_hdr10_plus(tmp_path):
    assert not read_media(str(make(tmp_path / "a.mkv"))).tracks[0].hdr10_plus
