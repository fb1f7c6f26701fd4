"""Header edits of Matroska and WebM: a plan carried out on the lossless tree, laid out in place."""

from __future__ import annotations

import os
from collections.abc import Iterator

from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.errors import ProbeError
from vpo_tasks.execute.in_place.change import HeaderChange, HeaderRefused, change_to, changed_content
from vpo_tasks.media.matroska.ebml import Source
from vpo_tasks.media.matroska.edits import edited_tree
from vpo_tasks.media.matroska.elements import TreeError
from vpo_tasks.media.matroska.tree import Span, Tree, TreeNode
from vpo_tasks.media.matroska.tree_layout import lay_out
from vpo_tasks.media.matroska.tree_reader import read_tree
from vpo_tasks.plan.model import Plan


def matroska_change(file: OpenFile, plan: Plan) -> HeaderChange:
    """Return what a plan changes in an open Matroska file. Raises HeaderRefused or OSError."""
    shown = os.fsdecode(file.path)
    source = Source(shown, file.fd)
    try:
        tree = read_tree(source)
        if tree.damage:
            raise TreeError(tree.damage)
        if _is_encrypted(tree):
            raise TreeError("it is encrypted")
        return change_of_tree(file, source, tree, edited_tree(tree, plan.source, plan.result))
    except (ProbeError, TreeError) as error:
        raise HeaderRefused(shown, error.detail) from error


def change_of_tree(file: OpenFile, source: Source, tree: Tree, edited: Tree) -> HeaderChange:
    """Return what an edit of an open file's tree changes in it.

    A reader of the changed file sees what was meant: it is read again, before anything is written. Raises
    HeaderRefused, TreeError, ProbeError or OSError.
    """
    placed = lay_out(tree, edited, may_grow=_may_grow(tree, source))
    change = change_to(file, _pieces(tree, placed))
    _read_again(placed, _ChangedSource(os.fsdecode(file.path), file.fd, change))
    return change


def _is_encrypted(tree: Tree) -> bool:
    encoding = ("Tracks", "TrackEntry", "ContentEncodings", "ContentEncoding")
    return tree.segment.get(*encoding, "ContentEncryption") is not None


def _may_grow(tree: Tree, source: Source) -> bool:
    """Tell whether what stands behind the last cluster is found; not when nobody knows where that ends."""
    segment = source.element(tree.segment.offset or 0)
    clusters = [node for node in tree.segment.children if node.is_clusters]
    first = [source.element(node.offset) for node in clusters if node.offset is not None]
    return segment.size is not None and all(cluster.size is not None for cluster in first)


class _ChangedSource(Source):
    """A file under a reader as it will be after a change."""

    def __init__(self, path: str, descriptor: int, change: HeaderChange) -> None:
        super().__init__(path, descriptor)
        self.size = change.new_size
        self._content = changed_content(descriptor, change)

    def read(self, offset: int, count: int) -> bytes:
        return self._content.read(offset, count)


def _read_again(placed: Tree, source: Source) -> None:
    """Hold that a reader of the changed file sees what was meant. Raises TreeError or ProbeError."""
    found = read_tree(source)
    if found.damage or not _same(placed.nodes, found.nodes):
        raise TreeError("what would be written reads otherwise than it is meant")


def _same(wanted: tuple[TreeNode, ...], found: tuple[TreeNode, ...]) -> bool:
    return len(wanted) == len(found) and all(
        one.id == other.id and one.head == other.head and _same_content(one, other)
        for one, other in zip(wanted, found, strict=True)
    )


def _same_content(wanted: TreeNode, found: TreeNode) -> bool:
    if isinstance(wanted.content, tuple) and isinstance(found.content, tuple):
        return _same(wanted.content, found.content)
    if isinstance(wanted.content, Span) and isinstance(found.content, Span):
        return wanted.data_size == found.data_size
    return b"".join(wanted.data_pieces()) == b"".join(found.data_pieces())


def _pieces(old: Tree, new: Tree) -> Iterator[bytes | int]:
    """Yield the bytes of a tree that was laid out in the place of another; a number for what stays."""
    kept = {id(node): node.offset for node in (*old.nodes, *old.segment.children)}
    offset = 0
    for node in _top(new):
        if isinstance(node, bytes):
            yield node
            offset += len(node)
        elif kept.get(id(node)) == offset:
            yield node.size
            offset += node.size
        else:
            for piece in _of_node(node, offset):
                yield piece
                offset += piece if isinstance(piece, int) else len(piece)


def _top(tree: Tree) -> Iterator[TreeNode | bytes]:
    for node in tree.nodes:
        if node is tree.segment:
            yield node.head
            yield from node.children
        else:
            yield node


def _of_node(node: TreeNode, offset: int) -> Iterator[bytes | int]:
    content = node.content
    yield node.head
    if isinstance(content, Span) and content.source and content.offset == offset + len(node.head):
        yield content.size
    else:
        yield from node.data_pieces()
