"""Where the boxes of an edited tree go: into the room of the old ones, to the file's end, or into a copy.

Media data never move within a file; in a copy the offsets that name them move with them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import add
from typing import NamedTuple

from vpo_tasks.media.mp4.offsets import chunks_in_file, named_offsets, shift_offsets, shift_segment_index
from vpo_tasks.media.mp4.tree import (
    FREE_KINDS,
    KINDS_OF_LISTS,
    Atom,
    BoxError,
    BoxPlace,
    BoxTree,
    Part,
    SizeForm,
    box_at,
    find,
    make_box_header,
    replace_at,
    to_bytes,
    walk_atoms,
)

_SMALLEST = 8
"""Bytes of the smallest box: fewer cannot be left between two."""
_FRAGMENTED = frozenset({b"moof", b"mfra", b"sidx", b"styp"})
_ROUNDS = 4
_BLOCK = 4096


class NoRoomError(BoxError):
    """An edited box that does not fit: `missing` more bytes would be enough."""

    def __init__(self, box: bytes, missing: int, reason: str = "") -> None:
        super().__init__(box, reason or f"needs {missing} more bytes")
        self.missing = missing


class Patches(NamedTuple):
    """An edit in place: what is written where, in this order, and the size of the file afterwards.

    `moved` says that the index goes to the end of the file: it is written there before the old one is freed.
    """

    writes: tuple[tuple[int, bytes], ...]
    size: int
    moved: bool = False


def make_free(size: int) -> bytes:
    """Return a `free` box of exactly so many bytes, at least 8."""
    header = _free_header(size)
    return header + bytes(size - len(header))


def _free_header(size: int) -> bytes:
    return (
        make_box_header(b"free", size) if size < 1 << 32 else make_box_header(b"free", size - 8, large=True)
    )


def fill_room(atom: Atom, room: int) -> bytes:
    """Return a box, and a `free` one behind it where needed, of exactly `room` bytes.

    Free boxes inside the box give way or grow. Raise NoRoomError when that does not do.
    """
    packed, left = _pack(atom, room)
    return packed + (make_free(left) if left else b"")


def _pack(atom: Atom, room: int) -> tuple[bytes, int]:
    """Return a box that leaves 0 or at least 8 bytes of `room`, and how many."""
    atom = atom._replace(form=SizeForm.SHORT) if atom.form is SizeForm.TO_END else atom
    data = to_bytes(atom)
    left = room - len(data)
    if left == 0 or left >= _SMALLEST:
        return data, left
    places = [place for place, box in walk_atoms(atom) if box.kind in FREE_KINDS and _is_free(atom, place)]
    inner = sum(len(to_bytes(box_at(atom, place))) for place in places) + left
    if not places or inner < 0 or 0 < inner < _SMALLEST:
        raise NoRoomError(atom.kind, -inner if inner < 0 else _SMALLEST - inner)
    for place in reversed(places[1:]):
        atom = replace_at(atom, place)
    atom = _resize_free(atom, places[0], inner)
    return to_bytes(atom), 0


def _is_free(atom: Atom, place: BoxPlace) -> bool:
    """Whether a box called free is no entry of a list that counts them."""
    return bool(place) and box_at(atom, place[:-1]).kind not in KINDS_OF_LISTS


def _resize_free(atom: Atom, place: BoxPlace, size: int) -> Atom:
    if not size:
        return replace_at(atom, place)
    old = box_at(atom, place)
    return replace_at(atom, place, Atom(old.kind, bytes(size - _SMALLEST)))


def plan_patches(tree: BoxTree, edited: Atom) -> Patches:
    """Return how the edited index (`moov`) gets into the file without a copy of it.

    First the room of the old one with the free space on either side, then the end of the file. Raise
    NoRoomError when neither does, and BoxError when the file must not be edited so; both give the reason.
    """
    old = tree.movie
    if old.atom == edited:
        return Patches((), tree.size)
    start, end = _room_around(tree, old)
    planned = _plan_within(tree, edited, start, end)
    for part in tree.parts:
        if part.atom is not None:
            _refuse_data_within(part.atom, (start, end), (tree.size, planned.size))
    return planned


def _plan_within(tree: BoxTree, edited: Atom, start: int, end: int) -> Patches:
    old, short = tree.movie, NoRoomError(b"moov", 0)
    for begin in dict.fromkeys((old.offset, start)):
        try:
            packed, left = _pack(edited, end - begin)
        except NoRoomError as error:
            short = error
            continue
        data = packed + _free_rest(begin + len(packed), left, old.end)
        return Patches(_changed_blocks(old, begin, data), tree.size)
    if end == tree.size:
        data = to_bytes(edited._replace(form=_explicit(edited.form)))
        return Patches(_changed_blocks(old, old.offset, data), old.offset + len(data))
    return _move_to_end(tree, edited, short)


def _explicit(form: SizeForm) -> SizeForm:
    return SizeForm.SHORT if form is SizeForm.TO_END else form


def _room_around(tree: BoxTree, old: Part) -> tuple[int, int]:
    """Return where the index and the free boxes next to it begin and end."""
    first = last = tree.parts.index(old)
    while first and tree.parts[first - 1].kind in FREE_KINDS:
        first -= 1
    for part in tree.parts[last + 1 :]:
        if part.kind not in FREE_KINDS or part.missing:
            break
        last += 1
    return tree.parts[first].offset, tree.parts[last].end


def _refuse_data_within(atom: Atom, *written: tuple[int, int]) -> None:
    """Refuse to write where a track or an item has its data, or would have them in a file that is cut off."""
    named = list(named_offsets(atom, with_chunks=False))
    ranges = [(named, [offset + 1 for offset in named])]
    for offsets, sizes in chunks_in_file(atom):
        ranges.append((list(offsets), list(map(add, offsets, sizes))))
    for firsts, ends in ranges:
        for start, end in written:
            if max(ends, default=start) <= start or min(firsts, default=end) >= end:
                continue  # the usual case, found without a loop in Python
            if any(
                first < end and start < last and first < last
                for first, last in zip(firsts, ends, strict=False)
            ):
                raise BoxError(atom.kind, "names data within the index, free space or behind the file's end")


def _free_rest(at: int, left: int, old_end: int) -> bytes:
    """Return what is written behind an index that ends at `at`: free space, zeros where the old one was."""
    if not left:
        return b""
    header = _free_header(left)
    return header + bytes(max(0, min(left, old_end - at) - len(header)))


def _changed_blocks(old: Part, begin: int, data: bytes) -> tuple[tuple[int, bytes], ...]:
    """Return the parts of `data` that differ from the old index: its sample tables are large and stay."""
    before = to_bytes(old.atom) if old.atom is not None and begin == old.offset else b""
    found, at = [], 0
    while at < len(data):
        end = at
        while end < len(data) and before[end : end + _BLOCK] != data[end : end + _BLOCK]:
            end += _BLOCK
        if end > at:
            found.append((begin + at, data[at:end]))
        at = end + _BLOCK
    return tuple(found)


def _move_to_end(tree: BoxTree, edited: Atom, short: NoRoomError) -> Patches:
    """Return the patches for an index behind everything; the old one becomes free space, zeros in it."""
    old, last = tree.movie, tree.parts[-1]
    if any(part.kind in _FRAGMENTED for part in tree.parts) or find(edited, b"mvex") is not None:
        reason = f"needs {short.missing} more bytes before the fragments"
        raise NoRoomError(b"moov", short.missing, reason)
    if not last.kind or last.missing:
        reason = f"needs {short.missing} more bytes, and the end of the file is damaged"
        raise NoRoomError(b"moov", short.missing, reason)
    writes = [(tree.size, to_bytes(edited._replace(form=_explicit(edited.form))))]
    if last.form is SizeForm.TO_END:
        writes.append(_explicit_header(tree, last, short))
    writes.append((old.offset, make_free(old.size)))
    return Patches(tuple(writes), tree.size + len(writes[0][1]), moved=True)


def _explicit_header(tree: BoxTree, last: Part, short: NoRoomError) -> tuple[int, bytes]:
    """Return the patch that gives the last box its size in numbers, so that another can stand behind it."""
    if last.size < 1 << 32:
        return last.offset, make_box_header(last.kind, last.size)
    before = tree.parts[-2] if len(tree.parts) > 1 else last
    if before.kind != b"wide" or before.size != _SMALLEST:
        reason = "cannot stand behind data that reach to the end of the file and have no size of 32 bits"
        raise NoRoomError(b"moov", short.missing, reason)
    return before.offset, make_box_header(last.kind, last.size, large=True)


Piece = tuple[int, int] | bytes
"""A part of a copy: new bytes, or (offset, size) in the old file."""


def plan_copy(tree: BoxTree, parts: Sequence[Part]) -> list[Piece]:
    """Return the pieces of a copy of a file with these `parts`: edited, reordered, added, or some left out.

    An added part has the offset -1. Offsets in the boxes follow what they name; raise BoxError when they
    cannot.
    """
    parts = [*map(_close, parts[:-1]), *parts[-1:]]
    order = [part.offset for part in parts]
    fragments = [part.offset for part in tree.parts if part.kind in {b"moof", b"sidx"}]
    behind = [part.offset for part in tree.parts if fragments and part.offset >= fragments[0]]
    if order[len(order) - len(behind) :] != behind:
        raise BoxError(b"moof", "must keep its place before the data it names")
    shifted = list(parts)
    for _ in range(_ROUNDS):  # offsets that become 64 bits wide make the index larger
        move, ends = _movement(tree, shifted)
        made = [_shift_part(part, move, end) for part, end in zip(parts, ends, strict=True)]
        if list(map(_size_of, made)) == list(map(_size_of, shifted)):
            return [(part.offset, part.size) if part.atom is None else to_bytes(part.atom) for part in made]
        shifted = made
    raise BoxError(b"moov", "finds no stable place for its offsets")


def _close(part: Part) -> Part:
    """Return a part that another one can stand behind."""
    if part.missing or not part.kind or (part.form is SizeForm.TO_END and part.atom is None):
        raise BoxError(part.kind, "has no end that another box can stand behind")
    atom = part.atom
    return part if atom is None else part._replace(atom=atom._replace(form=_explicit(atom.form)))


def _size_of(part: Part) -> int:
    return part.size if part.atom is None else len(to_bytes(part.atom))


def _movement(tree: BoxTree, parts: Sequence[Part]) -> tuple[_Movement, list[int]]:
    begins, ends, at = [], [], 0
    for part in parts:
        size = _size_of(part)
        if part.offset >= 0:
            begins.append((part.offset, part.offset + part.size, at, size == part.size))
        at += size
        ends.append(at)
    begins.append((tree.size, tree.size + 1, at, True))
    return _Movement(sorted(begins)), ends


class _Movement:
    """Where each byte of the old file stands in the copy."""

    def __init__(self, moved: Sequence[tuple[int, int, int, bool]]) -> None:
        self._moved = moved
        self._begins = [begin for begin, *_ in moved]

    def __call__(self, offset: int) -> int:
        index = bisect_right(self._begins, offset) - 1
        begin, end, new, same = self._moved[index] if index >= 0 else (0, 0, 0, False)
        if offset >= end or (offset != begin and not same):
            raise BoxError(b"moov", f"names byte {offset}, which is not in the copy")
        return new + offset - begin


def _shift_part(part: Part, move: _Movement, new_end: int) -> Part:
    if part.atom is None:
        return part
    if part.kind == b"sidx":
        return part._replace(atom=shift_segment_index(part.atom, part.end, new_end, move))
    return part._replace(atom=shift_offsets(part.atom, move))
