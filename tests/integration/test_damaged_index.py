"""A bit that flips in an index makes packets shrink; counts of packets and digests agree all the same."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.support.media import SampleTrack, sample
from vpo_tasks.errors import VerifyError
from vpo_tasks.execute.verify import verify_index, verify_payload
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.model import StreamCount
from vpo_tasks.media.packet_counts import count_packets

_TRACKS = (SampleTrack("video", "hevc"), SampleTrack("audio", "aac", language="eng"))
CONVERT = "schema_version: 13\nphases:\n  - {name: f, container: {target: mkv}}\n"
TITLE = "schema_version: 13\nphases:\n  - {name: f, audio_actions: {clear_all_titles: true}}\n"


def flipped(path: str, box: bytes, offset: int, bits: int, number: int = 0) -> str:
    """Flip bits of a 32-bit field in the n-th box of a kind, counted from its content."""
    with open(path, "r+b") as file:
        data = file.read()
        at = -1
        for _ in range(number + 1):
            at = data.index(box, at + 1)
        at += 4 + offset
        (value,) = struct.unpack_from(">I", data, at)
        file.seek(at)
        file.write(struct.pack(">I", value ^ bits))
    return path


def made(folder, name: str = "a.mp4", **options: object) -> str:
    return sample(folder, name, *_TRACKS, seconds=4, size=(320, 240), **options)


def judge(path: str) -> None:
    media = read_media(path)
    counts = count_packets(path, media)
    verify_index(path, media, counts, {track.index for track in media.tracks})


@pytest.mark.parametrize("verify", ["standard", "full"])
def test_one_flipped_bit_in_the_sizes_of_hevc_is_no_success(world, verify):
    world.write_policy(CONVERT)
    world.configure(f'[safety]\nverify = "{verify}"\nkeep_originals = 0\n')
    tracks = (_TRACKS[0], _TRACKS[1]._replace(title="to be cleared"))
    path = sample(world.media, "a.mp4", *tracks, seconds=4, size=(320, 240))
    flipped(path, b"stsz", 4, 1)
    whole = open(path, "rb").read()  # noqa: SIM115
    done = world.vpo("process", world.media)
    assert done.returncode == 1
    assert open(path, "rb").read() == whole  # noqa: SIM115
    assert sorted(name.name for name in world.media.iterdir()) == ["a.mp4", "policy.yaml"]


def test_an_edit_of_the_header_leaves_a_damaged_index_and_all_media_data_as_they_are(world):
    world.write_policy(TITLE)
    tracks = (_TRACKS[0], _TRACKS[1]._replace(title="to be cleared"))
    path = sample(world.media, "a.mp4", *tracks, seconds=4, size=(320, 240))
    flipped(path, b"stsz", 4, 1)
    before = Path(path).read_bytes()
    assert world.vpo("process", world.media).returncode == 0
    after = Path(path).read_bytes()
    assert read_media(path).tracks[1].title is None
    moov = before.index(b"moov")
    assert after[: moov - 4] == before[: moov - 4]
    tables = [data[data.index(b"stsz") :][:200] for data in (before, after)]
    assert tables[0] == tables[1]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
@pytest.mark.parametrize(
    ("field", "bits", "number"),
    [
        *[((b"stsz", 4), 1 << bit, 0) for bit in (0, 1, 2, 3, 16)],  # all samples have one size
        ((b"stsz", 4), 1, 1),  # of the sound
        ((b"stsz", 8), 64, 0),  # fewer samples
        ((b"stsc", 12), 3, 0),  # other samples in a chunk
    ],
)
def test_an_index_that_leaves_out_or_doubles_media_data_is_found(tmp_path, name, field, bits, number):
    path = made(tmp_path, name)
    judge(path)
    flipped(path, field[0], field[1], bits, number)
    with pytest.raises(VerifyError, match=r"gives to nobody, or twice"):
        judge(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi", "a.ts", "a.mpg", "a.flv", "a.wmv"])
def test_what_muxers_write_is_accounted_for(tmp_path, name):
    path = sample(tmp_path, name, SampleTrack("video"), SampleTrack("audio"), seconds=3)
    judge(path)


def test_a_copy_of_fewer_bytes_is_refused_and_what_containers_leave_out_is_not():
    source = StreamCount(0, 1000, 0.0, 40.0, size=1_000_000)
    verify_payload("v", "track 0", source, StreamCount(0, 1000, 0.0, 40.0, size=980_000))
    verify_payload("v", "track 0", source, StreamCount(0, 1000, 0.0, 40.0))
    with pytest.raises(VerifyError, match="bytes of track 0"):
        verify_payload("v", "track 0", source, StreamCount(0, 1000, 0.0, 40.0, size=200_000))
    # ADTS headers of 7 bytes before frames of 6
    silence = StreamCount(0, 1000, 0.0, 40.0, size=13_000)
    verify_payload("v", "track 0", silence, StreamCount(0, 1000, 0.0, 40.0, size=6_000))


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.mov", "a.avi", "a.ts"])
def test_every_way_of_counting_tells_the_bytes(tmp_path, name):
    path = sample(tmp_path, name, SampleTrack("video", "mpeg4"), SampleTrack("audio", "mp3"), seconds=2)
    media = read_media(path)
    cheap, read = count_packets(path, media), count_packets(path, media, demux=True)
    for one, other in zip(cheap, read, strict=True):
        assert one.size
        assert other.size
        assert abs(one.size - other.size) <= 8 * one.packets


def test_a_film_in_fragments_is_held_to_its_media_data(tmp_path):
    import subprocess

    from tests.support.media import need_tool

    path, pieces = made(tmp_path), str(tmp_path / "f.mp4")
    words = ["-v", "error", "-i", path, "-c", "copy", "-movflags", "frag_keyframe+empty_moov", pieces]
    subprocess.run([need_tool("ffmpeg"), *words], check=True)
    judge(pieces)
    media = read_media(pieces)
    counts = count_packets(pieces, media)
    assert sum(count.size or 0 for count in counts) > 0.9 * media.size_bytes - 20_000
    lost = [StreamCount(0, 100, 0.0, 4.0, size=1000, astray=90_000), counts[1]]
    with pytest.raises(VerifyError, match="stream 0 of the source"):
        verify_index(pieces, media, lost, {0, 1})
