"""Read a Matroska or WebM file into a tree. No size, depth or number that the file claims is believed."""

from __future__ import annotations

from dataclasses import replace

from vpo_tasks.errors import ProbeError
from vpo_tasks.media.matroska.ebml import Element, Source, parse_element
from vpo_tasks.media.matroska.elements import DEFINITIONS, TreeError, type_of
from vpo_tasks.media.matroska.tree import RAW, Span, Tree, TreeNode

_EBML, _SEGMENT, _CLUSTER, _SEEK_HEAD, _CUES = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x114D9B74, 0x1C53BB6B
_TOP_LEVEL = frozenset(item.id for item in DEFINITIONS.values() if item.parent == _SEGMENT)

_MAX_DEPTH = 48
_MAX_NODES = 1 << 17
_MAX_LEAF_BYTES = 64 << 10
"""Larger data stays in the file: pictures and fonts, the Cues of a long film."""
_MAX_HELD_BYTES = 16 << 20
_MAX_STEPS = 1_000_000
"""Elements that are stepped over where no index tells where the clusters end: days of film."""
_WINDOW = 16 << 10
_LONGEST_HEAD = 12


def read_tree(source: Source, *, every_cluster: bool = False) -> Tree:
    """Read the elements of an open file. Raise ProbeError when it is no Matroska file.

    The clusters are passed over by the SeekHead, or one by one where it does not help or `every_cluster` is
    set; by the SeekHead, an element among the clusters that it does not list is taken for a part of them.
    """
    return _TreeReader(source, every_cluster=every_cluster).read()


def expanded(node: TreeNode, source: Source) -> TreeNode:
    """Return the Cues, which are not read with the rest, with their elements. Raise TreeError if damaged."""
    if isinstance(node.content, tuple):
        return node
    content = node.content
    start = content.offset if isinstance(content, Span) else (node.offset or 0) + len(node.head)
    children = _TreeReader(source).children(start, start + node.data_size, 1)
    if children is None:
        raise TreeError(f"the elements in 0x{node.id:X} cannot be read")
    return replace(node, content=children)


class _TreeReader:
    """One reading of a file: a window over it, and what was read so far."""

    def __init__(self, source: Source, *, every_cluster: bool = False) -> None:
        self._source = source
        self._every_cluster = every_cluster
        self._window, self._base = b"", 0
        self._nodes, self._held, self._steps = 0, 0, 0
        self._targets: dict[int, int] = {}
        self._damage = ""

    def read(self) -> Tree:
        source = self._source
        header = self._element(0)
        if header is None or header.id != _EBML or header.end is None or header.end > source.size:
            raise ProbeError(source.path, "is not a Matroska file")
        nodes = [self._node(header, 0)]
        length = nodes[0].get("EBMLMaxSizeLength") if isinstance(nodes[0].content, tuple) else None
        try:
            max_size_length = 8 if length is None else length.value
        except TreeError as error:
            raise source.damaged(0) from error
        if not isinstance(max_size_length, int) or not 1 <= max_size_length <= 8:
            raise ProbeError(source.path, "its EBML header allows for sizes that Matroska has not")
        offset = header.end
        while offset < source.size:
            element = self._element(offset)
            if element is None or self._nodes > _MAX_NODES:
                break
            if element.id == _SEGMENT:
                nodes.append(self._read_segment(element))
                offset += nodes[-1].size
                if offset < source.size:  # rubbish, or another segment, which players do not read
                    nodes.append(self._raw(RAW, offset, source.size))
                return Tree(tuple(nodes), max_size_length, self._damage)
            if element.end is None or element.end > source.size:
                break
            nodes.append(self._node(element, 0))
            offset = element.end
        raise ProbeError(source.path, "holds no Matroska segment")

    def children(self, start: int, end: int, depth: int) -> tuple[TreeNode, ...] | None:
        """Return the elements between two offsets; None when they cannot be read or are too many."""
        found = []
        while start < end:
            element = self._element(start)
            self._nodes += 1
            if element is None or element.end is None or element.end > end or self._nodes > _MAX_NODES:
                return None
            found.append(self._node(element, depth))
            start = element.end
        return tuple(found)

    def _read_segment(self, segment: Element) -> TreeNode:
        end = self._source.size if segment.end is None else segment.end
        if end > self._source.size:
            self._note(f"truncated: {end - self._source.size} bytes missing")
            end = self._source.size
        found: list[TreeNode] = []
        offset = segment.start
        while offset < end:
            element = self._element(offset)
            self._nodes += 1
            if element is not None and element.id == _CLUSTER and self._nodes <= _MAX_NODES:
                after = self._clusters_end(offset, end)
                found.append(self._raw(_CLUSTER, offset, after))
                offset = after
            elif element is None or element.end is None or element.end > end or self._nodes > _MAX_NODES:
                self._note(f"cannot be read from byte {offset} on")
                found.append(self._raw(RAW, offset, end))
                offset = end
            else:
                found.append(self._node(element, 1))
                offset = element.end
                if element.id == _SEEK_HEAD:
                    self._read_targets(found[-1], segment.start)
        return TreeNode(_SEGMENT, self._head(segment), tuple(found), segment.offset)

    def _read_targets(self, seek_head: TreeNode, start: int) -> None:
        if isinstance(seek_head.content, tuple):
            for position, identifier in seek_targets(seek_head):
                if identifier != _CLUSTER:
                    self._targets[start + position] = identifier

    def _clusters_end(self, offset: int, end: int) -> int:
        """Return where the run of clusters that begins at an offset is over."""
        if not self._every_cluster:
            for target in sorted(self._targets):
                found = self._element(target) if offset < target < end else None
                if found and found.id == self._targets[target] and found.end and found.end <= end:
                    return target
        inside = False  # a cluster of unknown size, which ends where something else begins
        while offset < end:
            element = self._element(offset)
            self._steps += 1
            if element is None or self._steps > _MAX_STEPS:
                self._note(f"its clusters cannot be followed beyond byte {offset}")
                return end
            if element.id != _CLUSTER and (not inside or element.id in _TOP_LEVEL):
                return offset
            if element.id == _CLUSTER:
                inside = element.end is None
            elif element.end is None:
                self._note(f"its clusters cannot be followed beyond byte {offset}")
                return end
            offset = element.start if element.end is None else element.end
        if offset > end:
            self._note("its last cluster is not whole")
        return end

    def _node(self, element: Element, depth: int) -> TreeNode:
        """Return an element, which has a size and is inside its bounds, with all that is in it."""
        size = element.size or 0
        content: bytes | Span | tuple[TreeNode, ...] | None = None
        if type_of(element.id) == "master" and element.id != _CUES:
            if depth < _MAX_DEPTH:
                content = self.children(element.start, element.start + size, depth + 1)
            if content is None:
                self._note(f"the element at byte {element.offset} is damaged")
        if content is None:
            content = self._data(element.start, size)
        return TreeNode(element.id, self._head(element), content, element.offset)

    def _data(self, start: int, size: int) -> bytes | Span:
        if size > _MAX_LEAF_BYTES or self._held + size > _MAX_HELD_BYTES:
            return Span(self._source, start, size)
        self._held += size
        data = self._read(start, size)
        if len(data) != size:
            raise self._source.damaged(start)
        return data

    def _raw(self, identifier: int, start: int, end: int) -> TreeNode:
        return TreeNode(identifier, b"", Span(self._source, start, end - start), start)

    def _head(self, element: Element) -> bytes:
        return self._read(element.offset, element.start - element.offset)

    def _element(self, offset: int) -> Element | None:
        at = offset - self._base
        if at < 0 or at + _LONGEST_HEAD > len(self._window):
            self._window, self._base = self._source.read(offset, _WINDOW), offset
            at = 0
        return parse_element(self._window, at, offset)

    def _read(self, offset: int, size: int) -> bytes:
        at = offset - self._base
        if at < 0 or at + size > len(self._window):
            return self._source.read(offset, size)
        return self._window[at : at + size]

    def _note(self, damage: str) -> None:
        self._damage = self._damage or damage


def seek_targets(seek_head: TreeNode) -> list[tuple[int, int]]:
    """Return the entries of a SeekHead, (position in the segment, identifier), without damaged ones."""
    found = []
    for seek in seek_head.all("Seek"):
        if isinstance(seek.content, tuple):
            position, identifier = seek.get("SeekPosition"), seek.get("SeekID")
            data = b"" if identifier is None else b"".join(identifier.data_pieces())
            if position is not None and position.data_size <= 8 and len(data) <= 4:
                value = int.from_bytes(b"".join(position.data_pieces()), "big")
                found.append((value, int.from_bytes(data, "big")))
    return found
