"""A tree of a file's header: lossless, edited by what was asked for only, and never led astray by what a file says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.header_corpus import Corpus
from tests.support.matroska import UNKNOWN, cluster, element, matroska, number, track
from tests.support.matroska_tree import DERIVED, by_identifier
from tests.support.tools import need_tool
from vpo_tasks.errors import ProbeError
from vpo_tasks.media.matroska.ebml import Source, open_source
from vpo_tasks.media.matroska.elements import (
    DEFINITIONS,
    TreeError,
    decode_value,
    encode_value,
    id_named,
    type_of,
)
from vpo_tasks.media.matroska.positions import with_true_positions
from vpo_tasks.media.matroska.tree import (
    CRC_32,
    VOID,
    Span,
    Tree,
    TreeNode,
    new_node,
    value_node,
    with_content,
    with_size_length,
)
from vpo_tasks.media.matroska.tree_layout import NoVoidError, lay_out, void
from vpo_tasks.media.matroska.tree_reader import expanded, read_tree, seek_targets

VIDEO_TRACK = track(1, 1, b"V_VP8", element(id_named("Name"), b"Picture"), number(id_named("TrackUID"), 7))


@contextmanager
def opened(data: bytes) -> Iterator[Source]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        yield Source("made.mkv", file.fileno())


@contextmanager
def tree_of(data: bytes, **options) -> Iterator[Tree]:
    with opened(data) as source:
        yield read_tree(source, **options)


def written(tree: Tree) -> bytes:
    return b"".join(tree.pieces())


def plain(node: TreeNode):
    """A node as (identifier, data or children), whatever is derived left out: checksums and sizes."""
    if isinstance(node.content, tuple):
        return node.id, [plain(child) for child in node.content if child.id not in (VOID, CRC_32)]
    return node.id, b"".join(node.data_pieces())


def described(tree: Tree):
    """All elements but those that only say where others are, by identifier in their order."""
    found = [plain(node) for node in tree.segment.children if node.id not in DERIVED]
    return sorted(found, key=lambda item: item[0])


def outside_clusters(tree: Tree):
    return [item for item in described(tree) if item[0] != id_named("Cluster")]


def check_positions(tree: Tree, data: bytes) -> None:
    """Each entry of each SeekHead names an element that is there."""
    with tree_of(data) as again:
        starts = {node.offset: node.id for node in again.segment.children}
        for seek_head in again.segment.all("SeekHead"):
            for position, identifier in seek_targets(seek_head):
                assert starts.get(again.data_start + position) == identifier


def check_checksums(node: TreeNode) -> int:
    """Each CRC-32 in a node is right; return how many there are."""
    if not isinstance(node.content, tuple):
        return 0
    found = 0
    for child in node.content:
        found += check_checksums(child)
        if child.id == CRC_32:
            others = b"".join(b"".join(item.pieces()) for item in node.content if item is not child)
            assert b"".join(child.data_pieces()) == zlib.crc32(others).to_bytes(4, "little")
            found += 1
    return found


# -- random files ----------------------------------------------------------------------------------------------

LEAVES = [item for item in DEFINITIONS.values() if item.type != "master" and item.id not in (VOID, CRC_32)]


def children_ids(parent: int) -> list[int]:
    return [item.id for item in DEFINITIONS.values() if item.parent == parent]


@st.composite
def values(draw, identifier: int):
    kind = type_of(identifier)
    if kind in ("string", "utf-8"):
        alphabet = st.characters(codec="ascii" if kind == "string" else "utf-8", exclude_characters="\0")
        return draw(st.text(alphabet, max_size=20))
    return draw({
        "unsigned": st.integers(0, 2**64 - 1), "signed": st.integers(-(2**63), 2**63 - 1),
        "date": st.integers(-(2**63), 2**63 - 1), "float": st.floats(allow_nan=False), "binary": st.binary(max_size=200),
    }[kind])  # fmt: skip


@st.composite
def nodes(draw, identifier: int, depth: int = 0) -> bytes:
    """An element with whatever may be in it, its size in as many bytes as may be, its checksum right."""
    if type_of(identifier) == "master":
        inside = [
            draw(st.sampled_from(children_ids(identifier) or [VOID])) for _ in range(draw(st.integers(0, 4)))
        ]
        parts = [draw(nodes(child, depth + 1)) for child in inside if depth < 6]
        if draw(st.booleans()):
            parts.append(
                draw(
                    st.sampled_from(
                        [element(VOID, b"..."), element(0x4FFF, b"unknown"), element(VOID, b"", b"\x80")]
                    )
                )
            )
        data = b"".join(parts)
        if draw(st.booleans()):
            data = element(CRC_32, zlib.crc32(data).to_bytes(4, "little"), b"\x84") + data
    else:
        data = draw(
            st.one_of(values(identifier).map(lambda value: encode_value(identifier, value)), st.just(b""))
        )
    length = next(length for length in range(draw(st.integers(1, 8)), 9) if len(data) < (1 << 7 * length) - 1)
    return element(identifier, data, (len(data) | 1 << 7 * length).to_bytes(length, "big"))


TOP = [
    id_named(name) for name in ("Info", "Tracks", "Tags", "Chapters", "Attachments", "SeekHead", "Cues")
] + [VOID, 0x1C11C11C]


@st.composite
def files(draw) -> bytes:
    """A file of random elements in front of clusters and behind them."""

    def some():
        return st.lists(st.sampled_from(TOP).flatmap(nodes), max_size=4)

    parts = draw(some())
    room = draw(st.one_of(st.none(), st.integers(0, 300)))
    if room is not None:
        parts.append(element(VOID, bytes(room)))
    clusters = [cluster(0, element(0xA3, b"\x81\0\0\0xyz"))] * draw(st.integers(0, 2))
    size = UNKNOWN if draw(st.booleans()) else None
    return matroska(*parts, *clusters, *draw(some()), tracks=(VIDEO_TRACK,), size=size)


RANDOM = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))


@RANDOM
@given(files(), st.booleans())
def test_writing_an_unchanged_tree_gives_the_same_bytes(data, every_cluster):
    with tree_of(data, every_cluster=every_cluster) as tree:
        assert written(tree) == data
        with tree_of(written(tree)) as again:
            assert again == tree or Span in {type(node.content) for node in every_node(tree)}


def every_node(tree: Tree) -> list[TreeNode]:
    found, pending = [], list(tree.nodes)
    while pending:
        node = pending.pop()
        found.append(node)
        if isinstance(node.content, tuple):
            pending += node.content
    return found


@RANDOM
@given(files(), st.data(), st.booleans())
def test_an_edit_changes_what_was_asked_for_and_nothing_else(data, draw, every_cluster):
    with tree_of(data, every_cluster=every_cluster) as tree:
        leaves = [
            node for node in every_node(replace(tree, nodes=(tree.segment,)))
            if node.head and not isinstance(node.content, tuple) and type_of(node.id) != "master"
            and node.id not in (VOID, CRC_32, id_named("SeekID"), id_named("SeekPosition"), 0x1C11C11C, 0x4FFF)
        ]  # fmt: skip
        chosen = draw.draw(st.sampled_from(leaves))
        value = draw.draw(values(chosen.id))
        edited = tree.with_value(chosen, value)
        made = node_at(edited, path_to(tree.nodes, chosen))
        assert made.value == value
        # put the old bytes back: all else was equal
        assert plain(edited.replaced(made, chosen).segment) == plain(tree.segment)
        assert check_checksums(edited.segment) == check_checksums(tree.segment)
        assert written(tree) == data
        check_layout(tree, edited, data, read_whole=every_cluster)


@RANDOM
@given(
    files(),
    st.lists(st.sampled_from(["remove", "add", "append"]), min_size=1, max_size=4),
    st.data(),
    st.booleans(),
)
def test_what_is_removed_and_added_leaves_the_rest_as_it_was(data, edits, draw, every_cluster):
    with tree_of(data, every_cluster=every_cluster) as tree:
        edited, expected = tree, whole(tree)
        for edit in edits:
            if edit == "append":
                path, chosen = [edited.nodes.index(edited.segment)], edited.segment
            else:
                path = draw.draw(st.sampled_from(paths(edited, masters=edit == "add")))
                chosen = node_at(edited, path)
            if edit == "remove" and chosen is edited.segment:
                continue
            if edit == "remove":
                edited = edited.replaced(chosen)
                del at(expected, path[:-1])[path[-1] + 1]
            else:
                fresh = new_node(id_named("Tags"), (value_node("TagName", "new"),))
                edited = edited.with_added(chosen, fresh)
                at(expected, path).append(whole_node(fresh))
        assert whole(edited) == expected
        assert written(tree) == data
        check_layout(tree, edited, data, read_whole=every_cluster)


def paths(tree: Tree, *, masters: bool) -> list[list[int]]:
    """The places of what may be edited: all that is in the segment but clusters and what is derived."""
    found = []

    def walk(node: TreeNode, path: list[int]) -> None:
        for index, child in enumerate(node.content if isinstance(node.content, tuple) else ()):
            if child.head and child.id not in DERIVED:
                if isinstance(child.content, tuple) or not masters:
                    found.append([*path, index])
                walk(child, [*path, index])

    walk(tree.segment, [tree.nodes.index(tree.segment)])
    return found or [[tree.nodes.index(tree.segment)]]


def whole(tree: Tree) -> list:
    return [whole_node(node) for node in tree.nodes]


def whole_node(node: TreeNode) -> list:
    """A node as nested lists, a checksum as one whatever it is."""
    if isinstance(node.content, tuple):
        return [node.id, *map(whole_node, node.content)]
    return [node.id, "" if node.id == CRC_32 else b"".join(node.data_pieces())]


def at(nested: list, path: list[int]) -> list:
    """The list of a node's children, of which the first is its identifier."""
    for depth, index in enumerate(path):
        nested = nested[index + (depth > 0)]
    return nested


def path_to(nodes, chosen: TreeNode) -> list[int] | None:
    for index, node in enumerate(nodes):
        inside = node.content if isinstance(node.content, tuple) else ()
        path = [] if node is chosen else path_to(inside, chosen)
        if path is not None:
            return [index, *path]
    return None


def node_at(tree: Tree, path: list[int]) -> TreeNode:
    node = tree.nodes[path[0]]
    for index in path[1:]:
        node = node.children[index]
    return node


def check_layout(old: Tree, edited: Tree, data: bytes, *, read_whole: bool) -> None:
    """Laid out in place, the clusters stay, all elements are there, and the SeekHead is as true as it was."""
    try:
        placed = lay_out(old, edited)
    except NoVoidError:
        return
    result = written(placed)
    for node in old.segment.children:
        if node.is_clusters:
            assert (
                result[node.offset : node.offset + node.size] == data[node.offset : node.offset + node.size]
            )
    tail = [index for index, node in enumerate(old.segment.children) if node.is_clusters]
    if tail and old.segment.children[-1].is_clusters:
        assert len(result) >= len(data)
    assert described(placed) == described(edited)
    with opened(result) as source:
        again = read_tree(source)
        assert written(again) == result
        assert outside_clusters(again) == outside_clusters(edited)
        if read_whole:
            assert described(read_tree(source, every_cluster=True)) == described(edited)


# -- values ----------------------------------------------------------------------------------------------------


@RANDOM
@given(st.sampled_from([item.id for item in LEAVES]).flatmap(lambda i: st.tuples(st.just(i), values(i))))
def test_a_value_is_read_as_it_was_stored(pair):
    identifier, value = pair
    data = encode_value(identifier, value)
    assert decode_value(identifier, data) == value


def test_an_integer_takes_as_few_bytes_as_it_needs_or_as_many_as_asked():
    assert encode_value(id_named("TrackUID"), 255) == b"\xff"
    assert encode_value(id_named("TrackUID"), 1, 4) == b"\0\0\0\1"
    assert encode_value(id_named("TrackOffset"), 128) == b"\0\x80"
    assert encode_value(id_named("TrackOffset"), -128) == b"\x80"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Title", 1), ("Title", "\udc80"), ("Language", "é"), ("TrackUID", -1), ("TrackUID", 1 << 64), ("TrackUID", "1"),
        ("Duration", "1"), ("FileData", "text"), ("DateUTC", 1 << 63), ("Tracks", b""),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(name, value):
    with pytest.raises(TreeError):
        value_node(name, value)


@pytest.mark.parametrize(
    ("name", "data"), [("Title", b"\xe9"), ("TrackUID", bytes(9)), ("Duration", bytes(3)), ("DateUTC", b"\0"), ("Tracks", b"")]
)  # fmt: skip
def test_data_that_is_no_value_is_said(name, data):
    with pytest.raises(TreeError):
        _ = TreeNode(id_named(name), b"\xff\x80", data).value


def test_an_empty_element_has_its_default_and_a_text_ends_with_its_first_zero():
    assert decode_value(id_named("Language"), b"") == "eng"
    assert decode_value(id_named("SamplingFrequency"), b"") == 8000.0
    assert decode_value(id_named("TrackUID"), b"") == 0
    assert decode_value(id_named("Title"), b"One\0Two") == "One"


# -- what files may hold -----------------------------------------------------------------------------------------


def one_file(*parts: bytes, **options) -> bytes:
    return matroska(*parts, tracks=(VIDEO_TRACK,), **options)


BLOCK = element(0xA3, b"\x81\0\0\0xyz")
TAGS = element(id_named("Tags"), element(id_named("Tag"), element(id_named("Targets"), b"")))


@pytest.mark.parametrize(
    ("data", "damage"),
    [
        (one_file(cluster(0, BLOCK), TAGS), ""),
        (one_file(cluster(0, BLOCK, size=UNKNOWN), cluster(1, BLOCK, size=UNKNOWN), TAGS, size=UNKNOWN), ""),
        (one_file(cluster(0, BLOCK), element(VOID, b"12"), cluster(1, BLOCK), TAGS), ""),
        (one_file(cluster(0, BLOCK)) + b"rubbish behind", ""),
        (one_file(cluster(0, BLOCK)) + one_file(cluster(0, BLOCK)), ""),
        (one_file(element(0x1C11C11C, b"unknown"), cluster(0, BLOCK)), ""),
        (one_file(cluster(0, BLOCK), TAGS)[:-9], "truncated: 9 bytes missing"),
        (one_file(cluster(0, BLOCK), b"\0" * 20), "its clusters cannot be followed beyond byte"),
        (one_file(b"\0" * 20, cluster(0, BLOCK)), "cannot be read from byte"),
        (one_file(element(id_named("Tags"), b"\0" * 9), cluster(0, BLOCK)), "is damaged"),
        (one_file(element(id_named("Tags"), b"", UNKNOWN), cluster(0, BLOCK)), "cannot be read from byte"),
    ],
    ids=["tags behind", "unknown sizes", "apart", "rubbish", "two segments", "unknown element", "truncated", "zeros behind",
         "zeros in front", "damaged tags", "tags without a size"],
)  # fmt: skip
def test_what_cannot_be_read_is_kept_as_bytes_and_said(data, damage):
    for every_cluster in (False, True):
        with tree_of(data, every_cluster=every_cluster) as tree:
            assert written(tree) == data
            assert damage in tree.damage
            assert bool(damage) == bool(tree.damage)


def test_tags_behind_clusters_of_unknown_size_are_found():
    data = one_file(cluster(0, BLOCK, size=UNKNOWN), cluster(1, BLOCK, size=UNKNOWN), TAGS, size=UNKNOWN)
    with tree_of(data) as tree:
        assert [node.id for node in tree.segment.children][-1] == id_named("Tags")


@pytest.mark.parametrize("data", [b"", b"\x1a", b"RIFF1234AVI ", one_file()[:30], element(0x1A45DFA3, b"")])
def test_what_is_no_matroska_file_is_refused(data):
    with opened(data) as source, pytest.raises(ProbeError):
        read_tree(source)


@pytest.mark.parametrize("length", [0, 9, 1 << 40])
def test_sizes_that_matroska_has_not_are_refused(length):
    header = element(0x1A45DFA3, number(id_named("EBMLMaxSizeLength"), length))
    with opened(header + element(0x18538067, b"")) as source, pytest.raises(ProbeError):
        read_tree(source)


def test_no_new_size_is_longer_than_the_file_allows():
    header = element(0x1A45DFA3, number(id_named("EBMLMaxSizeLength"), 1))
    info = element(id_named("Info"), element(id_named("Title"), b"A", b"\x81"), b"\x84")
    with tree_of(header + element(0x18538067, info)) as tree:
        assert tree.max_size_length == 1
        title = tree.segment.get("Info", "Title")
        assert written(tree.with_value(title, "B" * 100))
        with pytest.raises(TreeError):
            tree.with_value(title, "B" * 126)


def test_elements_nested_too_deep_stay_bytes():
    atom = b""
    for _ in range(5000):
        atom = element(id_named("ChapterAtom"), atom)
    data = one_file(element(id_named("Chapters"), element(id_named("EditionEntry"), atom)))
    with tree_of(data) as tree:
        assert written(tree) == data
        assert "damaged" in tree.damage


def test_a_million_elements_take_bounded_time_and_memory():
    data = one_file(element(id_named("Tags"), b"\xec\x80" * 1_000_000), b"\xec\x80" * 1_000_000)
    with opened(data) as source:
        started = time.monotonic()
        tree = read_tree(source)
        assert time.monotonic() - started < 10
        assert written(tree) == data
        assert len(every_node(tree)) < 200_000


def test_large_data_stays_in_the_file_until_it_is_written():
    picture = bytes(range(256)) * 1000
    attached = element(
        id_named("AttachedFile"),
        element(id_named("FileName"), b"a.png") + element(id_named("FileData"), picture),
    )
    attached = element(CRC_32, zlib.crc32(attached).to_bytes(4, "little"), b"\x84") + attached
    data = one_file(element(id_named("Attachments"), attached), cluster(0, BLOCK))
    with tree_of(data) as tree:
        file = tree.segment.get("Attachments", "AttachedFile")
        assert isinstance(file.get("FileData").content, Span)
        edited = tree.with_child_value(file, "FileName", "b.png")
        assert check_checksums(edited.segment) == 1
        assert written(edited)[-len(data) :].count(picture) == 1
        assert file.get("FileData").value == picture


def test_a_file_that_became_shorter_meanwhile_is_an_error(tmp_path):
    path = tmp_path / "a.mkv"
    path.write_bytes(one_file(cluster(0, BLOCK)))
    with open_source(str(path)) as source:
        tree = read_tree(source)
        os.truncate(path, 10)
        with pytest.raises(ProbeError):
            written(tree)


@pytest.mark.parametrize("place", ["front", "behind"])
def test_every_changed_byte_is_read_or_refused(place):
    data = bytearray(lay(room=40, behind=(TAGS,)))
    before = bytes(data)
    started = time.monotonic()
    for at in range(len(data)):
        for flip in (0xFF, 0x01, 0x80, 0x10):
            data[:] = before
            data[at] ^= flip
            with opened(bytes(data)) as source:
                try:
                    tree = read_tree(source, every_cluster=place == "behind")
                except ProbeError:
                    continue
                assert written(tree) == bytes(data)
                try:
                    check_edit(tree)
                except TreeError:
                    pass
    assert time.monotonic() - started < 60


def check_edit(tree: Tree) -> None:
    """Read all values, then set a title in place."""
    for node in every_node(tree):
        if node.head and not isinstance(node.content, tuple):
            try:
                _ = node.value
            except TreeError:
                pass
    info = tree.segment.get("Info")
    if info is not None:
        lay_out(tree, tree.with_child_value(info, "Title", "Another"))


# -- in place ----------------------------------------------------------------------------------------------------


def lay(
    *, room: int | None, behind: tuple[bytes, ...] = (), title: bytes = b"A title", seek: bool = True
) -> bytes:
    """A small file: SeekHead, Info, a Void of `room` bytes of data, Tracks, a cluster, Cues, what is behind."""
    info = element(id_named("Info"), number(0x2AD7B1, 1_000_000) + element(id_named("Title"), title))
    rest = element(VOID, bytes(room)) if room is not None else b""
    tracks = element(id_named("Tracks"), VIDEO_TRACK)
    length = 0
    while True:
        start = length + len(info) + len(rest) + len(tracks)
        film = cluster(0, BLOCK)
        point = number(id_named("CueTime"), 0) + element(
            id_named("CueTrackPositions"), number(id_named("CueClusterPosition"), start)
        )
        cues = element(id_named("Cues"), element(id_named("CuePoint"), point))
        entries = [
            (id_named("Info"), length),
            (id_named("Tracks"), length + len(info) + len(rest)),
            (id_named("Cues"), start + len(film)),
        ]
        at = start + len(film) + len(cues)
        for part in behind:
            entries.append((int.from_bytes(part[:4], "big"), at))
            at += len(part)
        head = element(id_named("SeekHead"), b"".join(
            element(id_named("Seek"), element(id_named("SeekID"), i.to_bytes(4, "big")) + number(id_named("SeekPosition"), p))
            for i, p in entries
        )) if seek else b""  # fmt: skip
        if len(head) == length:
            break
        length = len(head)
    header = element(0x1A45DFA3, element(0x4282, b"matroska"))
    return header + element(0x18538067, head + info + rest + tracks + film + cues + b"".join(behind))


def titled(tree: Tree, title: str) -> Tree:
    return tree.with_child_value(tree.segment.get("Info"), "Title", title)


@pytest.mark.parametrize("room", [0, 1, 5, 20, 126, 127, 300, 70_000])
def test_a_title_takes_from_the_void_behind_it_whatever_is_left(room):
    data = lay(room=room)
    with tree_of(data) as tree:
        space = tree.segment.get("Void").size
        for growth in (*range(-7, min(space, 60) + 1), space - 1, space):
            result = written(lay_out(tree, titled(tree, "x" * (7 + growth)), may_grow=False))
            assert len(result) == len(data)
            with tree_of(result) as again:
                assert again.segment.get("Info", "Title").value == "x" * (7 + growth)
                assert again.segment.get("Tracks").offset == tree.segment.get("Tracks").offset
                assert not again.damage
        for growth in (1, 2, 30):
            with pytest.raises(NoVoidError) as caught:
                lay_out(tree, titled(tree, "x" * (7 + space + growth)), may_grow=False)
            assert caught.value.missing == growth


def test_only_what_changed_and_the_void_behind_it_is_written():
    data = lay(room=300)
    with tree_of(data) as tree:
        result = written(lay_out(tree, titled(tree, "Another title")))
        info, tracks = tree.segment.get("Info"), tree.segment.get("Tracks")
        assert result[: info.offset] == data[: info.offset]
        assert result[tracks.offset :] == data[tracks.offset :]


def test_what_moves_in_the_header_is_found_by_the_seek_head():
    data = lay(room=50)
    with tree_of(data) as tree:
        entry = tree.segment.get("Tracks", "TrackEntry")
        longer = tree.with_child_value(entry, "Name", "A longer name")  # the Void is in front of the tracks
        placed = lay_out(tree, longer, may_grow=False)
        result = written(placed)
        assert len(result) == len(data)
        check_positions(placed, result)
        with tree_of(result) as again:
            assert again.segment.get("Tracks").offset != tree.segment.get("Tracks").offset
            assert described(again) == described(longer)


def test_what_is_removed_leaves_a_void_and_no_entry():
    data = lay(room=None, behind=(TAGS,))
    with tree_of(data) as tree:
        placed = lay_out(tree, tree.replaced(tree.segment.get("Tags")))
        result = written(placed)
        assert len(result) == len(data)
        check_positions(placed, result)
        with tree_of(result) as again:
            assert again.segment.get("Tags") is None
            assert len(list(again.segment.all("SeekHead", "Seek"))) == 3


def test_the_end_grows_where_it_may():
    data = lay(room=None, behind=(TAGS,))
    with tree_of(data) as tree:
        tag = tree.segment.get("Tags", "Tag")
        simple = new_node(
            id_named("SimpleTag"), (value_node("TagName", "DIRECTOR"), value_node("TagString", "x" * 500))
        )
        edited = tree.with_added(tag, simple)
        with pytest.raises(NoVoidError):
            lay_out(tree, edited, may_grow=False)
        placed = lay_out(tree, edited)
        check_positions(placed, written(placed))
        assert (
            written(placed)[: tree.segment.get("Tags").offset][-20:]
            == data[: tree.segment.get("Tags").offset][-20:]
        )


def test_new_tags_go_behind_the_clusters_and_are_listed_when_there_is_room_for_that():
    data = lay(room=None)
    simple = new_node(id_named("SimpleTag"), (value_node("TagName", "X"), value_node("TagString", "Y")))
    tags = new_node(id_named("Tags"), (new_node(id_named("Tag"), (simple,)),))
    with tree_of(data) as tree, pytest.raises(NoVoidError):
        lay_out(tree, tree.with_added(tree.segment, tags))
    with tree_of(lay(room=60)) as tree:
        placed = lay_out(tree, tree.with_added(tree.segment, tags))
        result = written(placed)
        check_positions(placed, result)
        with tree_of(result) as again:
            listed = [identifier for _, identifier in seek_targets(again.segment.get("SeekHead"))]
            assert id_named("Tags") in listed
            assert again.segment.get("Tags").offset > next(
                n.offset for n in again.segment.children if n.is_clusters
            )


def test_new_tags_are_found_behind_clusters_where_nothing_was_listed():
    """A reader that goes by the new list must find all that is behind, the Cues too."""
    data = lay(room=200, seek=False)
    with tree_of(data) as tree, tree_of(one_file(TAGS)) as other:
        edited = tree.with_added(tree.segment, replace(other.segment.children[-1], offset=None))
        placed = lay_out(tree, edited)
        result = written(placed)
        check_positions(placed, result)
        with tree_of(result) as again:
            listed = [identifier for _, identifier in seek_targets(again.segment.get("SeekHead"))]
            assert sorted(listed) == sorted(map(id_named, ("Info", "Tracks", "Cues", "Tags")))
            assert described(again) == described(edited)
    with tree_of(lay(room=None, seek=False)) as tree, pytest.raises(NoVoidError):
        lay_out(tree, tree.with_added(tree.segment, replace(edited.segment.children[-1], offset=None)))


def test_tags_in_front_that_find_no_room_move_behind():
    data = lay(room=40, behind=(), title=b"A title")
    with tree_of(data) as tree:
        with_tags = tree.with_children(tree.segment, place_before_clusters(tree, TAGS))
        with opened(written(with_true_positions(tree, with_tags, source_of(tree)))) as source:
            front = read_tree(source)
            text = value_node("TagString", "z" * 400)
            edited = front.with_added(
                front.segment.get("Tags", "Tag"), new_node(id_named("SimpleTag"), (text,))
            )
            placed = lay_out(front, edited)
            result = written(placed)
            check_positions(placed, result)
            with tree_of(result) as again:
                assert described(again) == described(edited)
                assert again.segment.get("Tags").offset > next(
                    n.offset for n in again.segment.children if n.is_clusters
                )


def place_before_clusters(tree: Tree, part: bytes) -> list[TreeNode]:
    with tree_of(one_file(part)) as other:
        added = replace(other.segment.children[-1], offset=None)
    children = []
    for node in tree.segment.children:
        children += [added, node] if node.is_clusters else [node]
    return children


def source_of(tree: Tree) -> Source:
    content = next(node.content for node in tree.segment.children if node.is_clusters)
    assert isinstance(content, Span)
    return content.source


def test_written_as_a_new_file_seek_head_and_cues_are_true():
    data = lay(room=10, behind=(TAGS,))
    with opened(data) as source:
        tree = read_tree(source)
        made = with_true_positions(tree, titled(tree, "x" * 1000), source)
        result = written(made)
        assert len(result) > len(data) + 900
        check_positions(made, result)
        with opened(result) as other:
            again = read_tree(other)
            assert described(again) == described(titled(tree, "x" * 1000))
            run = next(node for node in again.segment.children if node.is_clusters)
            cues = expanded(again.segment.get("Cues"), other)
            position = cues.get("CuePoint", "CueTrackPositions", "CueClusterPosition").value
            assert position == run.offset - again.data_start


def test_the_clusters_and_a_segment_under_a_checksum_are_not_edited():
    with tree_of(lay(room=10)) as tree:
        without = [node for node in tree.segment.children if not node.is_clusters]
        with pytest.raises(TreeError):
            lay_out(tree, tree.with_children(tree.segment, without))
    with tree_of(one_file(element(CRC_32, b"1234"), cluster(0, BLOCK))) as tree, pytest.raises(TreeError):
        titled(tree, "Another")


def test_a_node_of_another_tree_is_not_replaced():
    with tree_of(lay(room=10)) as tree, tree_of(lay(room=10)) as other, pytest.raises(TreeError):
        tree.replaced(other.segment.get("Info"))


def test_an_equal_value_leaves_an_element_as_it_is_stored():
    with tree_of(lay(room=10)) as tree:
        scale = tree.segment.get("Info", "TimestampScale")  # stored in eight bytes
        assert tree.with_value(scale, 1_000_000) is tree


@pytest.mark.parametrize("total", [2, 3, 127, 128, 129, 130, 16_384, 16_385, 16_386, 16_387, 3_000_000])
def test_a_void_of_any_length_but_one(total):
    assert len(b"".join(void(total, 8).pieces())) == total
    old = with_size_length(new_node(VOID, bytes(total)), 8)
    assert void(total, 8, old).size == total
    with pytest.raises(TreeError):
        void(1, 8)


def test_a_checksum_is_made_true_only_where_something_changed():
    tracks = element(id_named("Tracks"), element(CRC_32, b"bad!", b"\x84") + VIDEO_TRACK)
    info = element(id_named("Info"), element(CRC_32, b"bad!", b"\x84") + element(id_named("Title"), b"A"))
    header = element(0x1A45DFA3, element(0x4282, b"matroska"))
    with tree_of(header + element(0x18538067, info + tracks)) as tree:
        edited = titled(tree, "B")
        assert edited.segment.get("Tracks") is tree.segment.get("Tracks")
        assert check_checksums(edited.segment.get("Info")) == 1
        assert with_content(info_of(tree), info_of(edited).children, 8) == info_of(edited)


def info_of(tree: Tree) -> TreeNode:
    return tree.segment.get("Info")


def test_a_checksum_keeps_the_length_of_its_size():
    info = element(CRC_32, b"bad!") + element(id_named("Title"), b"A")  # its size takes eight bytes
    header = element(0x1A45DFA3, element(0x4282, b"matroska"))
    with tree_of(header + element(0x18538067, element(id_named("Info"), info))) as tree:
        assert info_of(titled(tree, "B")).size == info_of(tree).size


def test_a_truncated_file_goes_on_saying_what_is_missing():
    with tree_of(lay(room=50, behind=(TAGS,))[:-9]) as tree:
        edited = titled(tree, "A longer title")
        with tree_of(written(edited)) as again:
            assert again.damage == tree.damage == "truncated: 9 bytes missing"
        with tree_of(written(lay_out(tree, edited))) as again:
            assert again.damage == tree.damage


def test_an_element_put_in_the_place_of_another_is_listed_in_its_place():
    with tree_of(lay(room=50)) as tree:
        other = new_node(id_named("Info"), (value_node("Title", "Another"),))
        placed = lay_out(tree, tree.replaced(info_of(tree), other))
        seek_head = placed.segment.get("SeekHead")
        assert seek_targets(seek_head) == seek_targets(tree.segment.get("SeekHead"))


def test_what_follows_a_removed_element_stays_where_it_is():
    data = lay(room=None, seek=False)
    with tree_of(data) as tree:
        result = written(lay_out(tree, tree.replaced(info_of(tree))))
        tracks = tree.segment.get("Tracks").offset
        assert result[tracks:] == data[tracks:]
        assert b"A title" not in result


def test_the_rest_of_a_large_void_stays_as_it_is():
    data = lay(room=70_000).replace(bytes(70_000), bytes(range(250)) * 280)
    with tree_of(data) as tree:
        result = written(lay_out(tree, titled(tree, "A longer title")))
        start = tree.segment.get("Void").offset + 30
        assert result[start:] == data[start:]


def test_any_growth_takes_from_a_void_that_is_not_next_to_it():
    with tree_of(lay(room=30)) as tree:
        space = tree.segment.get("Void").size
        name = tree.segment.get("Tracks", "TrackEntry", "Name")
        for growth in range(1, space + 1):
            placed = lay_out(tree, tree.with_value(name, "x" * (7 + growth)), may_grow=False)
            check_positions(placed, written(placed))
            assert placed.segment.size == tree.segment.size


def test_tags_do_not_pass_other_tags():
    parts = [TAGS, TAGS.replace(b"\x73\x73", b"\x44\x73")]
    with tree_of(
        matroska(
            element(id_named("SeekHead"), b""),
            element(VOID, bytes(200)),
            *parts,
            cluster(0, BLOCK),
            tracks=(),
        )
    ) as tree:
        tag = tree.segment.get("Tags", "Tag")
        edited = tree.with_added(tag, value_node("TagString", "x" * 300))
        placed = lay_out(tree, edited)
        assert described(placed) == described(edited)


def test_an_index_that_points_at_something_else_is_not_believed():
    data = lay(room=10, behind=(TAGS,))
    with tree_of(data) as tree:
        tags = tree.segment.get("Tags").offset - tree.data_start
        block = data.index(BLOCK) - tree.data_start
        wrong = data.replace(tags.to_bytes(8, "big"), block.to_bytes(8, "big"))
        with tree_of(wrong) as again:
            assert described(again) == described(tree)
            assert written(again) == wrong


# -- truth from outside ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> list[Path]:
    """Files of each maker at hand: a sample of the header corpus."""
    folder = tmp_path_factory.mktemp("films")
    made = []
    for specimen in Corpus(folder).specimens():
        is_tool = specimen.name.startswith(("mkvmerge", "mkvpropedit"))
        if is_tool and not (shutil.which("mkvmerge") and shutil.which("mkvpropedit")):
            continue
        path = folder / f"{specimen.name}.mkv"
        specimen.make(path)
        made.append(path)
    assert len(made) > 80
    return made


def test_the_files_of_all_makers_are_written_as_they_were(films):
    for path in films:
        with open_source(str(path)) as source:
            for every_cluster in (False, True):
                tree = read_tree(source, every_cluster=every_cluster)
                assert written(tree) == path.read_bytes(), path.name
            assert described(tree) == described(read_tree(source)) or "apart" in path.name


TITLE, NAME = "Another title, a good deal longer than the old one", "Picture é"
PROPEDIT = ["--edit", "info", "--set", f"title={TITLE}", "--edit", "track:1", "--set", f"name={NAME}", "--set", "flag-default=0"]  # fmt: skip


def edited_likewise(tree: Tree) -> Tree:
    edited = titled(tree, TITLE)
    for field, value in (("Name", NAME), ("FlagDefault", 0)):
        edited = edited.with_child_value(edited.segment.get("Tracks", "TrackEntry"), field, value)
    return edited


@pytest.mark.slow
def test_an_edit_is_what_mkvpropedit_makes_of_it(films, tmp_path):
    tool = need_tool("mkvpropedit")
    theirs = tmp_path / "theirs.mkv"
    compared = in_place = 0
    for path in films:
        shutil.copy(path, theirs)
        if subprocess.run([tool, "-q", str(theirs), *PROPEDIT], stdout=subprocess.DEVNULL).returncode:
            continue
        with open_source(str(path)) as source, open_source(str(theirs)) as other:
            tree = read_tree(source, every_cluster=True)
            edited = edited_likewise(tree)
            assert by_identifier(edited) == by_identifier(read_tree(other, every_cluster=True)), path.name
            compared += 1
            try:
                result = written(lay_out(tree, edited))
            except TreeError:
                continue
            in_place += 1
        with tree_of(result, every_cluster=True) as again:
            assert by_identifier(again) == by_identifier(edited)
    assert compared > 200
    assert in_place > 150


@pytest.mark.slow
def test_mkvmerge_reads_what_was_edited_in_place_as_it_read_the_original(films, tmp_path):
    tool = need_tool("mkvmerge")
    ours = tmp_path / "ours.mkv"
    for path in films[::8]:
        with open_source(str(path)) as source:
            tree = read_tree(source)
            try:
                placed = lay_out(tree, edited_likewise(tree))
            except TreeError:
                continue
            ours.write_bytes(written(placed))
        before, after = identified(tool, path), identified(tool, ours)
        assert after["container"]["properties"].pop("title") == TITLE
        assert after["tracks"][0]["properties"].pop("track_name") == NAME
        assert after["tracks"][0]["properties"].pop("default_track") is False
        before["container"]["properties"].pop("title", None)
        for field in ("track_name", "default_track"):
            before["tracks"][0]["properties"].pop(field, None)
        assert after == before, path.name


def identified(tool: str, path: Path):
    shown = subprocess.run([tool, "-J", str(path)], check=True, capture_output=True, text=True).stdout
    return json.loads(shown.replace(str(path), "a.mkv"))
