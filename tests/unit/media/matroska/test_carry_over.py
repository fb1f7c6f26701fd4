"""What a tool leaves out of a Matroska file is taken from the source's tree, as it is stored there."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.matroska import cluster, element, matroska, number, track
from tests.support.matroska_film import attached, count, edition, film, grown, made_film, master, tag, text
from vpo_tasks.media.matroska.carried_tags import number_in
from vpo_tasks.media.matroska.carry_over import CarriedTrack, Written, carried_over
from vpo_tasks.media.matroska.ebml import open_source
from vpo_tasks.media.matroska.elements import TreeError, id_named
from vpo_tasks.media.matroska.tree import Tree, TreeNode
from vpo_tasks.media.matroska.tree_reader import read_tree

COPIED = (CarriedTrack(0, 0, False), CarriedTrack(1, 1, False))
ENCODED = (CarriedTrack(0, 0, True), CarriedTrack(1, 1, False))
BY_FFMPEG = Written("ffmpeg", 0)


@pytest.fixture
def carry(tmp_path):
    with ExitStack() as stack:

        def carried(
            source: bytes,
            made: bytes,
            tracks: tuple[CarriedTrack, ...] = COPIED,
            written: Written = BY_FFMPEG,
        ) -> Tree:
            trees = []
            for name, data in (("source.mkv", source), ("made.mkv", made)):
                (tmp_path / name).write_bytes(data)
                trees.append(read_tree(stack.enter_context(open_source(str(tmp_path / name)))))
            return carried_over(trees[0], trees[1], tracks, written)

        yield carried


def entry(tree: Tree, place: int) -> TreeNode:
    return list(tree.segment.all("Tracks", "TrackEntry"))[place]


def values(tree: Tree, *path: str) -> list[Any]:
    return [node.value for node in tree.segment.all(*path)]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("SegmentUUID", bytes(range(16))),
        ("PrevUUID", bytes(range(1, 17))),
        ("NextFilename", b"part2.mkv"),
        ("SegmentFamily", b"f" * 16),
        ("DateUTC", (5).to_bytes(8, "big")),
        ("Title", b"A film"),
    ],
)
def test_what_the_segment_says_of_itself_is_the_sources(carry, name, data):
    source = film().replace(
        number(0x2AD7B1, 1_000_000), number(0x2AD7B1, 1_000_000) + element(id_named(name), data)
    )
    # the sizes above are stored in eight bytes and must grow with it
    source = grown(source, len(element(id_named(name), data)))
    info = carry(source, made_film()).segment.get("Info")
    assert [b"".join(node.data_pieces()) for node in info.all(name)] == [data]
    assert number_in(info, "TimestampScale") == 1_000_000


def test_a_date_that_the_source_does_not_tell_is_not_told(carry):
    made = grown(
        made_film().replace(number(0x2AD7B1, 1_000_000), number(0x2AD7B1, 1_000_000) + count("DateUTC", 7)),
        len(count("DateUTC", 7)),
    )
    assert carry(film(), made).segment.get("Info", "DateUTC") is None


def test_tracks_keep_their_names_languages_roles_and_uids(carry):
    said = (
        text("Name", "Versión"),
        text("Language", "spa"),
        text("LanguageBCP47", "es-419"),
        count("FlagEnabled", 0),
        count("FlagOriginal", 1),
        count("FlagDefault", 0),
    )
    found = entry(carry(film(audio=said), made_film(audio=(text("Name", "other"),))), 1)
    names = ("Name", "Language", "LanguageBCP47", "FlagEnabled", "FlagOriginal", "FlagDefault", "TrackUID")
    assert [node.value for name in names for node in found.all(name)] == [
        "Versión",
        "spa",
        "es-419",
        0,
        1,
        0,
        22,
    ]
    assert [node.value for node in found.all("CodecID")] == ["A_AC3"]


def test_what_the_source_does_not_say_of_a_track_is_not_said_by_a_tool(carry):
    made = made_film(audio=(text("LanguageBCP47", "en"), count("FlagDefault", 0)))
    found = entry(carry(film(), made), 1)
    assert found.get("LanguageBCP47") is None
    assert found.get("FlagDefault") is None


def test_how_packets_are_stored_stays_as_the_tool_wrote_it(carry):
    source = film(video=(count("DefaultDuration", 40), element(id_named("CodecPrivate"), b"old")))
    made = made_film(video=(count("DefaultDuration", 41), element(id_named("CodecPrivate"), b"new")))
    found = entry(carry(source, made, ENCODED), 0)
    assert [node.value for node in found.all("DefaultDuration")] == [41]
    assert [node.value for node in found.all("CodecPrivate")] == [b"new"]
    assert [node.value for node in found.all("CodecID")] == ["V_MPEGH/ISO/HEVC"]


CROP = {"PixelCropTop": 20, "PixelCropBottom": 20, "PixelCropLeft": 8, "PixelCropRight": 0}


def picture(width: int, height: int, **more: int) -> tuple[bytes]:
    numbers = {"PixelWidth": width, "PixelHeight": height, **more}
    return (master("Video", *(count(name, value) for name, value in numbers.items())),)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ((128, 96), (20, 20, 8)),
        ((64, 48), (10, 10, 4)),
        ((120, 56), ()),
    ],
)
def test_an_encoded_picture_is_cropped_as_the_source_is(carry, made, expected):
    source = film(video=picture(128, 96, **{name: value for name, value in CROP.items() if value}))
    tree = carry(
        source, made_film(video=picture(*made, DisplayWidth=made[0], DisplayHeight=made[1])), ENCODED
    )
    found = entry(tree, 0).get("Video")
    assert found is not None
    crop = [number_in(found, name) for name in ("PixelCropTop", "PixelCropBottom", "PixelCropLeft")]
    assert tuple(value for value in crop if value) == expected
    assert found.get("DisplayWidth") is None  # the size of the whole picture would stretch it
    assert (number_in(found, "PixelWidth"), number_in(found, "PixelHeight")) == made


def test_a_display_size_is_scaled_with_a_cropped_picture(carry):
    source = film(video=picture(128, 96, PixelCropTop=20, DisplayWidth=256, DisplayHeight=76))
    found = entry(carry(source, made_film(video=picture(64, 48)), ENCODED), 0).get("Video")
    assert found is not None
    assert (number_in(found, "DisplayWidth"), number_in(found, "DisplayHeight")) == (128, 38)


def test_editions_are_the_sources(carry):
    source = film(master("Chapters", edition(7, 0, 1_000), edition(8, 500)))
    made = made_film(master("Chapters", edition(1, 0)))
    tree = carry(source, made)
    assert values(tree, "Chapters", "EditionEntry", "EditionUID") == [7, 8]
    assert values(tree, "Chapters", "EditionEntry", "ChapterAtom", "ChapterTimeStart") == [0, 1_000, 500]


def test_chapters_move_in_time_with_all_else(carry):
    source = film(master("Chapters", edition(7, 5_000, 7_000, 4_000)))
    tree = carry(source, made_film(), COPIED, Written("ffmpeg", -5_000))
    assert values(tree, "Chapters", "EditionEntry", "ChapterAtom", "ChapterTimeStart") == [0, 2_000, 0]


def test_chapters_that_are_not_the_sources_stay(carry):
    source = film(master("Chapters", edition(7, 0)))
    tree = carry(source, made_film(master("Chapters", edition(1, 0))), COPIED, Written("ffmpeg", None))
    assert values(tree, "Chapters", "EditionEntry", "EditionUID") == [1]


def tags_of(tree: Tree) -> list[tuple[list[Any], list[str]]]:
    """Return for each Tag the tracks that it is of, and what it says."""
    found = []
    for item in tree.segment.all("Tags", "Tag"):
        names = [str(node.value) for node in item.all("SimpleTag", "TagName")]
        texts = [str(node.value) for node in item.all("SimpleTag", "TagString")]
        said = [f"{name}={value}" for name, value in zip(names, texts, strict=True)]
        found.append(([node.value for node in item.all("Targets", "TagTrackUID")], said))
    return found


def test_tags_keep_their_targets_order_and_repeats(carry):
    season = count("TargetTypeValue", 60)
    stored = (
        tag(("ACTOR", "A"), ("ACTOR", "B")),
        tag(("PART_NUMBER", "2"), targets=(season,)),
        tag(("ARTIST", "C"), targets=(count("TagTrackUID", 22),)),
    )
    made = made_film(master("Tags", tag(("ACTOR", "B"), ("SEASON/PART_NUMBER", "2"))))
    tree = carry(film(master("Tags", *stored)), made)
    assert tags_of(tree) == [
        ([], ["ACTOR=A", "ACTOR=B"]),
        ([], ["PART_NUMBER=2"]),
        ([22], ["ARTIST=C"]),
    ]
    assert values(tree, "Tags", "Tag", "Targets", "TargetTypeValue") == [60]


def test_tags_of_a_dropped_track_go_with_it(carry):
    stored = (
        tag(("ARTIST", "of the video"), targets=(count("TagTrackUID", 11),)),
        tag(("ARTIST", "of both"), targets=(count("TagTrackUID", 11), count("TagTrackUID", 22))),
        tag(("ARTIST", "of the audio"), targets=(count("TagTrackUID", 22),)),
    )
    made = matroska(cluster(0), tracks=(track(1, 1, b"V_MPEG4/ISO/ASP", count("TrackUID", 1)),))
    tree = carry(film(master("Tags", *stored)), made, (CarriedTrack(0, 0, False),))
    assert tags_of(tree) == [([11], ["ARTIST=of the video"]), ([11], ["ARTIST=of both"])]


def test_a_made_track_keeps_a_uid_of_its_own_and_what_was_counted_of_it(carry):
    made = matroska(
        master("Tags", tag(("DURATION", "1"), targets=(count("TagTrackUID", 22),))),
        cluster(0),
        tracks=(
            track(1, 1, b"V_MPEG4/ISO/ASP", count("TrackUID", 11)),
            track(2, 2, b"A_AC3", count("TrackUID", 21)),
            track(3, 2, b"A_AAC", count("TrackUID", 22)),
        ),
    )
    tree = carry(film(), made)
    uids = values(tree, "Tracks", "TrackEntry", "TrackUID")
    assert uids[:2] == [11, 22]
    assert uids[2] not in (11, 22, 0)
    assert tags_of(tree) == [([uids[2]], ["DURATION=1"])]


def test_statistics_of_an_encoded_track_are_dropped_whoever_copied_them(carry):
    stale = tag(
        ("BPS", "25000000"),
        ("DURATION", "4"),
        ("ARTIST", "D"),
        targets=(count("TagTrackUID", 11),),
        language="eng",
    )
    copied = tag(("BPS", "25000000"), ("DURATION", "4"), targets=(count("TagTrackUID", 1),), language="eng")
    own = tag(("ENCODER", "x265"), ("DURATION", "3"), targets=(count("TagTrackUID", 1),))
    tree = carry(film(master("Tags", stale)), made_film(master("Tags", copied, own)), ENCODED)
    assert tags_of(tree) == [([11], ["ARTIST=D"]), ([11], ["ENCODER=x265", "DURATION=3"])]


def test_statistics_of_a_copied_track_are_true_and_stay_until_others_are_counted(carry):
    old = tag(("BPS", "1"), ("NUMBER_OF_FRAMES", "2"), targets=(count("TagTrackUID", 22),))
    new = tag(("BPS", "3"), targets=(count("TagTrackUID", 2),))
    by_mkvmerge = carry(
        film(master("Tags", old)), made_film(master("Tags", new)), COPIED, Written("mkvmerge", 0)
    )
    assert tags_of(by_mkvmerge) == [([22], ["NUMBER_OF_FRAMES=2"]), ([22], ["BPS=3"])]
    assert tags_of(carry(film(master("Tags", old)), made_film())) == [([22], ["BPS=1", "NUMBER_OF_FRAMES=2"])]


def test_attachments_keep_what_is_said_of_them_and_take_their_tags_with_them(carry):
    files = (
        attached("a.ttf", b"first", count("FileUID", 71), text("FileDescription", "A font")),
        attached("b.ttf", b"other", count("FileUID", 72)),
    )
    tags = (
        tag(("TITLE", "kept"), targets=(count("TagAttachmentUID", 71),)),
        tag(("TITLE", "gone"), targets=(count("TagAttachmentUID", 72),)),
    )
    made = made_film(master("Attachments", attached("a.ttf", b"first", count("FileUID", 1))))
    tree = carry(film(master("Attachments", *files), master("Tags", *tags)), made)
    assert values(tree, "Attachments", "AttachedFile", "FileUID") == [71]
    assert values(tree, "Attachments", "AttachedFile", "FileDescription") == ["A font"]
    assert tags_of(tree) == [([], ["TITLE=kept"])]


def test_a_file_with_other_tracks_than_planned_is_refused(carry):
    with pytest.raises(TreeError, match="not those that were planned"):
        carry(film(), made_film(), (CarriedTrack(0, 2, False),))
