"""The fields of MP4 headers that an edit or the inventory asks for: read from a box, and put back into it.

Whatever a view does not name stays as it was in the box. All functions raise BoxError for a box too short.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple, TypeVar

from vpo_tasks.media.mp4.tree import Atom, BoxError

TRACK_ENABLED, TRACK_IN_MOVIE, TRACK_IN_PREVIEW = 0x1, 0x2, 0x4
"""Bits of `TrackHeader.flags`. FFmpeg says "default" by `TRACK_ENABLED`."""


class MovieHeader(NamedTuple):
    """`mvhd`. Times count from 1904, in seconds; the duration is in 1 / `time_scale` seconds."""

    created: int
    modified: int
    time_scale: int
    duration: int


class TrackHeader(NamedTuple):
    """`tkhd`. Of the tracks of one alternate group, not 0, a player presents one."""

    flags: int
    created: int
    modified: int
    id: int
    duration: int
    layer: int
    alternate_group: int
    volume: int


class MediaHeader(NamedTuple):
    """`mdhd`. `language` as it is stored: `read_language` gives the code."""

    created: int
    modified: int
    time_scale: int
    duration: int
    language: int


class Handler(NamedTuple):
    """`hdlr`: the type of a track's media (`vide`, `soun`, `mdir`, …) and its name."""

    type: bytes
    name: str


class Edit(NamedTuple):
    """One entry of `elst`: `media_time` is -1 for a gap; `rate` is in 1 / 65536."""

    duration: int
    media_time: int
    rate: int


View = TypeVar("View", MovieHeader, TrackHeader, MediaHeader)

_TIMES_32 = {"created": (4, "I"), "modified": (8, "I")}
_TIMES_64 = {"created": (4, "Q"), "modified": (12, "Q")}
_SCALE_32 = {**_TIMES_32, "time_scale": (12, "I"), "duration": (16, "I")}
_SCALE_64 = {**_TIMES_64, "time_scale": (20, "I"), "duration": (24, "Q")}
_FLAGS = {"flags": (0, "I")}
_LAYOUTS: dict[tuple[bytes, int], dict[str, tuple[int, str]]] = {
    (b"mvhd", 0): _SCALE_32,
    (b"mvhd", 1): _SCALE_64,
    (b"mdhd", 0): {**_SCALE_32, "language": (20, "H")},
    (b"mdhd", 1): {**_SCALE_64, "language": (32, "H")},
    (b"tkhd", 0): {
        **_FLAGS, **_TIMES_32, "id": (12, "I"), "duration": (20, "I"),
        "layer": (32, "h"), "alternate_group": (34, "h"), "volume": (36, "H"),
    },
    (b"tkhd", 1): {
        **_FLAGS, **_TIMES_64, "id": (20, "I"), "duration": (28, "Q"),
        "layer": (44, "h"), "alternate_group": (46, "h"), "volume": (48, "H"),
    },
}  # fmt: skip
"""Where each field of a header stands in its payload, by type and version."""
_LOW_24 = 0xFFFFFF
_KINDS: dict[type, bytes] = {MovieHeader: b"mvhd", TrackHeader: b"tkhd", MediaHeader: b"mdhd"}


def read_header(atom: Atom, view: type[View]) -> View:
    """Return the fields of an `mvhd`, `tkhd` or `mdhd`."""
    found: dict[str, Any] = {name: _unpack(atom, *place)[0] for name, place in _layout(atom, view).items()}
    if "flags" in found:
        found["flags"] &= _LOW_24
    return view(**found)


def write_header(atom: Atom, header: MovieHeader | TrackHeader | MediaHeader) -> Atom:
    """Return the box with these fields. Raise BoxError for a number that its version has no room for."""
    data = bytearray(atom.payload)
    for name, (offset, code) in _layout(atom, type(header)).items():
        value = getattr(header, name)
        if name == "flags":
            value = atom.payload[0] << 24 | value & _LOW_24
        _unpack(atom, offset, code)
        try:
            struct.pack_into(f">{code}", data, offset, value)
        except struct.error as error:
            raise BoxError(atom.kind, f"has no room for {name} = {value}") from error
    return atom._replace(payload=bytes(data))


def _layout(atom: Atom, view: type) -> dict[str, tuple[int, str]]:
    layout = _LAYOUTS.get((atom.kind, *atom.payload[:1]))
    if layout is None or _KINDS[view] != atom.kind:
        raise BoxError(atom.kind, "has no known version of such a header")
    return layout


def _unpack(atom: Atom, offset: int, code: str) -> tuple[int, ...]:
    try:
        return struct.unpack_from(f">{code}", atom.payload, offset)
    except struct.error as error:
        raise BoxError(atom.kind, "is too short") from error


def read_language(code: int) -> str | None:
    """Return the ISO 639-2 code that a header's language packs; None for QuickTime's numbers (Macintosh)."""
    letters = [(code >> shift & 31) + 0x60 for shift in (10, 5, 0)]
    return "".join(map(chr, letters)) if all(0x61 <= letter <= 0x7A for letter in letters) else None


def pack_language(language: str) -> int:
    """Return an ISO 639-2 code as headers store it."""
    if len(language) != 3 or not all("a" <= letter <= "z" for letter in language):
        raise BoxError(b"mdhd", f"cannot hold the language {language!r}")
    first, second, third = (ord(letter) - 0x60 for letter in language)
    return first << 10 | second << 5 | third


def read_handler(atom: Atom) -> Handler:
    """Return what an `hdlr` says. QuickTime counts the bytes of the name, MP4 ends it with a zero."""
    _unpack(atom, 20, "4x")
    name = atom.payload[24:]
    if _is_counted(atom):
        return Handler(atom.payload[8:12], name[1 : 1 + name[0]].decode("utf-8", "replace"))
    return Handler(atom.payload[8:12], name.split(b"\0")[0].decode("utf-8", "replace"))


def write_handler_name(atom: Atom, name: str) -> Atom:
    """Return an `hdlr` with another name, in the way the box holds it now."""
    if read_handler(atom).name == name:
        return atom
    text = name.encode()
    if not _is_counted(atom):
        return atom._replace(payload=atom.payload[:24] + text + b"\0")
    if len(text) > 255:
        raise BoxError(atom.kind, "has no room for a name of more than 255 bytes")
    rest = atom.payload[25 + atom.payload[24] :]
    return atom._replace(payload=atom.payload[:24] + bytes([len(text)]) + text + rest)


def _is_counted(atom: Atom) -> bool:
    name = atom.payload[24:]
    if not name or name[0] >= len(name):
        return False
    quicktime = atom.payload[4:8] != bytes(4)  # the component's type: mhlr, dhlr
    return quicktime or (name[0] == len(name) - 1 > 0 and name[-1] != 0)


def read_edits(atom: Atom) -> tuple[Edit, ...]:
    """Return the entries of an `elst`."""
    layout, count = _edit_layout(atom), _unpack(atom, 4, "I")[0]
    if len(atom.payload) < 8 + count * layout.size:
        raise BoxError(atom.kind, "is shorter than it says")
    return tuple(Edit(*layout.unpack_from(atom.payload, 8 + layout.size * at)) for at in range(count))


def write_edits(atom: Atom, edits: tuple[Edit, ...]) -> Atom:
    """Return an `elst` with these entries, of the version it has."""
    layout, old = _edit_layout(atom), read_edits(atom)
    try:
        body = b"".join(layout.pack(*edit) for edit in edits)
    except struct.error as error:
        raise BoxError(atom.kind, "has no room for such an edit") from error
    rest = atom.payload[8 + layout.size * len(old) :]
    return atom._replace(payload=atom.payload[:4] + struct.pack(">I", len(edits)) + body + rest)


def _edit_layout(atom: Atom) -> struct.Struct:
    return struct.Struct(">Qqi" if atom.payload[:1] == b"\1" else ">Iii")


def entry_kinds(descriptions: Atom) -> tuple[bytes, ...]:
    """Return the types of the sample entries of an `stsd`: `avc1`, `hev1`, `mp4a`, …"""
    return tuple(entry.kind for entry in descriptions.children)


def rename_entry(descriptions: Atom, old: bytes, new: bytes) -> Atom:
    """Return an `stsd` whose entries of one type are called otherwise, such as `hvc1` for `hev1`."""
    return descriptions._replace(
        children=tuple(
            entry._replace(kind=new) if entry.kind == old else entry for entry in descriptions.children
        )
    )


def read_text(atom: Atom, skip: int = 0) -> str:
    """Return the text of a box such as `udta/name` (no bytes before it) or `elng` (4)."""
    return atom.payload[skip:].split(b"\0")[0].decode("utf-8", "replace")


def write_text(atom: Atom, text: str, skip: int = 0) -> Atom:
    """Return such a box with another text; it ends with a zero where the old one does."""
    end = b"\0" if atom.payload[skip:].endswith(b"\0") else b""
    return atom._replace(payload=atom.payload[:skip] + text.encode() + end)


def make_extended_language(tag: str) -> Atom:
    """Return an `elng` with an RFC 5646 tag, to stand behind the `mdhd`."""
    return Atom(b"elng", bytes(4) + tag.encode() + b"\0")


def read_role(atom: Atom) -> tuple[str, str]:
    """Return the scheme and the value of a `kind`, by which a track has a role."""
    scheme, _, value = atom.payload[4:].partition(b"\0")
    return scheme.decode("utf-8", "replace"), value.split(b"\0")[0].decode("utf-8", "replace")


def make_role(scheme: str, value: str) -> Atom:
    """Return a `kind`, to stand in a track's `udta`."""
    return Atom(b"kind", bytes(4) + scheme.encode() + b"\0" + value.encode() + b"\0")
