"""New audio tracks from real sources with a tone of its own in every channel."""

from __future__ import annotations

import array
import json
import math
import subprocess

import pytest

from tests.support.fake_tools import wheel_toolbox
from vpo_tasks.media.av_reader import read_media

CHANNELS = {
    "5.1": ("FL", "FR", "FC", "LFE", "BL", "BR"),
    "5.1(side)": ("FL", "FR", "FC", "LFE", "SL", "SR"),
    "7.1": ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
    "stereo": ("FL", "FR"),
}
RATE = 8000
SECONDS = 0.8
AMPLITUDE = 0.1
POLICY = """
schema_version: 13
name: s
phases:
  - name: made
    audio_synthesis:
      tracks:
        - name: new
          codec: {codec}
          channels: {channels}
          source: {{prefer: [{{language: eng}}, {{channels: max}}]}}
          {more}
"""


def ffmpeg(*words) -> bytes:
    argv = [wheel_toolbox().tools["ffmpeg"].path, "-nostdin", "-v", "error", *map(str, words)]
    return subprocess.run(argv, capture_output=True, check=True).stdout


def frequency(channel: int) -> int:
    return 200 + 150 * channel


def make_source(path, layout="5.1", codec="flac", extra=()):
    """A video with one audio track (eng, Main) in which every channel sounds a tone of its own."""
    tones = "|".join(f"{AMPLITUDE}*sin(2*PI*{frequency(n)}*t)" for n in range(len(CHANNELS[layout])))
    sound = f"aevalsrc={tones}:c={layout.replace('(', chr(92) + '(').replace(')', chr(92) + ')')}:s={RATE}:d={SECONDS}"
    ffmpeg(
        "-f", "lavfi", "-i", f"testsrc=s=64x48:r=25:d={SECONDS}", "-f", "lavfi", "-i", sound, *extra,
        "-map", "0", "-map", "1", *(["-map", "2"] if extra else []), "-c:v", "mpeg4", "-c:a", codec,
        "-metadata:s:a:0", "language=eng", "-metadata:s:a:0", "title=Main", "-y", path,
    )  # fmt: skip


def levels(path, stream: int, channels: int) -> list[dict[int, float]]:
    """How loud each source tone is in each channel, as a part of its own amplitude."""
    raw = ffmpeg("-i", path, "-map", f"0:{stream}", "-ar", RATE, "-f", "f32le", "-")
    samples = array.array("f", raw)
    found = []
    for channel in range(channels):
        one = samples[channel::channels][RATE // 5 : RATE // 5 + 2 * RATE // 5]
        tones = {}
        for number in range(8):
            step = 2 * math.pi * frequency(number) / RATE
            sine = sum(value * math.sin(step * at) for at, value in enumerate(one))
            cosine = sum(value * math.cos(step * at) for at, value in enumerate(one))
            tones[number] = 2 * math.hypot(sine, cosine) / len(one) / AMPLITUDE
        found.append(tones)
    return found


def synthesise(world, *, codec="flac", channels="stereo", more=""):
    world.write_policy(POLICY.format(codec=codec, channels=channels, more=more))
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def expected_rows(layout, channels):
    """The reference's matrix for names of any layout, divided so that nothing clips."""
    half, root = 0.5, 0.707
    if channels == 2 and layout == "7.1":
        side = {"FC": root, "LFE": half}
        rows = [{"FL": 1, "BL": half, "SL": half, **side}, {"FR": 1, "BR": half, "SR": half, **side}]
    elif channels == 2:
        side = {"FC": root, "LFE": half}
        rows = [{"FL": 1, "BL": root, "SL": root, **side}, {"FR": 1, "BR": root, "SR": root, **side}]
    elif channels == 6:
        rows = [
            {"FL": 1},
            {"FR": 1},
            {"FC": 1},
            {"LFE": 1},
            {"BL": root, "SL": root},
            {"BR": root, "SR": root},
        ]
    elif layout == "7.1":
        rows = [
            {
                "FL": 0.25,
                "FR": 0.25,
                "FC": 0.353,
                "LFE": 0.25,
                **dict.fromkeys(("BL", "BR", "SL", "SR"), 0.125),
            }
        ]
    elif layout == "stereo":
        rows = [{"FL": 0.5, "FR": 0.5}]
    else:
        rows = [
            {
                "FL": 0.333,
                "FR": 0.333,
                "FC": 0.471,
                "LFE": 0.333,
                **dict.fromkeys(("BL", "BR", "SL", "SR"), 0.236),
            }
        ]
    names = CHANNELS[layout]
    sums = [sum(weight for name, weight in row.items() if name in names) for row in rows]
    return [[row.get(name, 0.0) / max(1.0, *sums) for name in names] for row in rows]


@pytest.mark.parametrize(
    ("layout", "channels", "word"),
    [
        ("5.1", 2, "stereo"),
        ("5.1(side)", 2, "stereo"),
        ("7.1", 2, "stereo"),
        ("7.1", 6, '"5.1"'),
        ("7.1", 1, "mono"),
        ("5.1", 1, "mono"),
        ("stereo", 1, "mono"),
    ],
)
def test_downmix_has_the_reference_s_weights_and_cannot_clip(world, layout, channels, word):
    path = world.media / "a.mkv"
    make_source(path, layout)
    synthesise(world, channels=word)
    track = read_media(str(path)).tracks[2]
    assert (track.codec, track.channels, track.language, track.title) == ("flac", channels, "eng", "Main")
    assert track.channel_layout == {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    rows = expected_rows(layout, channels)
    for row, tones in zip(rows, levels(path, 2, channels), strict=True):
        assert sum(row) <= 1.0001
        for number, weight in enumerate(row):
            assert tones[number] == pytest.approx(weight, abs=0.01), (layout, number)


@pytest.mark.parametrize("codec", ["aac", "ac3", "eac3", "opus"])
def test_every_codec_keeps_loudness_and_layout(world, codec):
    path = world.media / "a.mkv"
    make_source(path, "7.1")
    synthesise(world, codec=codec, channels='"5.1"')
    track = read_media(str(path)).tracks[2]
    assert (track.codec, track.channels) == (codec, 6)
    assert track.channel_layout in ("5.1", "5.1(side)")
    front = levels(path, 2, 6)[0]
    assert front[0] == pytest.approx(1 / 1.414, abs=0.08)
    assert front[1] < 0.1


def test_side_surrounds_become_opus_although_the_encoder_refuses_them(world):
    path = world.media / "a.mkv"
    make_source(path, "5.1(side)")
    synthesise(world, codec="opus", channels='"5.1"')
    assert read_media(str(path)).tracks[2].channel_layout == "5.1"


@pytest.mark.parametrize(
    ("position", "order"),
    [
        ("end", ["Main", "Second", "New"]),
        ("after_source", ["Main", "New", "Second"]),
        ("1", ["New", "Main", "Second"]),
    ],
)
def test_position_title_and_language(world, position, order):
    path = world.media / "a.mkv"
    make_source(path, extra=("-f", "lavfi", "-i", f"sine=d={SECONDS}"))
    plain = world.media / "b.mkv"
    path.rename(plain)
    ffmpeg(
        "-i",
        plain,
        "-map",
        0,
        "-c",
        "copy",
        "-metadata:s:a:1",
        "title=Second",
        "-metadata:s:a:1",
        "language=fre",
        path,
    )
    plain.unlink()
    more = f"title: New\n          language: ger\n          position: {position}"
    before = read_media(str(path))
    synthesise(world, codec="aac", more=more)
    media = read_media(str(path))
    audio = media.of_type("audio")
    assert [track.title for track in audio] == order
    made = next(track for track in audio if track.title == "New")
    assert (made.language, made.default, made.channels) == ("ger", False, 2)
    assert len(media.tracks) == len(before.tracks) + 1
    report = json.loads(world.vpo("process", "--json", "--force", world.media).stdout)
    assert report["summary"]["unchanged_count"] == 1  # nothing is made twice


@pytest.mark.parametrize(
    "more",
    [
        "skip_if_exists: {codec: flac, channels: {gte: 6}}",
        'create_if: "exists(audio, channels >= 8)"',
    ],
)
def test_conditions_under_which_nothing_is_made(world, more):
    path = world.media / "a.mkv"
    make_source(path)
    report = synthesise(world, more=more)
    assert report["summary"]["unchanged_count"] == 1
    assert len(read_media(str(path)).tracks) == 2


def test_a_downmix_that_the_same_policy_transcodes_stays_a_downmix(world):
    path = world.media / "a.mkv"
    make_source(path)
    more = (
        "title: New\n          skip_if_exists: {channels: 2}\n    transcode: {audio: {preserve: [], to: aac}}"
    )
    synthesise(world, codec="ac3", more=more)
    audio = read_media(str(path)).of_type("audio")
    assert [(track.title, track.codec, track.channels) for track in audio] == [
        ("Main", "aac", 6),
        ("New", "aac", 2),
    ]
