"""What the probe says of real files, container by container; and that the samples hold what was asked for."""

from __future__ import annotations

import hashlib
import os
import subprocess

import msgspec
import pytest

from tests.support.media import (
    AUDIO,
    VIDEO,
    SampleChapter,
    SampleTrack,
    make_sample,
    need_tool,
    sample,
    to_path,
)
from vpo_tasks.errors import ToolError
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.model import Chapter, MediaInfo

CHAPTERS = (SampleChapter(0, 0.5, "One"), SampleChapter(0.5, 1, "Zwei ü"))


def test_matroska_with_everything_in_it(tmp_path):
    tracks = (
        VIDEO,
        SampleTrack("audio", "ac3", "jpn", "Main", channels=6),
        SampleTrack(
            "audio", "dts", "eng", "Remarks", default=True, dispositions=("comment", "hearing_impaired")
        ),
        SampleTrack("audio", "aac"),
        SampleTrack("subtitle", "subrip", "ger", "Erzwungen", forced=True),
        SampleTrack("attachment", "ttf", filename="a b.ttf"),
        SampleTrack("attachment", "png"),
    )
    path = sample(tmp_path, "a.mkv", *tracks, tags={"title": "Film", "DATE": "1999"}, chapters=CHAPTERS)
    media = read_media(path)
    assert (media.container, media.format_name, media.doc_type) == ("mkv", "matroska,webm", "matroska")
    assert media.size_bytes == os.path.getsize(path)
    assert media.duration_s == pytest.approx(1, abs=0.1)
    assert (media.tags["title"], media.tags["date"]) == ("Film", "1999")
    assert media.chapters == (Chapter(0.0, 0.5, "One"), Chapter(0.5, 1.0, "Zwei ü"))
    video, main, remarks, plain, forced, font, cover = media.tracks
    assert [track.index for track in media.tracks] == list(range(7))
    assert (video.codec, video.width, video.height, video.frame_rate) == ("mpeg4", 64, 48, "25/1")
    assert (video.language, video.default, video.color_range) == ("und", False, "tv")
    assert (main.codec, main.language, main.title, main.channels) == ("ac3", "jpn", "Main", 6)
    assert (main.channel_layout, main.sample_rate, main.bit_rate) == ("5.1(side)", 48000, 448000)
    assert (remarks.codec, remarks.profile, remarks.default) == ("dts", "dts", True)
    assert remarks.dispositions == ("comment", "hearing_impaired")
    assert (plain.codec, plain.profile, plain.title, plain.default) == ("aac", "lc", None, False)
    assert (forced.codec, forced.language, forced.forced, forced.default) == ("subrip", "ger", True, False)
    assert forced.duration_s == 0.9  # from the statistics tag
    assert (font.type, font.codec, font.filename, font.is_picture) == ("attachment", "ttf", "a b.ttf", False)
    assert (cover.type, cover.codec, cover.mime_type, cover.is_picture) == (
        "attachment",
        "png",
        "image/png",
        True,
    )


def test_mp4_names_languages_flags_and_chapters(tmp_path):
    tracks = (
        VIDEO,
        SampleTrack("audio", "aac", "deu", "Deutsch"),
        SampleTrack("audio", "ac3", "eng", "English", default=True),
        SampleTrack("subtitle", "mov_text", "fre", "Tout"),
        SampleTrack("attachment", "png"),
    )
    media = read_media(sample(tmp_path, "a.mp4", *tracks, tags={"title": "Film"}, chapters=CHAPTERS))
    assert (media.container, media.doc_type, media.tags["title"]) == ("mp4", None, "Film")
    assert [chapter.title for chapter in media.chapters] == ["One", "Zwei ü"]
    # the text track that carries the chapters' names is not a track of its own
    assert [track.type for track in media.tracks] == ["video", "audio", "audio", "subtitle", "attachment"]
    video, german, english, text, cover = media.tracks
    assert (video.codec, video.title) == ("h264", None)  # a handler name is no title
    assert (german.language, german.title, german.default) == ("ger", "Deutsch", False)
    assert (english.language, english.title, english.default) == ("eng", "English", True)
    assert (text.codec, text.language, text.title) == ("mov_text", "fre", "Tout")
    assert cover.is_picture


@pytest.mark.parametrize(
    ("name", "container", "format_name"),
    [
        ("a.webm", "mkv", "matroska,webm"),
        ("a.mov", "mov", "mov,mp4,m4a,3gp,3g2,mj2"),
        ("a.3gp", "mp4", "mov,mp4,m4a,3gp,3g2,mj2"),
        ("a.avi", "avi", "avi"),
        ("a.ts", "mpegts", "mpegts"),
        ("a.mpg", "mpeg", "mpeg"),
        ("a.flv", "flv", "flv"),
        ("a.wmv", "asf", "asf"),
        ("a.ogv", "ogg", "ogg"),
    ],
)
def test_every_container(tmp_path, name, container, format_name):
    media = read_media(sample(tmp_path, name))
    assert (media.container, media.format_name) == (container, format_name)
    assert sorted(track.type for track in media.tracks) == ["audio", "video"]
    assert media.doc_type == ("webm" if name == "a.webm" else None)


@pytest.mark.parametrize(
    "name",
    [b"\xff\xfe.mkv", b"a\nb=%41.mkv", b"-i.mkv", b"@x.mkv", b"http:x.mkv", "字".encode() * 83 + b".mkv"],
)
def test_any_name_that_a_disk_can_hold(tmp_path, name):
    path = sample(tmp_path, name)
    assert os.listdir(os.fsencode(tmp_path)) == [name]
    assert read_media(path).container == "mkv"


def test_mkvmerge_statistics_and_implicit_default(tmp_path):
    tool = need_tool("mkvmerge")
    path = to_path(tmp_path, "b.mkv")
    subprocess.run(
        [tool, "-q", "-o", path, sample(tmp_path, "a.mkv", VIDEO, SampleTrack("audio", "flac"))], check=True
    )
    video, audio = read_media(path).tracks
    # no bit rate in a FLAC stream's headers: it comes from the BPS tag
    assert audio.bit_rate
    assert audio.duration_s == pytest.approx(1, abs=0.1)
    assert video.duration_s == pytest.approx(1, abs=0.1)


def test_oversize_tags_are_left_out(tmp_path):
    media = read_media(sample(tmp_path, "a.mkv", tags={"title": "x" * 5000, "k" * 300: "v", "ok": "y"}))
    assert "title" not in media.tags
    assert "k" * 300 not in media.tags
    assert media.tags["ok"] == "y"


def test_same_seed_same_bytes_other_seed_other_pictures(tmp_path):
    sums = []
    for name, seed in (("a.mkv", 1), ("b.mkv", 1), ("c.mkv", 2)):
        with open(sample(tmp_path, name, seed=seed), "rb") as stream:
            sums.append(hashlib.sha256(stream.read()).hexdigest())
    assert sums[0] == sums[1] != sums[2]


def test_sample_overwrites_nothing(tmp_path):
    path = to_path(tmp_path, "a.mkv")
    (tmp_path / "a.mkv").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        make_sample(path)
    assert (tmp_path / "a.mkv").read_bytes() == b"mine"


def test_sample_that_cannot_be_made(tmp_path):
    with pytest.raises(ToolError):
        make_sample(to_path(tmp_path, "a.webm"), (SampleTrack("video", "mpeg4"), AUDIO))
    with pytest.raises(ValueError, match="last"):
        make_sample(to_path(tmp_path, "a.mkv"), (SampleTrack("attachment", "ttf"), VIDEO))
    with pytest.raises(ValueError, match="extension"):
        make_sample(to_path(tmp_path, "a.txt"))


def test_names_that_are_not_utf8_are_text_all_the_same(tmp_path):
    tracks = (VIDEO, SampleTrack("audio", "ac3", "eng", "Latein"), SampleTrack("attachment", "ttf"))
    path = sample(
        tmp_path, "a.mkv", *tracks, tags={"title": "Schluss"}, chapters=[SampleChapter(0, 1, "Anfang")]
    )
    with open(path, "r+b") as stream:
        data = stream.read()
        for old, new in ((b"Latein", b"Lat\xe4in"), (b"Schluss", b"Schlu\xdf."), (b"Anfang", b"Anf\xe4ng")):
            data = data.replace(old, new)
        stream.seek(0)
        stream.write(data)
    media = read_media(path)
    assert msgspec.json.decode(msgspec.json.encode(media), type=MediaInfo) == media
    assert (media.tracks[1].title, media.tags["title"]) == ("Lat\ufffdin", "Schlu\ufffd.")
    assert media.chapters[0].title == "Anf\ufffdng"
