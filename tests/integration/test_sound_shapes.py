"""Sound of the shapes that are met in real libraries: every layout and rate, into every codec that policies name."""

from __future__ import annotations

import json

import pytest

from tests.integration.test_encode_keeps import ffmpeg
from tests.support.fake_tools import wheel_toolbox
from vpo_tasks.media.av_reader import read_media

LAYOUTS = {
    "mono": 1, "stereo": 2, "2.1": 3, "3.0": 3, "3.0(back)": 3, "4.0": 4, "quad": 4, "quad(side)": 4, "3.1": 4,
    "4.1": 5, "5.0": 5, "5.0(side)": 5, "5.1": 6, "5.1(side)": 6, "6.0": 6, "6.0(front)": 6, "hexagonal": 6, "6.1": 7,
    "6.1(back)": 7, "6.1(front)": 7, "7.0": 7, "7.0(front)": 7, "7.1": 8, "7.1(wide)": 8, "octagonal": 8,
}  # fmt: skip
POLICY = """
schema_version: 13
name: s
phases:
  - name: p
    {operation}
"""


def add(path, layout, rate=48000, codec="wavpack", seconds=0.6):
    tones = "|".join(f"0.1*sin(2*PI*{200 + 100 * number}*t)" for number in range(LAYOUTS[layout]))
    quoted = layout.replace("(", r"\(").replace(")", r"\)")
    sound = f"aevalsrc={tones}:c={quoted}:s={rate}:d={seconds}"
    picture = f"testsrc=s=64x48:d={seconds}"
    ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-c:v", "mpeg4", "-c:a", codec, path)


def process(world, operation, name):
    world.write_policy(POLICY.format(operation=operation))
    if name == "wheel":
        (world.bin / "ffmpeg").symlink_to(wheel_toolbox().tools["ffmpeg"].path)
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 0, done.stderr
    again = json.loads(world.vpo("process", "--json", world.media).stdout)
    assert again["summary"]["up_to_date_count"] == again["summary"]["total_files"]


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("codec", ["aac", "ac3", "opus", "flac", "mp3", "dts"])
def test_every_layout_is_encoded_and_loses_no_channel_that_the_codec_has_room_for(world, codec, name):
    for layout in LAYOUTS:
        add(world.media / f"{layout}.mkv", layout)
    process(world, f"transcode: {{audio: {{to: {codec}, preserve: [], bitrate: 192k}}}}", name)
    most = {"mp3": 2, "ac3": 6, "dts": 6}.get(codec, 8)
    for layout, channels in LAYOUTS.items():
        track = read_media(str(world.media / f"{layout}.mkv")).tracks[1]
        assert track.codec == codec, layout
        if codec not in ("ac3", "dts"):  # theirs have no room for some, and FFmpeg chooses the next smaller
            assert min(channels, most) <= track.channels <= 8, layout


@pytest.mark.parametrize("codec", ["opus", "flac", "aac"])
@pytest.mark.parametrize("channels", [3, 4, 5, 7])
def test_any_number_of_channels_is_made(world, codec, channels):
    path = world.media / "a.mkv"
    add(path, "7.1")
    made = f"{{name: n, codec: {codec}, channels: {channels}, source: {{prefer: [{{channels: max}}]}}}}"
    process(world, f"audio_synthesis: {{tracks: [{made}]}}", "path")
    tracks = read_media(str(path)).tracks
    assert (tracks[2].codec, tracks[2].channels) == (codec, channels)


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("codec", ["aac", "mp3", "opus", "ac3"])
def test_sound_of_few_samples_a_second_is_encoded(world, codec, name):
    add(world.media / "a.mkv", "mono", 8000, "pcm_alaw", 1)
    add(world.media / "b.mkv", "stereo", 11025, "pcm_u8", 1)
    add(world.media / "c.mkv", "mono", 48000, "wavpack", 0.9)  # one packet
    process(world, f"transcode: {{audio: {{to: {codec}, preserve: [], bitrate: 64k}}}}", name)
    for path in world.media.glob("*.mkv"):
        assert read_media(str(path)).tracks[1].codec == codec


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("codec", ["mp3", "aac", "ac3"])
def test_sound_of_an_avi_is_encoded_in_place(world, codec, name):
    path = world.media / "a.avi"
    add(path, "stereo", 48000, "pcm_s16le", 1)
    process(world, f"transcode: {{audio: {{to: {codec}, preserve: [], bitrate: 128k}}}}", name)
    assert [track.codec for track in read_media(str(path)).tracks] == ["mpeg4", codec]
