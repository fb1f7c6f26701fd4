"""What an edit of an MP4's header writes, and which files it leaves alone."""

from __future__ import annotations

import pytest

from tests.support.mp4 import full, movie, trak
from tests.support.tracks import video
from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.execute.in_place.change import HeaderRefused, change_by_patches
from vpo_tasks.execute.in_place.mp4 import flags_change, mp4_change
from vpo_tasks.media.mp4.tree import Atom, to_bytes
from vpo_tasks.plan.model import Plan, Stream

TRACKS = "v0 h264 D, a1 aac D fre"
START = to_bytes(Atom(b"ftyp", b"isom" + bytes(4)))
DATA = to_bytes(Atom(b"mdat", b"x" * 100))


def asked(after: str, before: str = TRACKS) -> Plan:
    source, result = (video(text, container="mp4") for text in (before, after))
    return Plan(source=source, result=result, streams=tuple(Stream(track.index) for track in source.tracks))


def changed(path, data: bytes, plan: Plan, make=mp4_change) -> bytes:
    """Return a file as it will be."""
    path.write_bytes(data)
    with path.open("rb") as stream:
        change = make(OpenFile(stream.fileno(), bytes(path)), plan)
    made = bytearray(data[: change.new_size] + change.new_end)
    for item in change.ranges:
        assert made[item.offset : item.offset + len(item.old)] == item.old
        made[item.offset : item.offset + len(item.new)] = item.new
    return bytes(made)


def test_an_index_at_the_end_is_rewritten_there(tmp_path):
    made = changed(tmp_path / "a.mp4", START + DATA + to_bytes(movie()), asked("v0 h264 D, a1 aac fre"))
    assert made == START + DATA + to_bytes(movie(sound=trak(b"soun", flags=2)))


def test_an_index_in_front_that_grows_goes_behind_the_data_which_do_not_move(tmp_path):
    old = to_bytes(movie())
    made = changed(tmp_path / "a.mp4", START + old + DATA, asked('v0 h264 D, a1 aac D fre "A name"'))
    assert made.index(DATA) == len(START + old)
    assert made[len(START) + 4 :].startswith(b"free")
    assert made.endswith(b"name" + b"A name")


def test_free_space_behind_the_index_is_taken(tmp_path):
    free = to_bytes(Atom(b"free", bytes(100)))
    data = START + to_bytes(movie()) + free + DATA
    made = changed(tmp_path / "a.mp4", data, asked('v0 h264 D, a1 aac D fre "A name"'))
    assert len(made) == len(data)
    assert made.index(DATA) == data.index(DATA)


@pytest.mark.parametrize("kind", [b"encv", b"enca"])
def test_an_encrypted_track_is_left_alone(tmp_path, kind):
    table = Atom(b"stbl", b"", (Atom(b"stsd", bytes(8), (Atom(kind, bytes(30)),)),))
    sound = trak(b"soun", media=(Atom(b"minf", b"", (table,)),))
    with pytest.raises(HeaderRefused, match="encrypted"):
        changed(
            tmp_path / "a.mp4", START + to_bytes(movie(sound=sound)) + DATA, asked("v0 h264 D, a1 aac fre")
        )


def test_a_damaged_index_and_one_too_many_are_left_alone(tmp_path):
    plan = asked("v0 h264 D, a1 aac fre")
    damaged = movie()._replace(tail=b"\0\0\0\1rubbish")
    with pytest.raises(HeaderRefused, match="damaged"):
        changed(tmp_path / "a.mp4", START + DATA + to_bytes(damaged), plan)
    with pytest.raises(HeaderRefused, match="more than once"):
        changed(tmp_path / "a.mp4", START + DATA + to_bytes(movie()) * 2, plan)


def test_subtitles_are_switched_as_the_plan_has_them(tmp_path):
    texts = (trak(b"sbtl", flags=3), trak(b"sbtl", flags=2))
    tracks = "v0 h264 D, a1 aac D, s2 mov_text, s3 mov_text D"
    data = START + DATA + to_bytes(movie(*texts))
    made = changed(tmp_path / "a.mp4", data, asked(tracks, tracks), flags_change)
    assert made == START + DATA + to_bytes(movie(trak(b"sbtl", flags=2), trak(b"sbtl", flags=3)))


def test_a_box_that_no_version_knows_is_refused(tmp_path):
    strange = trak(b"sbtl")
    strange = strange._replace(
        children=(full(b"tkhd", b"")._replace(payload=b"\7" * 90), *strange.children[1:])
    )
    tracks = "v0 h264 D, a1 aac D, s2 mov_text"
    with pytest.raises(HeaderRefused, match="no known version"):
        changed(
            tmp_path / "a.mp4", START + DATA + to_bytes(movie(strange)), asked(tracks, tracks), flags_change
        )


@pytest.mark.parametrize("writes", [[(0, b"ab"), (1, b"c")], [(50, b"x")]])
def test_patches_that_meet_or_lie_behind_the_end_are_refused(tmp_path, writes):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(20))
    with path.open("rb") as stream, pytest.raises(HeaderRefused):
        change_by_patches(OpenFile(stream.fileno(), bytes(path)), writes, 20)
