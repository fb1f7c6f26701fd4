"""The tags of MP4, QuickTime and 3GP: item lists (iTunes), keys (Apple), and texts in `udta`.

An edit changes the item it names; all others keep their bytes and their order.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from vpo_tasks.media.mp4.fields import pack_language, read_language
from vpo_tasks.media.mp4.tree import Atom, BoxError, append_at, find, locate, replace_at

FREEFORM = "----"
UTF8, UTF16, JPEG, PNG, SIGNED, UNSIGNED = 1, 2, 13, 14, 21, 22
"""Types of a value."""


class ItemValue(NamedTuple):
    """One `data` of an item: its type, its locale (0: any) and its bytes."""

    type: int
    data: bytes
    locale: int = 0


class Item(NamedTuple):
    """One item of a list, by the name it goes by; `values` is empty where it holds none.

    `©nam`, `covr`; `----:com.apple.iTunes:LABEL`; of keys `com.apple.quicktime.title`.
    """

    name: str
    values: tuple[ItemValue, ...]


class LocalText(NamedTuple):
    """A text of QuickTime or 3GP in one language: an ISO 639-2 code, or a Macintosh number."""

    language: str | int
    text: str


def read_items(meta: Atom) -> tuple[Item, ...]:
    """Return the items of a `meta`, repeated ones repeatedly. Raise BoxError for values that are cut off."""
    items = find(meta, b"ilst")
    keys = _key_names(meta)
    return tuple(_read_item(item, keys) for item in items.children) if items is not None else ()


def _read_item(item: Atom, keys: dict[bytes, str]) -> Item:
    values = []
    for box in item.children:
        if box.kind == b"data":
            if len(box.payload) < 8:
                raise BoxError(item.kind, "has a value that is cut off")
            kind, locale = struct.unpack_from(">II", box.payload)
            values.append(ItemValue(kind, box.payload[8:], locale))
    return Item(_item_name(item, keys), tuple(values))


def _item_name(item: Atom, keys: dict[bytes, str]) -> str:
    if item.kind != FREEFORM.encode():
        return keys.get(item.kind) or item.kind.decode("latin-1")
    parts = (find(item, b"mean"), find(item, b"name"))
    texts = ("" if part is None else part.payload[4:].decode("utf-8", "replace") for part in parts)
    return ":".join((FREEFORM, *texts))


def _key_names(meta: Atom) -> dict[bytes, str]:
    """Return the names of the keys by the type that their items have, which is their number from 1."""
    keys = find(meta, b"keys")
    return {
        number.to_bytes(4, "big"): key.payload.decode("utf-8", "replace")
        for number, key in enumerate(keys.children if keys is not None else (), 1)
    }


def write_item(meta: Atom, name: str, values: tuple[ItemValue, ...]) -> Atom:
    """Return a `meta` with one item of a name, which has these values; without values, with none of it.

    A name of four characters or a freeform one makes an item of iTunes, any other one a key. Keys stay.
    """
    if find(meta, b"ilst") is None:
        meta = append_at(meta, (), Atom(b"ilst"))
    (list_place,) = list(locate(meta, b"ilst"))[:1]
    keys = _key_names(meta)
    items = meta.children[list_place[0]]
    there = [at for at, item in enumerate(items.children) if _item_name(item, keys) == name]
    for at in reversed(there[1:] if values else there):
        items = replace_at(items, (at,))
    if values and there:
        old = items.children[there[0]]
        items = replace_at(items, (there[0],), _with_values(old, values))
    elif values:
        meta, item = _new_item(meta, name)
        items = append_at(items, (), _with_values(item, values))
    (list_place,) = list(locate(meta, b"ilst"))[:1]
    return replace_at(meta, list_place, items)


def _with_values(item: Atom, values: tuple[ItemValue, ...]) -> Atom:
    """Return an item whose `data` boxes are replaced; what else it holds stays before or behind them."""
    made = tuple(Atom(b"data", struct.pack(">II", value.type, value.locale) + value.data) for value in values)
    at = next((at for at, box in enumerate(item.children) if box.kind == b"data"), len(item.children))
    behind = tuple(box for box in item.children[at:] if box.kind != b"data")
    return item._replace(children=(*item.children[:at], *made, *behind))


def _new_item(meta: Atom, name: str) -> tuple[Atom, Atom]:
    """Return an empty item of a name, and `meta` with the key that it needs."""
    if name.startswith(FREEFORM + ":"):
        _, mean, label = name.split(":", 2)
        parts = ((b"mean", mean), (b"name", label))
        return meta, Atom(FREEFORM.encode(), b"", tuple(Atom(k, bytes(4) + t.encode()) for k, t in parts))
    if len(name) == 4 and find(meta, b"keys") is None:
        return meta, Atom(name.encode("latin-1"))
    key = Atom(b"mdta", name.encode())
    place = next(locate(meta, b"keys"), None)
    if place is None:
        list_at = next(at for at, box in enumerate(meta.children) if box.kind == b"ilst")
        keys = Atom(b"keys", bytes(4) + struct.pack(">I", 1), (key,))
        children = (*meta.children[:list_at], keys, *meta.children[list_at:])
        return meta._replace(children=children), Atom(struct.pack(">I", 1))
    keys = meta.children[place[0]]
    names = [old.payload for old in keys.children]
    if key.payload in names:
        return meta, Atom(struct.pack(">I", names.index(key.payload) + 1))
    keys = append_at(keys, (), key)
    number = struct.pack(">I", len(keys.children))
    keys = keys._replace(payload=keys.payload[:4] + number)
    return replace_at(meta, place, keys), Atom(number)


def make_item_list(handler: bytes = b"mdir") -> Atom:
    """Return an empty `meta` as iTunes (`mdir`) or, for keys, MP4 (`mdta`) have it."""
    maker = b"appl" if handler == b"mdir" else bytes(4)
    head = Atom(b"hdlr", bytes(8) + handler + maker + bytes(9))
    return Atom(b"meta", bytes(4), (head, Atom(b"ilst")))


def read_local_texts(atom: Atom) -> tuple[LocalText, ...]:
    """Return the texts of a QuickTime `udta` box (`©nam`, …). Raise BoxError where one is cut off."""
    found, at, data = [], 0, atom.payload
    while at < len(data):
        if at + 4 > len(data):
            raise BoxError(atom.kind, "has a text that is cut off")
        size, code = struct.unpack_from(">HH", data, at)
        text = data[at + 4 : at + 4 + size]
        if len(text) < size:
            raise BoxError(atom.kind, "has a text that is cut off")
        found.append(LocalText(read_language(code) or code, _decode(text, code)))
        at += 4 + size
    return tuple(found)


def make_local_texts(kind: bytes, texts: tuple[LocalText, ...]) -> Atom:
    """Return a QuickTime `udta` box of texts. Raise BoxError for one that is too long."""
    made = []
    for language, text in texts:
        code = language if isinstance(language, int) else pack_language(language)
        try:
            data = text.encode("mac_roman" if code < _FIRST_PACKED else "utf-8")
        except UnicodeEncodeError as error:
            raise BoxError(kind, "has a character that its Macintosh language cannot hold") from error
        if len(data) > 0xFFFF:
            raise BoxError(kind, "has no room for a text of more than 65535 bytes")
        made.append(struct.pack(">HH", len(data), code) + data)
    return Atom(kind, b"".join(made))


_FIRST_PACKED = 0x400
"""Languages below are Macintosh numbers, whose texts are in the Macintosh's encodings."""


def _decode(text: bytes, code: int) -> str:
    if text.startswith((b"\xfe\xff", b"\xff\xfe")):
        return text.decode("utf-16", "replace")
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("mac_roman" if code < _FIRST_PACKED else "latin-1")


def read_asset_text(atom: Atom) -> LocalText:
    """Return the text of a 3GP box: `titl`, `dscp`, `cprt`, `auth`, `perf`, `gnre`, `albm`."""
    if len(atom.payload) < 6:
        raise BoxError(atom.kind, "is too short")
    (code,) = struct.unpack_from(">H", atom.payload, 4)
    text = atom.payload[6:]
    if text.startswith((b"\xfe\xff", b"\xff\xfe")):
        return LocalText(read_language(code) or code, text.decode("utf-16", "replace").split("\0")[0])
    return LocalText(read_language(code) or code, text.split(b"\0")[0].decode("utf-8", "replace"))


def write_asset_text(atom: Atom, told: LocalText) -> Atom:
    """Return a 3GP box with another text in UTF-8. What stands behind its text (the track number) stays."""
    old = atom.payload[6:]
    if old.startswith((b"\xfe\xff", b"\xff\xfe")):
        end = next((at for at in range(0, len(old) - 1, 2) if old[at : at + 2] == b"\0\0"), len(old)) + 2
    else:
        end = (old.find(b"\0") + 1) or len(old)
    code = told.language if isinstance(told.language, int) else pack_language(told.language)
    head = (atom.payload[:4] or bytes(4)) + struct.pack(">H", code)
    return atom._replace(payload=head + told.text.encode() + b"\0" + old[end:])
