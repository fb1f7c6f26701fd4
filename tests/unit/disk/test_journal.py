"""A journal is read as far as it is whole, and nothing but itself is taken for one."""

from __future__ import annotations

import random

import msgspec

from vpo_tasks.disk.folders import Folder
from vpo_tasks.disk.fsops import Sidecars, id_of
from vpo_tasks.disk.journal import Record, decode, encode
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
    names = Sidecars.new(Folder(-1, b"/f\xff"), "0123456789abcdef")
    for place in (names.journal, names.part, names.orig, names.work):
        assert id_of(place.name) == names.id
        assert len(place.name) <= 60
    assert names.key == "0123456789abcdef"
    for stranger in (b".vpo-x.part", b"film.part", b".vpo-0123456789abcdef-0000.part.mkv"):
        assert id_of(stranger) is None
