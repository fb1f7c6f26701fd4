"""What a tool does not carry from one Matroska file to another, put back into the tree of the new one.

mkvmerge drops the identifiers of a segment, FFmpeg also editions, nested chapters, the targets and languages
of tags, the UIDs of tracks, cropping and most flags. Whatever the tool has not to write anew is taken from
the source's tree as it is stored there; the plan's changes are then made as in a header edit (`edits.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from vpo_tasks.media.matroska.carried_tags import (
    Owners,
    Room,
    as_new,
    carried_tags,
    derived_tags,
    number_in,
    number_of,
)
from vpo_tasks.media.matroska.elements import TreeError, encode_value, id_named
from vpo_tasks.media.matroska.tree import CRC_32, RAW, VOID, Tree, TreeNode, new_node, value_node


def _ids(names: str) -> frozenset[int]:
    return frozenset(id_named(name) for name in names.split())


OF_THE_TOOL = _ids(
    "TrackNumber TrackType FlagLacing MinCache MaxCache DefaultDuration DefaultDecodedFieldDuration"
    " TrackTimestampScale TrackOffset MaxBlockAdditionID BlockAdditionMapping CodecID CodecPrivate"
    " CodecDecodeAll CodecDelay SeekPreRoll ContentEncodings"
) | {VOID, CRC_32}
"""Of a track: how its packets are stored in the new file."""
OF_THE_CODEC = _ids("CodecName CodecSettings CodecInfoURL CodecDownloadURL TrackOperation")
"""Of a track: no longer true of one that was encoded."""
DERIVED_INFO = _ids("TimestampScale Duration MuxingApp WritingApp") | {VOID, CRC_32}
"""Of the segment: what the tool alone knows of the new file."""
OF_THE_SEGMENT = _ids("SeekHead Info Tracks Chapters Tags Attachments Cues Cluster") | {VOID, CRC_32}
"""What a segment holds; other elements are nobody's that we know, and carried as they are."""
_OF_THE_FILE = _ids("FileData") | {VOID, CRC_32}
_VIDEO, _AUDIO = id_named("Video"), id_named("Audio")
_CROP = ("PixelCropLeft", "PixelCropTop", "PixelCropRight", "PixelCropBottom")
_DISPLAY = ("DisplayWidth", "DisplayHeight", "DisplayUnit", "AspectRatioType")
_OF_THE_SHAPE = _ids(" ".join((*_CROP, *_DISPLAY)))
_OF_ENCODED_PICTURES = _ids("StereoMode OldStereoMode Projection")
_NEW_PICTURE = _ids("PixelWidth PixelHeight UncompressedFourCC")
_CHAPTERS, _TAGS, _TAG, _TARGETS = _ids("Chapters"), id_named("Tags"), id_named("Tag"), id_named("Targets")
_SIMPLE_TAG, _CLUSTER, _SEGMENT = (id_named(name) for name in ("SimpleTag", "Cluster", "Segment"))
_TRACK_UID, _ATTACHMENT_UID = id_named("TagTrackUID"), id_named("TagAttachmentUID")

_TIMES = _ids("ChapterTimeStart ChapterTimeEnd")


class Written(NamedTuple):
    """What the plan and the tool's file tell: who wrote it, and what becomes of the chapters.

    `chapter_shift_ns` is by how much the tool moved everything in time; None: the chapters are
    not the source's.
    """

    tool: str
    chapter_shift_ns: int | None


class CarriedTrack(NamedTuple):
    """A track of the source that is in the new file: its places among the entries of both headers."""

    source: int
    made: int
    is_encoded: bool


def carried_over(source: Tree, made: Tree, tracks: Sequence[CarriedTrack], written: Written) -> Tree:
    """Return the new file's tree with what its tool did not carry. Raise TreeError for an unexpected one."""
    room = Room(made.max_size_length)
    entries = list(made.segment.all("Tracks", "TrackEntry"))
    originals = list(source.segment.all("Tracks", "TrackEntry"))
    if max((track.made for track in tracks), default=-1) >= len(entries) or max(
        (track.source for track in tracks), default=-1
    ) >= len(originals):
        raise TreeError("its tracks are not those that were planned")
    uids = _Uids(made, {track.made: originals[track.source] for track in tracks})
    new_entries = list(entries)
    for place, entry in enumerate(entries):
        new_entries[place] = uids.with_own(entry, place, room)
    for track in tracks:
        entry = new_entries[track.made]
        new_entries[track.made] = _entry(originals[track.source], entry, room, is_encoded=track.is_encoded)
    files = _attachments(source, made, room)
    derived = list(derived_tags(made, uids.renamed, written.tool, room))
    tags = carried_tags(source, derived, _tag_owners(originals, tracks, uids), files.gone, room)
    children = _with_tracks(made, dict(zip(map(id, entries), new_entries, strict=True)), room)
    children = [_with_info(source, node, room) for node in children]
    children = [_with_files(node, files.changed, room) for node in children]
    if written.chapter_shift_ns is not None:
        moved = shifted(source, written.chapter_shift_ns, made)
        found = [as_new(node) for node in moved.children if node.id in _CHAPTERS]
        children = _in_place_of(_CHAPTERS, found, children)
    children = _in_place_of(frozenset({_TAGS}), [room.element(_TAGS, tags)] if tags else [], children)
    children += [as_new(node) for node in source.segment.children if node.id not in (*OF_THE_SEGMENT, RAW)]
    return _with_version(source, made.with_children(made.segment, children))


def _in_place_of(kinds: frozenset[int], new: list[TreeNode], children: Sequence[TreeNode]) -> list[TreeNode]:
    """Return a segment's children with others of some kinds, where the first was, or before the clusters."""
    places = [place for place, node in enumerate(children) if node.id in kinds]
    clusters = [place for place, node in enumerate(children) if node.id == _CLUSTER]
    place = (places or clusters or [len(children)])[0]
    if places and new:
        new = [replace(new[0], offset=children[place].offset), *new[1:]]
    before = list(children[:place])
    return [*before, *new, *(node for node in children[place:] if node.id not in kinds)]


def shifted(source: Tree, shift_ns: int, made: Tree) -> TreeNode:
    """Return the source's segment with all chapters where they are in the new file."""
    return _shifted(source.segment, shift_ns, Room(made.max_size_length))


def _shifted(node: TreeNode, shift_ns: int, room: Room) -> TreeNode:
    """Return an element with the times of all chapters in it moved."""
    if not shift_ns or not isinstance(node.content, tuple):
        return node
    children = []
    for child in node.content:
        if child.id in _TIMES:
            length = room.max_size_length
            children.append(
                new_node(child.id, encode_value(child.id, max(0, number_of(child) + shift_ns)), length)
            )
        else:
            inside = node.id != _SEGMENT or child.id in _CHAPTERS
            children.append(_shifted(child, shift_ns, room) if inside else child)
    return replace(node, content=tuple(children)) if node.id == _SEGMENT else room.filled(node, children)


def _with_version(source: Tree, made: Tree) -> Tree:
    """Return a tree whose EBML header speaks of the version that the source's elements need."""
    wanted, found = (number_in(tree.nodes[0], "DocTypeVersion", 1) for tree in (source, made))
    version = made.nodes[0].get("DocTypeVersion")
    return made if version is None or found >= wanted else made.with_value(version, wanted)


# -- the segment, tracks -------------------------------------------------------------------------------


def _with_info(source: Tree, node: TreeNode, room: Room) -> TreeNode:
    if node.id != id_named("Info"):
        return node
    info = source.segment.get("Info")
    if info is None:
        raise TreeError("it has no Info")
    return room.filled(node, _grafted(info, node, _kinds(info, node) - DERIVED_INFO))


def _kinds(source: TreeNode, made: TreeNode) -> frozenset[int]:
    return frozenset(child.id for child in (*source.children, *made.children))


def _grafted(source: TreeNode, made: TreeNode, kinds: frozenset[int]) -> list[TreeNode]:
    """Return the children of `made` with the source's ones of some kinds, each where it was."""
    wanted = {kind: [as_new(child) for child in source.children if child.id == kind] for kind in kinds}
    children = []
    for child in made.children:
        if child.id not in kinds:
            children.append(child)
            continue
        new = wanted.pop(child.id, [])
        children += [replace(node, offset=child.offset) if at == 0 else node for at, node in enumerate(new)]
    order = [child.id for child in source.children]
    left = sorted(
        (node for nodes in wanted.values() for node in nodes), key=lambda node: order.index(node.id)
    )
    return children + left


def _entry(source: TreeNode, made: TreeNode, room: Room, *, is_encoded: bool) -> TreeNode:
    """Return a track's entry as the tool wrote it, with all the source says but how packets are stored."""
    kinds = _kinds(source, made) - OF_THE_TOOL - {_VIDEO, _AUDIO}
    if is_encoded:
        kinds -= OF_THE_CODEC
    children = _grafted(source, made, kinds)
    for kind, merge in ((_VIDEO, _video), (_AUDIO, _audio)):
        original = next((child for child in source.children if child.id == kind), None)
        for place, child in enumerate(children):
            if child.id == kind and original is not None:
                children[place] = merge(original, child, room, is_encoded=is_encoded)
    return room.filled(made, children)


def _audio(source: TreeNode, made: TreeNode, room: Room, *, is_encoded: bool) -> TreeNode:
    """Add what the tool left out; what it found in the packets is at least as true."""
    there = {child.id for child in made.children} | {VOID, CRC_32}
    left_out = [] if is_encoded else [as_new(child) for child in source.children if child.id not in there]
    return room.filled(made, (*made.children, *left_out))


def _video(source: TreeNode, made: TreeNode, room: Room, *, is_encoded: bool) -> TreeNode:
    if not is_encoded:
        kinds = {child.id for child in source.children} | _OF_THE_SHAPE
        return room.filled(made, _grafted(source, made, frozenset(kinds - _NEW_PICTURE - {VOID, CRC_32})))
    children = _grafted(source, made, _OF_ENCODED_PICTURES)
    if not any(number_in(source, name) for name in _CROP):
        return room.filled(made, children)
    return room.filled(
        made, [*(c for c in children if c.id not in _OF_THE_SHAPE), *_shape(source, made, room)]
    )


def _shape(source: TreeNode, made: TreeNode, room: Room) -> Iterator[TreeNode]:
    """Yield the crop and the display size of a cropped picture that was encoded, scaled as that was."""
    before = [number_in(source, name) for name in ("PixelWidth", "PixelHeight")]
    after = [number_in(made, name) for name in ("PixelWidth", "PixelHeight")]
    if 0 in (*before, *after):
        raise TreeError("a picture has no size")
    crop = [number_in(source, name) for name in _CROP]
    if after == [before[0] - crop[0] - crop[2], before[1] - crop[1] - crop[3]]:
        crop = [0, 0, 0, 0]  # the tool has cut it
        before = after
    scale = [Fraction(new, old) for new, old in zip(after, before, strict=True)]
    for place, (name, pixels) in enumerate(zip(_CROP, crop, strict=True)):
        if pixels:
            yield value_node(name, round(pixels * scale[place % 2]), room.max_size_length)
    in_pixels = number_in(source, "DisplayUnit") == 0
    for place, name in enumerate(_DISPLAY):
        node = source.get(name)
        if node is not None:
            factor = scale[place] if place < 2 and in_pixels else 1
            yield value_node(name, round(number_in(source, name) * factor), room.max_size_length)


def _with_tracks(made: Tree, entries: Mapping[int, TreeNode], room: Room) -> list[TreeNode]:
    children = []
    for node in made.segment.children:
        if node.id == id_named("Tracks"):
            inside = [entries.get(id(child), child) for child in node.children]
            children.append(room.filled(node, inside))
        else:
            children.append(node)
    return children


# -- attachments -------------------------------------------------------------------------------------


class _Files(NamedTuple):
    """The attachments of the new file: what replaces each, and the UIDs of the source's that are gone."""

    changed: dict[int, TreeNode]
    gone: frozenset[int]


def _attachments(source: Tree, made: Tree, room: Room) -> _Files:
    """Bind the new file's attachments to the source's by name and content."""
    left = list(source.segment.all("Attachments", "AttachedFile"))
    changed = {}
    for node in made.segment.all("Attachments", "AttachedFile"):
        original = next((item for item in left if is_same_file(item, node)), None)
        if original is not None:
            left = [item for item in left if item is not original]
            changed[id(node)] = room.filled(
                node, _grafted(original, node, _kinds(original, node) - _OF_THE_FILE)
            )
    return _Files(changed, frozenset(number_in(item, "FileUID") for item in left))


def is_same_file(one: TreeNode, other: TreeNode) -> bool:
    """Tell whether two attachments have the same content."""
    contents = one.get("FileData"), other.get("FileData")
    if contents[0] is None or contents[1] is None or contents[0].data_size != contents[1].data_size:
        return False
    digests = []
    for content in contents:
        digest = hashlib.blake2b()
        for piece in content.data_pieces() if content else ():
            digest.update(piece)
        digests.append(digest.digest())
    return digests[0] == digests[1]


def _with_files(node: TreeNode, changed: Mapping[int, TreeNode], room: Room) -> TreeNode:
    if node.id != id_named("Attachments") or not changed:
        return node
    return room.filled(node, [changed.get(id(child), child) for child in node.children])


class _Uids:
    """The UIDs of the new file's tracks: the source's for those that come from there, others' own."""

    def __init__(self, made: Tree, originals: Mapping[int, TreeNode]) -> None:
        entries = list(made.segment.all("Tracks", "TrackEntry"))
        self.before = [number_in(entry, "TrackUID") for entry in entries]
        self.after = list(self.before)
        for place, original in originals.items():
            self.after[place] = number_in(original, "TrackUID") or self.before[place]
        taken = {self.after[place] for place in originals}
        for place in range(len(entries)):
            if place not in originals:
                while self.after[place] in taken or not self.after[place]:
                    self.after[place] = self.after[place] % ((1 << 56) - 1) + 1
                taken.add(self.after[place])

    @property
    def renamed(self) -> dict[int, int]:
        """The UIDs as the tool wrote them, and as they are to be."""
        return dict(zip(self.before, self.after, strict=True))

    def with_own(self, entry: TreeNode, place: int, room: Room) -> TreeNode:
        """Return an entry with the UID that it is to have."""
        if self.after[place] == self.before[place]:
            return entry
        kind = id_named("TrackUID")
        made = value_node("TrackUID", self.after[place], room.max_size_length)
        return room.filled(entry, [made if child.id == kind else child for child in entry.children])


def _tag_owners(originals: Sequence[TreeNode], tracks: Sequence[CarriedTrack], uids: _Uids) -> Owners:
    found: dict[int, int | None] = {number_in(entry, "TrackUID"): None for entry in originals}
    for track in tracks:
        found[number_in(originals[track.source], "TrackUID")] = uids.after[track.made]
    encoded = frozenset(uids.after[track.made] for track in tracks if track.is_encoded)
    return Owners(found, encoded)
