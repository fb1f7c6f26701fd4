"""Counting packets: the cheap ways must say exactly what reading every packet says."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from typing import Any

import pytest

from tests.support.matroska import UNKNOWN, block, cluster, element, matroska, number, track
from tests.support.media import AUDIO, VIDEO, SampleTrack, need_tool, sample, to_path
from vpo_tasks.errors import ProbeError
from vpo_tasks.execute.verify import VORBIS_TOLERANCE_S
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.matroska.blocks import BlockCount, count_blocks, open_blocks
from vpo_tasks.media.matroska.header import read_layout
from vpo_tasks.media.mp4.movie import read_movie
from vpo_tasks.media.packet_counts import Following, _count_matroska, _count_movie, count_packets
from vpo_tasks.programs import wheel_ffmpeg

MANY = (
    VIDEO,
    SampleTrack("audio", "opus", "jpn", channels=6),
    SampleTrack("audio", "truehd", "eng"),
    SampleTrack("audio", "flac"),
    SampleTrack("subtitle", "subrip", "eng"),
    SampleTrack("subtitle", "ass", "ger"),
    SampleTrack("attachment", "ttf"),
    SampleTrack("attachment", "png"),
)
ENTRY = track(1, 1, b"V_MPEG4/ISO/ASP")
LACED = track(2, 2, b"A_AC3", number(0x23E383, 32_000_000))


def assert_same(cheap, full, tolerance_s=0.0015):
    assert [(count.index, count.packets) for count in cheap] == [
        (count.index, count.packets) for count in full
    ]
    for mine, theirs in zip(cheap, full, strict=True):
        assert mine.first_s == pytest.approx(theirs.first_s, abs=tolerance_s)
        assert mine.last_s == pytest.approx(theirs.last_s, abs=tolerance_s)


def write(tmp_path, data, name="a.mkv"):
    path = to_path(tmp_path, name)
    with open(path, "wb") as stream:
        stream.write(data)
    return path


def test_matroska_walk_equals_reading_every_packet(tmp_path):
    path = sample(tmp_path, "a.mkv", *MANY)
    media = read_media(path)
    cheap = _count_matroska(path, media, lambda: None)
    assert [count.index for count in cheap] == [0, 1, 2, 3, 4, 5]
    assert_same(cheap, count_packets(path, media, demux=True))


@pytest.mark.parametrize("seed", range(6))
def test_count_that_follows_in_any_steps_equals_one_at_once(tmp_path, seed):
    path = sample(tmp_path, "a.mkv", *MANY)
    media, size = read_media(path), os.path.getsize(path)
    chance = random.Random(seed)
    following = Following(path, media)
    for until in sorted(chance.randrange(size + 100) for _ in range(chance.randrange(40))):
        following.go_on(until, lambda: None)
    assert following.finish(lambda: None) == count_packets(path, media)


def test_count_that_follows_goes_through_clusters_of_unknown_size_byte_by_byte(tmp_path):
    parts = (cluster(n * 1000, block(1, 0), block(1, 40), size=UNKNOWN) for n in range(3))
    path = write(tmp_path, matroska(*parts, tracks=(ENTRY,), size=UNKNOWN))
    with open_blocks(path) as blocks:
        for until in range(os.path.getsize(path)):
            blocks.walk(lambda: None, until)
        blocks.walk(lambda: None)
        assert blocks.counts() == count_blocks(path)
    assert count_blocks(path)[1][:3] == (6, 0, 2_040_000_000)


def test_file_without_a_cluster_is_followed_to_its_end(tmp_path):
    path = write(tmp_path, matroska(tracks=(ENTRY,)))
    with open_blocks(path) as blocks:
        blocks.walk(lambda: None, 10)
        blocks.walk(lambda: None)
        assert blocks.counts() == {}


def test_webm_walk_takes_the_codec_delay_off(tmp_path):
    path = sample(tmp_path, "a.webm")
    media = read_media(path)
    cheap = _count_matroska(path, media, lambda: None)
    assert cheap[1].first_s < 0
    assert_same(cheap, count_packets(path, media, demux=True))


def test_laced_audio_counts_every_frame(tmp_path):
    tool = need_tool("mkvmerge")
    plain = sample(tmp_path, "a.mkv", VIDEO, AUDIO, SampleTrack("audio", "aac"), SampleTrack("audio", "mp3"))
    path = to_path(tmp_path, "laced.mkv")
    subprocess.run([tool, "-q", "-o", path, plain], check=True)
    media = read_media(path)
    cheap = _count_matroska(path, media, lambda: None)
    # FFmpeg rounds the length of a laced frame down to a whole tick; up to eight frames make a lace
    assert_same(cheap, count_packets(path, media, demux=True), tolerance_s=0.008)
    assert [count.packets for count in cheap] == [
        count.packets for count in count_packets(plain, read_media(plain))
    ]


def unmarked(counts: dict[int, BlockCount]) -> dict[int, BlockCount]:
    return {number: count._replace(mark="") for number, count in counts.items()}


def test_laced_sound_that_tells_no_duration_is_left_to_a_parser(tmp_path):
    tool = need_tool("mkvmerge")
    unsure = 0
    for seconds in (0.9, 1.0, 1.1, 1.23, 1.5):
        plain = sample(tmp_path, f"{seconds}.mkv", VIDEO, SampleTrack("audio", "vorbis"), seconds=seconds)
        path = to_path(tmp_path, f"laced {seconds}.mkv")
        subprocess.run([tool, "-q", "-o", path, plain], check=True)
        media = read_media(path)
        counts = count_packets(path, media)
        assert_same(counts, count_packets(plain, read_media(plain)), tolerance_s=VORBIS_TOLERANCE_S)
        unsure += _count_matroska(path, media, lambda: None) is None
    assert unsure, "none of them ends in a lace"


def test_live_recording_of_unknown_size_is_walked_to_its_end(tmp_path):
    parts = (
        cluster(0, block(1, 0), block(1, 40), size=UNKNOWN),
        element(0x1C53BB6B, b""),  # Cues between clusters end an unknown size too
        cluster(1000, block(1, -10), size=UNKNOWN),
    )
    path = write(tmp_path, matroska(*parts, tracks=(ENTRY,), size=UNKNOWN))
    assert read_layout(path).missing_bytes == 0
    assert unmarked(count_blocks(path)) == {1: BlockCount(3, 0, 990_000_000, 3)}


def test_void_checksum_and_block_groups(tmp_path):
    group = element(0xA0, number(0x9B, 96) + element(0xA1, b"\x82\x00\x40\x02\x02\x01\x01xyz"))
    parts = (
        element(0xEC, bytes(100)),
        cluster(5, element(0xBF, bytes(4)), block(1, 0), element(0xEC, bytes(70)), group),
    )
    path = write(tmp_path, matroska(*parts, tracks=(ENTRY, LACED)))
    counts = unmarked(count_blocks(path))
    assert counts[1] == BlockCount(1, 5_000_000, 5_000_000, 1)
    assert counts[2] == BlockCount(3, 69_000_000, 133_000_000, 6)  # three frames of 32 ms


def test_lace_without_a_block_duration_uses_the_tracks(tmp_path):
    laced = block(2, 0, b"aabbcc", lacing=b"\x02\x02\x02")
    path = write(tmp_path, matroska(cluster(0, laced), tracks=(ENTRY, LACED)))
    assert unmarked(count_blocks(path)) == {2: BlockCount(3, 0, 64_000_000, 9)}


def test_tracks_that_ffmpeg_leaves_out_do_not_shift_the_indexes(tmp_path):
    entries = (
        track(9, 0x11, b"S_TEXT/UTF8"),
        track(4, 0x12, b"B_VOBBTN"),
        track(2, 2, b""),
        track(7, 1, b"V_VP8"),
    )
    path = write(tmp_path, matroska(tracks=entries))
    assert read_layout(path).stream_indexes() == {9: 0, 7: 1}


@pytest.mark.parametrize(
    ("broken", "where"),
    [
        (element(0xA3, b"\x81\0\0\x80x", size=b"\x01\0\0\0\0\xff\xff\xff"), "beyond its cluster"),
        (element(0xA3, b"\x81", size=UNKNOWN), "of unknown size"),
        (b"\0\0\0\0\0\0\0\0\0\0", "no identifier"),
    ],
)
def test_broken_cluster_is_an_error_not_a_count(tmp_path, broken, where):
    path = write(tmp_path, matroska(cluster(0, block(1, 0), broken), tracks=(ENTRY,)))
    with pytest.raises(ProbeError, match="damaged at byte"):
        count_blocks(path)


def test_a_size_that_lies_costs_no_memory(tmp_path):
    tracks = element(0x1654AE6B, b"", size=b"\x01\x0f\xff\xff\xff\xff\xff\xff")
    data = element(0x1A45DFA3, element(0x4282, b"matroska")) + element(0x18538067, tracks, size=UNKNOWN)
    with pytest.raises(ProbeError, match="damaged"):
        read_layout(write(tmp_path, data))


def test_flipped_bits_raise_nothing_but_probe_errors(tmp_path):
    tracks = (VIDEO, AUDIO, SampleTrack("subtitle", "subrip"))
    with open(sample(tmp_path, "a.mkv", *tracks, seconds=0.2), "rb") as stream:
        films: list[Any] = [(stream.read(), "b.mkv", lambda path: (read_layout(path), count_blocks(path)))]
    with open(sample(tmp_path, "a.mp4", VIDEO, AUDIO, seconds=0.2), "rb") as stream:
        films.append((stream.read(), "b.mp4", read_movie))
    reasons = []
    for data, name, read in films:
        head_first = [
            *range(min(len(data), 2000)),
            *range(0, len(data), 7),
            *range(len(data) - 3000, len(data)),
        ]
        for seed in range(400):
            chance = random.Random(seed)
            damaged = bytearray(data)
            for _ in range(chance.randint(1, 8)):
                damaged[chance.choice(head_first)] ^= 1 << chance.randrange(8)
            if chance.random() < 0.2:
                del damaged[chance.randrange(len(damaged)) :]
            try:
                read(write(tmp_path, damaged, name))
            except ProbeError as error:
                reasons.append(str(error))
    assert len(reasons) > 100
    assert not [reason for reason in reasons if "\n" in reason]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc counts the bytes read")
def test_counting_reads_headers_not_payloads(tmp_path):
    # written as a sparse file: 200 blocks of a megabyte each
    blocks, payload = 200, 1 << 20
    head = matroska(tracks=(ENTRY,), size=UNKNOWN)
    path = write(tmp_path, head)
    with open(path, "r+b") as stream:
        stream.seek(0, 2)
        stream.write(cluster(0, size=UNKNOWN))
        for tick in range(blocks):
            stream.write(
                b"\xa3" + (payload | 1 << 56).to_bytes(8, "big") + b"\x81" + tick.to_bytes(2, "big") + b"\x80"
            )
            stream.seek(payload - 4, 1)
        stream.truncate(stream.tell())
    before = bytes_read()
    assert count_blocks(path)[1].blocks == blocks
    assert bytes_read() - before < 200_000


def bytes_read():
    with open("/proc/self/io") as stream:
        return int(stream.read().split()[1])


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.3gp"])
def test_mp4_index_equals_reading_every_packet(tmp_path, name):
    tracks = (VIDEO, SampleTrack("audio", "aac"), SampleTrack("subtitle", "mov_text"))
    path = sample(tmp_path, name, *tracks)
    media = read_media(path)
    cheap = _count_movie(path, media)
    assert cheap is not None
    assert_same(cheap, count_packets(path, media, demux=True))


def ffmpeg(*arguments):
    subprocess.run([wheel_ffmpeg(), "-v", "error", "-nostdin", *arguments], check=True)


@pytest.mark.parametrize(
    ("options", "from_index"),
    [
        (("-movflags", "faststart"), True),
        (("-movflags", "frag_keyframe+empty_moov"), False),
        (("-ss", "0.5"), False),  # an edit list that hides frames
    ],
)
def test_reordered_frames_fragments_and_cuts(tmp_path, options, from_index):
    whole, path = to_path(tmp_path, "whole.mp4"), to_path(tmp_path, "a.mp4")
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x48:d=2", "-f", "lavfi", "-i", "sine=d=2")
    ffmpeg(*source, "-c:v", "libx264", "-bf", "3", "-c:a", "aac", whole)
    before = options if options[0] == "-ss" else ()
    ffmpeg(*before, "-i", whole, "-c", "copy", *(() if before else options), path)
    media = read_media(path)
    assert (_count_movie(path, media) is not None) == from_index
    assert_same(count_packets(path, media), count_packets(path, media, demux=True))


@pytest.mark.parametrize("name", ["a.avi", "a.ts", "a.mpg", "a.flv", "a.wmv", "a.ogv"])
def test_other_containers_are_read_to_their_end(tmp_path, name):
    path = sample(tmp_path, name)
    counts = count_packets(path, read_media(path))
    assert len(counts) == 2
    assert all(count.packets >= 20 and count.last_s > count.first_s for count in counts)


def test_damage_inside_falls_back_to_what_ffmpeg_finds(tmp_path):
    with open(sample(tmp_path, "a.mkv"), "rb") as stream:
        data = bytearray(stream.read())
    start = data.index(b"\x1f\x43\xb6\x75") + 5000
    data[start : start + 3000] = bytes(3000)
    path = write(tmp_path, data, "damaged.mkv")
    with pytest.raises(ProbeError, match="damaged at byte"):
        count_blocks(path)
    media = read_media(path)
    assert count_packets(path, media) == count_packets(path, media, demux=True)


@pytest.mark.parametrize("frames", ["0", "3"])
def test_what_an_edit_list_hides_is_told_apart(tmp_path, frames):
    whole, path = to_path(tmp_path, "whole.mp4"), to_path(tmp_path, "a.mp4")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:d=2", "-c:v", "libx264", "-bf", frames, "-g", "50", whole)
    ffmpeg("-ss", "1", "-i", whole, "-c", "copy", path)
    (count,) = count_packets(path, read_media(path))
    assert count.packets == 50
    assert (count.seen.packets, round(count.seen.last_s - count.seen.first_s, 2)) == (25, 0.96)
    (count,) = count_packets(whole, read_media(whole))
    assert count.seen is count
