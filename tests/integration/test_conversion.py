"""Containers whose codecs do not fit, end to end (policy-format 9.6, K4 and K5)."""

from __future__ import annotations

import json

import pytest

from tests.support.fake_tools import wheel_toolbox
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleTrack, make_sample

T = SampleTrack
TRACKS = (
    T("video", "h264", default=True),
    T("audio", "truehd", "eng", "Main", default=True),
    T("audio", "vorbis", "fre", "VF"),
    T("subtitle", "ass", "eng", "Full"),
    T("subtitle", "subrip", "ger"),
    T("attachment", "ttf", filename="font.ttf"),
)
POLICY = """
schema_version: 13
name: k
phases:
  - name: p
    container:
      target: mp4
      on_incompatible_codec: transcode
{more}"""
MAPPINGS = """      codec_mappings:
        TrueHD: {codec: eac3, bitrate: 640k}
        ass: {codec: mov_text, action: remove}
"""


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize(
    ("more", "codecs"),
    [
        ("", ["h264", "aac", "aac", "mov_text", "mov_text"]),
        (MAPPINGS, ["h264", "eac3", "aac", "mov_text"]),
    ],
    ids=["K4", "K5"],
)
def test_what_mp4_cannot_hold_is_encoded_converted_or_dropped(world, more, codecs, name):
    path = world.media / "a.mkv"
    make_sample(str(path), TRACKS, seconds=0.8)
    world.write_policy(POLICY.format(more=more))
    if name == "wheel":
        (world.bin / "ffmpeg").symlink_to(wheel_toolbox().tools["ffmpeg"].path)
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 0, done.stderr + done.stdout
    (result,) = json.loads(done.stdout)["results"]
    assert result["final_file"] == str(world.media / "a.mp4")
    assert not path.exists()
    media = read_media(result["final_file"])
    assert [track.codec for track in media.tracks] == codecs
    assert [track.language for track in media.tracks][:3] == ["und", "eng", "fre"]
    assert [track.title for track in media.tracks][1:3] == ["Main", "VF"]
    text = " ".join(result["warnings"])
    assert "ttf is dropped" in text
    assert ("loses its styling" in text) == (not more)
    again = json.loads(world.vpo("process", "--json", world.media).stdout)
    assert again["summary"]["up_to_date_count"] == 1


def test_rates_of_the_mapping_are_those_of_the_result(world):
    path = world.media / "a.mkv"
    make_sample(str(path), TRACKS[:2], seconds=1)
    world.write_policy(POLICY.format(more=MAPPINGS))
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 0, done.stderr
    assert read_media(str(world.media / "a.mp4")).tracks[1].bit_rate == pytest.approx(640_000, rel=0.05)


@pytest.mark.parametrize("codec", ["a\nb", "x y", "\u2028"])
def test_a_mapping_to_what_is_no_codec_s_name_fails_the_phase_and_is_no_bug(world, codec):
    make_sample(str(world.media / "a.mkv"), TRACKS[:2], seconds=0.4)
    more = f"      codec_mappings: {{truehd: {{codec: {json.dumps('_' + codec)}}}}}\n"
    world.write_policy(POLICY.format(more=more))
    done = world.vpo("process", world.media)
    assert done.returncode == 1, done.stderr
    assert "cannot be written into mp4" in done.stderr


@pytest.mark.parametrize(("codec", "found"), [("e-ac-3", "eac3"), ("mp4a", "aac"), ("alac", "alac")])
def test_a_mapping_takes_every_name_of_a_codec_and_no_rate_for_a_lossless_one(world, codec, found):
    make_sample(str(world.media / "a.mkv"), TRACKS[:2], seconds=0.4)
    world.write_policy(POLICY.format(more=f"      codec_mappings: {{truehd: {{codec: {codec}}}}}\n"))
    dry = world.vpo("process", "-n", "--json", world.media)
    (change,) = (c for c in json.loads(dry.stdout)["results"][0]["changes"] if c["what"] == "codec")
    assert change["new"] == found
    done = world.vpo("process", world.media)
    assert done.returncode == 0, done.stderr
    assert read_media(str(world.media / "a.mp4")).tracks[1].codec == found


def test_a_converted_subtitle_passes_the_full_verification(world):
    tracks = (T("video", "h264", default=True), T("audio", "aac", "eng"), T("subtitle", "mov_text", "eng"))
    make_sample(str(world.media / "a.mp4"), tracks, seconds=0.4)
    world.configure('[safety]\nverify = "full"\n')
    world.write_policy("schema_version: 13\nname: k\nphases: [{name: p, container: {target: mkv}}]\n")
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 0, done.stdout
    assert [track.codec for track in read_media(str(world.media / "a.mkv")).tracks] == [
        "h264",
        "aac",
        "subrip",
    ]
