"""Lay an edited tree out so that nothing moves that may not: in place, or with all positions true.

In place, the clusters and what stands beside the segment keep their offsets. What grows takes from the Void
behind it, then from any other of its region; what shrinks leaves a Void. What finds no room goes behind the
clusters, where the SeekHead can tell of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vpo_tasks.media.matroska.elements import TreeError, id_named
from vpo_tasks.media.matroska.positions import Displacement, seek_head_after
from vpo_tasks.media.matroska.tree import (
    RAW,
    VOID,
    Span,
    Tree,
    TreeNode,
    new_node,
    with_content,
    with_size_length,
)

_SEEK_HEAD = id_named("SeekHead")
_MAY_MOVE = tuple(id_named(name) for name in ("Tags", "Chapters", "Attachments", "Cues"))
"""What players find behind the clusters by the SeekHead; the first is moved first."""
_ROUNDS = 16
"""A position that takes another byte moves what is behind it; each can only take more."""


class NoVoidError(TreeError):
    """An edit does not fit in place. `missing` is how many bytes more it would take."""

    def __init__(self, missing: int) -> None:
        super().__init__(f"{missing} bytes more than there is room for")
        self.missing = missing


Region = tuple[TreeNode, ...]


def lay_out(old: Tree, new: Tree, *, may_grow: bool = True) -> Tree:
    """Return an edited tree laid out in the place of the one it was made from.

    `may_grow` allows it to be longer, at the end of the file. Raise NoVoidError when it does not fit, and
    TreeError when the clusters were edited or what is in front of the segment takes another length.
    """
    fixed, old_regions = _split(old.segment.children)
    new_fixed, regions = _split(new.segment.children)
    if [(node.offset, node.size) for node in fixed] != [(node.offset, node.size) for node in new_fixed]:
        raise TreeError("the clusters cannot be edited in place")
    _check_surroundings(old, new)
    grows = may_grow and not old.damage and old.nodes[-1] is old.segment
    wanted = _with_a_list(old_regions, regions, new.max_size_length)
    regions = wanted
    for _ in range(_ROUNDS):
        placed = []
        for index, (before, region) in enumerate(zip(old_regions, regions, strict=True)):
            is_last = index == len(regions) - 1
            try:
                placed.append(_fit(before, region, new.max_size_length, may_grow=grows and is_last))
            except NoVoidError:
                if is_last or not grows or not _move_behind(before, wanted, index):
                    raise
                wanted = _with_a_list(old_regions, wanted, new.max_size_length)
                regions = wanted
                break
        else:
            children = _joined(placed, fixed)
            updated = _with_seek_heads(old, wanted, children, new.max_size_length)
            if updated == regions:
                return _in_segment(old, new, children)
            regions = updated
    raise TreeError("its positions do not come to rest")


def _in_segment(old: Tree, new: Tree, children: Region) -> Tree:
    segment = with_content(old.segment, children, new.max_size_length)
    if len(segment.head) != len(old.segment.head):
        raise NoVoidError(len(segment.head) - len(old.segment.head))
    return replace(new, nodes=tuple(segment if node is new.segment else node for node in new.nodes))


def void(total: int, max_size_length: int, old: TreeNode | None = None) -> TreeNode:
    """Return a Void of `total` bytes, two at least; what can stay of an old one's data stays as it is."""
    lengths = range(1, max_size_length + 1)
    if old is not None and old.size_length <= max_size_length:
        lengths = range(old.size_length, max_size_length + 1)
    for length in (*lengths, *range(1, max_size_length + 1)):
        size = total - 1 - length
        if 0 <= size < (1 << 7 * length) - 1:
            node = new_node(VOID, _room(size, old), max_size_length)
            return replace(with_size_length(node, length), offset=old.offset if old else None)
    raise TreeError(f"{total} bytes make no Void")


def _room(size: int, old: TreeNode | None) -> bytes | Span:
    content = b"" if old is None or isinstance(old.content, tuple) else old.content
    if old is None or size > old.data_size:
        return Span(None, 0, size)
    if isinstance(content, Span):
        return replace(content, offset=content.offset + content.size - size, size=size)
    return content[len(content) - size :]


def _split(children: Region) -> tuple[list[TreeNode], list[Region]]:
    """Return what does not move, clusters and bytes not understood, and the elements between."""
    fixed: list[TreeNode] = []
    regions: list[list[TreeNode]] = [[]]
    for node in children:
        if node.is_clusters or node.id == RAW:
            fixed.append(node)
            regions.append([])
        else:
            regions[-1].append(node)
    return fixed, [tuple(region) for region in regions]


def _joined(regions: Sequence[Region], fixed: Sequence[TreeNode]) -> Region:
    joined = list(regions[0])
    for node, region in zip(fixed, regions[1:], strict=True):
        joined += [node, *region]
    return tuple(joined)


def _check_surroundings(old: Tree, new: Tree) -> None:
    """Raise TreeError unless what stands beside the segment keeps its place."""
    if len(old.nodes) != len(new.nodes):
        raise TreeError("what is beside the segment cannot be edited in place")
    for before, after in zip(old.nodes, new.nodes, strict=True):
        if before.offset != after.offset:
            raise TreeError("what is beside the segment cannot be edited in place")
        if before.id != new.segment.id and before.size != after.size:
            raise NoVoidError(abs(after.size - before.size))


def _move_behind(old: Region, regions: list[Region], index: int) -> bool:
    """Move an element of a region behind the clusters; return False when there is none that may be moved."""
    unchanged = {id(node) for node in old}
    later: set[int] = {node.id for region in regions[index + 1 : -1] for node in region}
    movable = []
    for node in reversed(regions[index]):
        if node.id in _MAY_MOVE and node.id not in later:  # elements of one kind keep their order
            movable.append(node)
        later.add(node.id)
    if not movable:
        return False
    chosen = min(movable, key=lambda node: (id(node) in unchanged, _MAY_MOVE.index(node.id)))
    regions[index] = tuple(node for node in regions[index] if node is not chosen)
    last = regions[-1]
    place = next((at for at, node in enumerate(last) if node.id == chosen.id), len(last))
    regions[-1] = (*last[:place], chosen, *last[place:])
    return True


def _with_a_list(old: Sequence[Region], regions: list[Region], max_size_length: int) -> list[Region]:
    """Return the regions with a SeekHead in front if none would tell of what is new behind the clusters."""
    news = {node.offset for region in regions[1:] for node in region if node.id != VOID}
    news -= {node.offset for region in old[1:] for node in region}
    if not news or any(node.id == _SEEK_HEAD and isinstance(node.content, tuple) for node in regions[0]):
        return regions
    return [(new_node(_SEEK_HEAD, (), max_size_length), *regions[0]), *regions[1:]]


def _with_seek_heads(
    old: Tree, regions: Sequence[Region], placed: Region, max_size_length: int
) -> list[Region]:
    """Return the regions with what their SeekHeads must say of a placement."""
    moves = Displacement(old, placed)
    first = True
    result = []
    for region in regions:
        nodes = []
        for node in region:
            if node.id == _SEEK_HEAD and isinstance(node.content, tuple):
                nodes.append(seek_head_after(node, moves, max_size_length, lists_new=first))
                first = False
            else:
                nodes.append(node)
        result.append(tuple(nodes))
    return result


# -- one region --------------------------------------------------------------------------------------


def _fit(old: Region, wanted: Region, max_size_length: int, *, may_grow: bool) -> Region:
    """Return the elements of a region with Voids taken and left so that it keeps its length, if it can."""
    sizes = {node.offset: node.size for node in old}
    items: list[TreeNode] = []
    short: list[int] = []  # the items that grew by more than the room behind them
    rest = _aligned(old, wanted, max_size_length)
    while rest:
        node = rest.pop(0)
        need = 0 if node.id == VOID else node.size - sizes.get(node.offset, 0)
        if need:
            voids = 0
            while voids < len(rest) and rest[voids].id == VOID:
                voids += 1
            left = sum(item.size for item in rest[:voids]) - need
            if left >= 0:
                last = rest[voids - 1] if voids else None
                del rest[:voids]
                items += _with_left_over(node, left, max_size_length, last)
                continue
            short.append(len(items))
        items.append(node)
    return _balanced(items, sum(sizes.values()), short, max_size_length, may_grow=may_grow)


def _aligned(old: Region, wanted: Region, max_size_length: int) -> list[TreeNode]:
    """Return what is wanted, with a Void in the place of everything that is no longer there."""
    order = [node.offset for node in old]
    kept = [node.offset for node in wanted if node.offset in order]
    if kept != sorted(set(kept), key=order.index):
        return list(wanted)  # in another order: all is laid out anew
    items: list[TreeNode] = []
    pending = list(wanted)
    for node in old:
        while pending and pending[0].offset not in order:
            items.append(pending.pop(0))
        if pending and pending[0].offset == node.offset:
            items.append(pending.pop(0))
        else:
            items.append(node if node.id == VOID else void(node.size, max_size_length))
    return items + pending


def _with_left_over(node: TreeNode, left: int, max_size_length: int, old: TreeNode | None) -> Region:
    """Return an element and what makes up for the bytes left behind it."""
    if left == 0:
        return (node,)
    if left > 1:
        return node, void(left, max_size_length, old)
    # no element is one byte long: the size takes a byte more (RFC 8794 allows it), or less for a Void to fit
    if node.size_length < max_size_length:
        return (with_size_length(node, node.size_length + 1),)
    try:
        return with_size_length(node, node.size_length - 1), void(2, max_size_length)
    except TreeError as error:
        raise NoVoidError(1) from error


def _balanced(
    items: list[TreeNode], length: int, short: list[int], max_size_length: int, *, may_grow: bool
) -> Region:
    """Return items that take `length` bytes, by the Voids nearest to what was short of room."""
    count = len(items)
    excess = sum(node.size for node in items) - length
    place = short[0] if short else len(items) - 1
    voids = sorted((i for i, node in enumerate(items) if node.id == VOID), key=lambda i: abs(i - place))
    taken: set[int] = set()
    for index in voids:
        size = items[index].size
        if excess > 0:
            if size - excess > 1:
                items[index] = void(size - excess, max_size_length, items[index])
                excess = 0
            else:
                taken.add(index)
                excess -= size
    if excess > 0 and not may_grow:
        raise NoVoidError(excess)
    if excess < 0:
        if place < 0 or place in taken:
            items.append(void(-excess, max_size_length))
        else:
            items[place : place + 1] = _with_left_over(items[place], -excess, max_size_length, None)
            taken = {index + (len(items) - count) * (index > place) for index in taken}
    return tuple(node for index, node in enumerate(items) if index not in taken)
