"""Which video track is the film, wherever covers and further tracks stand."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpo_tasks.media.film import film_of, is_unclear
from vpo_tasks.media.model import Track


def video(name, **fields):
    return Track(index=0, type="video", codec="h264", title=name, **fields)


COVER = video("cover", still=True, default=True, width=6000, height=9000, duration_s=5400.0)
FILM = video("film", width=1920, height=1080, duration_s=5400.0)
ANGLE = video("angle", width=640, height=360, duration_s=5400.04)
TRAILER = video("trailer", width=3840, height=2160, duration_s=60.0)
SOUND = Track(index=0, type="audio", codec="aac", default=True)
PICTURE = Track(index=0, type="attachment", codec="png", is_picture=True, default=True)


def numbered(tracks):
    return [msgspec.structs.replace(track, index=place) for place, track in enumerate(tracks)]


@pytest.mark.parametrize(
    "tracks",
    list(itertools.permutations([COVER, FILM, ANGLE, TRAILER, SOUND, PICTURE])),
    ids=lambda tracks: "-".join((track.title or track.codec) for track in tracks),
)
def test_the_film_is_found_at_every_place(tracks):
    found = film_of(numbered(tracks))
    assert found is not None
    assert found.title == "film"


def test_the_default_one_is_preferred_to_the_longest_and_the_largest():
    chosen = msgspec.structs.replace(TRAILER, default=True)
    assert film_of([COVER, FILM, ANGLE, chosen]) == chosen


def test_of_equals_the_first_is_the_film():
    first, second = numbered([FILM, FILM])
    assert film_of([first, second]) is first


@pytest.mark.parametrize("tracks", [[], [SOUND, PICTURE], [COVER], [COVER, COVER]])
def test_without_a_film_there_is_none(tracks):
    assert film_of(tracks) is None


@given(
    st.lists(
        st.builds(
            Track,
            index=st.integers(0, 9),
            type=st.sampled_from(["video", "audio", "attachment"]),
            codec=st.sampled_from(["h264", "mjpeg"]),
            still=st.sampled_from([None, True, False]),
            default=st.booleans(),
            duration_s=st.sampled_from([None, 0.0, 0.04, 10.0, 5400.0]),
            width=st.sampled_from([None, 100, 4000]),
            height=st.sampled_from([None, 100, 4000]),
        )
    )
)
def test_a_single_picture_is_never_the_film_and_a_film_is_never_missed(tracks):
    moving = [track for track in tracks if track.type == "video" and not track.still]
    found = film_of(tracks)
    assert (found is None) == (not moving)
    if found is not None:
        assert found in moving
        assert found.default or not any(track.default for track in moving)


def test_who_has_to_look():
    assert not is_unclear([FILM, SOUND, PICTURE])
    assert is_unclear([FILM, ANGLE])
    assert is_unclear([msgspec.structs.replace(FILM, codec="mjpeg")])
    assert not is_unclear([msgspec.structs.replace(FILM, still=False), COVER])
