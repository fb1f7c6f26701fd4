"""A plan's changes on the index of an MP4: only what was asked for. What FFmpeg makes of it: test_header_mp4.py."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pytest

from tests.support.mp4 import full, movie, trak, user
from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.media.mp4.edits import edited_movie
from vpo_tasks.media.mp4.items import UTF8, ItemValue, LocalText, make_item_list, make_local_texts, write_item
from vpo_tasks.media.mp4.tree import Atom, BoxError, find, find_all, to_bytes

PACKED_JAPANESE = (10 << 10) | (16 << 5) | 14

FOUND = (
    Track(index=0, type="video", codec="h264", default=True, language="fre"),
    Track(index=1, type="audio", codec="aac", default=True, language="fre"),
)


def media(*tracks: Track, container: str = "mp4", **tags: str) -> MediaInfo:
    return MediaInfo(container=container, format_name="mov", tracks=tracks or FOUND, tags=tags)


def sound(**fields: Any) -> MediaInfo:
    return media(FOUND[0], msgspec.structs.replace(FOUND[1], **fields))


def edited_sound(before: Atom, after: MediaInfo, found: MediaInfo | None = None) -> Atom:
    """Return the second track after an edit, with all else held to be as it was."""
    made = edited_movie(before, found or media(), after)
    assert [to_bytes(box) for n, box in enumerate(made.children) if n != 1] == [
        to_bytes(box) for n, box in enumerate(before.children) if n != 1
    ]
    return made.children[1]


def test_the_default_flag_is_that_a_track_is_enabled():
    track = edited_sound(movie(), sound(default=False))
    assert track == trak(b"soun", flags=2)


def test_a_language_is_stored_in_its_terminological_code():
    track = edited_sound(movie(), sound(language="jpn"))
    header = find(track, b"mdia", b"mdhd")
    assert header is not None
    assert struct.unpack_from(">H", header.payload, 20) == (PACKED_JAPANESE,)
    german = find(edited_sound(movie(), sound(language="ger")), b"mdia", b"mdhd")
    assert german is not None
    assert struct.unpack_from(">H", german.payload, 20) == ((4 << 10) | (5 << 5) | 21,)  # deu


def test_an_older_tag_of_bcp_47_goes_with_the_language_and_a_new_one_comes_behind_the_header():
    tagged = trak(b"soun", media=(full(b"elng", b"fr-CA\0"),))
    plain = edited_sound(movie(sound=tagged), sound(language="jpn"), sound(language="fr-CA"))
    assert find(plain, b"mdia", b"elng") is None
    brazilian = edited_sound(movie(), sound(language="por-BR"))
    kinds = [box.kind for box in find(brazilian, b"mdia").children]
    assert kinds == [b"mdhd", b"elng", b"hdlr"]


def test_a_name_is_put_in_replaced_and_taken_away_and_what_stands_beside_it_stays():
    track = edited_sound(movie(), sound(title="Näme"))
    assert find(track, b"udta", b"name") == Atom(b"name", "Näme".encode())
    stored = trak(b"soun", user(Atom(b"Xtra", b"odd"), Atom(b"name", b"Old")))
    other = edited_sound(movie(sound=stored), sound(title="New"), sound(title="Old"))
    assert find(other, b"udta") == user(Atom(b"Xtra", b"odd"), Atom(b"name", b"New"))
    none = edited_sound(movie(sound=stored), sound(), sound(title="Old"))
    assert find(none, b"udta") == user(Atom(b"Xtra", b"odd"))
    alone = trak(b"soun", user(Atom(b"name", b"Old")))
    assert edited_sound(movie(sound=alone), sound(), sound(title="Old")) == trak(b"soun")


def kind_box(value: bytes) -> Atom:
    return full(b"kind", b"urn:mpeg:dash:role:2011\0" + value + b"\0")


def test_roles_are_those_of_dash():
    track = edited_sound(movie(), sound(dispositions=("comment",)))
    assert list(find_all(track, b"udta", b"kind")) == [kind_box(b"commentary")]
    forced = edited_sound(movie(), sound(forced=True))
    assert list(find_all(forced, b"udta", b"kind")) == [kind_box(b"forced-subtitle")]
    stored = trak(b"soun", user(kind_box(b"dub"), kind_box(b"commentary")))
    left = edited_sound(
        movie(sound=stored), sound(dispositions=("dub",)), sound(dispositions=("comment", "dub"))
    )
    assert list(find_all(left, b"udta", b"kind")) == [kind_box(b"dub")]


@pytest.mark.parametrize(
    ("after", "found", "reason"),
    [
        (sound(dispositions=("lyrics",)), sound(), "cannot say lyrics"),
        (sound(), sound(dispositions=("comment",)), "told otherwise"),
        (media(FOUND[0]), media(), "other tracks"),
        (media(title="New"), media(title="Old", track="3"), "track, which is told otherwise"),
        (media(track="3"), media(), "no text item for track"),
    ],
)
def test_what_has_no_box_is_refused(after, found, reason):
    with pytest.raises(BoxError, match=reason):
        edited_movie(movie(), found, after)


def test_a_track_of_another_kind_is_refused():
    with pytest.raises(BoxError, match="number 1 is not the audio track"):
        edited_movie(movie(sound=trak(b"vide")), media(), sound(title="New"))


def text(value: str, locale: int = 0) -> tuple[ItemValue, ...]:
    return (ItemValue(UTF8, value.encode(), locale),)


def listed(**items: str) -> Atom:
    found = make_item_list()
    for name, value in items.items():
        found = write_item(found, "©" + name, text(value, 5))
    return found


def test_one_item_of_a_list_is_changed_added_and_taken_away():
    odd = write_item(listed(nam="Old", cmt="Said"), "----:com.apple.iTunes:ODD", text("x"))
    before = movie(user(Atom(b"Xtra", b"odd"), odd))
    told = {"title": "Old", "comment": "Said", "odd": "x"}
    changed = edited_movie(before, media(**told), media(**{**told, "title": "New"}))
    wanted = write_item(odd, "©nam", text("New", 5))
    assert changed == movie(user(Atom(b"Xtra", b"odd"), wanted))
    added = edited_movie(before, media(**told), media(**told, artist="Somebody"))
    assert added == movie(user(Atom(b"Xtra", b"odd"), write_item(odd, "©ART", text("Somebody"))))
    gone = edited_movie(before, media(**told), media(title="Old", comment="Said"))
    assert gone == movie(user(Atom(b"Xtra", b"odd"), listed(nam="Old", cmt="Said")))


def test_a_file_without_tags_gets_a_list():
    made = edited_movie(movie(), media(), media(title="New"))
    assert made == movie(user(write_item(make_item_list(), "©nam", text("New"))))


def test_quicktime_has_its_texts_in_the_user_data():
    made = edited_movie(movie(), media(container="mov"), media(container="mov", title="New"))
    assert made == movie(user(make_local_texts(b"\xa9nam", (LocalText("und", "New"),))))
    again = edited_movie(made, media(container="mov", title="New"), media(container="mov", title="Newer"))
    assert again == movie(user(make_local_texts(b"\xa9nam", (LocalText("und", "Newer"),))))
    texts = make_local_texts(b"\xa9nam", (LocalText("eng", "One"), LocalText("fra", "Un")))
    with pytest.raises(BoxError, match="several languages"):
        edited_movie(movie(user(texts)), media(title="One"), media(title="New"))


def test_keys_have_names_of_their_own():
    keyed = write_item(make_item_list(b"mdta"), "title", text("Old"))
    keyed = write_item(keyed, "com.example.odd", text("1.5"))
    before = movie(user(keyed))
    told = {"title": "Old", "com.example.odd": "1.5"}
    changed = edited_movie(before, media(**told), media(**{**told, "title": "New"}))
    assert changed == movie(user(write_item(keyed, "title", text("New"))))
    added = edited_movie(before, media(**told), media(**told, comment="Said"))
    assert added == movie(user(write_item(keyed, "comment", text("Said"))))


def test_a_number_is_not_written_as_text():
    stored = write_item(make_item_list(), "trkn", (ItemValue(0, bytes(8)),))
    with pytest.raises(BoxError, match="other than one text"):
        edited_movie(movie(user(stored)), media(track="0"), media(track="3"))
