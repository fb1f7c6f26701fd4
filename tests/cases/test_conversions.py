"""What a conversion or an encode used to lose without a word."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.library import World
from tests.support.tools import need_tool

TO_MP4 = "container: {target: mp4, on_incompatible_codec: transcode}"
TO_MKV = "container: {target: mkv}"
FILM = ("-f", "lavfi", "-i", "testsrc=s=128x96:r=10:d=0.6", "-f", "lavfi", "-i", "sine=d=0.6")
PICTURE = ("-f", "lavfi", "-i", "testsrc=s=60x90", "-frames:v", "1")


def ffmpeg(*words: object) -> None:
    command = [need_tool("ffmpeg"), "-v", "error", "-y", *map(str, words)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def film(path: Path, *words: object) -> Path:
    ffmpeg(*FILM, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", *words, path)
    return path


def mkvmerge(path: Path, *words: object) -> Path:
    command = [need_tool("mkvmerge"), "-q", "-o", str(path), *map(str, words)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def shown(path: Path) -> dict[str, Any]:
    words = ["-v", "error", "-show_streams", "-show_format", "-of", "json", str(path)]
    return json.loads(subprocess.run([need_tool("ffprobe"), *words], capture_output=True, check=True).stdout)


def run(world: World, phase: str) -> dict[str, Any]:
    """Run a policy over one video. Its dry run says the same, and a second run does nothing."""
    world.write_policy(f"schema_version: 13\nphases:\n  - name: p\n    {phase}\n")
    world.configure('[discovery]\nextensions = ["mkv", "mp4", "mov"]')
    promised = json.loads(world.vpo("process", "--dry-run", "--json", world.media).stdout)["results"][0]
    done = json.loads(world.vpo("process", "--json", world.media).stdout)["results"][0]
    assert done["error"] is None
    for key in ("status", "step", "changes"):
        assert promised[key] == done[key]
    assert set(promised["warnings"]) <= set(done["warnings"])
    assert json.loads(world.vpo("process", "--json", world.media).stdout)["summary"]["changed_count"] == 0
    return done


@pytest.mark.parametrize(
    ("name", "kind"), [("cover.jpg", "jpeg"), ("cover.png", "png"), ("Back of it.jpg", "jpeg")]
)
def test_a_cover_goes_into_mp4(world, tmp_path, name, kind):
    base = film(tmp_path / "base.mkv")
    ffmpeg(*PICTURE, tmp_path / name)
    attach = ("--attachment-mime-type", f"image/{kind}", "--attach-file", tmp_path / name)
    mkvmerge(world.media / "a.mkv", *attach, base)
    done = run(world, TO_MP4)
    pictures = [s for s in shown(world.media / "a.mp4")["streams"] if s["disposition"]["attached_pic"]]
    assert [(s["codec_name"], s["width"], s["height"]) for s in pictures] == [
        ("png" if kind == "png" else "mjpeg", 60, 90)
    ]
    assert any("loses its name" in text for text in done["warnings"]) == name.startswith("Back")


@pytest.mark.parametrize(("flags", "expected"), [(("0", "0"), [0, 0]), (("0", "1"), [0, 1])])
def test_subtitles_that_are_off_stay_off_in_mp4(world, tmp_path, flags, expected):
    base = film(tmp_path / "base.mkv")
    text = tmp_path / "text.srt"
    text.write_text("1\n00:00:00,100 --> 00:00:00,300\nHello\n\n")
    words: list[object] = [base]
    for flag in flags:
        words += ["--default-track-flag", f"0:{flag}", text]
    mkvmerge(world.media / "a.mkv", *words)
    run(world, TO_MP4)
    streams = shown(world.media / "a.mp4")["streams"]
    assert [s["disposition"]["default"] for s in streams if s["codec_type"] == "subtitle"] == expected


@pytest.mark.parametrize(
    ("source", "phase", "result"), [("a.mov", TO_MKV, "a.mkv"), ("a.mov", TO_MP4, "a.mp4")]
)
def test_the_time_of_a_recording_is_kept(world, source, phase, result):
    film(world.media / source, "-metadata", "creation_time=2020-02-02T02:02:02Z")
    run(world, phase)
    assert shown(world.media / result)["format"]["tags"]["creation_time"].startswith("2020-02-02T02:02:02")


def test_transparency_that_an_encode_loses_is_said_before(world):
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=128x96:r=10:d=0.3,format=yuva444p10le", "-c:v", "prores_ks",
        "-profile:v", "4444", "-pix_fmt", "yuva444p10le", world.media / "a.mov",
    )  # fmt: skip
    done = run(world, "transcode: {video: {to: hevc, preset: ultrafast, hw: none, keep_if_larger: true}}")
    assert any("transparency does not survive" in text for text in done["warnings"])


MASTERING = (
    "log-level=error:hdr10=1:repeat-headers=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:"
    "master-display=G(8500,39850)B(6550,2300)R(35400,14600)WP(15635,16450)L(10000000,1):max-cll=1000,400"
)


@pytest.mark.parametrize("to", ["hevc", "av1", "h264"])
def test_the_static_metadata_of_hdr10_is_kept_or_its_loss_is_said(world, to):
    path = world.media / "a.mkv"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=0.4,format=yuv420p10le", "-c:v",
        "libx265" if to != "hevc" else "libsvtav1", "-preset", "ultrafast" if to != "hevc" else "12",
        "-x265-params" if to != "hevc" else "-svtav1-params",
        MASTERING if to != "hevc" else "mastering-display=G(0.1700,0.7970)B(0.1310,0.0460)R(0.7080,0.2920)"
        "WP(0.3127,0.3290)L(1000.0,0.0001):content-light=1000,400:color-primaries=9:"
        "transfer-characteristics=16:matrix-coefficients=9", path,
    )  # fmt: skip
    done = run(world, f"transcode: {{video: {{to: {to}, crf: 40, hw: none, keep_if_larger: true}}}}")
    words = ["-v", "error", "-show_frames", "-read_intervals", "%+#1", "-of", "json", str(path)]
    frame = subprocess.run([need_tool("ffprobe"), *words], capture_output=True, text=True, check=True).stdout
    kept = "Mastering display" in frame and '"max_content": 1000' in frame
    assert kept != any("static metadata of HDR10" in text for text in done["warnings"])
    assert kept == (to != "h264")


SOUNDS = {
    "bluray": (
        "a.mts",
        ("-c:v", "libx264", "-c:a", "pcm_bluray", "-ac", "2", "-mpegts_m2ts_mode", "1"),
        "flac",
    ),
    "latm": ("a.ts", ("-c:v", "libx264", "-c:a", "aac", "-mpegts_flags", "latm"), "aac"),
    "nellymoser": ("a.flv", ("-c:v", "flv1", "-c:a", "nellymoser", "-ac", "1", "-ar", "22050"), "aac"),
}


@pytest.mark.parametrize("name", sorted(SOUNDS))
@pytest.mark.parametrize("action", ["transcode", "error"])
def test_sound_that_matroska_does_not_take_is_converted_or_refused_before(world, name, action):
    file, words, codec = SOUNDS[name]
    ffmpeg(*FILM, *words, world.media / file)
    before = (world.media / file).read_bytes()
    phase = f"container: {{target: mkv, on_incompatible_codec: {action}}}"
    world.write_policy(f"schema_version: 13\nphases:\n  - name: p\n    {phase}\n")
    world.configure('[discovery]\nextensions = ["mkv", "mts", "ts", "flv"]')
    results = [
        json.loads(world.vpo("process", "--json", *more, world.media).stdout)["results"][0]
        for more in (["--dry-run"], [])
    ]
    assert results[0]["status"] == results[1]["status"]
    if action == "error":
        assert results[1]["status"] == "failed"
        assert "mkv cannot hold" in results[0]["error"]
        assert (world.media / file).read_bytes() == before
    else:
        assert results[1]["error"] is None
        streams = shown(world.media / "a.mkv")["streams"]
        assert [s["codec_name"] for s in streams if s["codec_type"] == "audio"] == [codec]
