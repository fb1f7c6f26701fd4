"""A journal is read as far as it is whole, and nothing but itself is taken for one."""

from __future__ import annotations

import random

import msgspec

from vpo_tasks.execute.journal import Record, decode, encode
from vpo_tasks.execute.private import Private
from vpo_tasks.media.identity import Identity

INTENT = Record(
    mode="replace", state="intent", owner="here", source=b"a\xff.mkv", target=b"a\xff.mkv",
    old=Identity(1, 2, 3, 4, 5), old_print="00",
)  # fmt: skip
DONE = msgspec.structs.replace(INTENT, state="done", new=Identity(1, 9, 3, 4, 5))


def test_last_record_counts_and_names_keep_their_bytes() -> None:
    found = decode(encode(INTENT) + encode(DONE))
    assert found == DONE
    assert found is not None
    assert found.source == b"a\xff.mkv"


def test_line_torn_anywhere_is_as_if_it_had_not_been_written() -> None:
    whole, torn = encode(INTENT), encode(DONE)
    for length in range(len(torn) - 1):
        assert decode(whole + torn[:length]) == INTENT
        assert decode(torn[:length]) is None
        assert decode(whole + torn[:length] + b"\n" + torn) == DONE


def test_flipped_bits_are_never_believed() -> None:
    data, chance = bytearray(encode(INTENT)), random.Random(1)
    for _ in range(500):
        place, bit = chance.randrange(len(data) - 1), 1 << chance.randrange(8)
        data[place] ^= bit
        assert decode(bytes(data)) is None
        data[place] ^= bit


def test_private_names_are_short_and_parse_back() -> None:
    names = Private.new(b"/f\xff", "0123456789abcdef")
    for path in (names.journal, names.part, names.orig):
        assert Private.parse(path) == names
        assert len(path) - len(b"/f\xff/") <= 60
    assert names.key == "0123456789abcdef"
    for stranger in (b"/f/.vpo-x.part", b"/f/film.part", b"/f/.vpo-0123456789abcdef-0000.part.mkv"):
        assert Private.parse(stranger) is None
