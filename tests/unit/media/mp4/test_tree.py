"""Boxes read into a tree and written again: nothing but what was asked for changes."""

from __future__ import annotations

import random
import struct
import subprocess
from pathlib import Path

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.media import AUDIO, VIDEO, SampleChapter, SampleTrack, sample
from vpo_tasks.media.matroska.ebml import Source, open_source
from vpo_tasks.media.mp4 import fields, items, layout
from vpo_tasks.media.mp4.offsets import named_offsets, shift_offsets, shift_segment_index
from vpo_tasks.media.mp4.tree import (
    Atom,
    BoxError,
    BoxTree,
    Part,
    SizeForm,
    append_at,
    box_at,
    expand_box,
    find,
    find_all,
    find_damage,
    locate,
    parse_atom,
    put,
    read_boxes,
    replace_at,
    to_bytes,
    walk_atoms,
    write_boxes,
)
from vpo_tasks.programs import wheel_ffmpeg

COVER = SampleTrack("attachment", codec="png")
CHAPTERS = (SampleChapter(0, 0.5, "One"), SampleChapter(0.5, 1, "Two"))
TAGS = {"title": "A film", "artist": "Someone", "date": "2001"}
MUXINGS = {
    "plain.mp4": (),
    "faststart.mp4": ("-movflags", "+faststart"),
    "fragmented.mp4": ("-movflags", "+frag_keyframe+empty_moov+default_base_moof"),
    "fragmented_base.mp4": ("-movflags", "+frag_keyframe"),
    "indexed.mp4": ("-movflags", "+dash+global_sidx"),
    "faststart.mov": ("-movflags", "+faststart"),
    "keys.mov": ("-movflags", "+use_metadata_tags"),
    "plain.3gp": ("-metadata", "title=A film"),
}


def box(kind: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I4s", len(data) + 8, kind) + data


def read(path: Path | str) -> BoxTree:
    with open_source(str(path)) as source:
        return read_boxes(source)


def written(path: Path | str, tree: BoxTree | None = None) -> bytes:
    with open_source(str(path)) as source:
        return b"".join(write_boxes(source, tree or read_boxes(source)))


def copied(path: Path | str, pieces: list[layout.Piece]) -> bytes:
    data = Path(path).read_bytes()
    return b"".join(p if isinstance(p, bytes) else data[p[0] : p[0] + p[1]] for p in pieces)


def patched(path: Path | str, edit: layout.Patches) -> bytes:
    data = bytearray(Path(path).read_bytes())
    for offset, patch in edit.writes:
        data[offset : offset + len(patch)] = patch
    return bytes(data[: edit.size])


def packets(path: Path) -> list[tuple[int, int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        found = [(p.stream_index, p.pts, p.dts, bytes(p)) for p in container.demux()]
    assert any(data for *_, data in found)
    return found


@pytest.fixture(scope="session")
def muxed(tmp_path_factory) -> dict[str, Path]:
    """One film in every form that the wheel's ffmpeg writes."""
    folder = tmp_path_factory.mktemp("boxes")
    tracks = (VIDEO, SampleTrack("audio", language="fre", title="Sound"), SampleTrack("subtitle"), COVER)
    film = sample(folder, "film.mp4", *tracks, chapters=CHAPTERS, tags=TAGS)
    made = {"film.mp4": Path(film)}
    for name, options in MUXINGS.items():
        made[name] = folder / name
        source = sample(folder, "small.3gp", VIDEO, AUDIO, tags=TAGS) if name.endswith("3gp") else film
        subprocess.run(
            [wheel_ffmpeg(), "-v", "error", "-i", source, "-map", "0:v:0", "-map", "0:a", "-c", "copy",
             "-map_metadata", "0", *options, made[name]],
            check=True,
        )  # fmt: skip
    return made


ALL_MUXED = ["film.mp4", *MUXINGS]
WITH_LISTS = [name for name in ALL_MUXED if "fragmented" not in name and name != "indexed.mp4"]


@pytest.mark.parametrize("name", ALL_MUXED)
def test_what_ffmpeg_writes_is_written_back_byte_for_byte(muxed, name):
    path = muxed[name]
    assert written(path) == path.read_bytes()
    moov = read(path).movie.atom
    assert find(moov, b"trak", b"mdia", b"minf", b"stbl", b"stsd") is not None
    assert all(find_damage(part.atom) is None for part in read(path).parts if part.atom)


def odd_files() -> dict[str, bytes]:
    index = box(b"moov", box(b"mvhd", bytes(100)))
    return {
        "64-bit sizes": struct.pack(">I4sQ", 1, b"moov", 16 + 16)
        + struct.pack(">I4sQ", 1, b"wxyz", 16)
        + box(b"mdat", b"x"),
        "mdat to the end": index + bytes(4) + b"mdat" + b"media",
        "moov to the end": box(b"mdat", b"x") + bytes(4) + b"moov" + box(b"mvhd", bytes(100)),
        "uuid and free": box(b"uuid", bytes(range(16)), b"x") + box(b"free", b"junk") + box(b"wide") + index,
        "udta ended by zeros": box(b"moov", box(b"udta", box(b"\xa9nam", b"\0\1\0\0x"), bytes(4))),
        "meta of ISO": box(b"moov", box(b"meta", bytes(4), box(b"hdlr", bytes(24)), box(b"ilst"))),
        "meta of QuickTime": box(b"moov", box(b"meta", box(b"hdlr", bytes(24)), box(b"keys", bytes(8)))),
        "meta without anything": box(b"moov", box(b"meta"), box(b"meta", b"\0\0")),
        "bytes behind children": box(b"moov", box(b"trak", b"\xff\xff"), b"\0\0\0\x20trak"),
        "garbage behind all": index + b"\0\0\0\3garbage",
        "media cut off": index + struct.pack(">I4s", 5000, b"mdat") + b"short",
        "empty key list": box(b"moov", box(b"stsd"), box(b"keys", b"\0")),
    }


@pytest.mark.parametrize("name", odd_files())
def test_an_odd_file_is_written_back_byte_for_byte(tmp_path, name):
    path = tmp_path / "a.mp4"
    path.write_bytes(odd_files()[name])
    assert written(path) == path.read_bytes()


def test_both_kinds_of_meta_are_opened():
    for before in (b"", bytes(4)):
        meta = parse_atom(
            box(b"meta", before, box(b"hdlr", bytes(24)), box(b"ilst", box(b"abcd", box(b"data"))))
        )
        assert meta.payload == before
        assert find(meta, b"ilst", b"abcd", b"data") is not None


REFUSED = {
    "no MP4": b"\x1aE\xdf\xa3" + bytes(100),
    "empty": b"",
    "index cut off": struct.pack(">I4s", 5000, b"moov") + bytes(100),
    "index of a size no memory holds": struct.pack(">I4sQ", 1, b"moov", 1 << 62) + bytes(100),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_whole_index_is_refused(tmp_path, name):
    path = tmp_path / "a.mp4"
    path.write_bytes(REFUSED[name])
    with pytest.raises(BoxError):
        read(path)


def test_more_than_the_limits_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "a.mp4"
    with path.open("wb") as file:
        file.write(struct.pack(">I4s", 300 << 20, b"moov"))
        file.truncate(300 << 20)
    with pytest.raises(BoxError, match="larger than 128 MiB"):
        read(path)
    path.write_bytes(box(b"moov", box(b"free") * 600_000))
    with pytest.raises(BoxError, match="500000 boxes"):
        read(path)


def test_deep_boxes_are_kept_whole_below_the_limit():
    data = box(b"moov")
    for _ in range(5000):
        data = box(b"trak", data)
    assert to_bytes(parse_atom(data)) == data


# random trees

FORMS = st.sampled_from([SizeForm.SHORT, SizeForm.LARGE])
KINDS = st.sampled_from([b"abcd", b"free", b"mvhd", b"uuid", b"\xa9nam", b"wide"])
CONTAINERS = st.sampled_from([b"moov", b"trak", b"udta", b"stbl"])
TAILS = st.sampled_from([b"", bytes(4), b"\xff" * 7])


def containers(inner: st.SearchStrategy[Atom]) -> st.SearchStrategy[Atom]:
    children = st.lists(inner, max_size=4).map(tuple)
    handler = Atom(b"hdlr", bytes(24))
    return st.one_of(
        st.tuples(CONTAINERS, st.just(b""), children, TAILS, FORMS).map(Atom._make),
        st.tuples(children, FORMS).map(lambda t: Atom(b"meta", bytes(4), (handler, *t[0]), b"", t[1])),
    )


leaves = st.tuples(KINDS, st.binary(max_size=40), st.just(()), st.just(b""), FORMS).map(Atom._make)
atoms = st.recursive(leaves, containers, max_leaves=12)


@given(atoms)
def test_a_written_tree_is_read_as_it_was(tree):
    assert parse_atom(to_bytes(tree)) == tree


@given(st.binary(max_size=200))
def test_any_content_is_written_back(content):
    for kind in (b"moov", b"meta", b"ilst", b"stsd", b"keys", b"trak"):
        assert to_bytes(parse_atom(box(kind, content))) == box(kind, content)


@given(atoms, atoms, st.data())
def test_an_edit_changes_the_box_at_its_place_and_no_other(tree, new, data):
    places = dict(walk_atoms(tree))
    place = data.draw(st.sampled_from(sorted(places)))
    edited = parse_atom(to_bytes(replace_at(tree, place, new)))
    assert box_at(edited, place) == new
    for other, old in places.items():
        if other[: len(place)] == place:
            continue
        now = box_at(edited, other)
        if place[: len(other)] == other:  # a parent: only its children differ
            assert now._replace(children=()) == old._replace(children=())
        else:
            assert now == old
    if place:
        without = replace_at(tree, place)
        position = place[-1]
        parent = box_at(without, place[:-1])
        before = box_at(tree, place[:-1]).children
        assert parent.children == before[:position] + before[position + 1 :]


@given(atoms, st.integers(-60, 60))
def test_a_filled_room_is_filled_to_the_byte_or_what_is_missing_is_said(tree, spare):
    room = len(to_bytes(tree)) + spare
    missing = 0
    try:
        data = layout.fill_room(tree, room)
    except layout.NoRoomError as error:
        missing = error.missing
        room += missing
        data = layout.fill_room(tree, room)
    assert missing >= 0
    assert len(data) == room

    def without_free(atom: Atom) -> Atom:
        kept = tuple(without_free(child) for child in atom.children if child.kind != b"free")
        return atom._replace(children=kept)

    length = int.from_bytes(data[:4], "big")
    length = int.from_bytes(data[8:16], "big") if length == 1 else length
    assert without_free(parse_atom(data[:length])) == without_free(tree) or tree.kind == b"free"
    assert length == room or parse_atom(data[length:]).kind == b"free"


def test_fewer_than_eight_bytes_are_taken_by_free_space_within():
    for spare in range(1, 8):
        tree = Atom(b"moov", b"", (Atom(b"free", bytes(3)), Atom(b"abcd")))
        room = len(to_bytes(tree)) + spare
        assert parse_atom(layout.fill_room(tree, room)).children[0].payload == bytes(3 + spare)
        with pytest.raises(layout.NoRoomError) as caught:
            layout.fill_room(Atom(b"moov", b"", (Atom(b"abcd"),)), 16 + spare)
        assert caught.value.missing == 8 - spare


# edits in place, judged by FFmpeg

SIZES = [1, 3, 8, 200, 5000]


def with_title(moov: Atom, size: int) -> Atom:
    meta = find(moov, b"udta", b"meta") or items.make_item_list()
    value = items.ItemValue(items.UTF8, b"x" * size)
    return put(moov, items.write_item(meta, "\xa9nam", (value,)), b"udta")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ALL_MUXED)
def test_an_edit_in_place_leaves_every_packet(muxed, tmp_path, name, size):
    path = muxed[name]
    tree = read(path)
    edited = with_title(tree.movie.atom, size)
    if name not in WITH_LISTS:
        with pytest.raises(layout.NoRoomError, match="before the fragments"):
            layout.plan_patches(tree, edited)
        return
    edit = layout.plan_patches(tree, edited)
    after = tmp_path / name
    after.write_bytes(patched(path, edit))
    assert packets(after) == packets(path)
    now = read(after)
    free = [part for part in now.parts if part.kind == b"free"]
    assert [p.kind for p in now.parts if p not in free and p.kind != b"moov"] == [
        p.kind for p in tree.parts if p.kind not in (b"free", b"moov")
    ]
    assert now.movie.atom == edited
    assert written(after) == after.read_bytes()
    if ".mov" not in name:
        with av.open(str(after)) as container:
            assert container.metadata["title"] == "x" * size


def test_an_edit_that_has_room_moves_nothing_and_leaves_the_size(muxed, tmp_path):
    path = muxed["faststart.mp4"]
    edited = with_title(read(path).movie.atom, 5000)
    moved = layout.plan_patches(read(path), edited)
    assert moved.moved
    after = tmp_path / "a.mp4"
    after.write_bytes(patched(path, moved))
    back = layout.plan_patches(read(after), with_title(edited, 3))
    assert not back.moved
    assert b"x" * 10 not in patched(after, back)


@pytest.mark.parametrize("grown", [0, 7, 3000])
@pytest.mark.parametrize("name", ALL_MUXED)
def test_a_copy_with_a_larger_index_in_front_has_the_same_packets(muxed, tmp_path, name, grown):
    path = muxed[name]
    tree = read(path)
    movie = tree.movie
    edited = movie._replace(atom=append_at(movie.atom, (), Atom(b"abcd", bytes(grown))))
    rest = [part for part in tree.parts if part is not movie]
    parts = [rest[0], edited, *rest[1:]]
    after = tmp_path / name
    after.write_bytes(copied(path, layout.plan_copy(tree, parts)))
    assert packets(after) == packets(path)
    assert copied(path, layout.plan_copy(tree, tree.parts)) == path.read_bytes()
    now = read(after)
    fragments = {part.offset for part in now.parts if part.kind == b"moof"}
    assert all(set(named_offsets(part.atom)) <= fragments for part in now.parts if part.kind == b"mfra")


def test_an_index_before_data_that_reach_to_the_end_of_the_file_moves_behind_them(muxed, tmp_path):
    data = bytearray(muxed["faststart.mp4"].read_bytes())
    last = read(muxed["faststart.mp4"]).parts[-1]
    assert last.kind == b"mdat"
    data[last.offset : last.offset + 4] = bytes(4)
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    tree = read(path)
    edit = layout.plan_patches(tree, with_title(tree.movie.atom, 500))
    assert edit.moved
    after = tmp_path / "b.mp4"
    after.write_bytes(patched(path, edit))
    assert packets(after) == packets(path)


def tables(offset: int, size: int) -> tuple[Atom, ...]:
    return (
        Atom(b"stsc", struct.pack(">IIIII", 0, 1, 1, 1, 1)),
        Atom(b"stsz", struct.pack(">III", 0, size, 1)),
        Atom(b"stco", struct.pack(">III", 0, 1, offset)),
    )


def movie_of(*boxes: Atom) -> Atom:
    moov = Atom(b"moov")
    for atom in boxes:
        moov = put(moov, atom, b"trak", b"mdia", b"minf", b"stbl")
    return moov


@pytest.mark.parametrize(("offset", "size", "refused"), [(8, 10, False), (8, 11, True), (150, 5, True)])
def test_data_in_free_space_are_not_written_over(tmp_path, offset, size, refused):
    """Players find data where the index says, whatever box they are in."""
    moov = movie_of(*tables(offset, size))
    path = tmp_path / "a.mp4"
    path.write_bytes(box(b"mdat", bytes(10)) + to_bytes(moov) + box(b"free", bytes(100)))
    edited = append_at(moov, (), Atom(b"abcd"))
    if refused:
        with pytest.raises(BoxError, match="data within the index, free space"):
            layout.plan_patches(read(path), edited)
    else:
        assert layout.plan_patches(read(path), edited).size == path.stat().st_size


def test_an_index_of_a_file_that_is_cut_off_does_not_grow_into_the_data_it_misses(tmp_path):
    moov = movie_of(*tables(100_000, 10))
    path = tmp_path / "a.mp4"
    path.write_bytes(box(b"mdat", bytes(10)) + to_bytes(moov))
    assert layout.plan_patches(read(path), append_at(moov, (), Atom(b"abcd"))).writes
    with pytest.raises(BoxError, match="behind the file's end"):
        layout.plan_patches(read(path), append_at(moov, (), Atom(b"abcd", bytes(200_000))))


def spaces() -> st.SearchStrategy[bytes]:
    return st.lists(st.binary(max_size=30), max_size=3).map(
        lambda all_: b"".join(box(b"free", b) for b in all_)
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(spaces(), spaces(), spaces()), st.integers(0, 60), st.integers(0, 60), st.data())
def test_wherever_an_edited_index_goes_the_media_data_stay(tmp_path, free, old, new, data):
    a, b, c = free
    first, inner = data.draw(st.booleans()), data.draw(st.booleans())
    media = box(b"mdat", bytes(range(40)))
    spare = (Atom(b"free", bytes(5)),) if inner else ()
    moov = Atom(b"moov", b"", (Atom(b"udta", b"", (Atom(b"name", bytes(old)), *spare), bytes(4)),))
    edited = put(moov, Atom(b"name", b"x" * new), b"udta")
    parts = (box(b"ftyp"), a, *((to_bytes(moov), b, media) if first else (media, b, to_bytes(moov))), c)
    path = tmp_path / "a.mp4"
    path.write_bytes(b"".join(parts))
    edit = layout.plan_patches(read(path), edited)
    after = tmp_path / "b.mp4"
    after.write_bytes(patched(path, edit))
    assert len(after.read_bytes()) == edit.size
    assert after.read_bytes().index(media) == path.read_bytes().index(media)
    now = read(after)
    assert {part.kind for part in now.parts} <= {b"ftyp", b"free", b"moov", b"mdat"}
    udta = find(now.movie.atom, b"udta")
    assert udta.tail == bytes(4)
    assert find(udta, b"name").payload == b"x" * new
    assert {child.kind for child in udta.children} <= {b"name", b"free"}
    assert written(after) == after.read_bytes()


@pytest.mark.parametrize("at_end", [True, False])
def test_a_title_costs_kilobytes_however_large_the_index_is(tmp_path, at_end):
    stco = Atom(b"stco", struct.pack(">II", 0, 500_000) + b"\x7f" * 2_000_000)
    moov = append_at(movie_of(stco), (), Atom(b"udta", b"", (Atom(b"name", b"Old"),)))
    edited = put(moov, Atom(b"name", b"A new title"), b"udta")
    path = tmp_path / "a.mp4"
    media = box(b"mdat", bytes(10))
    path.write_bytes(media + to_bytes(moov) if at_end else to_bytes(moov) + box(b"free", bytes(50)) + media)
    edit = layout.plan_patches(read(path), edited)
    assert sum(len(data) for _, data in edit.writes) <= 3 * 4096
    after = tmp_path / "b.mp4"
    after.write_bytes(patched(path, edit))
    assert read(after).movie.atom == edited


def test_an_entry_that_is_called_free_is_none():
    """A list says how many entries it has."""
    keys = Atom(b"keys", bytes(8), (Atom(b"free", bytes(20)),))
    with pytest.raises(layout.NoRoomError):
        layout.fill_room(Atom(b"moov", b"", (keys,)), len(to_bytes(keys)) + 4)


@pytest.mark.parametrize("wide", [True, False])
def test_data_of_more_than_32_bits_to_the_end_of_the_file(tmp_path, wide):
    path = tmp_path / "a.mp4"
    start = box(b"moov") + (box(b"wide") if wide else b"")
    with path.open("wb") as file:
        file.write(start + bytes(4) + b"mdat")
        file.truncate(5 << 30)
    edited = Atom(b"moov", b"", (Atom(b"abcd"),))
    if not wide:
        with pytest.raises(layout.NoRoomError, match="no size of 32 bits"):
            layout.plan_patches(read(path), edited)
        return
    edit = layout.plan_patches(read(path), edited)
    with path.open("r+b") as file:
        for offset, data in edit.writes:
            file.seek(offset)
            file.write(data)
    now = read(path)
    assert [(part.kind, part.end) for part in now.parts] == [
        (b"free", 8),
        (b"mdat", 5 << 30),
        (b"moov", edit.size),
    ]
    assert now.movie.atom == edited


@pytest.mark.parametrize(
    "end", [b"\0\0\0\3garbage", *(struct.pack(">I4s", 5000, k) for k in (b"mdat", b"free"))]
)
def test_nothing_is_put_behind_a_damaged_end(tmp_path, end):
    path = tmp_path / "a.mp4"
    edited = Atom(b"moov", b"", (Atom(b"abcd"),))
    path.write_bytes(box(b"moov") + box(b"mdat") + end)
    with pytest.raises(layout.NoRoomError, match="end of the file is damaged"):
        layout.plan_patches(read(path), edited)
    with pytest.raises(BoxError, match="no end"):
        layout.plan_copy(read(path), [*read(path).parts[1:], read(path).parts[0]])
    path.write_bytes(box(b"mdat") + box(b"moov") + end)
    with pytest.raises(layout.NoRoomError, match="end of the file is damaged"):
        layout.plan_patches(read(path), edited)


# offsets

TABLES = {
    "stco": Atom(b"stco", struct.pack(">IIII", 0, 2, 100, 200)),
    "co64": Atom(b"co64", struct.pack(">IIQQ", 0, 2, 100, 200)),
    "saio": Atom(b"saio", struct.pack(">IIII", 0, 2, 100, 200)),
    "saio with a type": Atom(b"saio", struct.pack(">I8sIQQ", 0x01000001, b"cenc", 2, 100, 200)),
    "tfhd": Atom(b"tfhd", struct.pack(">IIQ", 1, 1, 100)),
    "tfra": Atom(b"tfra", struct.pack(">IIIIIIBBBIIBBB", 0, 1, 0, 2, 7, 100, 1, 1, 1, 8, 200, 1, 1, 1)),
    "iloc": Atom(b"iloc", struct.pack(">IHHHHHIIHHHII", 0, 0x4400, 2, 1, 0, 1, 100, 5, 2, 0, 1, 200, 5)),
    "iloc with a base": Atom(
        b"iloc", struct.pack(">IHHHHHIHIIII", 1 << 24, 0x4440, 1, 1, 0, 0, 90, 2, 10, 5, 110, 5)
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_offsets_are_found_and_moved(name):
    atom = TABLES[name]
    assert set(named_offsets(atom)) <= {100, 200}
    assert set(named_offsets(atom)) >= {100}
    moved = shift_offsets(atom, lambda offset: offset + 11)
    assert list(named_offsets(moved)) == [offset + 11 for offset in named_offsets(atom)]
    assert shift_offsets(moved, lambda offset: offset - 11) == atom


def test_chunk_offsets_beyond_32_bits_get_64_and_others_are_refused():
    moved = shift_offsets(TABLES["stco"], lambda offset: offset + (1 << 32))
    assert moved == Atom(b"co64", struct.pack(">IIQQ", 0, 2, (1 << 32) + 100, (1 << 32) + 200))
    with pytest.raises(BoxError, match="no room for the offset"):
        shift_offsets(TABLES["saio"], lambda offset: offset + (1 << 32))


def test_a_segment_index_counts_from_its_end():
    index = Atom(b"sidx", struct.pack(">IIIIIHHIII", 0, 1, 1000, 0, 10, 0, 1, 50, 0, 0))
    moved = shift_segment_index(index, 100, 150, lambda offset: offset + 80)
    assert struct.unpack_from(">I", moved.payload, 16) == (40,)
    with pytest.raises(BoxError, match="move apart"):
        shift_segment_index(index, 100, 150, lambda offset: offset * 2)


def test_offsets_into_another_file_stay():
    def information(flag: int) -> Atom:
        reference = Atom(b"url ", struct.pack(">I", flag))
        information = put(Atom(b"minf"), Atom(b"dref", bytes(8), (reference,)), b"dinf")
        return put(information, TABLES["stco"], b"stbl")

    assert list(named_offsets(information(0))) == []
    assert list(named_offsets(information(1))) == [100, 200]


# fields

VIEWS = (
    (b"mvhd", fields.MovieHeader, 100, 112),
    (b"tkhd", fields.TrackHeader, 84, 96),
    (b"mdhd", fields.MediaHeader, 24, 36),
)


@pytest.mark.parametrize(("kind", "view", "short", "long"), VIEWS)
@given(data=st.data())
def test_a_header_is_put_back_as_it_was(kind, view, short, long, data):
    version = data.draw(st.sampled_from([0, 1]))
    size = long if version else short
    atom = Atom(kind, bytes([version]) + data.draw(st.binary(min_size=size - 1, max_size=size + 5)))
    header = fields.read_header(atom, view)
    assert fields.write_header(atom, header) == atom
    name = data.draw(st.sampled_from(view._fields))
    changed = header._replace(**{name: getattr(header, name) ^ 1})
    assert fields.read_header(fields.write_header(atom, changed), view) == changed
    with pytest.raises(BoxError):
        fields.read_header(atom._replace(payload=atom.payload[:11]), view)


def test_ffmpeg_sees_the_changed_track(muxed, tmp_path):
    path = muxed["film.mp4"]
    tree = read(path)
    moov = tree.movie.atom
    place = next(p for p in locate(moov, b"trak") if b"soun" in to_bytes(box_at(moov, p)))
    sound = box_at(moov, place)
    media = find(sound, b"mdia", b"mdhd")
    assert fields.read_language(fields.read_header(media, fields.MediaHeader).language) == "fre"
    header = fields.read_header(media, fields.MediaHeader)
    sound = put(
        sound, fields.write_header(media, header._replace(language=fields.pack_language("ger"))), b"mdia"
    )
    handler = find(sound, b"mdia", b"hdlr")
    assert fields.read_handler(handler).type == b"soun"
    sound = put(sound, fields.write_handler_name(handler, "Ton"), b"mdia")
    after = tmp_path / "a.mp4"
    after.write_bytes(patched(path, layout.plan_patches(tree, replace_at(moov, place, sound))))
    with av.open(str(after)) as container:
        stream = container.streams.audio[0]
        assert (stream.metadata["language"], stream.metadata["handler_name"]) == ("ger", "Ton")
    assert packets(after) == packets(path)


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (bytes(8) + b"vide" + bytes(12) + b"Video\0", "Video"),
        (bytes(8) + b"vide" + bytes(12) + b"Video", "Video"),
        (bytes(8) + b"vide" + bytes(12), ""),
        (bytes(4) + b"mhlrvideappl" + bytes(8) + b"\5Videorest", "Video"),
        (bytes(4) + b"mhlrvideappl" + bytes(8) + b"Video\0", "Video"),
        (bytes(8) + b"vide" + bytes(12) + b"\5Video", "Video"),
    ],
)
def test_names_of_handlers_are_counted_or_ended_by_a_zero(payload, name):
    atom = Atom(b"hdlr", payload)
    assert fields.read_handler(atom) == fields.Handler(b"vide", name)
    assert fields.write_handler_name(atom, name) == atom
    changed = fields.write_handler_name(atom, "Other")
    assert fields.read_handler(changed) == fields.Handler(b"vide", "Other")
    assert changed.payload.endswith(b"rest") == payload.endswith(b"rest")


def test_edits_languages_roles_texts_and_entries():
    elst = Atom(b"elst", struct.pack(">IIIiIIiI", 0, 2, 100, -1, 0x10000, 200, 5, 0x10000) + b"behind")
    edits = fields.read_edits(elst)
    assert edits == (fields.Edit(100, -1, 0x10000), fields.Edit(200, 5, 0x10000))
    assert fields.write_edits(elst, edits) == elst
    assert fields.read_edits(fields.write_edits(elst, edits[:1])) == edits[:1]
    with pytest.raises(BoxError):
        fields.read_edits(Atom(b"elst", struct.pack(">II", 0, 1 << 31)))
    assert fields.read_text(fields.make_extended_language("pt-BR"), 4) == "pt-BR"
    assert fields.write_text(Atom(b"name", b"Old"), "New").payload == b"New"
    assert fields.read_role(fields.make_role("urn:mpeg:dash:role:2011", "commentary")) == (
        "urn:mpeg:dash:role:2011",
        "commentary",
    )
    assert fields.read_language(0) is None
    entry = box(b"hev1", bytes(78), box(b"hvcC", b"x"), box(b"colr", b"y"))
    stsd = parse_atom(box(b"stsd", bytes(8), entry))
    assert fields.entry_kinds(fields.rename_entry(stsd, b"hev1", b"hvc1")) == (b"hvc1",)
    opened = expand_box(stsd.children[0], 78)
    assert [child.kind for child in opened.children] == [b"hvcC", b"colr"]
    assert to_bytes(opened) == entry


# tags

NAMES = ["\xa9nam", "\xa9ART", "covr", "----:com.apple.iTunes:ONE", "----:com.apple.iTunes:two:3"]
KEYS = ["com.apple.quicktime.title", "com.android.version", "abcd"]
writes = st.lists(
    st.tuples(st.sampled_from(range(5)), st.lists(st.binary(max_size=9), max_size=2)), max_size=8
)


@given(writes, st.booleans())
def test_an_item_changes_alone(steps, with_keys):
    names = (KEYS + KEYS[:2]) if with_keys else NAMES
    meta = items.make_item_list(b"mdta" if with_keys else b"mdir")
    if with_keys:
        meta = items.write_item(meta, KEYS[0], (items.ItemValue(items.UTF8, b"x"),))
    expected = {item.name: item.values for item in items.read_items(meta)}
    for number, told in steps:
        values = tuple(items.ItemValue(items.UTF8, data, number) for data in told)
        meta = parse_atom(to_bytes(items.write_item(meta, names[number], values)))
        expected = {**expected, names[number]: values} if values else {
            name: old for name, old in expected.items() if name != names[number]
        }  # fmt: skip
        assert {item.name: item.values for item in items.read_items(meta)} == expected
        assert [item.name for item in items.read_items(meta)] == list(expected)


def test_what_ffmpeg_tagged_is_read_and_other_items_stay(muxed):
    meta = find(read(muxed["film.mp4"]).movie.atom, b"udta", b"meta")
    told = {item.name: item.values[0].data for item in items.read_items(meta)}
    assert (told["\xa9nam"], told["\xa9ART"]) == (b"A film", b"Someone")
    assert told["covr"].startswith(b"\x89PNG")
    edited = items.write_item(meta, "\xa9nam", (items.ItemValue(items.UTF8, b"Other"),))
    old, new = (find(one, b"ilst").children for one in (meta, edited))
    assert [a.kind for a, b in zip(old, new, strict=True) if a != b] == [b"\xa9nam"]
    keyed = find(read(muxed["keys.mov"]).movie.atom, b"udta", b"meta")
    assert {item.name: item.values[0].data for item in items.read_items(keyed)}["title"] == b"A film"


def test_texts_of_quicktime_and_3gp(muxed):
    texts = (items.LocalText("eng", "Caf\xe9"), items.LocalText(0, "Caf\xe9"))
    atom = items.make_local_texts(b"\xa9nam", texts)
    assert items.read_local_texts(atom) == texts
    with pytest.raises(BoxError):
        items.make_local_texts(b"\xa9nam", (items.LocalText(0, "\u4e2d"),))
    for cut in range(1, 4):
        with pytest.raises(BoxError):
            items.read_local_texts(atom._replace(payload=atom.payload[:-cut]))
    udta = find(read(muxed["plain.3gp"]).movie.atom, b"udta")
    titl = find(udta, b"titl")
    assert items.read_asset_text(titl).text == "A film"
    assert items.write_asset_text(titl, items.read_asset_text(titl)) == titl
    album = Atom(b"albm", bytes(4) + b"\x15\xc7" + "\ufeffAb\0".encode("utf-16-be") + b"\x07")
    told = items.read_asset_text(album)
    assert told == items.LocalText("eng", "Ab")
    assert items.write_asset_text(album, told._replace(text="Other")).payload.endswith(b"Other\0\x07")


# hostile files


def judge(path: Path) -> None:
    """Do everything that can be done with a file. Only BoxError may come."""
    try:
        tree = read(path)
        assert written(path, tree) == path.read_bytes()
        moov = tree.movie.atom
        for _, atom in walk_atoms(moov):
            look_at(atom)
        for plan in (
            lambda: layout.plan_patches(tree, with_title(moov, 300)),
            lambda: layout.plan_copy(tree, tree.parts),
        ):
            try:
                plan()
            except BoxError:
                pass
    except BoxError:
        pass


def look_at(atom: Atom) -> None:
    views = {
        b"mvhd": lambda: fields.read_header(atom, fields.MovieHeader),
        b"tkhd": lambda: fields.read_header(atom, fields.TrackHeader),
        b"mdhd": lambda: fields.read_header(atom, fields.MediaHeader),
        b"hdlr": lambda: fields.write_handler_name(atom, "x"),
        b"elst": lambda: fields.read_edits(atom),
        b"meta": lambda: items.read_items(atom),
        b"titl": lambda: items.write_asset_text(atom, items.read_asset_text(atom)),
    }
    try:
        views.get(atom.kind, lambda: items.read_local_texts(atom))()
    except BoxError:
        pass


@pytest.mark.parametrize("name", ALL_MUXED)
def test_a_file_with_one_changed_byte_ends_in_a_tree_or_a_clear_refusal(muxed, tmp_path, name):
    whole = muxed[name].read_bytes()
    headers = [
        n for p in read(muxed[name]).parts for n in range(p.offset, p.offset + (p.size if p.atom else 16))
    ]
    headers = [n for n in headers if n < len(whole)]
    chance = random.Random(name)
    path = tmp_path / "a.mp4"
    for position in chance.sample(headers, min(120, len(headers))):
        data = bytearray(whole)
        data[position] = chance.choice([0, 1, 0x7F, 0xFF, data[position] ^ 1 << chance.randrange(8)])
        path.write_bytes(data)
        judge(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000))
def test_a_file_cut_anywhere_ends_in_a_tree_or_a_clear_refusal(muxed, tmp_path, at):
    whole = muxed["faststart.mp4"].read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: at % len(whole)])
    judge(path)


def test_a_part_added_to_a_copy_and_one_left_out(muxed, tmp_path):
    path = muxed["faststart.mp4"]
    tree = read(path)
    added = Part(b"uuid", -1, 0, Atom(b"uuid", bytes(40)))
    parts = [tree.parts[0], added, *(part for part in tree.parts[1:] if part.kind != b"free")]
    after = tmp_path / "a.mp4"
    after.write_bytes(copied(path, layout.plan_copy(tree, parts)))
    assert packets(after) == packets(path)
    assert [part.kind for part in read(after).parts] == [b"ftyp", b"uuid", b"moov", b"mdat"]
    with pytest.raises(BoxError, match="not in the copy"):
        layout.plan_copy(tree, [part for part in tree.parts if part.kind != b"mdat"])


def test_all_tracks_are_found(muxed):
    moov = read(muxed["film.mp4"]).movie.atom
    kinds = [fields.read_handler(h).type for h in find_all(moov, b"trak", b"mdia", b"hdlr")]
    assert kinds[:3] == [b"vide", b"soun", b"sbtl"]


def test_an_index_stays_before_its_fragments(muxed):
    tree = read(muxed["fragmented.mp4"])
    with pytest.raises(BoxError, match="keep its place"):
        layout.plan_copy(tree, [*(part for part in tree.parts if part.kind != b"moov"), tree.movie])


def test_an_index_that_names_a_place_in_itself_is_copied_only_as_it_is(tmp_path):
    moov = movie_of(*tables(20, 4))
    path = tmp_path / "a.mp4"
    path.write_bytes(to_bytes(moov))
    tree = read(path)
    assert copied(path, layout.plan_copy(tree, tree.parts)) == path.read_bytes()
    with pytest.raises(BoxError, match="not in the copy"):
        layout.plan_copy(tree, [tree.movie._replace(atom=append_at(moov, (), Atom(b"abcd")))])


def test_offsets_that_a_copy_makes_too_large_become_wider_and_count_the_growth(tmp_path):
    path = tmp_path / "a.mp4"
    first, last = 100, (1 << 32) - 50
    moov = movie_of(Atom(b"stco", struct.pack(">IIII", 0, 2, first, last)))
    with path.open("wb") as file:
        file.write(struct.pack(">I4sQ", 1, b"mdat", 5 << 30))
        file.seek(5 << 30)
        file.write(to_bytes(moov))
    tree = read(path)
    pieces = layout.plan_copy(tree, tree.parts[::-1])
    assert pieces[1] == (0, 5 << 30)
    assert isinstance(pieces[0], bytes)
    size = len(pieces[0])
    assert list(named_offsets(parse_atom(pieces[0]))) == [first + size, last + size]
    assert find(parse_atom(pieces[0]), b"trak", b"mdia", b"minf", b"stbl", b"co64") is not None


def test_free_space_just_above_32_bits_says_its_size():
    for size in ((1 << 32) - 1, 1 << 32, (1 << 32) + 7):
        header = layout._free_header(size)
        found = struct.unpack(">I4sQ", header)[2] if len(header) == 16 else struct.unpack(">I4s", header)[0]
        assert found == size


def test_in_a_fragment_auxiliary_information_counts_from_the_fragment():
    fragment = put(Atom(b"moof"), TABLES["saio"], b"traf")
    assert shift_offsets(fragment, lambda offset: offset + 11) == fragment


def test_an_item_whose_parts_move_apart_is_refused():
    with pytest.raises(BoxError, match="parts move apart"):
        shift_offsets(TABLES["iloc with a base"], lambda offset: offset + offset)


def test_a_child_without_a_size_is_kept_as_bytes():
    """Only a box of the file itself may reach to the end."""
    trak = parse_atom(box(b"trak", box(b"abcd"), bytes(4) + b"wxyz" + b"more"))
    assert [child.kind for child in trak.children] == [b"abcd"]
    assert trak.tail == bytes(4) + b"wxyzmore"
    assert find_damage(trak) == ()


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path):
    class Shrinking(Source):
        def read(self, offset: int, count: int) -> bytes:
            return super().read(offset, count)[:16]

    path = tmp_path / "a.mp4"
    path.write_bytes(box(b"moov", bytes(100)))
    with path.open("rb") as file, pytest.raises(BoxError, match="became shorter"):
        read_boxes(Shrinking(str(path), file.fileno()))


def test_keys_are_counted_and_used_again():
    value = (items.ItemValue(items.UTF8, b"x"),)
    meta = items.write_item(items.make_item_list(b"mdta"), KEYS[0], value)
    meta = items.write_item(items.write_item(meta, "abcd", value), KEYS[0], ())
    meta = items.write_item(meta, KEYS[0], value)
    keys = find(meta, b"keys")
    assert [key.payload for key in keys.children] == [KEYS[0].encode(), b"abcd"]
    assert keys.payload == struct.pack(">II", 0, 2)
    assert [item.kind for item in find(meta, b"ilst").children] == [
        struct.pack(">I", 2),
        struct.pack(">I", 1),
    ]


def test_a_repeated_item_becomes_one_and_what_stands_beside_its_values_stays():
    value = items.ItemValue(items.UTF8, b"x")
    data = Atom(b"data", struct.pack(">II", 1, 0) + b"old")
    odd = Atom(b"\xa9ART", b"", (Atom(b"abcd"), data, Atom(b"wxyz")))
    meta = Atom(b"meta", bytes(4), (Atom(b"hdlr", bytes(24)), Atom(b"ilst", b"", (odd, odd))))
    written_item = find(items.write_item(meta, "\xa9ART", (value,)), b"ilst").children
    assert [[child.kind for child in item.children] for item in written_item] == [[b"abcd", b"data", b"wxyz"]]
    assert items.read_items(items.write_item(meta, "\xa9ART", ())) == ()
