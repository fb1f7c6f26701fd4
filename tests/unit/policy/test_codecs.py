"""Codec names (policy-format 5)."""

from __future__ import annotations

import pytest

from tests.support.tracks import track
from vpo_tasks.policy.codecs import (
    canonical_codec,
    effective_codec,
    matches_audio_pattern,
    matches_video,
    same_codec,
)

ROWS = [
    "hevc h265 h.265 x265 hvc1 hev1",
    "h264 avc h.264 avc1 x264",
    "vp9 vp09",
    "av1 av01 libaom-av1",
    "mpeg4 mp4v",
    "subrip srt",
    "ass ssa",
    "hdmv_pgs_subtitle pgs pgssub",
    "dvd_subtitle dvdsub vobsub",
    "mov_text tx3g",
    "aac aac_latm mp4a",
    "ac3 ac-3 a52",
    "eac3 e-ac-3 ec3",
    "mp3 mp3float",
]
PATTERNS = [
    ("dts", "dts", True),
    ("dts", "dca", True),
    ("dts profile=dts-hd_ma", "dts-hd", True),
    ("dts profile=DTS-HD_MA_+_DTS:X", "dts-hd ma", True),
    ("dts profile=dts-hd_hra", "dts", True),
    ("dts profile=dts-es", "dts-hd", False),
    ("truehd", "dolby truehd", True),
    ("truehd", "truehd atmos", True),
    ("ac3", "eac3", False),
    ("eac3", "ac3", False),
    ("pcm_s24le", "pcm", True),
    ("pcm_s24le", "pcm_s16le", False),
    ("pcm_s16le", "pcm_*", True),
    ("aac", "a?c", True),
    ("flac", "FLAC", True),
    ("opus", "*", True),
    ("vorbis", "opus", False),
]


@pytest.mark.parametrize("row", ROWS)
def test_each_row_is_one_class(row):
    names = row.split()
    assert {canonical_codec(name) for name in names} == {names[0]}
    assert {canonical_codec(name.upper()) for name in names} == {names[0]}
    assert all(matches_video(name, [other]) for name in names for other in names)


def test_classes_do_not_mix():
    names = [row.split()[0] for row in ROWS]
    assert len({canonical_codec(name) for name in names}) == len(names)


def test_a_codec_nobody_knows_stands_for_itself():
    assert canonical_codec(" Theora ") == "theora"
    assert not matches_video("theora", ["vp9"])


@pytest.mark.parametrize(("codec", "pattern", "expected"), PATTERNS)
def test_audio_patterns(codec, pattern, expected):
    assert matches_audio_pattern(track(f"a1 {codec}"), pattern) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a1 dts profile=dts-hd_ma", "dts-hd"), ("a1 dts", "dts"), ("a1 dts profile=dts_96/24", "dts")],
)
def test_the_profile_tells_dts_hd_from_dts(text, expected):
    assert effective_codec(track(text)) == expected


def test_pcm_in_a_filter_means_every_pcm():
    assert same_codec(track("a1 pcm_s24le"), "pcm")
    assert not same_codec(track("a1 pcm_s24le"), "pcm_s16le")
