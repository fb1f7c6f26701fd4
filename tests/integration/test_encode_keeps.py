"""What an encode leaves alone: every other stream bit for bit, and all that players need to show the picture."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from typing import Any

import pytest

from tests.support.fake_tools import wheel_toolbox
from tests.support.media import need_tool
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleChapter, SampleTrack, make_sample

T = SampleTrack
CHAPTERS = (SampleChapter(0, 0.4, "one"), SampleChapter(0.4, 0.8, "two"))
RICH = (
    T("video", "mpeg4", default=True),
    T("audio", "aac", "eng", "Main", default=True),
    T("audio", "ac3", "fre", "VF", dispositions=("comment",)),
    T("subtitle", "subrip", "eng", "Full"),
    T("subtitle", "ass", "ger", forced=True),
    T("attachment", "ttf", filename="font.ttf"),
    T("attachment", "png", filename="cover.png"),
)
MP4 = (
    T("video", "mpeg4", default=True),
    T("audio", "aac", "eng", "Main", default=True),
    T("audio", "ac3", "fre", "VF"),
    T("subtitle", "mov_text", "eng", "Full", default=True),
)
PLAIN = (T("video", "mpeg4", default=True), T("audio", "ac3", "eng", default=True), T("audio", "mp3", "fre"))
POLICY = """
schema_version: 13
name: e
phases:
  - name: p
{container}    transcode:
      video: {{to: {to}, preset: ultrafast, crf: 40, hw: none, keep_if_larger: true{more}}}
"""


def ffmpeg(*words, exe=None) -> str:
    argv = [exe or wheel_toolbox().tools["ffmpeg"].path, "-nostdin", "-v", "error", *map(str, words)]
    done = subprocess.run(argv, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def digests(path) -> list[str]:
    """One digest of the packets of each track of sound and text, timestamps left out."""
    maps = ("-map", "0:a", "-map", "0:s?")
    answer = ffmpeg("-i", path, *maps, "-c", "copy", "-f", "streamhash", "-hash", "md5", "-")
    return [line.rpartition("=")[2] for line in answer.splitlines()]


def encode(world, *, to="hevc", container="", more="", ffmpeg_name="path"):
    if container:
        container = f"    container: {{target: {container}}}\n"
    world.write_policy(POLICY.format(to=to, container=container, more=more))
    if ffmpeg_name == "wheel":
        (world.bin / "ffmpeg").symlink_to(wheel_toolbox().tools["ffmpeg"].path)
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 0, done.stderr + done.stdout
    (result,) = json.loads(done.stdout)["results"]
    assert result["step"] == "encode"
    return result


def stream(path, index=0) -> dict[str, Any]:
    probe = need_tool("ffprobe")
    argv = [probe, "-v", "error", "-show_streams", "-select_streams", str(index), "-of", "json", str(path)]
    return json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)["streams"][0]


def frame_times(path) -> list[float]:
    probe = need_tool("ffprobe")
    argv = [
        probe,
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-show_entries",
        "packet=pts_time",
        "-of",
        "csv=p=0",
        str(path),
    ]
    answer = subprocess.run(argv, capture_output=True, check=True, text=True).stdout
    times = sorted(float(line.strip(",")) for line in answer.split())
    return [time - times[0] for time in times]


PAIRS = {
    "mkv": ("mkv", RICH, "", "hevc"),
    "mkv-av1": ("mkv", RICH, "", "av1"),
    "mp4": ("mp4", MP4, "", "h264"),
    "mp4-hevc": ("mp4", MP4, "", "hevc"),
    "mov": ("mov", MP4[:3], "", "h264"),
    "webm": ("webm", (T("video", "vp8"), T("audio", "opus"), T("audio", "vorbis")), "", "vp9"),
    "avi-mkv": ("avi", (T("video", "mpeg4"), T("audio", "mp3")), "mkv", "h264"),
    "ts-mkv": ("ts", (T("video"), T("audio", "ac3")), "mkv", "h264"),
    "mp4-mkv": ("mp4", MP4[:3], "mkv", "hevc"),
    "mkv-mp4": ("mkv", PLAIN, "mp4", "hevc"),
}  # fmt: skip


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("case", PAIRS)
def test_what_is_not_encoded_is_copied_bit_for_bit(world, case, name):
    suffix, tracks, container, to = PAIRS[case]
    path = world.media / f"a.{suffix}"
    has_more = suffix in {"mkv", "mp4"}
    make_sample(
        str(path), tracks, seconds=0.8, size=(128, 96), chapters=CHAPTERS if has_more else (),
        tags={"title": "Film", "artist": "me"} if has_more else None,
    )  # fmt: skip
    before, packets = read_media(str(path)), digests(path)
    result = encode(world, to=to, container=container, ffmpeg_name=name)
    after = read_media(result["final_file"])
    assert after.tracks[0].codec == to
    assert digests(result["final_file"]) == packets
    assert [chapter.title for chapter in after.chapters] == [chapter.title for chapter in before.chapters]
    assert [(t.codec, t.filename) for t in after.of_type("attachment")] == [
        (t.codec, t.filename) for t in before.of_type("attachment")
    ]
    for one, other in zip(before.tracks, after.tracks, strict=True):
        assert (one.type, one.language, one.forced) == (other.type, other.language, other.forced)
        assert not container or one.title == other.title
        assert set(one.dispositions) <= set(other.dispositions)
    if has_more:
        assert {name: after.tags.get(name) for name in ("title", "artist")} == {
            "title": "Film",
            "artist": "me",
        }


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("to", ["h264", "hevc", "vp9", "av1"])
def test_variable_frame_rate_aspect_colours_and_rotation_survive(world, to, suffix, name):
    plain, path = world.root / "plain.mp4", world.media / f"a.{suffix}"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc=s=128x96:r=25:d=1.2", "-vf",
        "select='not(mod(n,3)*gt(n,8)*lt(mod(n,7),4))',setsar=4/3,format=yuv420p", "-fps_mode", "vfr",
        "-c:v", "mpeg4", "-color_primaries", "smpte170m", "-color_trc", "smpte170m", "-colorspace", "smpte170m", plain,
    )  # fmt: skip
    ffmpeg("-display_rotation:v:0", 90, "-i", plain, "-c", "copy", path)
    before, times = stream(path), frame_times(path)
    assert len({round(b - a, 3) for a, b in itertools.pairwise(times)}) > 1
    encode(world, to=to, ffmpeg_name=name)
    after = stream(path)
    assert frame_times(path) == pytest.approx(times, abs=0.001)
    for field in ("width", "height", "sample_aspect_ratio", "display_aspect_ratio"):
        assert after[field] == before[field], field
    assert rotation(after) == rotation(before) == 90
    for field in ("color_primaries", "color_transfer", "color_space"):
        if field in before:
            assert after[field] == before[field], field


def rotation(found) -> int:
    return next((int(data["rotation"]) for data in found.get("side_data_list", ()) if "rotation" in data), 0)


MASTER = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("to", ["hevc", "av1"])
def test_hdr10_static_metadata_survives(world, to, suffix, name):
    path = world.media / f"a.{suffix}"
    params = f"log-level=error:pools=1:hdr10=1:repeat-headers=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:master-display={MASTER}:max-cll=1000,400"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc=s=128x96:r=25:d=0.4", "-pix_fmt", "yuv420p10le", "-c:v", "libx265",
        "-preset", "ultrafast", "-x265-params", params, path,
    )  # fmt: skip
    assert read_media(str(path)).tracks[0].color_transfer == "smpte2084"
    encode(world, to=to, more=", max_width: 64", ffmpeg_name=name)
    found = read_media(str(path)).tracks[0]
    assert (found.codec, found.width) == (to, 64)
    assert (found.color_transfer, found.color_primaries, found.color_space) == (
        "smpte2084",
        "bt2020",
        "bt2020nc",
    )
    assert found.pixel_format == "yuv420p10le"
    if to == "av1" and name == "path":
        return  # the encoder of ffmpeg 5.1 writes none of it into the stream
    text = subprocess.run(
        [wheel_toolbox().tools["ffmpeg"].path, "-nostdin", "-i", path, "-vf", "showinfo", "-frames:v", "1", "-f", "null", "-"],
        capture_output=True, text=True,
    ).stderr  # fmt: skip
    assert re.search(r"r\(0\.6800,? ?0\.3200\)", text), text
    assert "max_luminance=1000.000000" in text
    assert re.search(r"MaxCLL=1000, MaxFALL=400", text)
