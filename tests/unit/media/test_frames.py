"""What only packets tell, from containers that hold just what is asked of them."""

from __future__ import annotations

from types import SimpleNamespace

import av
import pytest
from av.stream import Disposition

from tests.support.tracks import track
from vpo_tasks.media.frames import find_hdr10_plus, find_stills, find_undated, indexed_stills

SEI = b"\xb5\x00\x3c\x00\x01\x04"
PICTURE = b"\0\0\1\xb6"
PQ, BT709 = 16, 1


class Packet(bytes):
    """A packet's bytes, and of which stream it is."""

    stream_index: int

    def __new__(cls, index: int, data: bytes = b"data"):
        packet = super().__new__(cls, data)
        packet.stream_index = index
        return packet

    @property
    def size(self) -> int:
        return len(self)


class Container:
    """Yields packets; then ends as a whole file does, or with damage. `read` counts what was taken."""

    def __init__(self, packets, *streams, name="matroska", damaged=False):
        self.packets, self.damaged, self.read = packets, damaged, 0
        self.streams = SimpleNamespace(video=streams)
        self.format = SimpleNamespace(name=name)

    def demux(self, stream=None):
        for packet in self.packets:
            if stream is None or packet.stream_index == stream.index:
                self.read += 1
                yield packet
        if self.damaged:
            raise av.error.InvalidDataError(1, "damaged")


def stream(index, *, transfer=BT709, cover=False, name="hevc", reordered=False):
    context = SimpleNamespace(color_trc=transfer, has_b_frames=reordered, name=name)
    disposition = Disposition.attached_pic if cover else Disposition(0)
    return SimpleNamespace(index=index, disposition=disposition, codec_context=context)


FILM, COVER, SOUND = track("v0 h264"), track("v1 mjpeg"), track("a2 aac")


def test_an_index_tells_a_picture_from_a_film_unless_it_leaves_a_track_out():
    assert indexed_stills([FILM, COVER, SOUND], {0: 500, 1: 1, 2: 900}) == {0: False, 1: True}
    assert indexed_stills([FILM, COVER], {0: 500}) is None
    assert indexed_stills([FILM, COVER], {0: 500, 1: 0}) is None


def test_a_track_with_one_packet_in_the_whole_file_is_a_picture():
    found = Container([Packet(1), *(Packet(0) for _ in range(5)), Packet(2)])
    assert find_stills(found, [FILM, COVER, SOUND]) == {0: False, 1: True}


def test_no_more_is_read_than_it_takes():
    both_move = Container([Packet(0), Packet(1), Packet(0), Packet(1), *[Packet(0)] * 5000])
    assert find_stills(both_move, [FILM, COVER]) == {0: False, 1: False}
    assert both_move.read == 4
    one_moves = Container([Packet(1), *[Packet(0)] * 5000])
    assert find_stills(one_moves, [FILM, COVER]) == {0: False, 1: True}
    assert one_moves.read < 100


def test_packets_without_content_are_no_pictures():
    assert find_stills(Container([Packet(0), Packet(0, b"")]), [FILM]) == {0: True}


@pytest.mark.parametrize(("codec", "damaged", "is_still"), [
    ("h264", False, True), ("h264", True, False), ("mjpeg", True, True),
])  # fmt: skip
def test_a_track_of_which_nothing_was_found_may_be_a_film_that_begins_later(codec, damaged, is_still):
    found = Container([Packet(0), Packet(0)], damaged=damaged)
    assert find_stills(found, [FILM, track(f"v1 {codec}")])[1] is is_still


def test_hdr10_plus_is_found_in_the_first_packet_of_the_first_film_with_its_transfer():
    cover, film = stream(0, transfer=PQ, cover=True), stream(1, transfer=PQ)
    assert find_hdr10_plus(Container([Packet(0), Packet(1, b"ab" + SEI)], cover, film)) == 1
    assert find_hdr10_plus(Container([Packet(1, b"ab"), Packet(1, SEI)], cover, film)) is None


def test_without_the_transfer_no_packet_is_read():
    found = Container([Packet(0, SEI)], stream(0))
    assert find_hdr10_plus(found) is None
    assert found.read == 0


def test_a_damaged_file_has_no_hdr10_plus():
    assert find_hdr10_plus(Container([Packet(5)], stream(0, transfer=PQ), damaged=True)) is None


def test_reordered_pictures_have_no_times_in_avi_but_for_plain_mpeg4():
    h264, mpeg4 = stream(0, name="h264", reordered=True), stream(0, name="mpeg4", reordered=True)
    plain = [Packet(0, PICTURE + b"x")] * 3
    packed = [*plain, Packet(0, PICTURE + b"x" + PICTURE)]
    assert find_undated(Container(plain, h264, name="avi"), {0}) == 0
    assert find_undated(Container(plain, mpeg4, name="avi"), {0}) is None
    assert find_undated(Container(packed, mpeg4, name="avi"), {0}) == 0
    assert find_undated(Container(plain, mpeg4, name="matroska"), {0}) == 0


def test_only_streams_stored_as_avi_does_and_with_reordered_pictures_are_undated():
    cover, film = stream(0, name="h264"), stream(1, name="h264", reordered=True)
    assert find_undated(Container([], cover, film), {0, 1}) == 1
    assert find_undated(Container([], cover, film), {0}) is None
