"""A Dolby Vision configuration is overwritten in place; nothing else moves."""

from __future__ import annotations

import os
import zlib

import pytest

from tests.support.dolby_vision import configuration, say_dolby_vision
from tests.support.matroska import block, cluster, element, matroska, number, track
from tests.support.media import sample
from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.disk.system_calls import RealDisk
from vpo_tasks.execute.dolby_vision import drop_configurations
from vpo_tasks.media.matroska.header import BLOCK_ADDITION_MAPPING, read_layout
from vpo_tasks.media.synthetic import SampleTrack

MAPPING = element(
    BLOCK_ADDITION_MAPPING,
    number(0x41E7, int.from_bytes(b"dvvC", "big")) + element(0x41ED, configuration(8, 1)),
)


def drop(path, container, places):
    fd = os.open(path, os.O_RDWR)
    try:
        drop_configurations(RealDisk(), OpenFile(fd, os.fsencode(path)), container, places)
    finally:
        os.close(fd)


def two_tracks(tmp_path):
    path = tmp_path / "a.mkv"
    tracks = [
        track(n, 1, b"V_MPEGH/ISO/HEVC", element(0xE0, number(0xB0, 64) + number(0xBA, 48)), MAPPING)
        for n in (1, 2)
    ]
    path.write_bytes(matroska(cluster(0, block(1, 0), block(2, 0)), tracks=tuple(tracks)))
    return path


@pytest.mark.parametrize(("places", "left"), [([0], 1), ([1], 1), ([0, 1], 0), ([], 2), ([7], 2)])
def test_only_the_encoded_tracks_of_matroska_lose_it(tmp_path, places, left):
    path = two_tracks(tmp_path)
    size, frames = path.stat().st_size, path.read_bytes()[-60:]
    assert path.read_bytes().count(MAPPING) == 2
    drop(path, "mkv", places)
    content = path.read_bytes()
    assert (len(content), content[-60:], content.count(MAPPING)) == (size, frames, left)
    assert len(read_layout(str(path)).tracks) == 2


def test_the_checksum_over_the_tracks_is_made_anew(tmp_path):
    path = tmp_path / "a.mkv"
    entry = track(1, 1, b"V_MPEGH/ISO/HEVC", element(0xE0, number(0xB0, 64) + number(0xBA, 48)), MAPPING)
    checked = b"\xbf\x84" + zlib.crc32(entry).to_bytes(4, "little")
    path.write_bytes(matroska(cluster(0, block(1, 0)), tracks=(checked, entry)))
    drop(path, "mkv", [0])
    content = path.read_bytes()
    at = content.index(b"\xbf\x84")
    assert content[at + 2 : at + 6] == zlib.crc32(content[at + 6 : at + 6 + len(entry)]).to_bytes(4, "little")
    assert content[at + 2 : at + 6] != checked[2:]


def test_an_mp4_loses_the_box_and_keeps_its_size(tmp_path):
    path = sample(tmp_path, "a.mp4", SampleTrack("video", "mpeg4"))
    say_dolby_vision(tmp_path / "a.mp4", 8, 1)
    before = (tmp_path / "a.mp4").read_bytes()
    assert before.count(b"dvvC") == 1
    drop(path, "mp4", [0])
    assert (tmp_path / "a.mp4").read_bytes() == before.replace(b"dvvC", b"free")
