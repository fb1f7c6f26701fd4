"""What a Matroska file says, and one made from it does not: compared element by element, as both are stored.

It does not ask how the new file was made. What is derived (positions, duration, applications, statistics) and
how packets are stored is left out; of what was encoded, what need not be true any more.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from vpo_tasks.media.matroska.carried_tags import derived_name, name_of_tag, number_in, number_of
from vpo_tasks.media.matroska.carry_over import (
    DERIVED_INFO,
    OF_THE_CODEC,
    OF_THE_SEGMENT,
    OF_THE_TOOL,
    CarriedTrack,
    is_same_file,
    shifted,
)
from vpo_tasks.media.matroska.elements import DEFINITIONS, TreeError, id_named
from vpo_tasks.media.matroska.tree import CRC_32, RAW, VOID, Tree, TreeNode

_VIDEO, _AUDIO, _FILE_DATA = id_named("Video"), id_named("Audio"), id_named("FileData")
_BYTES_COMPARED_AS_SUCH = 4096
_NO_FACT = frozenset({VOID, CRC_32})
_TRUE_OF_NEW_PICTURES = frozenset(id_named(name) for name in ("StereoMode", "Projection"))
_OF_NEW_PICTURES = frozenset(
    id_named(name) for name in ("PixelWidth", "PixelHeight", "UncompressedFourCC", "FrameRate")
)
_KEYS = ("ContentEncodings", "ContentEncoding", "ContentEncryption")
_TARGETS, _SIMPLE_TAG = id_named("Targets"), id_named("SimpleTag")
_TRACK_UID, _ATTACHMENT_UID = id_named("TagTrackUID"), id_named("TagAttachmentUID")


class Loss(NamedTuple):
    """One kind of thing that is not in the new file, in words that are the same for the same kind."""

    what: str
    is_essence: bool = False
    """Content, not only what is said of it."""


def left_behind(
    wanted: Tree, made: Tree, tracks: Sequence[CarriedTrack], chapter_shift_ns: int | None
) -> list[Loss]:
    """Return what of the source, as the plan wants it, is not in the new file.

    `chapter_shift_ns` is as in `carry_over.Written`. Raise TreeError for a tree that cannot be compared.
    """
    losses = [*_of_the_segment(wanted, made), *_of_tracks(wanted, made, tracks)]
    if chapter_shift_ns is not None:
        losses += _of_chapters(shifted(wanted, chapter_shift_ns, made), made)
    files = list(_files(wanted, made))
    losses += _of_files(files)
    kept = {number_in(old, "FileUID"): number_in(new, "FileUID") for old, new in files if new is not None}
    gone = {number_in(old, "FileUID") for old, new in files if new is None}
    losses += _of_tags(wanted, made, _Targets(_track_uids(wanted, made, tracks), kept, frozenset(gone)))
    return list(dict.fromkeys(losses))


def _form(node: TreeNode) -> tuple[object, ...]:
    """Return what an element says, however it is stored."""
    if isinstance(node.content, tuple):
        return (node.id, *(_form(child) for child in node.children if child.id not in _NO_FACT))
    if node.data_size > _BYTES_COMPARED_AS_SUCH:
        digest = hashlib.blake2b()
        for piece in node.data_pieces():
            digest.update(piece)
        return node.id, node.data_size, digest.digest()
    try:
        return node.id, node.value
    except TreeError:
        return node.id, b"".join(node.data_pieces())


def _absent(wanted: Iterable[TreeNode], made: Iterable[TreeNode]) -> Iterator[TreeNode]:
    """Yield the elements that have no equal among others, each of which is the equal of one."""
    left = Counter(_form(node) for node in made)
    for node in wanted:
        form = _form(node)
        if left[form]:
            left[form] -= 1
        else:
            yield node


def _name(node: TreeNode) -> str:
    definition = DEFINITIONS.get(node.id)
    return definition.name if definition else f"the unknown element 0x{node.id:X}"


def _of_the_segment(wanted: Tree, made: Tree) -> Iterator[Loss]:
    one, other = (tree.segment.get("Info") for tree in (wanted, made))
    said = [] if one is None else [node for node in one.children if node.id not in DERIVED_INFO]
    for node in _absent(said, () if other is None else other.children):
        yield Loss(_name(node))
    strange = [node for node in wanted.segment.children if node.id not in (*OF_THE_SEGMENT, RAW)]
    for node in _absent(strange, made.segment.children):
        yield Loss(_name(node))


# -- tracks --------------------------------------------------------------------------------------------


def _entries(tree: Tree) -> list[TreeNode]:
    return list(tree.segment.all("Tracks", "TrackEntry"))


def _of_tracks(wanted: Tree, made: Tree, tracks: Sequence[CarriedTrack]) -> Iterator[Loss]:
    originals, entries = _entries(wanted), _entries(made)
    for track in tracks:
        if track.source >= len(originals) or track.made >= len(entries):
            yield Loss(f"track {track.made}", is_essence=True)
            continue
        original, entry = originals[track.source], entries[track.made]
        for node in _absent_of_track(original, entry, is_encoded=track.is_encoded):
            yield Loss(f"{_name(node)} of track {track.made}")
        if not track.is_encoded and original.get(*_KEYS) is not None and entry.get(*_KEYS) is None:
            yield Loss(f"the keys of track {track.made}, which is encrypted", is_essence=True)


def _absent_of_track(original: TreeNode, entry: TreeNode, *, is_encoded: bool) -> Iterator[TreeNode]:
    left_out = OF_THE_TOOL | {_VIDEO, _AUDIO} | (OF_THE_CODEC if is_encoded else frozenset())
    yield from _absent((node for node in original.children if node.id not in left_out), entry.children)
    for node in original.all("Video"):
        yield from _absent_of_picture(node, entry.get("Video"), is_encoded=is_encoded)
    if is_encoded:
        return
    sound = entry.get("Audio")
    there = set() if sound is None else {node.id for node in sound.children}
    for node in original.all("Audio"):
        # what the tool found in the packets is at least as true as what the source says
        yield from (child for child in node.children if child.id not in there | _NO_FACT)
    kinds = Counter(_block_additions(entry)) if entry.get("BlockAdditionMapping") else Counter[int]()
    for node in original.all("BlockAdditionMapping"):
        if number_in(node, "BlockAddIDType") not in kinds:
            yield node


def _block_additions(entry: TreeNode) -> Iterator[int]:
    for node in entry.all("BlockAdditionMapping"):
        yield number_in(node, "BlockAddIDType")


def _absent_of_picture(
    original: TreeNode, picture: TreeNode | None, *, is_encoded: bool
) -> Iterator[TreeNode]:
    said = [node for node in original.children if node.id not in _OF_NEW_PICTURES | _NO_FACT]
    if is_encoded:
        # colours, fields and alpha are the encoder's; crop is applied or scaled, and display size with it
        said = [node for node in said if node.id in _TRUE_OF_NEW_PICTURES or node.id not in DEFINITIONS]
    yield from _absent(said, () if picture is None else picture.children)


# -- chapters, attachments -----------------------------------------------------------------------------


def _of_chapters(wanted: TreeNode, made: Tree) -> Iterator[Loss]:
    before, after = (list(node.all("Chapters", "EditionEntry")) for node in (wanted, made.segment))
    if sum(map(_atoms, before)) > sum(map(_atoms, after)):
        yield Loss("chapters", is_essence=True)
    elif any(True for _ in _absent(before, after)):
        yield Loss("what is said of editions and chapters")


def _atoms(node: TreeNode) -> int:
    """Return the number of chapters in an edition or a chapter, at any depth."""
    return sum(1 + _atoms(atom) for atom in node.all("ChapterAtom"))


def _files(wanted: Tree, made: Tree) -> Iterator[tuple[TreeNode, TreeNode | None]]:
    """Yield the source's attachments, each with the new file's of the same content, if it is there."""
    left = list(made.segment.all("Attachments", "AttachedFile"))
    for original in wanted.segment.all("Attachments", "AttachedFile"):
        found = next((node for node in left if is_same_file(original, node)), None)
        left = [node for node in left if node is not found]
        yield original, found


def _of_files(files: Iterable[tuple[TreeNode, TreeNode | None]]) -> Iterator[Loss]:
    """Yield what is not said any more of attachments that are kept; that all are there, a probe tells."""
    for original, made in files:
        said = [node for node in original.children if node.id not in _NO_FACT | {_FILE_DATA}]
        for node in _absent(said, () if made is None else made.children) if made is not None else ():
            yield Loss(f"{_name(node)} of an attachment")


# -- tags ----------------------------------------------------------------------------------------------


class _Targets(NamedTuple):
    """What tags are of: the new UIDs of the source's tracks (None: gone) and of its attachments."""

    tracks: Mapping[int, int | None]
    files: Mapping[int, int]
    gone_files: frozenset[int]

    def of(self, tag: TreeNode) -> tuple[tuple[object, ...], ...] | None:
        """Return what a Tag of the source is to be of; None when all of that is gone."""
        found, is_gone = [], False
        for node in _targets(tag):
            number = number_of(node)
            if node.id == _TRACK_UID and number and number in self.tracks:
                uid = self.tracks[number]
            elif (
                node.id == _ATTACHMENT_UID and number and (number in self.files or number in self.gone_files)
            ):
                uid = self.files.get(number)
            else:
                found.append(_form(node))
                continue
            if uid is None:
                is_gone = True
            else:
                found.append((node.id, uid))
        owned = any(form[0] in (_TRACK_UID, _ATTACHMENT_UID) for form in found)
        return None if is_gone and not owned else tuple(found)


def _targets(tag: TreeNode) -> Iterator[TreeNode]:
    for node in tag.children:
        if node.id == _TARGETS and isinstance(node.content, tuple):
            yield from (child for child in node.children if child.id not in _NO_FACT)


def _track_uids(wanted: Tree, made: Tree, tracks: Sequence[CarriedTrack]) -> dict[int, int | None]:
    originals, entries = _entries(wanted), _entries(made)
    found: dict[int, int | None] = {number_in(entry, "TrackUID"): None for entry in originals}
    for track in tracks:
        if track.source < len(originals) and track.made < len(entries):
            found[number_in(originals[track.source], "TrackUID")] = number_in(entries[track.made], "TrackUID")
    return found


def _of_tags(wanted: Tree, made: Tree, targets: _Targets) -> Iterator[Loss]:
    there = Counter(
        (tuple(map(_form, _targets(tag))), _form(node))
        for tag in made.segment.all("Tags", "Tag")
        for node in tag.all("SimpleTag")
    )
    for tag in wanted.segment.all("Tags", "Tag"):
        aim = targets.of(tag)
        if aim is None:
            continue
        for node in tag.all("SimpleTag"):
            said = (aim, _form(node))
            if there[said]:
                there[said] -= 1
            elif not derived_name(node):
                yield Loss(f"the tag {name_of_tag(node)}, or what it is of")
