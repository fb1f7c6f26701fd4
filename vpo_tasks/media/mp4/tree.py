"""The boxes of an MP4, QuickTime or 3GP file outside the media data as a lossless tree.

Header edits in place are made on it (`edits.py`, `layout.py`). An unchanged tree is written byte for byte
as it was read. Media data stay in the file, and no size in it is believed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from vpo_tasks.errors import VpoError
from vpo_tasks.media.matroska.ebml import Source

MAX_LOADED_BYTES = 128 << 20
MAX_BOXES = 500_000
_MAX_DEPTH = 12
_LARGEST_UNKNOWN = 1 << 20
"""Bytes of a box of unknown type at the top level that are loaded; a larger one stays in the file."""

FREE_KINDS = frozenset({b"free", b"skip"})
_DATA_KINDS = FREE_KINDS | {b"mdat", b"wide"}
_MUST_LOAD = frozenset({b"moov", b"moof", b"mfra", b"sidx", b"meta"})
_BEFORE_CHILDREN = {
    **dict.fromkeys((b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl", b"udta", b"tref"), 0),
    **dict.fromkeys((b"mvex", b"moof", b"traf", b"mfra", b"ilst", b"meco", b"tapt", b"gmhd"), 0),
    **dict.fromkeys((b"stsd", b"dref", b"keys"), 8),
}
"""Boxes that hold boxes, and how many bytes stand before these. Sample entries stay whole: `expand_box`."""
KINDS_OF_LISTS = frozenset({b"tref", b"stsd", b"dref", b"keys", b"ilst"})
"""Boxes whose children are entries, whatever these are called."""


class BoxError(VpoError):
    """A box that cannot be read or written so: its type, and the reason in words."""

    def __init__(self, box: bytes, reason: str) -> None:
        super().__init__(box, reason)
        self.box = box
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.box.decode('latin-1')!r} {self.reason}"


class SizeForm(Enum):
    """How a box says its size."""

    SHORT = "32 bits"
    LARGE = "64 bits"
    TO_END = "0: to the end of the file"


class BoxHeader(NamedTuple):
    """The header of a box at `offset`: `start` is where its content begins, `end` where it claims to end."""

    kind: bytes
    offset: int
    start: int
    end: int
    form: SizeForm


class Atom(NamedTuple):
    """One box. `payload` are the bytes before the children, all of them where it has none.

    `tail` are bytes behind the children that are no box: QuickTime's terminating zeros, or damage.
    """

    kind: bytes
    payload: bytes = b""
    children: tuple[Atom, ...] = ()
    tail: bytes = b""
    form: SizeForm = SizeForm.SHORT


class Part(NamedTuple):
    """What stands at the top level of a file: a loaded box, or bytes that stay where they are.

    `kind` is empty for bytes that are no box. `missing` are bytes that the box claims beyond the end.
    """

    kind: bytes
    offset: int
    size: int
    atom: Atom | None = None
    missing: int = 0
    form: SizeForm = SizeForm.SHORT

    @property
    def end(self) -> int:
        return self.offset + self.size


class BoxTree(NamedTuple):
    """The top level of a file, in its order and without gaps."""

    parts: tuple[Part, ...]
    size: int

    @property
    def movie(self) -> Part:
        """The one loaded `moov`. Raise BoxError when there is none, or more than one."""
        found = [part for part in self.parts if part.kind == b"moov"]
        if len(found) != 1:
            raise BoxError(b"moov", "stands in the file more than once" if found else "is missing")
        return found[0]


BoxPlace = tuple[int, ...]
"""Where a box stands in a tree: its position among the children, level by level."""


def parse_box_header(head: bytes, offset: int, end: int) -> BoxHeader | None:
    """Parse a box header that stands at `offset`; `end` is where the parent ends. None when it is none."""
    if len(head) < 8:
        return None
    size, kind = struct.unpack_from(">I4s", head)
    if size == 1 and len(head) >= 16:
        (size,) = struct.unpack_from(">Q", head, 8)
        return BoxHeader(kind, offset, offset + 16, offset + size, SizeForm.LARGE) if size >= 16 else None
    if size == 0:
        return BoxHeader(kind, offset, offset + 8, end, SizeForm.TO_END) if kind != bytes(4) else None
    return BoxHeader(kind, offset, offset + 8, offset + size, SizeForm.SHORT) if size >= 8 else None


def walk_boxes(source: Source, start: int, end: int) -> Iterator[BoxHeader]:
    """Yield the boxes between two offsets; the last may claim more. Stop at bytes that are no box."""
    while start + 8 <= end:
        found = parse_box_header(source.read(start, min(16, end - start)), start, end)
        if found is None:
            return
        yield found
        start = found.end


def read_boxes(source: Source) -> BoxTree:
    """Read all boxes of a file but its media data and free space.

    Raise BoxError when it is no such file, when an index is cut off, or for more than the limits.
    """
    parts: list[Part] = []
    at, loaded, count = 0, 0, 0
    for box in walk_boxes(source, 0, source.size):
        missing, size = max(0, box.end - source.size), min(box.end, source.size) - box.offset
        must = box.kind in _MUST_LOAD
        if missing and must:
            raise BoxError(box.kind, f"is cut off: {missing} bytes are missing")
        part = Part(box.kind, box.offset, size, None, missing, box.form)
        if must or not (missing or box.kind in _DATA_KINDS or size > _LARGEST_UNKNOWN):
            loaded += size
            if loaded > MAX_LOADED_BYTES:
                raise BoxError(box.kind, f"makes the headers larger than {MAX_LOADED_BYTES >> 20} MiB")
            data = source.read(box.offset, size)
            if len(data) != size:
                raise BoxError(box.kind, "became shorter while it was read")
            parser = _Parser(data, count)
            own = BoxHeader(box.kind, 0, box.start - box.offset, size, box.form)
            part = part._replace(atom=parser.parse(own))
            count = parser.count
        parts.append(part)
        count += 1
        if count > MAX_BOXES:
            raise BoxError(box.kind, f"is in a file of more than {MAX_BOXES} boxes")
        at = part.end
    if not any(part.kind in _MUST_LOAD | {b"ftyp", b"mdat"} for part in parts):
        raise BoxError(b"moov", "is missing: the file is not MP4 or QuickTime")
    if at < source.size:
        parts.append(Part(b"", at, source.size - at))
    return BoxTree(tuple(parts), source.size)


class _Parser:
    """Parses the boxes within `data`, and counts them."""

    def __init__(self, data: bytes, count: int = 0) -> None:
        self.data = data
        self.count = count

    def parse(self, box: BoxHeader, parent: bytes = b"", depth: int = 0) -> Atom:
        """Return the box whose header stands at `box.offset` of the data."""
        self.count += 1
        if self.count > MAX_BOXES:
            raise BoxError(box.kind, f"is in a file of more than {MAX_BOXES} boxes")
        kind, start, end = box.kind, box.start, box.end
        skip = self._before_children(kind, start, parent)
        if skip is None or skip > end - start or depth >= _MAX_DEPTH:
            return Atom(kind, self.data[start:end], form=box.form)
        children, tail = self.parse_children(kind, start + skip, end, depth + 1)
        return Atom(kind, self.data[start : start + skip], children, tail, box.form)

    def parse_children(self, parent: bytes, at: int, end: int, depth: int) -> tuple[tuple[Atom, ...], bytes]:
        """Return the boxes between two positions, and the bytes behind them that are none."""
        children = []
        while at < end:
            box = parse_box_header(self.data[at : min(at + 16, end)], at, end)
            if box is None or box.end > end or box.form is SizeForm.TO_END:
                break
            children.append(self.parse(box, parent, depth))
            at = box.end
        return tuple(children), self.data[at:end]

    def _before_children(self, kind: bytes, start: int, parent: bytes) -> int | None:
        if parent == b"ilst":
            return 0  # an item
        if parent in KINDS_OF_LISTS or kind in FREE_KINDS:
            return None
        if kind == b"meta":  # with version and flags in MP4, without in QuickTime
            head = self.data[start : start + 12]
            return 0 if head[4:8] == b"hdlr" or (head[:4] != bytes(4) and head[8:] != b"hdlr") else 4
        return _BEFORE_CHILDREN.get(kind)


def parse_atom(data: bytes) -> Atom:
    """Parse one whole box. Raise BoxError when `data` are anything else."""
    box = parse_box_header(data[:16], 0, len(data))
    if box is None or box.end != len(data):
        raise BoxError(data[4:8], "is not one whole box")
    return _Parser(data).parse(box)


def expand_box(atom: Atom, skip: int) -> Atom:
    """Return a box that was kept whole with its boxes, which begin behind `skip` bytes of its payload.

    78 for a visual sample entry, 28 for an audio one.
    """
    if atom.children or skip > len(atom.payload):
        return atom
    children, tail = _Parser(atom.payload).parse_children(atom.kind, skip, len(atom.payload), 0)
    return Atom(atom.kind, atom.payload[:skip], children, tail, atom.form)


def to_bytes(atom: Atom) -> bytes:
    """Return a box as it is written. Sizes are computed; a size too large for 32 bits takes 64."""
    body = b"".join((atom.payload, *map(to_bytes, atom.children), atom.tail))
    if atom.form is SizeForm.TO_END:
        return bytes(4) + atom.kind + body
    return make_box_header(atom.kind, len(body) + 8, large=atom.form is SizeForm.LARGE) + body


def make_box_header(kind: bytes, short_size: int, *, large: bool = False) -> bytes:
    """Return the header of a box that is `short_size` bytes long if its size takes 32 bits."""
    if large or short_size >= 1 << 32:
        return struct.pack(">I4sQ", 1, kind, short_size + 8)
    return struct.pack(">I4s", short_size, kind)


def write_boxes(source: Source, tree: BoxTree, block: int = 1 << 20) -> Iterator[bytes]:
    """Yield the whole file: loaded boxes from the tree, everything else from the file."""
    for part in tree.parts:
        if part.atom is not None:
            yield to_bytes(part.atom)
            continue
        for offset in range(part.offset, part.end, block):
            yield source.read(offset, min(block, part.end - offset))


def locate(atom: Atom, *kinds: bytes) -> Iterator[BoxPlace]:
    """Yield the places of all boxes below `atom` that a path of types leads to."""
    if not kinds:
        yield ()
        return
    for position, child in enumerate(atom.children):
        if child.kind == kinds[0]:
            for place in locate(child, *kinds[1:]):
                yield (position, *place)


def find_all(atom: Atom, *kinds: bytes) -> Iterator[Atom]:
    """Yield the boxes that a path of types leads to."""
    return (box_at(atom, place) for place in locate(atom, *kinds))


def find(atom: Atom, *kinds: bytes) -> Atom | None:
    """Return the first box that a path of types leads to."""
    return next(find_all(atom, *kinds), None)


def box_at(atom: Atom, place: BoxPlace) -> Atom:
    """Return the box at a place."""
    for position in place:
        atom = atom.children[position]
    return atom


def walk_atoms(atom: Atom, place: BoxPlace = ()) -> Iterator[tuple[BoxPlace, Atom]]:
    """Yield a box and all below it with their places, in the order of the file."""
    yield place, atom
    for position, child in enumerate(atom.children):
        yield from walk_atoms(child, (*place, position))


def replace_at(atom: Atom, place: BoxPlace, *boxes: Atom) -> Atom:
    """Return `atom` with the box at a place replaced: by one, by several, or by none (removed)."""
    if not place:
        (box,) = boxes
        return box
    first = place[0]
    inside = boxes if len(place) == 1 else (replace_at(atom.children[first], place[1:], *boxes),)
    return atom._replace(children=(*atom.children[:first], *inside, *atom.children[first + 1 :]))


def append_at(atom: Atom, place: BoxPlace, *boxes: Atom) -> Atom:
    """Return `atom` with boxes added behind the children of the box at a place."""
    parent = box_at(atom, place)
    return replace_at(atom, place, parent._replace(children=(*parent.children, *boxes)))


def put(atom: Atom, box: Atom, *kinds: bytes) -> Atom:
    """Return `atom` with `box` in the container that a path of types leads to.

    It takes the place of the first of its type. Containers that are missing are made, empty.
    """
    if not kinds:
        place = next(locate(atom, box.kind), None)
        return append_at(atom, (), box) if place is None else replace_at(atom, place, box)
    place = next(locate(atom, kinds[0]), None)
    inner = Atom(kinds[0]) if place is None else box_at(atom, place)
    return put(atom, put(inner, box, *kinds[1:]))


def find_damage(atom: Atom) -> BoxPlace | None:
    """Return the place of the first container that ends in bytes which are neither boxes nor zeros."""
    return next((place for place, box in walk_atoms(atom) if box.tail.strip(b"\0")), None)
