"""Header edits of Matroska and WebM: a plan carried out on the lossless tree, laid out in place."""

from __future__ import annotations

import os
from collections.abc import Iterator

from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.errors import ProbeError
from vpo_tasks.execute.in_place.change import HeaderChange, HeaderRefused, change_to
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
        placed = lay_out(tree, edited_tree(tree, plan.source, plan.result))
    except (ProbeError, TreeError) as error:
        raise HeaderRefused(shown, error.detail) from error
    return change_to(file, _pieces(tree, placed))


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
