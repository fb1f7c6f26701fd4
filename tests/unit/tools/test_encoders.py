"""Which ffmpeg is taken for pictures that are turned."""

from __future__ import annotations

import pytest

from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.plan.model import Encode, Plan, Stream
from vpo_tasks.tools.base import ToolInfo
from vpo_tasks.tools.encoders import Rotation

COPY: Encode | None = None
H264 = Encode(codec="h264", crf=20, hw="none")


def plan_of(encode):
    found = MediaInfo(container="mkv", format_name="", tracks=(Track(index=0, type="video", codec="h264"),))
    return Plan(source=found, result=found, streams=(Stream(0, encode),))


def ffmpeg(folder, name, version, *encoders):
    """A program that says it is this version and has these encoders; without a version it fails."""
    path = folder / name
    listed = "".join(f" V....D {encoder}   x\\n" for encoder in encoders)
    banner = f"ffmpeg version {version} Copyright"
    says = f'case "$*" in *-version*) echo "{banner}";; *) echo "{banner}" >&2; printf "{listed}";; esac\n'
    path.write_text("#!/bin/sh\n" + (says if version else "exit 1\n"))
    path.chmod(0o755)
    return ToolInfo(name="ffmpeg", path=str(path), version="", origin="test")


def among(*candidates):
    return Rotation(None, lambda _call: 1, candidates)


@pytest.mark.parametrize("version", ["5.1.6-0+deb12u1", "n5.0.3"])
def test_an_ffmpeg_that_loses_the_rotation_is_passed_over(tmp_path, version):
    old, new = ffmpeg(tmp_path, "old", version, "libx264"), ffmpeg(tmp_path, "new", "7.0.2", "libx264")
    found = among(old, new).find(plan_of(COPY))
    assert found is not None
    assert found.info.path == new.path
    assert among(old).find(plan_of(COPY)) is None


def test_one_that_lacks_the_encoder_is_passed_over_for_an_encode_only(tmp_path):
    bare, full = ffmpeg(tmp_path, "bare", "7.0", "libvpx"), ffmpeg(tmp_path, "full", "7.0", "libx264")
    rotation = among(bare, full)
    assert rotation.find(plan_of(COPY)).info.path == bare.path
    assert rotation.find(plan_of(H264)).info.path == full.path


def test_no_answer_leaves_it_in_doubt_and_is_asked_again(tmp_path):
    rotation = among(ffmpeg(tmp_path, "ffmpeg", ""))
    assert rotation.find(plan_of(COPY)) is None
    assert rotation.in_doubt
    ffmpeg(tmp_path, "ffmpeg", "7.0", "libx264")
    assert rotation.find(plan_of(COPY)) is not None
    assert not rotation.in_doubt
