"""Tags of a whole Matroska file changed one at a time; all others stay as they are stored.

A MediaInfo names tags as FFmpeg shows them: a nested one `name/inner`, one of a level with a name
`level/name`, one in a language `name-ger`; of several with one name it shows the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from vpo_tasks.media.matroska.elements import TreeError, id_named
from vpo_tasks.media.matroska.tree import Tree, TreeNode, new_node, value_node

_TAGS, _TAG, _SIMPLE_TAG = id_named("Tags"), id_named("Tag"), id_named("SimpleTag")
_CLUSTER = id_named("Cluster")
_OF_A_PART = ("TagTrackUID", "TagChapterUID", "TagAttachmentUID")
_SHOWN_AS = {"lead_performer": "performer", "part_number": "track"}
_WRITTEN_BY_TOOLS = frozenset({"encoder", "creation_time", "duration"})


class _Shown(NamedTuple):
    """A SimpleTag, what it is shown as, and the elements that it stands in, Tags first."""

    keys: tuple[str, ...]
    node: TreeNode
    chain: tuple[TreeNode, ...]


def with_tags(tree: Tree, before: Mapping[str, str], after: Mapping[str, str]) -> Tree:
    """Return a tree whose tags are shown as `after`, where they are shown as `before` (keys in lower case).

    A title stands in Info, and is changed here only where a tag hides it. Raise TreeError for a tag that
    cannot be written.
    """
    for key in sorted({*before, *after} - _WRITTEN_BY_TOOLS, reverse=True):  # inner tags before outer ones
        value = after.get(key)
        if value == before.get(key):
            continue
        tree = _without(tree, key, after) if value is None else _with(tree, key, value)
    return tree


def _with(tree: Tree, key: str, value: str) -> Tree:
    last = next((tag for tag in reversed(list(_shown(tree))) if key in tag.keys), None)
    if last is not None and last.keys == (key,):
        return tree.with_child_value(last.node, "TagString", value)
    if last is None and key == "title":
        return tree
    if "/" in key or (last is not None and len(last.chain) > 2):
        raise TreeError(f"the tag {key} has no place of its own")
    made = _simple_tag(tree, key.upper(), value)
    if last is not None:
        return tree.with_added(last.chain[1], made)
    tag = next((tag for tag in _global_tags(tree) if _is_plain(tag)), None)
    return _with_new_tag(tree, made) if tag is None else tree.with_added(tag, made)


def _without(tree: Tree, key: str, after: Mapping[str, str]) -> Tree:
    while True:
        found = next((tag for tag in _shown(tree) if key in tag.keys), None)
        if found is None:
            return tree
        if any(other in after for other in found.keys):
            tree = _shown_no_more_as(tree, found, key)
        elif any(found.node.all("SimpleTag")):
            tree = _without_text(tree, found.node)
        else:
            tree = _removed(tree, found)


def _shown_no_more_as(tree: Tree, tag: _Shown, key: str) -> Tree:
    """Return a tree in which a tag that is shown with and without its language is only shown otherwise."""
    if key == tag.keys[0]:
        return tree.with_child_value(tag.node, "TagDefault", 0)
    language = {id_named("TagLanguage"), id_named("TagLanguageBCP47")}
    return tree.with_children(tag.node, [node for node in tag.node.children if node.id not in language])


def _without_text(tree: Tree, node: TreeNode) -> Tree:
    """Take a tag's text away, which leaves those in it."""
    text = id_named("TagString")
    children = [child for child in node.children if child.id != text]
    if len(children) == len(node.children):
        raise TreeError("a tag is shown that has no text")
    return tree.with_children(node, children)


def _removed(tree: Tree, tag: _Shown) -> Tree:
    """Remove a tag, and what would be left empty around it."""
    node, chain = tag.node, list(tag.chain)
    while (
        chain
        and chain[-1].id != _SIMPLE_TAG
        and [child for child in chain[-1].children if child.id == node.id] == [node]
    ):
        node = chain.pop()
    return tree.replaced(node)


def _simple_tag(tree: Tree, name: str, value: str) -> TreeNode:
    length = tree.max_size_length
    children = value_node("TagName", name, length), value_node("TagString", value, length)
    return new_node(_SIMPLE_TAG, children, length)


def _with_new_tag(tree: Tree, simple_tag: TreeNode) -> Tree:
    """Add a Tag of the whole file: to the Tags, else to new ones in front of the clusters."""
    length = tree.max_size_length
    tag = new_node(_TAG, (new_node(id_named("Targets"), (), length), simple_tag), length)
    tags = next(tree.segment.all("Tags"), None)
    if tags is not None:
        return tree.with_added(tags, tag)
    children = tree.segment.children
    place = next((at for at, node in enumerate(children) if node.id == _CLUSTER), len(children))
    made = new_node(_TAGS, (tag,), length)
    return tree.with_children(tree.segment, (*children[:place], made, *children[place:]))


def _global_tags(tree: Tree) -> Iterator[TreeNode]:
    """Yield every Tag that is not of a track, a chapter or an attachment."""
    for tag in tree.segment.all("Tags", "Tag"):
        if not any(_number(node) for name in _OF_A_PART for node in tag.all("Targets", name)):
            yield tag


def _is_plain(tag: TreeNode) -> bool:
    """Tell whether a Tag is of the whole file, at no other level than the usual one."""
    return all(
        node.id == id_named("TargetTypeValue") and _number(node) == 50
        for targets in tag.all("Targets")
        for node in targets.children
    )


def _shown(tree: Tree) -> Iterator[_Shown]:
    for tags in tree.segment.all("Tags"):
        wanted = {id(tag) for tag in _global_tags(tree)}
        for tag in tags.all("Tag"):
            if id(tag) in wanted:
                level = tag.get("Targets", "TargetType")
                prefix = f"{_text(level)}/" if level is not None and _text(level) else ""
                yield from _shown_in(tag, (prefix,), (tags, tag))


def _shown_in(parent: TreeNode, prefixes: tuple[str, ...], chain: tuple[TreeNode, ...]) -> Iterator[_Shown]:
    for node in parent.all("SimpleTag"):
        name, language = node.get("TagName"), node.get("TagLanguage")
        if name is None or not _text(name):
            continue
        suffix = f"-{_text(language)}" if language is not None and _text(language) not in ("", "und") else ""
        keys = []
        for prefix in prefixes:
            key = f"{prefix}{_text(name)}".lower()
            # FFmpeg takes an absent TagDefault for 0, the specification for 1
            if not suffix or any(_number(child) for child in node.all("TagDefault")):
                keys.append(key)
            if suffix:
                keys.append(f"{key}{suffix}".lower())
        if node.get("TagString") is not None:
            yield _Shown(tuple(_SHOWN_AS.get(key, key) for key in keys), node, chain)
        yield from _shown_in(node, tuple(f"{key}/" for key in keys), (*chain, node))


def _number(node: TreeNode) -> int:
    value = node.value
    return value if isinstance(value, int) else 0


def _text(node: TreeNode) -> str:
    return b"".join(node.data_pieces()).split(b"\0", 1)[0].decode("utf-8", "replace")
