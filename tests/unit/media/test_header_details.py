"""What headers say, joined to FFmpeg's streams: by track number, by MP4's id, by place."""

from __future__ import annotations

from types import SimpleNamespace

from tests.support.tracks import track
from vpo_tasks.media.header_details import pictures_of, with_encryption, with_entries, with_pictures
from vpo_tasks.media.matroska.header import Layout, TrackEntry
from vpo_tasks.media.mp4.movie import Movie, MovieTrack
from vpo_tasks.media.picture import Picture

TURNED, MIRRORED = Picture(rotation=90), Picture(mirrored=True)
TRACKS = (track("v0 h264"), track("a1 aac"), track("v2 h264"))


def layout(*entries: TrackEntry) -> Layout:
    return Layout("matroska", 1000, 50, None, None, 1_000_000, entries)


# FFmpeg makes no stream of a track without a codec: from there on places and indexes differ
GAP = layout(
    TrackEntry(7, "video", "V_MPEG4/ISO/AVC", picture=TURNED),
    TrackEntry(3, "audio", ""),
    TrackEntry(9, "audio", "A_AAC"),
    TrackEntry(1, "video", "V_MPEG4/ISO/AVC", picture=MIRRORED),
)


def movie(*tracks: MovieTrack) -> Movie:
    return Movie(0, is_fragmented=False, tracks=tracks)


def streams(*ids: int) -> list[SimpleNamespace]:
    return [SimpleNamespace(index=index, id=number) for index, number in enumerate(ids)]


def test_pictures_of_matroska_go_to_the_stream_that_ffmpeg_makes_of_the_entry():
    assert pictures_of(GAP, None, []) == {0: TURNED, 1: Picture(), 2: MIRRORED}


def test_pictures_of_mp4_go_by_id_and_streams_without_a_track_get_none():
    found = movie(
        MovieTrack(5, None, 1, None, None, picture=TURNED),
        MovieTrack(2, None, 1, None, None, picture=MIRRORED),
    )
    assert pictures_of(None, found, streams(2, 8, 5)) == {0: MIRRORED, 2: TURNED}
    assert pictures_of(None, None, streams(2)) == {}


def test_only_video_tracks_are_shown_some_way():
    found = with_pictures(TRACKS, {0: TURNED, 1: MIRRORED}, hdr10_plus=2)
    assert [(each.rotation, each.mirrored, each.hdr10_plus) for each in found] == [
        (90, False, False),
        (0, False, False),
        (0, False, True),
    ]


def test_a_track_is_encrypted_whose_id_is():
    found = movie(MovieTrack(1, None, 1, None, None), MovieTrack(4, None, 1, None, None, encrypted=True))
    assert [each.encrypted for each in with_encryption(TRACKS, found, streams(1, 4, 9))] == [
        False,
        True,
        False,
    ]


def test_the_place_in_the_header_is_kept_where_it_is_not_the_index():
    assert [each.entry for each in with_entries(TRACKS, GAP)] == [None, 2, 3]
