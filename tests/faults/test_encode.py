"""Encodes that come out short or hang: each is caught, and the original stays."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
import pytest

from tests.support.execute import make_environment, plan_for, work_for
from tests.support.fake_tools import fake_tool, wheel_toolbox
from vpo_tasks.errors import FileError, ToolError, VerifyError
from vpo_tasks.execute.replace import carry_out
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleTrack, make_sample
from vpo_tasks.plan.model import Encode

VIDEO = Encode(codec="h264", crf=30, preset="ultrafast")
SOUND = Encode(codec="aac", bitrate=64_000)
TWO_PASS = Encode(codec="h264", bitrate=100_000, preset="ultrafast", two_pass=True)
REAL = "real = " + repr(wheel_toolbox().tools["ffmpeg"].path) + "\n"
WITH = REAL + "a = sys.argv[1:]\n"
RUN = "subprocess.run([real] + a, check=True)\n"


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "library" / "film.mkv"
    path.parent.mkdir()
    tracks = [
        SampleTrack("video", "mpeg4"),
        SampleTrack("audio", "ac3", "eng"),
        SampleTrack("audio", "mp3", "fre"),
    ]
    make_sample(str(path), tracks, seconds=2, size=(128, 96))
    return path


def attempt(film: Path, toolbox, encodes=None, *, state: Path | None = None, **environment):
    encodes = encodes or {0: VIDEO, 1: SOUND}

    def change(track):
        encode = encodes.get(track.index)
        return track if encode is None else msgspec.structs.replace(track, codec=encode.codec)

    plan = plan_for(read_media(str(film)), encode=encodes, change=change)
    carry_out(
        work_for(str(film), plan),
        make_environment(state or film.parent.parent, toolbox=toolbox, threads=1, **environment),
    )


SHORT = {
    "everything ends early": "a[-1:-1] = ['-t', '1']\n" + RUN,
    "the video ends a fifth of a second early": "a[-1:-1] = ['-filter:0', 'trim=end=1.8']\n" + RUN,
    "the encoded sound ends early": "a[-1:-1] = ['-filter:1', 'atrim=end=1.7']\n" + RUN,
    "two of three frames are dropped": "a[-1:-1] = ['-filter:0', 'select=not(mod(n\\\\,3))']\n" + RUN,
    "the last bytes are missing": RUN + "os.truncate(output, os.path.getsize(output) - 3000)\n",
    "a copied track is short": "a[-1:-1] = ['-bsf:2', 'noise=drop=not(mod(n\\\\,7))']\n" + RUN,
}  # fmt: skip


@pytest.mark.parametrize("case", SHORT)
def test_a_tool_that_exits_0_with_a_short_output_is_caught(film, case):
    before = film.read_bytes()
    with pytest.raises(VerifyError if "bytes" not in case else FileError):
        attempt(film, fake_tool(str(film.parent.parent), WITH + SHORT[case]))
    assert film.read_bytes() == before
    assert os.listdir(film.parent) == ["film.mkv"]


def test_the_same_tool_left_alone_passes(film):
    attempt(film, fake_tool(str(film.parent.parent), WITH + RUN))
    assert read_media(str(film)).tracks[0].codec == "h264"


def test_what_does_not_decode_is_caught_by_the_full_verification(film):
    # bytes in the middle of the encoded pictures: every packet is there, and of the right length
    broken = WITH + (
        "making = a[-2] == 'matroska'\ncode = subprocess.run([real] + a).returncode\n"
        "if making:\n    size = os.path.getsize(output)\n    with open(output, 'r+b') as f:\n"
        "        data = bytearray(f.read()); at = data.find(b'\\x1f\\x43\\xb6\\x75')\n"
        "        for k in range(at + 1500, at + 4500): data[k] ^= (k * 7) & 0xff if k % 5 == 0 else 0\n"
        "        f.seek(0); f.write(data)\nsys.exit(code)\n"
    )
    before = film.read_bytes()
    encodes = {0: Encode(codec="h264", crf=5, preset="ultrafast")}
    tool = fake_tool(str(film.parent.parent), broken)

    def change(track):
        return msgspec.structs.replace(track, codec="h264") if track.index == 0 else track

    plan = plan_for(read_media(str(film)), encode=encodes, change=change)
    environment = make_environment(film.parent.parent, toolbox=tool, threads=1)
    with pytest.raises(FileError):
        carry_out(work_for(str(film), plan, verify="full"), environment)
    assert film.read_bytes() == before


def test_an_encode_without_progress_is_ended_after_the_stall_timeout(film):
    before = film.read_bytes()
    with pytest.raises(ToolError, match="no progress for 0.5 s"):
        attempt(film, fake_tool(str(film.parent.parent), "time.sleep(600)\n"), stall_timeout_s=0.5)
    assert film.read_bytes() == before


def test_an_encode_that_gets_on_slowly_is_let_alone_and_tells_how_far_it_is(film):
    told = []
    body = (
        WITH
        + "for n in range(1, 9):\n    print(f'out_time_us={n * 200000}', flush=True); time.sleep(0.2)\n"
        + RUN
    )
    attempt(
        film, fake_tool(str(film.parent.parent), body), stall_timeout_s=1.0,
        progress=lambda fraction, speed: told.append((fraction, speed)),
    )  # fmt: skip
    fractions = [fraction for fraction, _ in told]
    assert 0 < fractions[0] < fractions[5] < 1
    assert all(speed is not None and speed > 0 for _, speed in told)


def test_two_passes_are_one_way_from_nothing_to_done_and_leave_nothing_in_the_library(film):
    told = []
    names = []

    def progress(fraction, _speed):
        told.append(fraction)
        names.extend(os.listdir(film.parent))

    attempt(film, wheel_toolbox(), {0: TWO_PASS}, progress=progress)
    assert told == sorted(told)
    assert max(told) > 0.5
    assert {name for name in names if not re.fullmatch(r"film\.mkv|\.vpo-.*\.(json|part|tmp)", name)} == set()
    assert os.listdir(film.parent) == ["film.mkv"]
