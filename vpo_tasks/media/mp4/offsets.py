"""The places in an MP4 file that its boxes name: found, and changed where what they name moves.

Chunk offsets (stco, co64), items (iloc), auxiliary information (saio), fragments (tfhd, tfra, sidx).
"""

from __future__ import annotations

import array
import struct
import sys
from collections.abc import Callable, Iterator, Sequence

from vpo_tasks.media.mp4.chunks import Chunks, read_chunks
from vpo_tasks.media.mp4.tree import Atom, BoxError, find, find_all

OffsetMove = Callable[[int], int]
"""Where a byte of the file stands afterwards. Raises BoxError for a byte that goes."""

_BASE_OFFSET = 0x1
_SELF_CONTAINED = 0x1
_LARGEST_32 = (1 << 32) - 1
_MOST_ENTRIES = 8_000_000
"""Samples or chunks of one track that are looked at; a film of ten hours has two million."""


def shift_offsets(atom: Atom, move: OffsetMove) -> Atom:
    """Return a box with every absolute offset in it moved; chunk offsets too large for 32 bits become 64.

    Raise BoxError for what cannot be read or does not fit its field.
    """
    try:
        return _shift(atom, move)
    except (struct.error, IndexError, OverflowError) as error:
        raise BoxError(atom.kind, "has a damaged table of offsets") from error


def named_offsets(atom: Atom, *, with_chunks: bool = True) -> Iterator[int]:
    """Yield every absolute offset that stands in a box. Raise BoxError as `shift_offsets` does."""
    found: list[int] = []
    if not with_chunks:
        atom = _without_chunks(atom)

    def note(offset: int) -> int:
        found.append(offset)
        return offset

    shift_offsets(atom, note)
    return iter(found)


def _without_chunks(atom: Atom) -> Atom:
    kept = tuple(_without_chunks(box) for box in atom.children if box.kind not in {b"stco", b"co64"})
    return atom._replace(children=kept) if atom.children else atom


def chunks_in_file(movie: Atom) -> Iterator[Chunks]:
    """Yield the chunks of each track of a `moov` whose data lie in this file."""
    for information in find_all(movie, b"trak", b"mdia", b"minf"):
        table = find(information, b"stbl")
        if table is None or not _is_self_contained(information):
            continue
        if any(len(box.payload) > 4 * _MOST_ENTRIES for box in table.children):
            raise BoxError(table.kind, f"lists more than {_MOST_ENTRIES} samples")
        try:
            chunks = read_chunks({box.kind: box.payload for box in table.children})
        except struct.error as error:
            raise BoxError(table.kind, "has a damaged table of samples") from error
        if chunks is not None:
            yield chunks


def _shift(atom: Atom, move: OffsetMove) -> Atom:
    if atom.kind == b"minf" and not _is_self_contained(atom):
        return atom  # its chunks lie in another file
    if atom.kind in _SHIFTED and not atom.children:
        return _SHIFTED[atom.kind](atom, move)
    if not atom.children:
        return atom
    inside = tuple(
        # in a fragment auxiliary information counts from the fragment
        child if atom.kind == b"traf" and child.kind == b"saio" else _shift(child, move)
        for child in atom.children
    )
    return atom._replace(children=inside)


def _is_self_contained(information: Atom) -> bool:
    """Whether the media data of a track lie in this file. Raise BoxError when some do and some do not."""
    references = find(information, b"dinf", b"dref")
    if references is None or not references.children:
        return True
    inside = {bool(box.payload[3] & _SELF_CONTAINED) for box in references.children if len(box.payload) > 3}
    if len(inside) > 1:
        raise BoxError(b"dref", "names this file and another one")
    return inside != {False}


def _chunk_offsets(atom: Atom, move: OffsetMove) -> Atom:
    (count,) = struct.unpack_from(">I", atom.payload, 4)
    code, width = ("I", 4) if atom.kind == b"stco" else ("Q", 8)
    body = atom.payload[8 : 8 + width * count]
    if len(body) != width * count:
        raise BoxError(atom.kind, "is shorter than it says")
    if count > _MOST_ENTRIES:
        raise BoxError(atom.kind, f"lists more than {_MOST_ENTRIES} chunks")
    moved = [move(offset) for offset in _to_numbers(body, code)]
    kind = b"co64" if max(moved, default=0) > _LARGEST_32 else atom.kind
    rest = atom.payload[8 + width * count :]
    return atom._replace(
        kind=kind, payload=atom.payload[:8] + _from_numbers(moved, "I" if kind == b"stco" else "Q") + rest
    )


def _to_numbers(data: bytes, code: str) -> Sequence[int]:
    found = array.array(code, data)
    if sys.byteorder == "little":
        found.byteswap()
    return found


def _from_numbers(numbers: Sequence[int], code: str) -> bytes:
    made = array.array(code, numbers)
    if sys.byteorder == "little":
        made.byteswap()
    return made.tobytes()


class _Rewriter:
    """Reads the fields of a payload one after the other, and can put another value into the last one read."""

    def __init__(self, atom: Atom, at: int) -> None:
        self.atom = atom
        self.data = bytearray(atom.payload)
        self.at = at
        self._width = 0

    def read(self, width: int) -> int:
        if self.at + width > len(self.data):
            raise BoxError(self.atom.kind, "is shorter than it says")
        value = int.from_bytes(self.data[self.at : self.at + width], "big")
        self.at += width
        self._width = width
        return value

    def write_back(self, value: int) -> None:
        if not 0 <= value < 1 << 8 * self._width:
            raise BoxError(self.atom.kind, f"has no room for the offset {value}")
        self.data[self.at - self._width : self.at] = value.to_bytes(self._width, "big")

    def done(self) -> Atom:
        return self.atom._replace(payload=bytes(self.data))


def _auxiliary(atom: Atom, move: OffsetMove) -> Atom:
    fields = _Rewriter(atom, 12 if atom.payload[3] & 1 else 4)
    for _ in range(fields.read(4)):
        fields.write_back(move(fields.read(8 if atom.payload[0] else 4)))
    return fields.done()


def _fragment_header(atom: Atom, move: OffsetMove) -> Atom:
    if not atom.payload[3] & _BASE_OFFSET:
        return atom
    fields = _Rewriter(atom, 8)
    fields.write_back(move(fields.read(8)))
    return fields.done()


def _fragment_times(atom: Atom, move: OffsetMove) -> Atom:
    fields = _Rewriter(atom, 8)
    widths, count = fields.read(4), fields.read(4)
    behind = sum((widths >> shift & 3) + 1 for shift in (4, 2, 0))
    wide = 8 if atom.payload[0] == 1 else 4
    for _ in range(count):
        fields.read(wide)
        fields.write_back(move(fields.read(wide)))
        fields.at += behind
    return fields.done()


def _items(atom: Atom, move: OffsetMove) -> Atom:
    version = atom.payload[0]
    if version > 2:
        raise BoxError(atom.kind, f"is of the unknown version {version}")
    fields = _Rewriter(atom, 4)
    sizes = fields.read(2)
    offset_width, length_width, base_width = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_width = sizes & 15 if version else 0
    for _ in range(fields.read(4 if version == 2 else 2)):
        fields.read(4 if version == 2 else 2)
        method = fields.read(2) & 15 if version else 0
        in_file = fields.read(2) == 0 and method == 0
        base = fields.read(base_width)
        base_at, delta = fields.at, 0
        for number in range(fields.read(2)):
            fields.read(index_width)
            offset = fields.read(offset_width)
            here = move(base + offset) - base - offset if in_file else 0
            if not base_width:
                fields.write_back(offset + here)
            elif number and here != delta:
                raise BoxError(atom.kind, "has an item whose parts move apart")
            delta = here
            fields.read(length_width)
        if base_width and delta:
            after, fields.at = fields.at, base_at - base_width
            fields.read(base_width)
            fields.write_back(base + delta)
            fields.at = after
    return fields.done()


_SHIFTED: dict[bytes, Callable[[Atom, OffsetMove], Atom]] = {
    b"stco": _chunk_offsets,
    b"co64": _chunk_offsets,
    b"saio": _auxiliary,
    b"tfhd": _fragment_header,
    b"tfra": _fragment_times,
    b"iloc": _items,
}


def shift_segment_index(atom: Atom, old_end: int, new_end: int, move: OffsetMove) -> Atom:
    """Return a `sidx` whose end moves; the segments it lists are counted from there.

    Raise BoxError when they do not stay together.
    """
    wide = 8 if atom.payload[:1] == b"\1" else 4
    fields = _Rewriter(atom, 12 + wide)
    first = fields.read(wide)
    begin = old_end + first
    first_at = fields.at
    fields.read(2)
    total = sum(_segment_size(fields) for _ in range(fields.read(2)))
    if move(begin + total) - move(begin) != total:
        raise BoxError(atom.kind, "lists segments that move apart")
    fields.at = first_at - wide
    fields.read(wide)
    fields.write_back(move(begin) - new_end)
    return fields.done()


def _segment_size(fields: _Rewriter) -> int:
    size = fields.read(4) & 0x7FFFFFFF
    fields.at += 8
    return size
