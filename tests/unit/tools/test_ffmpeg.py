"""What ffmpeg is asked to do, word for word; and what its words mean."""

from __future__ import annotations

import msgspec
import pytest

from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.plan.model import Encode, Plan, Stream
from vpo_tasks.tools.base import ParsedLine, ToolInfo
from vpo_tasks.tools.ffmpeg import FFMPEG

INFO = ToolInfo(name="ffmpeg", path="/bin/ffmpeg", version="", origin="PATH")
VIDEO = Track(index=0, type="video", codec="h264", language="und")
FRENCH = Track(index=1, type="audio", codec="ac3", language="fre", title="VF", default=True)
ENGLISH = Track(index=2, type="audio", codec="truehd", language="eng", dispositions=("comment",))
COVER = Track(
    index=3, type="attachment", codec="png", filename="cover.png", mime_type="image/png", is_picture=True
)
SOURCE = MediaInfo(
    container="mkv", format_name="matroska,webm", doc_type="matroska", tracks=(VIDEO, FRENCH, ENGLISH, COVER)
)


def words(plan: Plan, call: int = -1) -> list[str]:
    argv = FFMPEG.calls(plan, INFO, b"/films/a.mkv", b"/films/.vpo-x.part")[call].argv
    return [word.decode() for word in argv if not word.startswith(b"matroska,mov")]


def plan_of(result: MediaInfo, *streams: Stream) -> Plan:
    tracks = tuple(msgspec.structs.replace(track, index=place) for place, track in enumerate(result.tracks))
    return Plan(source=SOURCE, result=msgspec.structs.replace(result, tracks=tracks), streams=streams)


OPENING = (
    "/bin/ffmpeg -nostdin -hide_banner -v repeat+level+warning -protocol_whitelist file -format_whitelist "
    "-i file:/films/a.mkv"
).split()


def test_stream_copy_names_every_stream_and_every_flag() -> None:
    english = msgspec.structs.replace(ENGLISH, default=True, title="Main")
    french = msgspec.structs.replace(FRENCH, default=False)
    result = msgspec.structs.replace(SOURCE, tracks=(VIDEO, english, french))
    plan = plan_of(result, Stream(0), Stream(2), Stream(1))
    assert words(plan) == [
        *OPENING, "-progress", "pipe:1", "-nostats",
        "-map", "0:0", "-map", "0:2", "-map", "0:1", "-map_metadata", "0", "-map_chapters", "0",
        "-c:0", "copy", "-copyinkf:0", "-disposition:0", "0",
        "-c:1", "copy", "-metadata:s:1", "title=Main", "-disposition:1", "comment+default",
        "-c:2", "copy", "-disposition:2", "0",
        "-max_muxing_queue_size", "4096", "-default_mode", "passthrough", "-y", "-f", "matroska", "file:.vpo-x.part",
    ]  # fmt: skip


def test_conversion_to_mp4_encodes_and_names_languages_as_mp4_does() -> None:
    aac = msgspec.structs.replace(ENGLISH, codec="aac", dispositions=())
    result = msgspec.structs.replace(SOURCE, container="mp4", doc_type=None, tracks=(VIDEO, FRENCH, aac))
    plan = plan_of(result, Stream(0), Stream(1), Stream(2, Encode(codec="aac", bitrate=256_000, channels=2)))
    assert words(plan)[len(OPENING) + 13 :] == [
        "-c:0", "copy", "-copyinkf:0", "-metadata:s:0", "language=und", "-metadata:s:0", "title=", "-disposition:0", "0",
        "-c:1", "copy", "-metadata:s:1", "language=fra", "-metadata:s:1", "title=VF", "-disposition:1", "default",
        "-metadata:s:2", "language=eng", "-metadata:s:2", "title=", "-disposition:2", "0",
        "-metadata:s:2", "BPS=", "-metadata:s:2", "BPS-eng=", "-metadata:s:2", "NUMBER_OF_BYTES=",
        "-metadata:s:2", "NUMBER_OF_BYTES-eng=", "-metadata:s:2", "NUMBER_OF_FRAMES=",
        "-c:2", "aac", "-b:2", "256000", "-ac:2", "2",
        "-max_muxing_queue_size", "4096", "-movflags", "+faststart", "-strict", "-2",
        "-y", "-f", "mp4", "file:.vpo-x.part",
    ]  # fmt: skip


def test_cover_picture_of_matroska_is_taken_out_and_attached_again() -> None:
    plan = plan_of(msgspec.structs.replace(SOURCE, tracks=(VIDEO, COVER)), Stream(0), Stream(3))
    calls = FFMPEG.calls(plan, INFO, b"/films/a.mkv", b"/films/.vpo-x.part")
    assert [call.keeps_output for call in calls] == [True, False]
    assert words(plan, 0)[-4:] == ["1", "-f", "image2pipe", "pipe:1"]
    (position, place) = calls[1].results[0]
    assert (calls[1].argv[position - 1], place) == (b"-attach", 0)
    assert "filename=cover.png" in words(plan)
    assert "0:3" not in words(plan)


def test_avi_gets_the_timestamps_it_leaves_out() -> None:
    source = msgspec.structs.replace(SOURCE, container="avi", tracks=(VIDEO,))
    plan = Plan(source=source, result=source, streams=(Stream(0),))
    assert "+genpts" in words(plan)


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        (b"out_time_us=1500000", ParsedLine("progress", position_s=1.5)),
        (b"out_time_us=N/A", None),
        (b"[matroska @ 0x55] [error] File ended prematurely", ParsedLine("error", "File ended prematurely")),
        (b"[error] Conversion failed!", ParsedLine("error", "Conversion failed!")),
        (b"[mp4 @ 0x1] [warning] track 1: codec frame size is not set", None),
        (b"[warning] Guessed Channel Layout for Input Stream #0.1 : mono", None),
        (
            b"[warning] Guessed Channel Layout for Input Stream #0.1 : 5.1",
            ParsedLine("warning", "Guessed Channel Layout for Input Stream #0.1 : 5.1"),
        ),
        (b"[avi @ 0x1] [warning] broken index", ParsedLine("warning", "broken index")),
        (b"frame=10", None),
        (b"\xff\xfe", None),
    ],
)
def test_lines_of_ffmpeg(line: bytes, parsed: ParsedLine | None) -> None:
    assert FFMPEG.parse_line(line) == parsed
