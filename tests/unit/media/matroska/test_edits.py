"""A plan's changes on the tree: only what was asked for, and what mkvtoolnix makes of the same wish."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.matroska import cluster, element, matroska, number, track
from tests.support.matroska_tree import elements_of
from tests.support.tools import need_tool
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.matroska.ebml import open_source
from vpo_tasks.media.matroska.edits import edited_tree
from vpo_tasks.media.matroska.elements import TreeError, id_named
from vpo_tasks.media.matroska.language_fields import language_fields
from vpo_tasks.media.matroska.tag_edits import with_tags
from vpo_tasks.media.matroska.tree import Tree, TreeNode
from vpo_tasks.media.matroska.tree_layout import lay_out
from vpo_tasks.media.matroska.tree_reader import read_tree
from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.media.synthetic import SampleTrack, make_sample

NAME = element(id_named("Name"), b"Old")
DUTCH = element(id_named("Language"), b"dut")
FOUND = (
    Track(index=0, type="video", codec="mpeg4", default=True),
    Track(index=1, type="audio", codec="ac3", default=True, title="Old", language="dut"),
)


def opened(path: Path, data: bytes) -> Any:
    path.write_bytes(data)
    return open_source(str(path))


def film(*more: bytes, sound: tuple[bytes, ...] = (NAME, DUTCH), number_of_sound: int = 2) -> bytes:
    tracks = track(1, 1, b"V_MPEG4/ISO/ASP"), track(number_of_sound, 2, b"A_AC3", *sound)
    return matroska(*more, cluster(0), tracks=tracks)


def media(*tracks: Track, **tags: str) -> MediaInfo:
    return MediaInfo(container="mkv", format_name="matroska", tracks=tracks or FOUND, tags=tags)


def with_sound(**fields: Any) -> MediaInfo:
    return media(FOUND[0], msgspec.structs.replace(FOUND[1], **fields))


def sound_of(tree: Tree) -> dict[str, Any]:
    names = (
        "FlagDefault", "FlagForced", "Name", "Language", "LanguageBCP47", "FlagHearingImpaired", "FlagVisualImpaired",
        "FlagTextDescriptions", "FlagOriginal", "FlagCommentary",
    )  # fmt: skip
    entry = list(tree.segment.all("Tracks", "TrackEntry"))[1]
    return {name: node.value for name in names if (node := entry.get(name)) is not None}


AS_IT_WAS = {"Name": "Old", "Language": "dut"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {}),
        ({"default": False}, {"FlagDefault": 0}),
        ({"forced": True}, {"FlagForced": 1}),
        ({"title": "New é"}, {"Name": "New é"}),
        ({"title": None}, {"Name": None}),
        ({"language": "jpn"}, {"Language": "jpn", "LanguageBCP47": "ja"}),
        ({"language": "pt-BR"}, {"Language": "por", "LanguageBCP47": "pt-BR"}),
        ({"language": None}, {"Language": "und", "LanguageBCP47": "und"}),
        ({"dispositions": ("comment",)}, {"FlagCommentary": 1}),
        ({"dispositions": ("hearing_impaired",)}, {"FlagHearingImpaired": 1}),
        ({"dispositions": ("visual_impaired",)}, {"FlagVisualImpaired": 1}),
        ({"dispositions": ("descriptions",)}, {"FlagTextDescriptions": 1}),
        ({"dispositions": ("original",)}, {"FlagOriginal": 1}),
        ({"dispositions": ("dub",)}, {"FlagOriginal": 0}),
    ],
)
def test_one_property_of_a_track_is_changed_and_nothing_else(tmp_path, fields, expected):
    with opened(tmp_path / "a.mkv", film()) as source:
        tree = read_tree(source)
        edited = edited_tree(tree, media(), with_sound(**fields))
        wanted = {name: value for name, value in {**AS_IT_WAS, **expected}.items() if value is not None}
        assert sound_of(edited) == wanted
        first, second = (next(one.segment.all("Tracks", "TrackEntry")) for one in (tree, edited))
        assert first is second, "the other track"


@pytest.mark.parametrize(("after", "expected"), [((), {}), (("dub",), {"FlagOriginal": 0})])
def test_a_track_that_is_no_original_any_more_is_not_called_dubbed_by_itself(tmp_path, after, expected):
    with opened(tmp_path / "a.mkv", film(sound=(number(id_named("FlagOriginal"), 1),))) as source:
        before = with_sound(dispositions=("original",))
        assert sound_of(edited_tree(read_tree(source), before, with_sound(dispositions=after))) == expected


def test_roles_and_bcp_47_are_of_version_4(tmp_path):
    data = film().replace(
        element(0x4282, b"matroska"), element(0x4282, b"matroska") + number(0x4287, 2)[:-1] + b"\2"
    )
    data = data.replace(b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x12", b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x24")
    with opened(tmp_path / "a.mkv", data) as source:
        tree = read_tree(source)
        for fields, version in (
            ({"title": "x"}, 2),
            ({"dispositions": ("comment",)}, 4),
            ({"language": "ger"}, 4),
        ):
            found = edited_tree(tree, media(), with_sound(**fields)).nodes[0].get("DocTypeVersion")
            assert found is not None
            assert found.value == version, fields


def test_a_title_is_set_and_taken_away(tmp_path):
    with opened(tmp_path / "a.mkv", film()) as source:
        titled = edited_tree(read_tree(source), media(), media(title="A film"))
        assert titled.segment.get("Info", "Title").value == "A film"
        plain = edited_tree(titled, media(title="A film"), media())
        assert plain.segment.get("Info", "Title") is None


@pytest.mark.parametrize(
    ("data", "after", "why"),
    [
        (film(), media(FOUND[0]), "the tracks themselves differ"),
        (film(number_of_sound=1), media(), "two tracks have the same number"),
        (film(), with_sound(dispositions=("karaoke",)), "no flag for karaoke"),
        (film(element(id_named("Tracks"), track(3, 2, b"A_AC3"))), media(), "has not one Tracks"),
        (matroska(cluster(0), tracks=(track(1, 1, b"V_VP8"),)), media(), "not those that were found"),
        (matroska(cluster(0), tracks=(track(1, 1, b"V_VP8"), track(2, 17, b"S"))), media(), "not those"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_was_described_is_refused(tmp_path, data, after, why):
    with opened(tmp_path / "a.mkv", data) as source, pytest.raises(TreeError, match=why):
        edited_tree(read_tree(source), media(), after)


def test_an_attachment_is_never_changed(tmp_path):
    font = Track(index=2, type="attachment", codec="ttf", filename="a.ttf")
    other = msgspec.structs.replace(font, filename="b.ttf")
    with opened(tmp_path / "a.mkv", film()) as source, pytest.raises(TreeError, match="attachment"):
        edited_tree(read_tree(source), media(*FOUND, font), media(*FOUND, other))


# -- tags ------------------------------------------------------------------------------------------------------


def simple(name: str, text: str, *more: bytes) -> bytes:
    fields = element(id_named("TagName"), name.encode()), element(id_named("TagString"), text.encode())
    return element(id_named("SimpleTag"), b"".join(fields) + b"".join(more))


def tag(targets: bytes, *simple_tags: bytes) -> bytes:
    return element(id_named("Tag"), element(id_named("Targets"), targets) + b"".join(simple_tags))


def language(code: str, default: int | None = None) -> bytes:
    flag = b"" if default is None else number(id_named("TagDefault"), default)
    return element(id_named("TagLanguage"), code.encode()) + flag


SEASON = number(id_named("TargetTypeValue"), 60) + element(id_named("TargetType"), b"SEASON")
OF_TRACK = number(id_named("TagTrackUID"), 7)
TAGS = (
    tag(SEASON, simple("PART_NUMBER", "2")),
    tag(OF_TRACK, simple("ACTOR", "of the track")),
    tag(
        b"",
        simple("ACTOR", "Ann", simple("CHARACTER", "Anna")),
        simple("ACTOR", "Bob"),
        simple("LEAD_PERFORMER", "Zed"),
        simple("COMMENT", "hallo", language("ger", 1)),
        simple("COMMENT", "allo", language("fre")),
        simple("ODD", "\0", element(id_named("TagBinary"), b"\1\2")),
    ),
)
SHOWN = {
    "season/part_number": "2", "actor": "Bob", "actor/character": "Anna", "performer": "Zed", "comment": "hallo",
    "comment-ger": "hallo", "comment-fre": "allo", "odd": "",
}  # fmt: skip


@contextmanager
def tagged(path: Path, *tags: bytes) -> Iterator[Tree]:
    data = film(*([element(id_named("Tags"), b"".join(tags))] if tags else []))
    with opened(path, data) as source:
        yield read_tree(source)


def tags_of(tree: Tree) -> bytes:
    return b"".join(b"".join(node.data_pieces()) for node in tree.segment.all("Tags"))


def changed(**tags: str | None) -> dict[str, str]:
    return {name: text for name, text in {**SHOWN, **tags}.items() if text is not None}


def test_tags_are_named_as_ffmpeg_shows_them(tmp_path):
    """The names that the other tests go by, by FFmpeg itself."""
    make_sample(str(tmp_path / "once.mkv"), [SampleTrack("video", "mpeg4")], seconds=0.5)
    with open_source(str(tmp_path / "once.mkv")) as source:
        tree = read_tree(source)
        with tagged(tmp_path / "tags.mkv", *TAGS) as other:
            (new,) = other.segment.all("Tags")
            old = next(tree.segment.all("Tags"))
            (tmp_path / "film.mkv").write_bytes(b"".join(tree.replaced(old, new).pieces()))
    found = read_media(str(tmp_path / "film.mkv")).tags
    assert {name: text for name, text in found.items() if name not in ("encoder", "creation_time")} == SHOWN


@pytest.mark.parametrize(
    ("name", "text", "old", "new"),
    [
        ("actor", "Cid", TAGS[2], TAGS[2].replace(b"Bob", b"Cid")),
        ("performer", "Zoe", TAGS[2], TAGS[2].replace(b"Zed", b"Zoe")),
        ("season/part_number", "3", TAGS[0], tag(SEASON, simple("PART_NUMBER", "3"))),
        ("actor/character", "Anne", b"Anna", b"Anne"),
        ("comment-fre", "salut", b"allo", b"salut"),
    ],
)
def test_one_tag_gets_another_text(tmp_path, name, text, old, new):
    with tagged(tmp_path / "a.mkv", *TAGS) as tree:
        edited = with_tags(tree, SHOWN, changed(**{name: text}))
        one, two = values(tree), values(edited)
        assert len(one) == len(two)
        assert [(a, b) for a, b in zip(one, two, strict=True) if a != b] == [
            (a, text) for a, b in zip(one, two, strict=True) if a != b
        ]
        assert sum(a != b for a, b in zip(one, two, strict=True)) == 1
    assert old != new


def values(tree: Tree) -> list[Any]:
    """The values in all Tags, in file order."""

    def walk(node: TreeNode) -> Iterator[Any]:
        if isinstance(node.content, tuple):
            for child in node.content:
                yield from walk(child)
        else:
            yield node.value

    return [value for node in tree.segment.all("Tags") for value in walk(node)]


def test_a_tag_in_a_language_keeps_its_text_when_the_one_without_gets_another(tmp_path):
    """Nobody says that the new text is German."""
    with tagged(tmp_path / "a.mkv", *TAGS) as tree:
        edited = with_tags(tree, SHOWN, changed(comment="hi"))
        before, after = values(tree), values(edited)
        assert after[: len(before)] == before
        assert after[len(before) :] == ["COMMENT", "hi"]


@pytest.mark.parametrize(
    ("gone", "left_out"),
    [
        (["actor", "actor/character"], ["ACTOR", "Ann", "CHARACTER", "Anna", "ACTOR", "Bob"]),
        (["actor"], ["Ann", "ACTOR", "Bob"]),
        (["actor/character"], ["CHARACTER", "Anna"]),
        (["season/part_number"], [60, "SEASON", "PART_NUMBER", "2"]),
        (["comment-fre"], ["COMMENT", "allo", "fre"]),
        (["comment", "comment-ger"], ["COMMENT", "hallo", "ger", 1]),
    ],
)
def test_a_tag_is_taken_away_wherever_it_is_repeated_and_no_other(tmp_path, gone, left_out):
    with tagged(tmp_path / "a.mkv", *TAGS) as tree:
        edited = with_tags(tree, SHOWN, changed(**dict.fromkeys(gone)))
        expected = values(tree)
        for value in reversed(left_out):
            del expected[len(expected) - 1 - expected[::-1].index(value)]
        assert sorted(map(repr, values(edited))) == sorted(map(repr, expected))


def test_a_tag_of_which_one_of_two_names_goes_keeps_the_other(tmp_path):
    with tagged(tmp_path / "a.mkv", *TAGS) as tree:
        only_german = values(with_tags(tree, SHOWN, changed(comment=None)))
        assert [b for a, b in zip(values(tree), only_german, strict=True) if a != b] == [0]
        no_language = values(with_tags(tree, SHOWN, changed(**{"comment-ger": None})))
        assert len(no_language) == len(values(tree)) - 1
        assert "ger" not in no_language


def test_a_new_tag_goes_to_those_of_the_whole_file(tmp_path):
    with tagged(tmp_path / "a.mkv", *TAGS) as tree:
        edited = with_tags(tree, SHOWN, changed(director="Someone"))
        assert values(edited) == [*values(tree), "DIRECTOR", "Someone"]
        assert tags_of(edited).startswith(TAGS[0] + TAGS[1])
        assert len(list(edited.segment.all("Tags", "Tag"))) == 3


@pytest.mark.parametrize("tags", [(), TAGS[:1], TAGS[1:2]])
def test_a_new_tag_where_there_are_none_of_the_whole_file_has_a_place_of_its_own(tmp_path, tags):
    with tagged(tmp_path / "a.mkv", *tags) as tree:
        edited = with_tags(tree, {}, {"director": "Someone"})
        assert values(edited) == [*values(tree), "DIRECTOR", "Someone"]
        assert tags_of(edited).startswith(tags_of(tree))
        *_, made = edited.segment.all("Tags", "Tag")
        assert made.get("Targets").children == ()
        if not tags:
            order = [node.id for node in edited.segment.children]
            assert order.index(id_named("Tags")) < order.index(id_named("Cluster"))


def test_the_last_tag_takes_its_surroundings_along(tmp_path):
    with tagged(tmp_path / "a.mkv", tag(b"", simple("COMMENT", "x"))) as tree:
        assert list(with_tags(tree, {"comment": "x"}, {}).segment.all("Tags")) == []
    with tagged(tmp_path / "a.mkv", tag(b"", simple("COMMENT", "x")), TAGS[1]) as tree:
        edited = with_tags(tree, {"comment": "x"}, {})
        assert tags_of(edited) == TAGS[1]


def test_a_title_that_a_tag_hides_is_changed_in_both_places(tmp_path):
    with tagged(tmp_path / "a.mkv", tag(b"", simple("TITLE", "tagged"))) as tree:
        edited = edited_tree(tree, media(title="tagged"), media(title="New"))
        assert edited.segment.get("Info", "Title").value == "New"
        assert values(edited) == ["TITLE", "New"]


@pytest.mark.parametrize("name", ["encoder", "creation_time", "duration"])
def test_what_tools_write_of_themselves_is_no_tag(tmp_path, name):
    with tagged(tmp_path / "a.mkv", *TAGS) as tree:
        assert with_tags(tree, {name: "1"}, {}) is tree


def test_a_nested_tag_that_is_not_there_is_refused(tmp_path):
    with tagged(tmp_path / "a.mkv", *TAGS) as tree, pytest.raises(TreeError, match="no place of its own"):
        with_tags(tree, SHOWN, changed(**{"collection/title": "All"}))


def test_tags_that_are_no_text_stay_as_they_are(tmp_path):
    odd = tag(b"", simple("ODD", "?").replace(b"?", b"\xe9"), element(id_named("SimpleTag"), b""))
    with tagged(tmp_path / "a.mkv", odd) as tree:
        edited = with_tags(tree, {}, {"comment": "x"})
        assert b"\xe9" in tags_of(edited)
        assert len(list(edited.segment.all("Tags", "Tag", "SimpleTag"))) == 3


# -- truth from outside ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ger", ("ger", "de")), ("eng", ("eng", "en")), ("und", ("und", "und")), ("mul", ("mul", "mul")),
        ("cmn", ("chi", "cmn")), ("yue", ("chi", "yue")), ("chi", ("chi", "zh")), ("nob", ("nob", "nb")),
        ("fil", ("fil", "fil")), ("qaa", ("qaa", "qaa")), ("zxx", ("zxx", "zxx")), ("rue", ("und", "rue")),
        ("pt-BR", ("por", "pt-BR")), ("zh-Hant", ("chi", "zh-Hant")), ("es-419", ("spa", "es-419")),
        ("sr-Latn", ("srp", "sr-Latn")), ("x-foo", ("und", "x-foo")), ("hrv", ("hrv", "hr")),
    ],
)  # fmt: skip
def test_languages_are_stored_as_mkvtoolnix_stores_them(tmp_path, code, expected):
    assert language_fields(code) == expected
    propedit, merge = need_tool("mkvpropedit"), need_tool("mkvmerge")
    path = tmp_path / "film.mkv"
    make_sample(str(path), [SampleTrack("video", "mpeg4")], seconds=0.5)
    subprocess.run([propedit, "-q", path, "--edit", "track:1", "--set", f"language={code}"], check=True)
    shown = json.loads(subprocess.run([merge, "-J", path], check=True, capture_output=True).stdout)
    properties = shown["tracks"][0]["properties"]
    assert (properties["language"], properties["language_ietf"]) == expected


def test_case_of_tags_with_levels_and_repeats_reads_the_same_for_mkvtoolnix(tmp_path):
    """One tag more; all others by mkvextract as they were, the levels, repeats and order too."""
    merge, extract = need_tool("mkvmerge"), need_tool("mkvextract")
    with tagged(tmp_path / "tags.mkv", *TAGS[::2]) as other:
        (tags,) = other.segment.all("Tags")
        make_sample(str(tmp_path / "once.mkv"), [SampleTrack("video", "mpeg4")], seconds=0.5)
        with open_source(str(tmp_path / "once.mkv")) as source:
            tree = read_tree(source)
            (tmp_path / "old.mkv").write_bytes(
                b"".join(tree.replaced(next(tree.segment.all("Tags")), tags).pieces())
            )
    subprocess.run([merge, "-q", "-o", tmp_path / "film.mkv", tmp_path / "old.mkv"], check=True)
    before = xml(extract, tmp_path / "film.mkv")
    found = read_media(str(tmp_path / "film.mkv"))
    after = msgspec.structs.replace(found, tags=found.tags | {"director": "Someone"})
    with open_source(str(tmp_path / "film.mkv")) as source:
        tree = read_tree(source)
        (tmp_path / "new.mkv").write_bytes(b"".join(lay_out(tree, edited_tree(tree, found, after)).pieces()))
    left = xml(extract, tmp_path / "new.mkv")
    added = [line for line in left if line not in before]
    assert [line.strip() for line in added] == ["<Name>DIRECTOR</Name>", "<String>Someone</String>"]
    assert [line for line in before if line not in left] == []
    assert left[: before.index("    <Simple>")] == before[: before.index("    <Simple>")]
    assert read_media(str(tmp_path / "new.mkv")).tags == after.tags


def xml(extract: str, path: Path) -> list[str]:
    shown = subprocess.run([extract, path, "tags"], check=True, capture_output=True, text=True).stdout
    return shown.splitlines()


def test_a_name_from_a_tag_of_the_track_is_left_alone(tmp_path):
    merge = need_tool("mkvmerge")
    make_sample(str(tmp_path / "once.mkv"), [SampleTrack("video", "mpeg4")], seconds=0.5)
    (tmp_path / "t.xml").write_text(
        "<Tags><Tag><Targets/><Simple><Name>TITLE</Name><String>tagged</String></Simple></Tag></Tags>"
    )
    path = tmp_path / "film.mkv"
    subprocess.run(
        [merge, "-q", "-o", path, "--tags", f"0:{tmp_path / 't.xml'}", tmp_path / "once.mkv"], check=True
    )
    shutil.copy(path, tmp_path / "old.mkv")
    found = read_media(str(path))
    after = msgspec.structs.replace(
        found, tracks=(msgspec.structs.replace(found.tracks[0], default=not found.tracks[0].default),)
    )
    with open_source(str(path)) as source:
        tree = read_tree(source)
        (tmp_path / "new.mkv").write_bytes(b"".join(lay_out(tree, edited_tree(tree, found, after)).pieces()))
    changed_flag = frozenset({id_named("FlagDefault")})
    assert elements_of(tmp_path / "new.mkv", changed_flag) == elements_of(tmp_path / "old.mkv", changed_flag)
