"""Positions in a segment, kept true: what SeekHead and Cues say of where elements are."""

from __future__ import annotations

from dataclasses import replace

from vpo_tasks.media.matroska.ebml import Source
from vpo_tasks.media.matroska.elements import encode_value, id_named
from vpo_tasks.media.matroska.tree import (
    CRC_32,
    RAW,
    VOID,
    Tree,
    TreeNode,
    new_node,
    value_node,
    with_content,
)
from vpo_tasks.media.matroska.tree_reader import expanded, seek_targets

_SEEK_HEAD, _SEEK, _CUES = (id_named(name) for name in ("SeekHead", "Seek", "Cues"))
_SEEK_ID, _SEEK_POSITION = id_named("SeekID"), id_named("SeekPosition")
_OF_CLUSTERS = frozenset(id_named(name) for name in ("CueClusterPosition", "CueRefCluster"))
_OF_STATES = frozenset(id_named(name) for name in ("CueCodecState", "CueRefCodecState"))
"""0 is none: the state is in the track's entry."""
_UNLISTED = frozenset({VOID, CRC_32, RAW})
_ROUNDS = 16


class Displacement:
    """Where the children of a segment were, and are among `placed`; from the start of the segment's data."""

    def __init__(self, old: Tree, placed: tuple[TreeNode, ...]) -> None:
        self._start = old.data_start
        self._old = {node.offset: node for node in old.segment.children}
        self._new: dict[int, int] = {}
        self._runs: list[tuple[int, int, int]] = []
        self._placed: list[tuple[TreeNode, int]] = []
        position = 0
        for node in placed:
            if node.offset is not None:
                self._new[node.offset] = position
                if node.is_clusters:
                    self._runs.append((node.offset - self._start, node.size, position))
            self._placed.append((node, position))
            position += node.size

    def of_clusters(self, position: int) -> int:
        """Return where something among the clusters is."""
        for start, size, new in self._runs:
            if start <= position < start + size:
                return position - start + new
        return position

    @property
    def moves_clusters(self) -> bool:
        return any(start != new for start, _, new in self._runs)

    def of(self, position: int, identifier: int) -> int | None:
        """Return where the element is that was at a position; None when it is no longer there."""
        offset = self._start + position
        before = self._old.get(offset)
        if before is not None and before.id == identifier and not before.is_clusters:
            return self._new.get(offset)
        return self.of_clusters(position)

    def unlisted(self, listed: set[int]) -> list[tuple[int, int]]:
        """Return (identifier, position) of what must be listed so that the new and the moved can be found.

        A reader goes by the list to what is first behind the clusters: then all that is there must be in it.
        """
        first = min((new for _, _, new in self._runs), default=1 << 63)
        found = [
            (node, position)
            for node, position in self._placed
            if position not in listed
            and not (node.id in _UNLISTED or node.is_clusters or (node.id == _SEEK_HEAD and position < first))
        ]
        if not any(self._is_elsewhere(node, position) for node, position in found):
            return []
        return [
            (node.id, position)
            for node, position in found
            if not listed or position > first or self._is_elsewhere(node, position)
        ]

    def _is_elsewhere(self, node: TreeNode, position: int) -> bool:
        """Tell whether an element is new, or went past a run of clusters."""
        if node.offset is None:
            return True
        before = node.offset - self._start
        return any((before < start) != (position < new) for start, _, new in self._runs)


def seek_head_after(
    seek_head: TreeNode, moves: Displacement, max_size_length: int, *, lists_new: bool
) -> TreeNode:
    """Return a SeekHead that is true after the moves; `lists_new`: also of what they added or hid."""
    children = []
    for seek in seek_head.children:
        made = _seek_after(seek, moves, max_size_length) if seek.id == _SEEK else seek
        if made is not None:
            children.append(made)
    if lists_new:
        listed = {position for position, _ in seek_targets(replace(seek_head, content=tuple(children)))}
        for identifier, position in moves.unlisted(listed):
            name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
            entry = value_node("SeekID", name), value_node("SeekPosition", position)
            children.append(new_node(_SEEK, entry, max_size_length))
    if tuple(children) == seek_head.children:
        return seek_head
    return with_content(seek_head, tuple(children), max_size_length)


def _seek_after(seek: TreeNode, moves: Displacement, max_size_length: int) -> TreeNode | None:
    targets = seek_targets(replace(seek, id=_SEEK_HEAD, content=(seek,)))
    if not targets or seek.get("SeekPosition") is None:
        return seek
    position = moves.of(*targets[0])
    if position is None:
        return None
    if position == targets[0][0]:
        return seek
    children = []
    for child in seek.children:
        same = child.id != _SEEK_POSITION
        children.append(child if same else _at(child, position, max_size_length))
    return with_content(seek, tuple(children), max_size_length)


def _at(node: TreeNode, position: int, max_size_length: int) -> TreeNode:
    """Return an element with a position, in no fewer bytes than before."""
    made = new_node(node.id, encode_value(node.id, position, node.data_size), max_size_length)
    if made.data_size == node.data_size:
        made = replace(made, head=node.head)
    return replace(made, offset=node.offset)


def with_true_positions(old: Tree, new: Tree, source: Source) -> Tree:
    """Return an edited tree, to be written as a new file, whose SeekHead and Cues are true.

    `source` is the file that both were read from. Raise TreeError when the Cues are damaged.
    """
    children = new.segment.children
    wanted = children
    for _ in range(_ROUNDS):
        moves = Displacement(old, children)
        made, first = [], True
        for node in wanted:
            if node.id == _SEEK_HEAD and isinstance(node.content, tuple):
                made.append(seek_head_after(node, moves, new.max_size_length, lists_new=first))
                first = False
            elif node.id == _CUES and moves.moves_clusters:
                made.append(_shifted(expanded(node, source), moves, new.max_size_length))
            else:
                made.append(node)
        if tuple(made) == children:
            break
        children = tuple(made)
    return new.with_children(new.segment, children)


def _shifted(node: TreeNode, moves: Displacement, max_size_length: int) -> TreeNode:
    """Return the Cues, or an element in them, with what they say of the clusters true."""
    if isinstance(node.content, tuple):
        children = tuple(_shifted(child, moves, max_size_length) for child in node.content)
        changed = any(a is not b for a, b in zip(children, node.content, strict=True))
        return with_content(node, children, max_size_length) if changed else node
    if node.id in _OF_CLUSTERS or node.id in _OF_STATES:
        position = node.value
        if isinstance(position, int) and (position or node.id in _OF_CLUSTERS):
            moved = moves.of_clusters(position)
            return node if moved == position else _at(node, moved, max_size_length)
    return node
