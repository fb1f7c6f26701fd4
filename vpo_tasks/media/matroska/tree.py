"""A lossless tree of a Matroska or WebM file's elements outside its Clusters.

Edits of a header without a tool, and what is put back after one, are made on it. Writing an unchanged tree
gives the same bytes; an edit changes what was asked for, the sizes and CRC-32 above it, no more.
The clusters, and any data too large to be held, stay in the file, which must be open while the tree is used.
What cannot be read stands in the tree as bytes, and `Tree.damage` says so.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from vpo_tasks.media.matroska.ebml import VINT_LENGTH, Source
from vpo_tasks.media.matroska.elements import (
    ElementValue,
    TreeError,
    decode_value,
    encode_value,
    id_named,
    type_of,
)

RAW = 0
"""The identifier of bytes that are no element; they have no head."""

VOID, CRC_32 = 0xEC, 0xBF
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes that are left in the file; zeros without one."""

    source: Source | None
    offset: int
    size: int

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes. Raise ProbeError when the file has become shorter."""
        offset, end = self.offset, self.offset + self.size
        while offset < end:
            count = min(_CHUNK, end - offset)
            piece = self.source.read(offset, count) if self.source else bytes(count)
            if self.source and not piece:
                raise self.source.damaged(offset)
            yield piece
            offset += len(piece)


@dataclass(frozen=True, slots=True)
class TreeNode:
    """One element: its head (identifier and size) as stored, and its data, or the elements in it.

    A node without a head is no element: a run of clusters (`is_clusters`), or bytes not understood (RAW).
    """

    id: int
    head: bytes
    content: bytes | Span | tuple[TreeNode, ...]
    offset: int | None = field(default=None, compare=False)
    """Where it was read, or where stood what it is made from; None for a new one."""

    @property
    def is_clusters(self) -> bool:
        return self.id == _CLUSTER and not self.head

    @property
    def size(self) -> int:
        """All of its bytes, the head included."""
        return len(self.head) + self.data_size

    @property
    def data_size(self) -> int:
        content = self.content
        if isinstance(content, tuple):
            return sum(child.size for child in content)
        return content.size if isinstance(content, Span) else len(content)

    @property
    def size_length(self) -> int:
        """How many bytes its size is stored in."""
        return len(self.head) - VINT_LENGTH[self.head[0]]

    @property
    def children(self) -> tuple[TreeNode, ...]:
        """The elements in it. Raise TreeError when it has none, or they could not be read."""
        if isinstance(self.content, tuple):
            return self.content
        raise TreeError(f"the elements in 0x{self.id:X} are not known")

    @property
    def value(self) -> ElementValue:
        """Its value, by the type that the specification gives it. Raise TreeError for none."""
        if type_of(self.id) == "master" or self.id == RAW:
            raise TreeError(f"0x{self.id:X} has no value")
        return decode_value(self.id, b"".join(self.data_pieces()))

    def all(self, *names: str) -> Iterator[TreeNode]:
        """Yield the elements at a path below it, by the specification's names."""
        identifier = id_named(names[0])
        for child in self.children:
            if child.id == identifier:
                if names[1:]:
                    yield from child.all(*names[1:])
                else:
                    yield child

    def get(self, *names: str) -> TreeNode | None:
        """Return the first element at a path below it."""
        return next(self.all(*names), None)

    def data_pieces(self) -> Iterator[bytes]:
        """Yield its data."""
        if isinstance(self.content, Span):
            yield from self.content.pieces()
        elif isinstance(self.content, bytes):
            yield self.content
        else:
            for child in self.content:
                yield from child.pieces()

    def pieces(self) -> Iterator[bytes]:
        """Yield all of its bytes."""
        yield self.head
        yield from self.data_pieces()


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole file: the EBML header, the segment, and what else stands beside them."""

    nodes: tuple[TreeNode, ...]
    max_size_length: int
    damage: str = field(default="", compare=False)
    """Why a part of the file stands here as mere bytes; empty for a file that was read whole."""

    @property
    def segment(self) -> TreeNode:
        return next(node for node in self.nodes if node.id == _SEGMENT)

    @property
    def data_start(self) -> int:
        """Where the data of the segment begins in the file it was read from: positions count from there."""
        return (self.segment.offset or 0) + len(self.segment.head)

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the file."""
        for node in self.nodes:
            yield from node.pieces()

    # -- edits: each returns another tree ----------------------------------------------------------------

    def replaced(self, old: TreeNode, *new: TreeNode) -> Tree:
        """Put `new`, or nothing, in the place of a node, the very object. Raise TreeError without it."""
        if len(new) == 1 and new[0].offset is None:
            new = (replace(new[0], offset=old.offset),)
        nodes = self._rebuilt(self.nodes, old, new)
        if nodes is None:
            raise TreeError("the element is not in this tree")
        return replace(self, nodes=nodes)

    def with_value(self, node: TreeNode, value: ElementValue) -> Tree:
        """Give an element another value; an equal one leaves it as it is stored."""
        if _is_equal(node, value):
            return self
        size = node.data_size if type_of(node.id) == "float" else 0
        data = encode_value(node.id, value, size)
        head = _head(node.id, len(data), node.size_length, self.max_size_length)
        return self.replaced(node, TreeNode(node.id, head, data))

    def with_child_value(self, parent: TreeNode, name: str, value: ElementValue) -> Tree:
        """Give the first such child of `parent` a value; add the child at the end when there is none."""
        child = parent.get(name)
        if child is not None:
            return self.with_value(child, value)
        return self.with_added(parent, value_node(name, value, self.max_size_length))

    def with_added(self, parent: TreeNode, *new: TreeNode) -> Tree:
        """Add children at the end of an element."""
        return self.with_children(parent, (*parent.children, *new))

    def with_children(self, parent: TreeNode, children: Iterable[TreeNode]) -> Tree:
        """Give an element other children."""
        return self.replaced(parent, with_content(parent, tuple(children), self.max_size_length))

    def _rebuilt(
        self, nodes: tuple[TreeNode, ...], old: TreeNode, new: tuple[TreeNode, ...]
    ) -> tuple[TreeNode, ...] | None:
        for index, node in enumerate(nodes):
            if node is old:
                return (*nodes[:index], *new, *nodes[index + 1 :])
            if isinstance(node.content, tuple):
                inner = self._rebuilt(node.content, old, new)
                if inner is not None:
                    node = with_content(node, inner, self.max_size_length)  # noqa: PLW2901
                    return (*nodes[:index], node, *nodes[index + 1 :])
        return None


def _is_equal(node: TreeNode, value: ElementValue) -> bool:
    try:
        return type(node.value) is type(value) and node.value == value
    except TreeError:
        return False


def new_node(
    identifier: int, content: bytes | Span | tuple[TreeNode, ...], max_size_length: int = 8
) -> TreeNode:
    """Return a new element, its size in as few bytes as it takes. Raise TreeError if it is too large."""
    node = TreeNode(identifier, b"", content)
    return replace(node, head=_head(identifier, node.data_size, 1, max_size_length))


def value_node(name: str, value: ElementValue, max_size_length: int = 8) -> TreeNode:
    """Return a new element with a value, by the specification's name."""
    identifier = id_named(name)
    return new_node(identifier, encode_value(identifier, value), max_size_length)


def with_content(node: TreeNode, content: tuple[TreeNode, ...], max_size_length: int) -> TreeNode:
    """Return an element with other children, its size and CRC-32 true. Raise TreeError if that cannot be."""
    crc = next((index for index, child in enumerate(content) if child.id == CRC_32 and child.head), None)
    if crc is not None:
        if node.id == _SEGMENT:
            raise TreeError("the segment has a checksum, which all of the film would be read for")
        checksum = 0
        for child in (*content[:crc], *content[crc + 1 :]):
            for piece in child.pieces():
                checksum = zlib.crc32(piece, checksum)
        made = new_node(CRC_32, checksum.to_bytes(4, "little"), max_size_length)
        if content[crc].data_size == 4:
            made = replace(made, head=content[crc].head)
        content = (*content[:crc], replace(made, offset=content[crc].offset), *content[crc + 1 :])
    made = replace(node, content=content)
    stored, unknown = _stored_size(node)
    if stored == unknown:
        return made
    # a truncated file's segment goes on speaking of what is missing
    size = made.data_size + stored - node.data_size
    return replace(made, head=_head(node.id, size, node.size_length, max_size_length))


def with_size_length(node: TreeNode, length: int) -> TreeNode:
    """Return an element with its size stored in so many bytes. Raise TreeError when they are too few."""
    return replace(node, head=_head(node.id, node.data_size, length, length))


def _stored_size(node: TreeNode) -> tuple[int, int]:
    """Return the size in an element's head, and what it would be if it were unknown."""
    length = node.size_length
    unknown = (1 << 7 * length) - 1
    return int.from_bytes(node.head[-length:], "big") & unknown, unknown


def _head(identifier: int, size: int, length: int, max_length: int) -> bytes:
    longest = max(length, max_length)  # what a file has against its own rule stays
    while size >= (1 << 7 * length) - 1:
        length += 1
    if length > longest:
        raise TreeError(f"{size} bytes are more than an element of this file may hold")
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + (size | 1 << 7 * length).to_bytes(length, "big")
