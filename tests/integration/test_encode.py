"""Real encodes with every ffmpeg there is: the output is what the plan said, and nothing else was lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.support.execute import make_environment, plan_for, work_for
from tests.support.fake_tools import real_toolbox, require_tool, wheel_toolbox
from vpo_tasks.errors import LargerError
from vpo_tasks.execute.replace import carry_out
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleTrack, make_sample
from vpo_tasks.plan.model import Encode
from vpo_tasks.tools.encoders import Hardware, ask_encoders
from vpo_tasks.tools.toolbox import Toolbox

T = SampleTrack
FFMPEGS: dict[str, Callable[[], Toolbox]] = {"path": real_toolbox, "wheel": wheel_toolbox}
VIDEO = {
    "h264-crf": Encode(codec="h264", crf=30, preset="ultrafast", tune="film"),
    "h264-bitrate": Encode(codec="h264", bitrate=80_000, preset="superfast"),
    "h264-two-pass": Encode(codec="h264", bitrate=80_000, preset="ultrafast", two_pass=True),
    "h264-constrained": Encode(codec="h264", crf=30, min_rate=1000, max_rate=90_000, preset="veryfast"),
    "hevc-crf": Encode(codec="hevc", crf=35, preset="ultrafast", tune="grain"),
    "hevc-two-pass": Encode(codec="hevc", bitrate=60_000, preset="ultrafast", two_pass=True),
    "hevc-constrained": Encode(codec="hevc", crf=35, max_rate=90_000, preset="ultrafast"),
    "vp9-crf": Encode(codec="vp9", crf=40, preset="ultrafast"),
    "vp9-two-pass": Encode(codec="vp9", bitrate=60_000, preset="ultrafast", two_pass=True),
    "vp9-constrained": Encode(codec="vp9", crf=40, max_rate=90_000, preset="ultrafast"),
    "av1-crf": Encode(codec="av1", crf=45, preset="ultrafast"),
    "av1-bitrate": Encode(codec="av1", bitrate=60_000, preset="ultrafast"),
    "av1-two-pass": Encode(codec="av1", bitrate=60_000, preset="ultrafast", two_pass=True),
    "h264-scaled": Encode(codec="h264", crf=30, preset="ultrafast", width=64, height=48, scale_algorithm="bicubic"),
    "hevc-scaled": Encode(codec="hevc", crf=35, preset="ultrafast", width=64, height=48, scale_algorithm="lanczos"),
    "vp9-scaled": Encode(codec="vp9", crf=40, preset="ultrafast", width=64, height=48, scale_algorithm="bilinear"),
}  # fmt: skip
SVT = {
    "svt-crf": Encode(codec="av1", crf=45, preset="ultrafast"),
    "svt-bitrate": Encode(codec="av1", bitrate=60_000, preset="ultrafast"),
    "svt-constrained": Encode(codec="av1", crf=45, max_rate=90_000, preset="ultrafast"),
}
AUDIO = {
    "aac": Encode(codec="aac", bitrate=96_000),
    "ac3": Encode(codec="ac3", bitrate=128_000),
    "eac3": Encode(codec="eac3", bitrate=128_000),
    "opus": Encode(codec="opus", bitrate=64_000),
    "flac": Encode(codec="flac"),
    "mp3": Encode(codec="mp3", bitrate=96_000),
    "pcm_s16le": Encode(codec="pcm_s16le"),
    "pcm_s24le": Encode(codec="pcm_s24le"),
    "truehd": Encode(codec="truehd"),
    "dts": Encode(codec="dts", bitrate=768_000),
}


def put(encodes):
    def change(track):
        encode = encodes.get(track.index)
        if encode is None:
            return track
        return msgspec.structs.replace(
            track, codec=encode.codec, width=encode.width or track.width, height=encode.height or track.height,
            channels=encode.channels or track.channels, channel_layout=None, sample_rate=None,
        )  # fmt: skip

    return change


def encode_to(path: Path, encodes: dict[int, Encode], toolbox, *, only: str | None = None, threads=1, **more):
    found = read_media(str(path))
    plan = plan_for(found, encode=encodes, change=put(encodes), **more)
    ffmpeg = toolbox.tools["ffmpeg"].path
    listed = ask_encoders(ffmpeg)
    if only is not None:
        listed = (listed - {"libaom-av1"}) | {only}
    environment = make_environment(
        path.parent, toolbox=toolbox, threads=threads, hardware=Hardware(ffmpeg, listed, lambda _c: 1)
    )
    done = carry_out(work_for(str(path), plan, verify="full"), environment)
    return found, done


@pytest.fixture(scope="session")
def video(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("encode") / "video.mkv"
    make_sample(
        str(path), [T("video", "mpeg4", default=True), T("audio", "ac3", "eng", "Main")], size=(128, 96)
    )
    return path


def copy_of(source: Path, folder: Path) -> Path:
    path = folder / source.name
    path.write_bytes(source.read_bytes())
    return path


@pytest.mark.parametrize("ffmpeg", FFMPEGS)
@pytest.mark.parametrize("case", [*VIDEO, *SVT])
def test_video_codecs_and_modes(tmp_path, video, case, ffmpeg):
    require_tool("ffmpeg")
    encode = (VIDEO | SVT)[case]
    path = copy_of(video, tmp_path)
    only = "libsvtav1" if case in SVT else None
    _before, done = encode_to(path, {0: encode}, FFMPEGS[ffmpeg](), only=only)
    track = done.media.tracks[0]
    assert track.codec == encode.codec
    assert (track.width, track.height) == ((64, 48) if "scaled" in case else (128, 96))
    assert packets(path) == packets(video)
    assert os.listdir(tmp_path) == ["locks", "video.mkv"] or set(os.listdir(tmp_path)) == {
        "locks",
        "video.mkv",
    }
    assert not [w for w in done.warnings if "rror" in w]


@pytest.mark.parametrize("ffmpeg", FFMPEGS)
@pytest.mark.parametrize("codec", AUDIO)
def test_audio_codecs(tmp_path, video, codec, ffmpeg):
    require_tool("ffmpeg")
    path = copy_of(video, tmp_path)
    _, done = encode_to(path, {1: AUDIO[codec]}, FFMPEGS[ffmpeg]())
    track = done.media.tracks[1]
    assert (track.codec, track.language, track.title, track.channels) == (codec, "eng", "Main", 2)


def packets(path: Path) -> int:
    from vpo_tasks.media.packet_counts import count_packets

    return count_packets(str(path), read_media(str(path)))[0].packets


def run(*words: object) -> str:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def wheel() -> str:
    return wheel_toolbox().tools["ffmpeg"].path


def test_an_encode_that_is_larger_is_refused_and_leaves_no_trace(tmp_path, video):
    path = copy_of(video, tmp_path)
    huge = Encode(
        codec="h264", bitrate=20_000_000, preset="ultrafast", extra_args=("-qp", "0"), discard_larger=True
    )
    with pytest.raises(LargerError) as caught:
        encode_to(path, {0: huge}, wheel_toolbox())
    assert caught.value.after > caught.value.before > 0
    assert path.read_bytes() == video.read_bytes()
    assert set(os.listdir(tmp_path)) == {"locks", "video.mkv"}
