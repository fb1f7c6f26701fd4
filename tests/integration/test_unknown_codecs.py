"""Codecs that FFmpeg does not know: such a track is read, edited and copied like any other, never encoded."""

from __future__ import annotations

import json
import os

import pytest

from tests.support.library import read_tree
from tests.support.media import SampleTrack, need_tool, sample
from vpo_tasks.errors import ProbeError
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.packet_counts import count_packets
from vpo_tasks.media.probe import ProbePool

_TRACKS = (
    SampleTrack("video", "h264"),
    SampleTrack("audio", "aac", language="eng"),
    SampleTrack("audio", "aac", language="fre"),
    SampleTrack("subtitle", language="eng"),
)


def made_unknown(folder, suffix: str, known: bytes, other: bytes) -> str:
    """Make a video whose codec is called otherwise."""
    tracks = _TRACKS if suffix != ".avi" else (SampleTrack("video", "mpeg4"), SampleTrack("audio", "mp3"))
    path = sample(folder, f"a{suffix}", *tracks)
    with open(path, "r+b") as file:
        data = file.read()
        assert known in data
        assert len(known) == len(other)
        file.seek(0)
        file.write(data.replace(known, other))
    return path


def reported(world, *words: object) -> dict:
    done = world.vpo("process", "--json", *words, world.media)
    return json.loads(done.stdout)["results"][0]


@pytest.mark.parametrize(
    ("suffix", "known", "other"),
    [
        (".mp4", b"avc1", b"xyz1"), (".mp4", b"avc1", b"dav1"), (".mp4", b"avc1", b"encv"),
        (".mp4", b"avc1", b"drmi"), (".mov", b"avc1", b"xyz1"), (".avi", b"FMP4", b"xyz1"),
        (".mkv", b"V_MPEG4/ISO/AVC", b"V_XYZZY/ABC/DEF"),
    ],
)  # fmt: skip
def test_a_video_of_an_unknown_codec_is_read_and_counted(tmp_path, suffix, known, other):
    path = made_unknown(tmp_path, suffix, known, other)
    with ProbePool(1) as pool:
        media = pool.probe(path)
        counts = pool.count(path)
    assert (media.tracks[0].type, media.tracks[0].codec) == ("video", "unknown")
    assert [track.type for track in media.tracks[:2]] == ["video", "audio"]
    assert all(count.packets for count in counts)


@pytest.mark.parametrize(
    ("suffix", "names", "at", "kind"),
    [
        (".mkv", (b"A_AAC", b"A_XYZ"), 1, "audio"), (".mkv", (b"S_TEXT/UTF8", b"S_ABCDEFGHI"), 3, "subtitle"),
        (".mp4", (b"mp4a", b"enca"), 1, "audio"), (".mp4", (b"tx3g", b"xyz1"), 3, "other"),
    ],
)  # fmt: skip
def test_sound_and_text_of_an_unknown_codec_are_read_and_counted(tmp_path, suffix, names, at, kind):
    media = read_media(made_unknown(tmp_path, suffix, *names))
    assert media.tracks[at].type == kind
    assert len(count_packets(str(tmp_path / f"a{suffix}"), media)) == len(media.tracks)


def test_a_bug_of_the_reader_costs_an_answer_not_the_process(tmp_path, monkeypatch):
    from vpo_tasks.media import probe_messages, probe_process

    def read(_path):
        raise AttributeError("'NoneType' object has no attribute 'color_trc'")

    monkeypatch.setattr(probe_process, "read_media", read)
    path = sample(tmp_path)
    request = probe_messages.Request("probe", os.fsencode(path))
    answer = probe_process.ProbeReader().answer(request, open(os.devnull, "wb"))  # noqa: SIM115
    assert "AttributeError" in (answer.error or "")


def test_a_header_edit_and_a_copy_keep_an_unknown_codec(world):
    need_tool("mkvmerge")
    path = made_unknown(world.media, ".mkv", b"V_MPEG4/ISO/AVC", b"V_XYZZY/ABC/DEF")
    before = count_packets(path, read_media(path))
    policy = "schema_version: 13\nphases:\n  - {name: f, keep_audio: {languages: [fre]}, default_flags: {}}\n"
    world.write_policy(policy)
    assert reported(world)["status"] == "changed"
    media = read_media(path)
    assert b"V_XYZZY/ABC/DEF" in open(path, "rb").read()  # noqa: SIM115
    assert [(track.codec, track.language) for track in media.tracks[1:2]] == [("aac", "fre")]
    assert count_packets(path, media)[0].packets == before[0].packets


@pytest.mark.parametrize(
    ("known", "other", "operation"),
    [
        (b"V_MPEG4/ISO/AVC", b"V_XYZZY/ABC/DEF", "transcode: {video: {to: h264, max_width: 64}}"),
        (b"A_AAC", b"A_XYZ", "transcode: {audio: {to: ac3}}"),
    ],
)
def test_an_unknown_codec_is_never_encoded(world, known, other, operation):
    made_unknown(world.media, ".mkv", known, other)
    before = read_tree(world.media)
    world.write_policy(f"schema_version: 13\nphases:\n  - {{name: f, {operation}}}\n")
    world.watch_tools()
    result = reported(world)
    if "audio" in operation:
        assert (result["status"], result["error_kind"]) == ("failed", "PlanError")
        assert "audio unknown cannot be encoded: its codec is unknown" in result["error"]
    else:
        assert result["status"] == "unchanged"  # nobody knows how large its pictures are
    assert not [words for words in world.tool_log() if words[0] == "start" and ".part" in words[-1]]
    world.write_policy()
    after = read_tree(world.media)
    assert after["a.mkv"] == before["a.mkv"]


@pytest.mark.parametrize("operation", ["container: {target: mkv}", "keep_audio: {languages: [fre]}"])
def test_an_encrypted_film_is_left_as_it_is_before_any_work(world, operation):
    path = made_unknown(world.media, ".mp4", b"mp4a", b"enca")
    whole = open(path, "rb").read()  # noqa: SIM115
    world.write_policy(f"schema_version: 13\nphases:\n  - {{name: f, {operation}}}\n")
    dry, real = reported(world, "--dry-run"), reported(world)
    assert dry["error"] == real["error"]
    assert "audio is encrypted: a copy would lose what is needed to decrypt it" in real["error"]
    assert open(path, "rb").read() == whole  # noqa: SIM115


def test_a_file_without_any_video_is_still_refused(tmp_path):
    path = made_unknown(tmp_path, ".mkv", b"V_MPEG4/ISO/AVC", b"V_XYZZY/ABC/DEF")
    with open(path, "r+b") as file:
        data = file.read().replace(b"\x83\x81\x01", b"\x83\x81\x11")  # the video becomes a subtitle
        file.seek(0)
        file.write(data)
    with pytest.raises(ProbeError, match="no video stream"):
        read_media(path)
