"""Every way in which an output can differ from the plan is found, and named."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from vpo_tasks.errors import VerifyError
from vpo_tasks.execute.verify import verify_chapters, verify_counts, verify_media, verify_size
from vpo_tasks.media.model import Chapter, MediaInfo, StreamCount, Track
from vpo_tasks.plan.model import Encode, Plan, Stream

TRACKS = (
    Track(index=0, type="video", codec="h264", width=64, height=48, frame_rate="24000/1001"),
    Track(index=1, type="audio", codec="ac3", language="eng", title="Main", default=True, channels=2),
    Track(index=2, type="attachment", codec="ttf", filename="a.ttf"),
)
MEDIA = MediaInfo(
    container="mkv", format_name="matroska,webm", doc_type="matroska", size_bytes=10 << 20, tracks=TRACKS,
    tags={"title": "T", "artist": "me", "encoder": "x"}, chapters=(Chapter(0, 1, "one"),),
)  # fmt: skip
PLAN = Plan(source=MEDIA, result=MEDIA, streams=(Stream(0), Stream(1), Stream(2)))
COUNTS = (StreamCount(0, 25, 0.0, 1.0), StreamCount(1, 31, -0.007, 0.96))


def with_audio(**changes: Any) -> MediaInfo:
    return msgspec.structs.replace(
        MEDIA, tracks=(TRACKS[0], msgspec.structs.replace(TRACKS[1], **changes), TRACKS[2])
    )


def test_what_was_planned_passes() -> None:
    found = msgspec.structs.replace(MEDIA, tags={"title": "T", "artist": "me", "encoder": "y"})
    assert verify_media("v", PLAN, found) == []
    assert verify_counts("v", PLAN, COUNTS, COUNTS, MEDIA) == 0
    verify_chapters("v", PLAN, MEDIA, 0)
    verify_size("v", PLAN, 10 << 20)


@pytest.mark.parametrize(
    ("found", "check"),
    [
        (msgspec.structs.replace(MEDIA, container="mp4"), "container"),
        (msgspec.structs.replace(MEDIA, doc_type="webm"), "document type"),
        (msgspec.structs.replace(MEDIA, tracks=TRACKS[:1]), "number of tracks"),
        (msgspec.structs.replace(MEDIA, tracks=TRACKS[:2]), "number of attachments"),
        (msgspec.structs.replace(MEDIA, tags={"artist": "me"}), "title"),
        (msgspec.structs.replace(MEDIA, tags={"title": "T"}), "tag artist"),
        (with_audio(codec="aac"), "track 1: codec"),
        (with_audio(language="fre"), "track 1: language"),
        (with_audio(title=None), "track 1: title"),
        (with_audio(default=False), "track 1: default"),
        (with_audio(forced=True), "track 1: forced"),
        (with_audio(channels=6), "track 1: channels"),
    ],
)
def test_difference_is_found(found: MediaInfo, check: str) -> None:
    with pytest.raises(VerifyError) as caught:
        verify_media("v", PLAN, found)
    assert caught.value.check == check


@pytest.mark.parametrize(
    ("counts", "check"),
    [
        ((COUNTS[0],), "packets of track 1"),
        ((StreamCount(0, 24, 0.0, 1.0), COUNTS[1]), "packets of track 0"),
        ((StreamCount(0, 25, 0.0, 0.96), COUNTS[1]), "track 0: seconds from first to last packet"),
        ((COUNTS[0], StreamCount(1, 31, 0.093, 1.06)), "tracks in step"),
        ((COUNTS[0], StreamCount(1, 31, None, None)), "track 1: last timestamp"),
    ],
)
def test_missing_or_moved_packets_are_found(counts: tuple[StreamCount, ...], check: str) -> None:
    with pytest.raises(VerifyError) as caught:
        verify_counts("v", PLAN, COUNTS, counts, MEDIA)
    assert caught.value.check == check


def test_one_shift_for_all_is_allowed_and_moves_the_chapters() -> None:
    moved = tuple(StreamCount(c.index, c.packets, c.first_s + 0.5, c.last_s + 0.5) for c in COUNTS)
    shift_s = verify_counts("v", PLAN, COUNTS, moved, MEDIA)
    assert shift_s == 0.5
    verify_chapters("v", PLAN, msgspec.structs.replace(MEDIA, chapters=(Chapter(0.5, 1.5, "one"),)), shift_s)
    with pytest.raises(VerifyError):
        verify_chapters(
            "v", PLAN, msgspec.structs.replace(MEDIA, chapters=(Chapter(0.7, 1.5, "one"),)), shift_s
        )
    with pytest.raises(VerifyError):
        verify_chapters("v", PLAN, msgspec.structs.replace(MEDIA, chapters=()), shift_s)


def test_encoded_track_may_differ_by_a_frame_but_not_be_empty() -> None:
    plan = msgspec.structs.replace(PLAN, streams=(Stream(0), Stream(1, Encode(codec="ac3")), Stream(2)))
    verify_counts("v", plan, COUNTS, (COUNTS[0], StreamCount(1, 44, 0.0, 0.99)), MEDIA)
    with pytest.raises(VerifyError):
        verify_counts("v", plan, COUNTS, (COUNTS[0], StreamCount(1, 44, 0.0, 0.5)), MEDIA)
    with pytest.raises(VerifyError):
        verify_counts("v", plan, COUNTS, (COUNTS[0], StreamCount(1, 0, None, None)), MEDIA)


@pytest.mark.parametrize("sound", [None, Encode(codec="ac3")])
def test_an_encoded_track_that_came_out_of_step_is_found(sound) -> None:
    streams = (Stream(0, Encode(codec="hevc")), Stream(1, sound), Stream(2))
    plan = msgspec.structs.replace(PLAN, streams=streams)
    late = StreamCount(0, 25, 0.04, 1.04)
    verify_counts("v", plan, COUNTS, (late, COUNTS[1]), MEDIA)
    late = StreamCount(0, 25, 0.7, 1.7)
    with pytest.raises(VerifyError) as caught:
        verify_counts("v", plan, COUNTS, (late, COUNTS[1]), MEDIA)
    assert caught.value.check == "tracks in step"


@pytest.mark.parametrize("size", [0, 1000, 50 << 20])
def test_size_that_cannot_be_is_refused(size: int) -> None:
    with pytest.raises(VerifyError):
        verify_size("v", PLAN, size)


def test_new_container_may_lose_a_tag_but_says_so() -> None:
    source = msgspec.structs.replace(MEDIA, container="avi")
    plan = msgspec.structs.replace(PLAN, source=source)
    warnings = verify_media("v", plan, msgspec.structs.replace(MEDIA, tags={"title": "T"}))
    assert warnings == ["the tag artist was not carried over by the new container"]


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"rotation": 0}, "rotation"),
        ({"mirrored": True}, "mirrored"),
        ({"dolby_vision": None}, "Dolby Vision"),
    ],
)
def test_a_picture_that_is_shown_in_another_way_is_found(fields, check):
    shown = Track(index=0, type="video", codec="hevc", rotation=90, dolby_vision="8.1")
    media = MediaInfo(container="mkv", format_name="matroska,webm", tracks=(shown,))
    planned = Plan(source=media, result=media, streams=(Stream(0),))
    verify_media("v", planned, media)
    found = msgspec.structs.replace(media, tracks=(msgspec.structs.replace(shown, **fields),))
    with pytest.raises(VerifyError, match=check):
        verify_media("v", planned, found)


def test_an_encode_that_claims_dolby_vision_is_refused():
    media = MediaInfo(
        container="mkv", format_name="matroska,webm", tracks=(Track(index=0, type="video", codec="hevc"),)
    )
    planned = Plan(source=media, result=media, streams=(Stream(0, Encode(codec="hevc")),))
    claims = msgspec.structs.replace(
        media, tracks=(msgspec.structs.replace(media.tracks[0], dolby_vision="8.1"),)
    )
    with pytest.raises(VerifyError, match="Dolby Vision"):
        verify_media("v", planned, claims)
