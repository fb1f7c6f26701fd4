"""The cheapest step for a plan."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.tracks import plan, video
from vpo_tasks.errors import ToolMissing
from vpo_tasks.plan.compile import compile_step
from vpo_tasks.plan.model import Context
from vpo_tasks.policy.model import (
    Container,
    DefaultFlags,
    FileTimestamp,
    KeepAudio,
    Transcode,
    VideoTranscode,
)

ALL = frozenset({"mkvmerge", "ffmpeg"})
FFMPEG = frozenset({"ffmpeg"})
FLAGS: dict[str, Any] = {"default_flags": DefaultFlags()}
DROP: dict[str, Any] = {"keep_audio": KeepAudio(languages=("eng",))}
TO_MP4 = {"container": Container(target="mp4")}
TO_MKV: dict[str, Any] = {"container": Container(target="mkv")}
HEVC = {"transcode": Transcode(video=VideoTranscode(to="hevc"))}

ROWS = [
    ("nothing differs", {}, "mkv", ALL, True, ("none", None)),
    ("flags, in the header", FLAGS, "mkv", ALL, True, ("header-edit", None)),
    ("flags, header edits off", FLAGS, "mkv", ALL, False, ("remux", "mkvmerge")),
    ("flags, no tool at all", FLAGS, "mkv", frozenset(), True, ("header-edit", None)),
    ("flags, header edits off, no mkvtoolnix", FLAGS, "mkv", FFMPEG, False, ("remux", "ffmpeg")),
    ("flags in MP4", FLAGS, "mp4", ALL, True, ("header-edit", None)),
    ("flags in MOV, no tool at all", FLAGS, "mov", frozenset(), True, ("header-edit", None)),
    ("flags in MP4, header edits off", FLAGS, "mp4", ALL, False, ("remux", "ffmpeg")),
    ("a track goes", DROP, "mkv", ALL, True, ("remux", "mkvmerge")),
    ("a track goes, no mkvtoolnix", DROP, "mkv", FFMPEG, True, ("remux", "ffmpeg")),
    ("Matroska to MP4", TO_MP4, "mkv", ALL, True, ("remux", "ffmpeg")),
    ("MP4 to Matroska", TO_MKV, "mp4", ALL, True, ("remux", "ffmpeg")),
    ("an encode", {**HEVC, **FLAGS}, "mkv", ALL, True, ("encode", "ffmpeg")),
]


@pytest.mark.parametrize(
    ("operations", "container", "tools", "header_edits", "expected"),
    [pytest.param(*r[1:], id=r[0]) for r in ROWS],
)
def test_step(operations, container, tools, header_edits, expected):
    media = video("v0 h264 D, a1 fre aac D, a2 eng aac", container=container)
    planned = plan(media, context=Context(can_encode=True), **operations)
    step = compile_step(planned, tools, header_edits)
    assert (step.kind, step.tool) == expected
    assert step.why


def test_a_header_edit_writes_kilobytes_and_a_copy_what_is_left():
    media = video("v0 D, a1 fre D 8000000bps, a2 eng", size_bytes=10**9, duration_s=100.0)
    edit = compile_step(plan(media, **FLAGS), ALL, header_edits=True)
    copy = compile_step(plan(media, **DROP), ALL)
    assert edit.writes_bytes <= 1 << 20
    assert (copy.reads_bytes, copy.writes_bytes) == (10**9, 9 * 10**8)


def test_without_any_tool_it_says_what_is_missing():
    with pytest.raises(ToolMissing, match="ffmpeg is missing, needed for writing mp4 files"):
        compile_step(plan(video("a1 fre, a2 eng", container="mp4"), **DROP), frozenset({"mkvmerge"}))


def test_only_the_time_needs_no_tool():
    context = Context(metadata={"radarr": {"release_date": "2020-05-04"}})
    planned = plan("v0", context=context, file_timestamp=FileTimestamp(mode="release_date"))
    step = compile_step(planned, frozenset())
    assert not planned.is_empty
    assert (step.kind, step.writes_bytes) == ("none", 0)
