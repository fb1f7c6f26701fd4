"""A plan's changes to what a Matroska header says, made on its tree: flags, names, languages, title, tags.

Only what differs between the two MediaInfos is touched; every other element stays as it is stored. The name
of a track is its Name and nothing else: a tag of the track that FFmpeg shows as one is left alone.
"""

from __future__ import annotations

from typing import NamedTuple

from vpo_tasks.media.languages import UNDETERMINED
from vpo_tasks.media.matroska.elements import ElementValue, TreeError, id_named
from vpo_tasks.media.matroska.language_fields import language_fields
from vpo_tasks.media.matroska.tag_edits import with_tags
from vpo_tasks.media.matroska.tree import Tree, TreeNode
from vpo_tasks.media.model import MediaInfo, Track

_ROLES = {
    "hearing_impaired": "FlagHearingImpaired",
    "visual_impaired": "FlagVisualImpaired",
    "descriptions": "FlagTextDescriptions",
    "comment": "FlagCommentary",
}
_OF_ORIGINAL = {"original": 1, "dub": 0}
"""What FlagOriginal says; without it nobody knows."""
_TYPES = {"video": 1, "audio": 2, "subtitle": 17}
_WITH_ROLES = 4
"""The version of Matroska that has LanguageBCP47 and the flags of roles."""


class _Field(NamedTuple):
    """What an element of a TrackEntry is to say; None: it is to go."""

    name: str
    value: ElementValue | None


def edited_tree(tree: Tree, before: MediaInfo, after: MediaInfo) -> Tree:
    """Return the tree with what differs between what is in the file and what is to be.

    Raise TreeError when the file is not as it was described, or a difference is none of the header.
    """
    for name in ("Info", "Tracks"):
        if len(list(tree.segment.all(name))) != 1:
            raise TreeError(f"it has not one {name}")
    _check(tree, before, after)
    for found, wanted in zip(before.tracks, after.tracks, strict=True):
        if found.type != "attachment":
            tree = _with_track(tree, found, wanted)
    title = after.tags.get("title")
    if title != before.tags.get("title"):
        tree = _with_field(tree, _only(tree, "Info"), _Field("Title", title or None))
    return with_tags(tree, before.tags, after.tags)


def _check(tree: Tree, before: MediaInfo, after: MediaInfo) -> None:
    """Raise TreeError unless the tracks are the same ones and each is found in the tree."""
    if [_kind(track) for track in before.tracks] != [_kind(track) for track in after.tracks]:
        raise TreeError("the tracks themselves differ")
    numbers = [_number(entry, "TrackNumber") for entry in _entries(tree)]
    if len(set(numbers)) != len(numbers) or 0 in numbers:
        raise TreeError("two tracks have the same number")
    for found, wanted in zip(before.tracks, after.tracks, strict=True):
        if found.type == "attachment":
            if found != wanted:
                raise TreeError("an attachment differs")
        elif _TYPES.get(found.type, 0) not in (0, _number(_entry(tree, found), "TrackType")):
            raise TreeError("its tracks are not those that were found")
        unknown = (set(found.dispositions) ^ set(wanted.dispositions)) - {*_ROLES, *_OF_ORIGINAL}
        if unknown:
            raise TreeError(f"Matroska has no flag for {', '.join(sorted(unknown))}")


def _kind(track: Track) -> tuple[object, ...]:
    return track.index, track.type, track.codec


def _with_track(tree: Tree, found: Track, wanted: Track) -> Tree:
    for field in _fields(found, wanted):
        tree = _with_field(tree, _entry(tree, found), field)
        if field.value is not None and field.name not in ("Name", "FlagDefault", "FlagForced", "Language"):
            tree = _with_version(tree)
    return tree


def _fields(found: Track, wanted: Track) -> list[_Field]:
    fields = []
    if wanted.default != found.default:
        fields.append(_Field("FlagDefault", int(wanted.default)))
    if wanted.forced != found.forced:
        fields.append(_Field("FlagForced", int(wanted.forced)))
    if (wanted.title or "") != (found.title or ""):
        fields.append(_Field("Name", wanted.title or None))
    if (wanted.language or UNDETERMINED) != (found.language or UNDETERMINED):
        code, tag = language_fields(wanted.language or UNDETERMINED)
        fields += [_Field("Language", code), _Field("LanguageBCP47", tag)]
    before, after = set(found.dispositions), set(wanted.dispositions)
    fields += [_Field(name, int(role in after)) for role, name in _ROLES.items() if role in before ^ after]
    if (before ^ after) & set(_OF_ORIGINAL):
        said = [value for role, value in _OF_ORIGINAL.items() if role in after]
        fields.append(_Field("FlagOriginal", said[0] if said else None))
    return fields


def _with_field(tree: Tree, parent: TreeNode, field: _Field) -> Tree:
    """Give an element a child with a value, or take it away. Of several the first is what readers see."""
    if field.value is not None:
        return tree.with_child_value(parent, field.name, field.value)
    gone = id_named(field.name)
    children = [child for child in parent.children if child.id != gone]
    return tree if len(children) == len(parent.children) else tree.with_children(parent, children)


def _with_version(tree: Tree) -> Tree:
    """Return a tree whose EBML header speaks of a version that has roles and BCP 47."""
    header = tree.nodes[0]
    version = header.get("DocTypeVersion")
    if version is None or _value(version) >= _WITH_ROLES:
        return tree
    return tree.with_value(version, _WITH_ROLES)


def _only(tree: Tree, name: str) -> TreeNode:
    return next(tree.segment.all(name))


def _entries(tree: Tree) -> list[TreeNode]:
    return list(_only(tree, "Tracks").all("TrackEntry"))


def _entry(tree: Tree, track: Track) -> TreeNode:
    entries = _entries(tree)
    place = track.index if track.entry is None else track.entry
    if place >= len(entries):
        raise TreeError("its tracks are not those that were found")
    return entries[place]


def _number(entry: TreeNode, name: str) -> int:
    node = entry.get(name)
    return 0 if node is None else _value(node)


def _value(node: TreeNode) -> int:
    value = node.value
    return value if isinstance(value, int) else 0
