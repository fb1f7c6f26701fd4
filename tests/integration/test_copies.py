"""A stream copy is one: every packet of every track, at its own time, from each container to each."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.support.fake_tools import wheel_toolbox
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleTrack, make_sample

T = SampleTrack
POLICY = """
schema_version: 13
name: c
config: {audio_languages: [eng]}
phases:
  - name: c
%s    keep_audio: {languages: [eng, und]}
    track_order: [audio_main, video, subtitle_main]
"""
FILM = (T("video", "h264"), T("audio", "aac", "eng"), T("audio", "ac3", "eng"))
TEXTS = (T("subtitle", "subrip", "eng"), T("subtitle", "ass", "ger"))
PAIRS = {
    "mkv-mkv": (*FILM, T("audio", "flac", "fre"), *TEXTS),
    "mkv-mp4": FILM,
    "mp4-mkv": FILM,
    "mp4-mp4": (*FILM, T("audio", "aac", "fre"), T("subtitle", "mov_text", "eng")),
    "mov-mov": (*FILM, T("audio", "aac", "fre")),
    "mov-mkv": FILM,
    "mov-mp4": FILM,
    "avi-mkv": (T("video", "mpeg4"), T("audio", "mp3"), T("audio", "ac3")),
    "avi-mp4": (T("video", "mpeg4"), T("audio", "mp3"), T("audio", "ac3")),
    "webm-webm": (T("video", "vp9"), T("audio", "opus", "eng"), T("audio", "vorbis", "fre")),
    "flv-mkv": (T("video", "h264"), T("audio", "aac")),
    "ts-mkv": (T("video", "h264"), T("audio", "ac3", "eng")),
    "ts-mp4": (T("video", "h264"), T("audio", "ac3", "eng")),
}
REWRAPPED = {"ts-mkv", "ts-mp4"}
"""H.264 has start codes in MPEG-TS and lengths elsewhere: what they hold is compared decoded."""


def ffmpeg(*words) -> str:
    argv = [wheel_toolbox().tools["ffmpeg"].path, "-nostdin", "-v", "error", *map(str, words)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def digest(path, index, *, decoded=False) -> str:
    codec = ("-fps_mode", "passthrough") if decoded else ("-c", "copy")
    answer = ffmpeg("-i", path, "-map", f"0:{index}", *codec, "-f", "streamhash", "-hash", "md5", "-")
    return answer.strip().rpartition("=")[2]


def times(path, index) -> list[float]:
    """The packets' times of presentation in seconds, from the first on."""
    lines = ffmpeg("-i", path, "-map", f"0:{index}", "-c", "copy", "-f", "framecrc", "-").splitlines()
    scale = next(line.split()[-1] for line in lines if line.startswith("#tb"))
    over, _, under = scale.partition("/")
    ticks = sorted(int(line.split(",")[2]) for line in lines if not line.startswith("#"))
    return [(tick - ticks[0]) * int(over) / int(under) for tick in ticks]


def film(path, tracks):
    """A video with frames that are stored in another order than they are shown in, where its codec has them."""
    plain = path.with_name("plain.tmp" + path.suffix)
    make_sample(str(plain), tracks, seconds=1.2)
    codec = tracks[0].codec
    if codec != "h264":
        plain.rename(path)
        return
    words = ("-bf", 2, "-x264-params", "b-adapt=0:scenecut=0:sliced-threads=0", "-preset", "fast")
    ffmpeg("-i", plain, "-map", 0, "-c", "copy", "-c:v", "libx264", *words, "-fps_mode", "passthrough", path)
    plain.unlink()


@pytest.mark.parametrize("tools", ["all", "wheel"])
@pytest.mark.parametrize("pair", PAIRS)
def test_every_packet_is_copied(world, pair, tools):
    if tools == "wheel":
        world.environ["PATH"] = str(world.bin)
    suffix, _, target = pair.partition("-")
    container = "" if suffix == target else f"    container: {{target: {target}}}\n"
    world.write_policy(POLICY % container)
    path = world.media / f"a.{suffix}"
    film(path, PAIRS[pair])
    kept = world.root / path.name
    kept.write_bytes(path.read_bytes())
    (result,) = json.loads(world.vpo("process", "--json", world.media).stdout)["results"]
    assert (result["status"], result["step"]) == ("changed", "remux"), result
    before, after = read_media(str(kept)), read_media(result["final_file"])
    copied = [
        (track, other)
        for kind in ("video", "audio", "subtitle")
        for track, other in zip(
            [t for t in before.of_type(kind) if kind != "audio" or t.language != "fre"],
            after.of_type(kind),
            strict=True,
        )
    ]
    assert len(copied) >= 2
    for one, other in copied:
        decoded = pair in REWRAPPED and one.type == "video"
        assert digest(kept, one.index, decoded=decoded) == digest(
            result["final_file"], other.index, decoded=decoded
        ), one
        # Matroska counts milliseconds, AVI frames
        found = times(result["final_file"], other.index)
        if suffix != "avi" or one.type == "video":
            assert found == pytest.approx(times(kept, one.index), abs=0.0021), one
