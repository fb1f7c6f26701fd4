"""What is in a source's tree and not in that of the file made from it is named; what is derived is not."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.support.matroska import cluster, element, matroska, track
from tests.support.matroska_film import attached, count, edition, film, grown, made_film, master, tag, text
from vpo_tasks.media.matroska.carry_over import CarriedTrack, Written, carried_over
from vpo_tasks.media.matroska.ebml import open_source
from vpo_tasks.media.matroska.elements import id_named
from vpo_tasks.media.matroska.left_behind import Loss, left_behind
from vpo_tasks.media.matroska.tree_reader import read_tree

COPIED = (CarriedTrack(0, 0, False), CarriedTrack(1, 1, False))
ENCODED = (CarriedTrack(0, 0, True), CarriedTrack(1, 1, False))
SOUND_UID, PICTURE_UID = count("TagTrackUID", 22), count("TagTrackUID", 11)
CROPPED = (master("Video", count("PixelWidth", 8), count("PixelHeight", 8), count("PixelCropTop", 2)),)
PICTURE = (master("Video", count("PixelWidth", 8), count("PixelHeight", 8)),)
PROJECTED = master("Projection", count("ProjectionType", 1))
KEYS = master(
    "ContentEncodings", master("ContentEncoding", master("ContentEncryption", count("ContentEncAlgo", 5)))
)
STRANGE = element(0x4DFF, b"somebody's")


@pytest.fixture
def compared(tmp_path):
    """Return what the first file loses to the second as a tool wrote it, and once all is put back."""
    with ExitStack() as stack:

        def compare(source: bytes, made: bytes, tracks=COPIED) -> tuple[list[Loss], list[Loss]]:
            trees = []
            for name, data in (("source.mkv", source), ("made.mkv", made)):
                (tmp_path / name).write_bytes(data)
                trees.append(read_tree(stack.enter_context(open_source(str(tmp_path / name)))))
            carried = carried_over(trees[0], trees[1], tracks, Written("ffmpeg", 0))
            return left_behind(trees[0], trees[1], tracks, 0), left_behind(trees[0], carried, tracks, 0)

        yield compare


def with_info(name_or_id: str | int, data: bytes) -> bytes:
    identifier = id_named(name_or_id) if isinstance(name_or_id, str) else name_or_id
    new = element(identifier, data)
    scale = count("TimestampScale", 1_000_000)
    return grown(film().replace(scale, scale + new), len(new))


@pytest.mark.parametrize(
    ("source", "made", "lost"),
    [
        (with_info("SegmentUUID", b"u" * 16), made_film(), "SegmentUUID"),
        (with_info("DateUTC", bytes(8)), made_film(), "DateUTC"),
        (with_info(0x4DFF, b"x"), made_film(), "the unknown element 0x4DFF"),
        (film(STRANGE), made_film(), "the unknown element 0x4DFF"),
        (film(audio=(text("LanguageBCP47", "pt-BR"),)), made_film(), "LanguageBCP47 of track 1"),
        (film(audio=(count("FlagEnabled", 0),)), made_film(), "FlagEnabled of track 1"),
        (film(audio=(STRANGE,)), made_film(), "the unknown element 0x4DFF of track 1"),
        (film(video=CROPPED), made_film(video=PICTURE), "PixelCropTop of track 0"),
        (
            film(master("Attachments", attached("a", b"1", text("FileDescription", "A font")))),
            made_film(master("Attachments", attached("a", b"1"))),
            "FileDescription of an attachment",
        ),
        (
            film(master("Chapters", edition(7, 0, 9))),
            made_film(master("Chapters", edition(8, 0, 9))),
            "what is said of editions and chapters",
        ),
        (
            film(master("Tags", tag(("ACTOR", "A"), ("ACTOR", "B")))),
            made_film(master("Tags", tag(("ACTOR", "A")))),
            "the tag ACTOR, or what it is of",
        ),
        (
            film(master("Tags", tag(("TITLE", "A"), targets=(count("TargetTypeValue", 60),)))),
            made_film(master("Tags", tag(("TITLE", "A")))),
            "the tag TITLE, or what it is of",
        ),
        (
            film(master("Tags", tag(("ARTIST", "A"), targets=(SOUND_UID,)))),
            made_film(master("Tags", tag(("ARTIST", "A"), targets=(count("TagTrackUID", 1),)))),
            "the tag ARTIST, or what it is of",
        ),
    ],
)
def test_what_a_tool_leaves_out_is_named_and_no_loss_once_it_is_put_back(compared, source, made, lost):
    before, after = compared(source, made)
    assert Loss(lost) in before
    assert after == []


@pytest.mark.parametrize(
    ("source", "made", "lost"),
    [
        (
            film(master("Chapters", edition(7, 0, 9))),
            made_film(master("Chapters", edition(7, 0))),
            "chapters",
        ),
        (film(audio=(KEYS,)), made_film(), "the keys of track 1, which is encrypted"),
    ],
)
def test_less_content_is_the_loss_of_content(compared, source, made, lost):
    assert Loss(lost, is_essence=True) in compared(source, made)[0]


def test_a_track_that_is_not_there_is_the_loss_of_content(tmp_path):
    data = {
        "a.mkv": film(),
        "b.mkv": matroska(cluster(0), tracks=(track(1, 1, b"V_X", count("TrackUID", 11)),)),
    }
    with ExitStack() as stack:
        trees = []
        for name, content in data.items():
            (tmp_path / name).write_bytes(content)
            trees.append(read_tree(stack.enter_context(open_source(str(tmp_path / name)))))
        assert left_behind(trees[0], trees[1], COPIED, 0) == [Loss("track 1", is_essence=True)]


def test_what_an_encoder_decides_is_no_loss_and_what_stays_true_is(compared):
    colour = master("Colour", count("Primaries", 9))
    codec = text("CodecName", "old")
    size = count("PixelWidth", 8), count("PixelHeight", 8)
    source = film(video=(master("Video", *size, colour, PROJECTED), codec))
    made = made_film(video=(master("Video", *size), count("TrackUID", 11)))
    assert Loss("Projection of track 0") in compared(source, made, ENCODED)[0]
    assert not {"Colour of track 0", "CodecName of track 0"} & {
        loss.what for loss in compared(source, made, ENCODED)[0]
    }
    assert Loss("Colour of track 0") in compared(source, made, COPIED)[0]


def test_statistics_and_tags_of_what_was_dropped_are_no_loss(compared):
    files = master("Attachments", attached("a", b"1", count("FileUID", 71)))
    tags = master(
        "Tags",
        tag(("BPS-eng", "1"), ("NUMBER_OF_FRAMES", "2"), targets=(SOUND_UID,), language="eng"),
        tag(("ARTIST", "of the picture"), targets=(PICTURE_UID,)),
        tag(("ARTIST", "of the file"), targets=(count("TagAttachmentUID", 71),)),
    )
    made = matroska(cluster(0), tracks=(track(1, 2, b"A_AC3", count("TrackUID", 22)),))
    before, after = compared(film(files, tags), made, (CarriedTrack(1, 0, False),))
    assert (before, after) == ([], [])
