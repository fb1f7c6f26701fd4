"""The sample tables of an MP4, and whether the chunks lie without gaps."""

from __future__ import annotations

import struct

import pytest

from vpo_tasks.media.mp4.chunks import Chunks, Extent, extents, read_chunks


def table(head: str, *numbers: int, kind: str = "I") -> bytes:
    """A full box's content: version and flags, then the numbers of `head`, then a row of `kind`."""
    fixed = len(head)
    return bytes(4) + struct.pack(f">{head}{len(numbers) - fixed}{kind}", *numbers)


SIZES = table("II", 0, 5, 10, 20, 30, 40, 50)
RUNS = table("I", 2, 1, 2, 1, 2, 1, 1)  # two samples in the first chunk, one in each further one
OFFSETS = table("I", 4, 100, 200, 300, 400)


def test_each_chunk_is_as_long_as_its_samples_together():
    found = read_chunks({b"stsz": SIZES, b"stsc": RUNS, b"stco": OFFSETS})
    assert found is not None
    assert (list(found.offsets), list(found.sizes)) == ([100, 200, 300, 400], [30, 30, 40, 50])


def test_offsets_of_64_bits_are_read_where_there_are_no_short_ones():
    far = table("I", 4, 1 << 40, 2, 3, 4, kind="Q")
    found = read_chunks({b"stsz": SIZES, b"stsc": RUNS, b"co64": far})
    assert found is not None
    assert list(found.offsets) == [1 << 40, 2, 3, 4]


@pytest.mark.parametrize(
    ("width", "body"),
    [(4, b"\x12\x34\x50"), (8, bytes((1, 2, 3, 4, 5))), (16, struct.pack(">5H", 1, 2, 3, 4, 5))],
)
def test_compact_sizes_of_every_width_are_the_same_sizes(width, body):
    compact = bytes(7) + struct.pack(">BI", width, 5) + body
    found = read_chunks({b"stz2": compact, b"stsc": RUNS, b"stco": OFFSETS})
    assert found is not None
    assert list(found.sizes) == [3, 3, 4, 5]


def test_a_number_of_uniform_samples_that_is_a_lie_costs_no_memory_and_the_chunks_end_it():
    found = read_chunks({b"stsz": table("II", 7, 0xFFFFFFFF), b"stsc": RUNS, b"stco": OFFSETS})
    assert found is not None
    assert list(found.sizes) == [14, 7, 7, 7]
    fewer = read_chunks({b"stsz": table("II", 7, 3), b"stsc": RUNS, b"stco": OFFSETS})
    assert fewer is not None
    assert list(fewer.sizes) == [14, 7, 0, 0]


def test_runs_that_go_back_count_no_chunk_twice():
    """A damaged table; counted again and again the chunks of a large one would never end."""
    back = table("I", 3, 1, 1, 1, 4, 1, 1, 1, 2, 1)
    found = read_chunks({b"stsz": table("II", 7, 100), b"stsc": back, b"stco": OFFSETS})
    assert found is not None
    assert list(found.sizes) == [7, 7, 7, 14]
    many = table("I", 100_000, *(1, 1, 1, 50_000, 1, 1) * 50_000)
    far = table("I", 50_000, *range(50_000))
    assert read_chunks({b"stsz": table("II", 7, 100), b"stsc": many, b"stco": far}) is not None


@pytest.mark.parametrize("left_out", [b"stsz", b"stsc"])
def test_without_samples_there_are_no_chunks(left_out):
    tables = {b"stsz": SIZES, b"stsc": RUNS, b"stco": OFFSETS}
    del tables[left_out]
    assert read_chunks(tables) is None


def test_a_table_that_is_cut_off_is_an_error():
    with pytest.raises(struct.error):
        read_chunks({b"stsz": SIZES[:10], b"stsc": RUNS, b"stco": OFFSETS})


def test_interleaved_chunks_without_gaps_have_nothing_astray():
    sound, film = Chunks([100, 160], [10, 20]), Chunks([110, 180], [50, 20])
    assert extents([sound, film], [(92, 200)]) == [Extent(30, 0), Extent(70, 0)]


def test_a_flipped_bit_in_a_size_is_astray_by_what_it_shrank_or_grew():
    assert extents([Chunks([100, 150], [18, 50])], [(92, 200)]) == [Extent(68, 32)]
    assert extents([Chunks([100, 150], [50, 58])], [(92, 200)]) == [Extent(108, 8)]
