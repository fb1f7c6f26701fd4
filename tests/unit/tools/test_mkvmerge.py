"""What mkvmerge is asked to do, word for word; and what its words mean."""

from __future__ import annotations

import msgspec
import pytest

from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.plan.model import Plan, Stream
from vpo_tasks.tools.base import ParsedLine, ToolInfo
from vpo_tasks.tools.mkvmerge import MKVMERGE

INFO = ToolInfo(name="mkvmerge", path="/bin/mkvmerge", version="", origin="PATH")
TRACKS = (
    Track(index=0, type="video", codec="h264"),
    Track(index=1, type="audio", codec="ac3", language="fre"),
    Track(index=2, type="audio", codec="ac3", language="eng", default=True),
    Track(index=3, type="subtitle", codec="subrip", language="eng"),
    Track(index=4, type="attachment", codec="ttf", filename="a.ttf"),
    Track(index=5, type="attachment", codec="png", filename="b.png", is_picture=True),
)
SOURCE = MediaInfo(
    container="mkv", format_name="matroska,webm", doc_type="matroska", tracks=TRACKS, tags={"title": "T"}
)
FLAGS = ("--default-track-flag", "--forced-display-flag")


def call_for(kept: tuple[int, ...], **changes: object) -> list[bytes]:
    tracks = tuple(msgspec.structs.replace(TRACKS[i], index=place) for place, i in enumerate(kept))
    result = msgspec.structs.replace(SOURCE, tracks=tracks, **changes)
    plan = Plan(source=SOURCE, result=result, streams=tuple(Stream(i) for i in kept))
    return list(MKVMERGE.calls(plan, INFO, b"/films/@a.mkv", b"/films/.vpo-x.part")[0].argv)


def test_selection_order_and_attachments() -> None:
    assert [word.decode() for word in call_for((0, 2, 5))] == [
        "/bin/mkvmerge", "--gui-mode", "--output", ".vpo-x.part", "--audio-tracks", "2", "--no-subtitles",
        "--attachments", "2",
        FLAGS[0], "0:0", FLAGS[1], "0:0", FLAGS[0], "2:1", FLAGS[1], "2:0",
        "--track-order", "0:0,0:2", "/films/@a.mkv",
    ]  # fmt: skip


def test_everything_kept_selects_nothing() -> None:
    argv = call_for((0, 2, 1, 3, 4, 5))
    assert not {b"--audio-tracks", b"--subtitle-tracks", b"--attachments", b"--no-attachments"} & set(argv)
    assert argv[-3:] == [b"--track-order", b"0:0,0:2,0:1,0:3", b"/films/@a.mkv"]


def test_no_attachment_kept() -> None:
    assert b"--no-attachments" in call_for((0, 1, 2, 3))


def test_changed_tags_are_given_as_a_file_without_a_name() -> None:
    tags = {"title": "New", "genre": "a & b <c>"}
    result = msgspec.structs.replace(SOURCE, tags=tags)
    plan = Plan(source=SOURCE, result=result, streams=tuple(Stream(i) for i in range(6)))
    call = MKVMERGE.calls(plan, INFO, b"/a.mkv", b"/.vpo-x.part")[0]
    ((position, content),) = call.inputs
    assert call.argv[position - 1] == b"--global-tags"
    assert call.argv[call.argv.index(b"--title") + 1] == b"New"
    assert b"<Name>GENRE</Name><String>a &amp; b &lt;c&gt;</String>" in content
    assert b"New" not in content


def test_webm_stays_webm() -> None:
    assert b"--webm" in call_for((0,), doc_type="webm")


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        (b"#GUI#progress 49%", ParsedLine("progress", fraction=0.49)),
        (b"#GUI#error The file could not be read.", ParsedLine("error", "The file could not be read.")),
        (b"#GUI#warning odd", ParsedLine("warning", "odd")),
        (b"Multiplexing took 0 seconds.", None),
    ],
)
def test_lines_of_mkvmerge(line: bytes, parsed: ParsedLine | None) -> None:
    assert MKVMERGE.parse_line(line) == parsed
