"""What a header says that FFmpeg does not show, or shows otherwise."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.support.matroska import cluster, element, matroska, number, track
from tests.support.tools import need_tool
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleTrack, make_sample

TAGS = (
    '<?xml version="1.0"?><Tags><Tag><Targets><TrackUID>{}</TrackUID></Targets><Simple><Name>TITLE</Name>'
    "<String>The song</String></Simple></Tag></Tags>"
)


def test_a_tag_of_a_track_is_not_its_name_and_stays_when_names_are_cleared(world, tmp_path):
    path = world.media / "a.mkv"
    make_sample(str(path), [SampleTrack("video", "mpeg4"), SampleTrack("audio", "ac3")], seconds=0.4)
    words = [need_tool("mkvmerge"), "-J", str(path)]
    found = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    xml = tmp_path / "tags.xml"
    xml.write_text(TAGS.format(found["tracks"][1]["properties"]["uid"]))
    words = [need_tool("mkvpropedit"), "-q", str(path), "--tags", f"all:{xml}"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    assert read_media(str(path)).tracks[1].title is None
    before = path.read_bytes()
    world.write_policy(
        "schema_version: 13\nphases:\n  - {name: p, audio_actions: {clear_all_titles: true}}\n"
    )
    done = json.loads(world.vpo("process", "--json", world.media).stdout)
    assert done["results"][0]["status"] == "unchanged"
    assert path.read_bytes() == before


def encrypted(path: Path) -> Path:
    """A WebM whose only track is encrypted (RFC 9559, 5.1.4.1.31.8), without a key."""
    encryption = element(0x5035, number(0x47E1, 5) + element(0x47E2, bytes(range(16))))
    encodings = element(0x6D80, element(0x6240, number(0x5033, 1) + encryption))
    picture = element(0xE0, number(0xB0, 64) + number(0xBA, 64))
    path.write_bytes(matroska(cluster(0), tracks=(track(1, 1, b"V_VP9", encodings, picture),)))
    return path


def test_an_encrypted_matroska_is_left_alone_with_the_word(world):
    path = encrypted(world.media / "a.mkv")
    before = path.read_bytes()
    assert read_media(str(path)).tracks[0].encrypted
    title = "{set_container_metadata: {field: title, value: New}}"
    rules = f"{{match: all, items: [{{name: t, when: exists(video), then: {title}}}]}}"
    world.write_policy(f"schema_version: 13\nphases:\n  - {{name: p, rules: {rules}}}\n")
    for words in (["--dry-run"], []):
        result = json.loads(world.vpo("process", "--json", *words, world.media).stdout)["results"][0]
        assert result["status"] == "failed"
        assert "its video is encrypted" in result["error"]
    assert path.read_bytes() == before


def test_a_title_that_begins_with_an_at_is_no_file_of_options(world):
    path = world.media / "a.mkv"
    tracks = [
        SampleTrack("video", "mpeg4"),
        *(SampleTrack("audio", "ac3", language=code) for code in ("eng", "fre")),
    ]
    make_sample(str(path), tracks, seconds=0.4)
    title = '{set_container_metadata: {field: title, value: "@home"}}'
    rules = f"{{match: all, items: [{{name: t, when: exists(video), then: {title}}}]}}"
    phase = f"{{name: p, keep_audio: {{languages: [eng]}}, rules: {rules}}}"
    world.write_policy(f"schema_version: 13\nphases:\n  - {phase}\n")
    result = json.loads(world.vpo("process", "--json", world.media).stdout)["results"][0]
    assert (result["status"], result["tool"]) == ("changed", "mkvmerge")
    media = read_media(str(path))
    assert media.tags["title"] == "@home"
    assert len(media.tracks) == 2
