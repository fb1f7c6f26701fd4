"""The tags of a Matroska file that was made from another: the source's, but for those counted anew."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from vpo_tasks.media.matroska.elements import id_named, type_of
from vpo_tasks.media.matroska.tree import Tree, TreeNode, new_node, value_node, with_content

_TARGETS, _SIMPLE_TAG = id_named("Targets"), id_named("SimpleTag")
_TRACK_UID, _ATTACHMENT_UID = id_named("TagTrackUID"), id_named("TagAttachmentUID")

_DERIVED_TAG = re.compile(
    r"(BPS|DURATION|NUMBER_OF_FRAMES|NUMBER_OF_BYTES|ENCODER|_STATISTICS_\w+)(-\w{2,3})?\Z", re.IGNORECASE
)
"""Tags that are counted from the packets; a copy by FFmpeg has the language in the name (`BPS-eng`)."""
_WRITTEN_ANEW = {
    "ffmpeg": re.compile(r"(DURATION|ENCODER)\Z"),
    "mkvmerge": re.compile(r"(BPS|DURATION|NUMBER_OF_FRAMES|NUMBER_OF_BYTES|_STATISTICS_\w+)\Z"),
}
"""What of these a tool writes by itself. FFmpeg copies the others as they were, true or not."""


class Room(NamedTuple):
    """How long sizes of elements may be in the new file."""

    max_size_length: int

    def element(self, identifier: int, children: Iterable[TreeNode]) -> TreeNode:
        return new_node(identifier, tuple(children), self.max_size_length)

    def filled(self, node: TreeNode, children: Iterable[TreeNode]) -> TreeNode:
        return with_content(node, tuple(children), self.max_size_length)


def as_new(node: TreeNode) -> TreeNode:
    """Return an element of one file as a new one of another: its offset meant the file it was read from."""
    content = node.content
    if isinstance(content, tuple):
        content = tuple(as_new(child) for child in content)
    return replace(node, content=content, offset=None)


class Owners(NamedTuple):
    """Whose tags are kept: for each UID of the source's tracks the new one (None: the track is gone)."""

    uids: dict[int, int | None]
    encoded: frozenset[int]


def carried_tags(
    source: Tree,
    derived: Sequence[tuple[int, TreeNode]],
    owners: Owners,
    gone_files: frozenset[int],
    room: Room,
) -> list[TreeNode]:
    """Return the Tag elements of the new file: the source's, but for what was derived anew."""
    anew: set[tuple[int, str | None]] = {(uid, name) for uid, tag in derived for name in _names(tag)}
    anew |= {(uid, None) for uid in owners.encoded}
    kept = []
    for tag in source.segment.all("Tags", "Tag"):
        carried = _carried_tag(tag, owners, gone_files, anew, room)
        if carried is not None:
            kept.append(carried)
    return [*kept, *(tag for _, tag in derived)]


def derived_tags(
    made: Tree, after: Mapping[int, int], tool: str, room: Room
) -> Iterator[tuple[int, TreeNode]]:
    """Yield what the tool derived itself, with the UID of the track that it is of, 0 for the file."""
    anew = _WRITTEN_ANEW[tool]
    for tag in made.segment.all("Tags", "Tag"):
        simple = [
            node for node in tag.all("SimpleTag") if anew.match(name_of_tag(node)) and not _is_in_words(node)
        ]
        if not simple:
            continue
        targets = [node for node in tag.children if node.id == _TARGETS]
        uid = 0
        for place, node in enumerate(targets):
            inside = []
            for child in node.children:
                if child.id == _TRACK_UID:
                    uid = after.get(number_of(child), number_of(child))
                    child = value_node("TagTrackUID", uid, room.max_size_length)  # noqa: PLW2901
                inside.append(child)
            targets[place] = room.filled(node, inside)
        yield uid, as_new(room.filled(tag, (*targets, *simple)))


def _names(tag: TreeNode) -> Iterator[str]:
    for node in tag.all("SimpleTag"):
        yield derived_name(node)


def derived_name(simple: TreeNode) -> str:
    """Return the name of a tag that is counted from the packets, without a language; empty for another."""
    found = _DERIVED_TAG.match(name_of_tag(simple))
    return found[1].upper() if found else ""


def _is_in_words(simple: TreeNode) -> bool:
    """Tell whether a tag is in a language: no tool counts in one, but FFmpeg copies what another did."""
    language = simple.get("TagLanguage")
    return language is not None and language.value != "und"


def name_of_tag(simple: TreeNode) -> str:
    """Return the name of a SimpleTag; empty without one."""
    name = simple.get("TagName")
    return "" if name is None else b"".join(name.data_pieces()).split(b"\0", 1)[0].decode("utf-8", "replace")


def _carried_tag(
    tag: TreeNode, owners: Owners, gone_files: frozenset[int], anew: set[tuple[int, str | None]], room: Room
) -> TreeNode | None:
    """Return a Tag of the source as it is to be in the new file; None when nothing of it is left."""
    if not isinstance(tag.content, tuple):
        return as_new(tag)
    uid = 0
    children = []
    for child in tag.children:
        if child.id == _TARGETS:
            targets, uid = _carried_targets(child, owners, gone_files, room)
            if targets is None:
                return None
            children.append(targets)
        else:
            children.append(child)
    kept = []
    for child in children:
        name = derived_name(child) if child.id == _SIMPLE_TAG else ""
        if not name or not ({(uid, name), (uid, None)} & anew):
            kept.append(child)
    simple = [child for child in kept if child.id == _SIMPLE_TAG]
    if not simple and any(child.id == _SIMPLE_TAG for child in children):
        return None
    return as_new(room.filled(tag, kept))


def _carried_targets(
    targets: TreeNode, owners: Owners, gone_files: frozenset[int], room: Room
) -> tuple[TreeNode | None, int]:
    """Return what a Tag is of, in the new file, and the UID of the track; None when all of that is gone."""
    children = []
    uid = gone = 0
    for child in targets.children if isinstance(targets.content, tuple) else ():
        number = number_of(child) if child.id in (_TRACK_UID, _ATTACHMENT_UID) else 0
        if child.id == _TRACK_UID and number and number in owners.uids:
            new = owners.uids[number]
            if new is None:
                gone += 1
                continue
            uid = new
            if new != number:
                child = value_node("TagTrackUID", new, room.max_size_length)  # noqa: PLW2901
        elif child.id == _ATTACHMENT_UID and number in gone_files:
            gone += 1
            continue
        children.append(child)
    aims = [child for child in children if child.id in (_TRACK_UID, _ATTACHMENT_UID)]
    if gone and not aims:
        return None, 0
    return room.filled(targets, children), uid


def number_in(node: TreeNode, name: str, default: int = 0) -> int:
    """Return the number that an element holds under a name of the specification."""
    child = node.get(name)
    return default if child is None else number_of(child)


def number_of(node: TreeNode) -> int:
    """Return an element's number; 0 for one that is none."""
    value = node.value if type_of(node.id) == "unsigned" else 0
    return value if isinstance(value, int) else 0
