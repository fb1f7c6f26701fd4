"""What Matroska says beside its pictures and sound is there after a copy and after an encode, with any tool.

The files are made by mkvmerge and mkvpropedit, and read back by mkvextract, mkvinfo and ffprobe.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.library import VPO
from tests.support.tools import need_tool
from vpo_tasks.media.synthetic import SampleTrack, make_sample

TRACKS = (
    SampleTrack("video", "h264", default=True),
    SampleTrack("audio", "ac3", language="eng", default=True),
    SampleTrack("audio", "ac3", language="fre"),
)
ENCODE = "transcode: {video: {to: hevc, crf: 34, preset: ultrafast, hw: none, keep_if_larger: true}}"
COPY = "keep_audio: {languages: [eng]}"
CHAPTERS = """<?xml version="1.0"?><Chapters><EditionEntry><EditionUID>111</EditionUID>
<EditionFlagDefault>1</EditionFlagDefault>{}</EditionEntry><EditionEntry><EditionUID>222</EditionUID>
<EditionFlagOrdered>1</EditionFlagOrdered>{}</EditionEntry></Chapters>"""
ATOM = """<ChapterAtom><ChapterUID>{}</ChapterUID><ChapterTimeStart>00:00:0{}</ChapterTimeStart>
<ChapterTimeEnd>00:00:0{}</ChapterTimeEnd>{}</ChapterAtom>"""
TIME = re.compile(r"(?<=>00:00:)[\d.]+(?=</ChapterTime)")
DELAY_S = 0.03
NAME = (
    "<ChapterDisplay><ChapterString>{}</ChapterString><ChapterLanguage>{}</ChapterLanguage></ChapterDisplay>"
)
TAGS = """<?xml version="1.0"?><Tags>
<Tag><Targets><TargetTypeValue>70</TargetTypeValue><TargetType>COLLECTION</TargetType></Targets>
<Simple><Name>TITLE</Name><String>The Show</String></Simple></Tag>
<Tag><Targets><TargetTypeValue>60</TargetTypeValue><TargetType>SEASON</TargetType></Targets>
<Simple><Name>PART_NUMBER</Name><String>2</String></Simple></Tag>
<Tag><Targets><TargetTypeValue>50</TargetTypeValue></Targets><Simple><Name>ACTOR</Name><String>Ann</String>
<Simple><Name>CHARACTER</Name><String>Eve</String></Simple></Simple>
<Simple><Name>ACTOR</Name><String>Bob</String></Simple></Tag></Tags>"""
STATISTICS = {
    "BPS": "25000000",
    "DURATION": "00:00:04.000000000",
    "NUMBER_OF_FRAMES": "97",
    "NUMBER_OF_BYTES": "4",
}


def read(*words: str | Path) -> str:
    command = [need_tool(str(words[0])), *map(str, words[1:])]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.mkv"
    make_sample(str(path), TRACKS, seconds=2)
    return path


@pytest.fixture(params=["all", "wheel"])
def process(tmp_path: Path, request: pytest.FixtureRequest):
    """Run a policy over the library twice, with all tools or none on PATH; the second run has nothing to do."""
    (tmp_path / "empty").mkdir()
    path = os.environ["PATH"] if request.param == "all" else str(tmp_path / "empty")
    environ = {**os.environ, "VPO_HOME": str(tmp_path / "home"), "PATH": path}

    def run(film: Path, phase: str) -> None:
        (film.parent / "policy.yaml").write_text(f"schema_version: 13\nphases:\n  - name: p\n    {phase}\n")
        for expected in ("changed", None):
            words = [*VPO, "process", "--json", str(film.parent)]
            done = subprocess.run(words, env=environ, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            document = json.loads(done.stdout)
            assert document["summary"]["changed_count"] == (1 if expected else 0), document
            for result in document["results"]:
                assert [text for text in result["warnings"] if "loses" in text or "header" in text] == []

    return run


def library(tmp_path: Path, *words: str | Path) -> Path:
    (tmp_path / "films").mkdir()
    film = tmp_path / "films" / "f.mkv"
    read("mkvmerge", "-q", "-o", film, *words)
    return film


@pytest.mark.parametrize("phase", [ENCODE, COPY])
def test_editions_nested_chapters_and_their_names_stay(tmp_path, base, process, phase):
    inner = ATOM.format(11, "0.500", "1.000", NAME.format("Logo", "eng"))
    names = NAME.format("Opening", "eng") + NAME.format("Abertura", "por")
    long_cut = ATOM.format(21, "1.000", "2.000", NAME.format("Long cut", "eng"))
    xml = tmp_path / "c.xml"
    xml.write_text(CHAPTERS.format(ATOM.format(1, "0.000", "1.000", names + inner), long_cut))
    film = library(tmp_path, "--chapters", xml, base)
    read("mkvextract", film, "chapters", tmp_path / "before.xml")
    process(film, phase)
    read("mkvextract", film, "chapters", tmp_path / "after.xml")
    text = (tmp_path / "after.xml").read_text()
    stored = (tmp_path / "before.xml").read_text()
    assert TIME.sub("", text) == TIME.sub("", stored)
    # sound that begins before 0 moves the whole film with FFmpeg, and the chapters with it
    pairs = zip(TIME.findall(stored), TIME.findall(text), strict=True)
    (moved_s,) = {round(float(after) - float(before), 6) for before, after in pairs}
    assert 0 <= moved_s <= DELAY_S
    assert all(name in text for name in ("Opening", "Abertura", "Logo", "Long cut", "EditionFlagOrdered>1"))


@pytest.mark.parametrize("phase", [ENCODE, COPY])
def test_targeted_nested_and_repeated_tags_stay(tmp_path, base, process, phase):
    (tmp_path / "t.xml").write_text(TAGS)
    film = library(tmp_path, "--global-tags", tmp_path / "t.xml", base)
    process(film, phase)
    read("mkvextract", film, "tags", tmp_path / "out.xml")
    text = re.sub(r"\s*\n\s*", "", (tmp_path / "out.xml").read_text())
    assert re.findall(r"<Name>(ACTOR|CHARACTER|PART_NUMBER|TITLE)</Name><String>(.*?)</String>", text) == [
        ("TITLE", "The Show"),
        ("PART_NUMBER", "2"),
        ("ACTOR", "Ann"),
        ("CHARACTER", "Eve"),
        ("ACTOR", "Bob"),
    ]
    assert re.findall(r"<TargetTypeValue>(70|60)<", text) == ["70", "60"]


@pytest.mark.parametrize("phase", [COPY, ENCODE])
def test_identifiers_and_date_of_a_segment_stay(tmp_path, base, process, phase):
    film = library(tmp_path, base)
    words = {"segment-uid": "00", "prev-uid": "11", "next-uid": "22"}
    edits = [word for name, byte in words.items() for word in ("--set", f"{name}={byte}{'5a' * 15}")]
    edits += ["--set", "date=2001-02-03T04:05:06Z", "--set", "next-filename=part2.mkv"]
    read("mkvpropedit", "-q", film, "--edit", "info", *edits)
    process(film, phase)
    text = read("mkvinfo", film)
    for name, byte in (("Segment UID", "00"), ("Previous segment UID", "11"), ("Next segment UID", "22")):
        assert f"{name}: 0x{byte} 0x5a" in text
    assert "Date: 2001-02-03" in text
    assert "Next filename: part2.mkv" in text


@pytest.mark.parametrize("phase", [ENCODE, COPY])
def test_the_crop_of_a_picture_stays(tmp_path, base, process, phase):
    film = library(tmp_path, "--cropping", "0:0,4,0,6", base)
    process(film, phase)
    text = read("mkvinfo", film)
    assert set(re.findall(r"Pixel crop (\w+): (\d+)", text, re.IGNORECASE)) == {("top", "4"), ("bottom", "6")}


def test_no_statistics_of_the_old_track_stay_on_an_encoded_one(tmp_path, base, process):
    film = library(tmp_path, base)
    uid = json.loads(read("mkvmerge", "-J", film))["tracks"][0]["properties"]["uid"]
    values = {**STATISTICS, "_STATISTICS_TAGS": " ".join(STATISTICS)}
    simple = "".join(
        f"<Simple><Name>{name}</Name><TagLanguage>eng</TagLanguage><String>{value}</String></Simple>"
        for name, value in values.items()
    )
    target = f"<Targets><TrackUID>{uid}</TrackUID></Targets>"
    (tmp_path / "s.xml").write_text(f'<?xml version="1.0"?><Tags><Tag>{target}{simple}</Tag></Tags>')
    read("mkvpropedit", "-q", film, "--tags", f"all:{tmp_path / 's.xml'}")
    process(film, ENCODE)
    words = (
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_entries",
        "stream_tags",
        "-of",
        "default=nw=1",
        film,
    )
    assert re.findall(r"BPS|FRAMES|BYTES|DURATION-eng|STATISTICS", read("ffprobe", *words)) == []
