from __future__ import annotations

import json

import pytest

from vpo_tasks.cli.inspect import format_clock, render_media, to_document
from vpo_tasks.media.model import Chapter, MediaInfo, Track

FILM = MediaInfo(
    container="mkv",
    format_name="matroska,webm",
    doc_type="matroska",
    size_bytes=1_234_567,
    duration_s=3661.5,
    bit_rate=12_000_000,
    tags={"title": "Evil\x1b[2J"},
    chapters=(Chapter(0.0, 60.0, "Opening"),),
    tracks=(
        Track(
            index=0,
            type="video",
            codec="hevc",
            profile="main 10",
            width=1920,
            height=800,
            frame_rate="24000/1001",
        ),
        Track(
            index=1,
            type="audio",
            codec="dts",
            language="eng",
            title="Ä",
            default=True,
            dispositions=("comment",),
        ),
        Track(index=2, type="attachment", codec="ttf", filename="a\n.ttf", mime_type="font/ttf"),
    ),
)


def test_report_names_everything():
    text = "\n".join(render_media("/media/film.mkv", FILM))
    for part in (
        "mkv (matroska), 1,234,567 bytes, 1:01:01.500, 12.0 Mb/s",
        "hevc (main 10)  1920x800, 23.976 fps",
        "default comment",
        '"Ä"',
        "font/ttf",
        "0:00:00.000  0:01:00.000  Opening",
    ):
        assert part in text


def test_nothing_in_a_file_can_steer_the_terminal():
    lines = list(render_media("/media/\x1b]0;x\x07\udcff.mkv", FILM))
    assert all(line.isprintable() for line in lines)
    assert "Evil\\x1b[2J" in "\n".join(lines)


def test_no_empty_sections():
    text = "\n".join(render_media("/a.avi", MediaInfo(container="avi", format_name="avi")))
    assert "Tracks" not in text
    assert "Chapters" not in text


def test_json_names_every_field_even_unknown_ones():
    document = json.loads(json.dumps(to_document("/media/film.mkv", FILM)))
    assert document["file"] == "/media/film.mkv"
    assert document["tracks"][1]["title"] == "Ä"
    assert document["tracks"][0]["channels"] is None
    assert document["chapters"] == [{"start_s": 0.0, "end_s": 60.0, "title": "Opening"}]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00.000"), (59.9996, "0:01:00.000"), (7200.25, "2:00:00.250")]
)
def test_clock(seconds, text):
    assert format_clock(seconds) == text
