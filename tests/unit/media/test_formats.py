from __future__ import annotations

import pytest

from vpo_tasks.media.formats import FORMAT_WHITELIST, normalise_container, suffix_of


@pytest.mark.parametrize(
    ("format_name", "brand", "expected"),
    [
        ("matroska,webm", None, "mkv"),
        ("webm", None, "mkv"),
        ("mov,mp4,m4a,3gp,3g2,mj2", "isom", "mp4"),
        ("mov,mp4,m4a,3gp,3g2,mj2", None, "mp4"),
        ("mov,mp4,m4a,3gp,3g2,mj2", "qt  ", "mov"),
        ("QuickTime", None, "mov"),
        ("avi", None, "avi"),
        ("MPEGTS", None, "mpegts"),
    ],
)
def test_container_names(format_name, brand, expected):
    assert normalise_container(format_name, brand) == expected


@pytest.mark.parametrize(
    "dangerous",
    ["hls", "concat", "dash", "image2", "sdp", "rtsp", "lavfi", "ffmetadata", "tty", "imf", "vobsub"],
)
def test_no_demuxer_that_opens_other_files_is_allowed(dangerous):
    assert dangerous not in FORMAT_WHITELIST.split(",")


def test_every_allowed_container_has_a_suffix():
    for name in FORMAT_WHITELIST.split(","):
        assert suffix_of(normalise_container(name)).startswith(".")
    assert suffix_of("nobody knows") == ""
