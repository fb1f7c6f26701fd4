"""What stands in a Matroska file's tree, for comparisons of two files."""

from __future__ import annotations

import os
from typing import Any

from vpo_tasks.media.matroska.ebml import open_source
from vpo_tasks.media.matroska.elements import TreeError, id_named, type_of
from vpo_tasks.media.matroska.tree import CRC_32, VOID, Tree, TreeNode
from vpo_tasks.media.matroska.tree_reader import read_tree

DERIVED = {VOID, CRC_32, id_named("SeekHead"), id_named("Cues")}


def by_identifier(tree: Tree, left_out: frozenset[int] = frozenset()) -> list[Any]:
    """All elements with their values, whatever their order and however many bytes an integer takes."""

    def ordered(node: TreeNode) -> Any:
        if isinstance(node.content, tuple):
            inside = [ordered(child) for child in node.content if child.id not in {VOID, CRC_32} | left_out]
            return node.id, sorted(inside, key=repr)
        return node.id, value(node)

    return sorted(
        map(
            ordered,
            (node for node in tree.segment.children if node.head and node.id not in DERIVED | left_out),
        ),
        key=repr,
    )


def value(node: TreeNode) -> Any:
    """Its value, or its bytes where they are no value of its type."""
    data = b"".join(node.data_pieces())
    if type_of(node.id) in ("binary", "master"):
        return data
    try:
        return node.value
    except TreeError:
        return data


def elements_of(path: str | os.PathLike[str], left_out: frozenset[int] = frozenset()) -> list[Any]:
    """All elements of a file outside its clusters, those between clusters too."""
    with open_source(os.fspath(path)) as source:
        return by_identifier(read_tree(source, every_cluster=True), left_out)
