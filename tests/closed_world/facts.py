"""What a file holds, as other tools than the program read it: one line a thing, by kind."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from tests.closed_world.odd_mp4 import Box, boxes
from tests.support.tools import need_tool

DERIVED_TAGS = ("BPS", "DURATION", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "_STATISTICS_")
"""Tags that whoever writes a file counts anew (mkvmerge's statistics, ffmpeg's DURATION)."""
_WRITTEN_BY = ("ENCODER",)
_SEGMENT = {
    "title": "title",
    "segment_uid": "ids",
    "previous_segment_uid": "ids",
    "next_segment_uid": "ids",
    "date_utc": "dates",
}
_TRACK = {
    "uid": "ids",
    "track_name": "track_names",
    "language": "languages",
    "language_ietf": "languages",
    "default_track": "flags",
    "forced_track": "flags",
    "enabled_track": "flags",
    "flag_hearing_impaired": "roles",
    "flag_visual_impaired": "roles",
    "flag_text_descriptions": "roles",
    "flag_original": "roles",
    "flag_commentary": "roles",
    "cropping": "crop",
    "stereo_mode": "stereo",
    "display_dimensions": "display",
}


class Fact(NamedTuple):
    """One thing that is there. `track` is the place of its track, by kind of track (`audio 1`)."""

    kind: str
    track: str
    text: str


Facts = Counter[Fact]


def read_matroska(path: Path, places: dict[str, str] | None = None) -> Facts:
    """Return what mkvmerge and mkvextract find in a Matroska file.

    `places` names tracks by their UID, as `track_places` returned them for the file before the change.
    """
    words = [need_tool("mkvmerge"), "-J", str(path)]
    found = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    facts: Facts = Counter()
    known = {} if places is None else places
    segment = found["container"]["properties"]
    for key, kind in _SEGMENT.items():
        if key in segment:
            facts[Fact(kind, "", f"{key}={segment[key]}")] += 1
    by_uid = {**_numbered(found["tracks"]), **known}
    for track in found["tracks"]:
        properties = track["properties"]
        place = by_uid[str(properties["uid"])]
        facts[Fact("tracks", place, track["codec"])] += 1
        for key, kind in _TRACK.items():
            if properties.get(key) not in (None, False):
                facts[Fact(kind, place, f"{key}={properties[key]}")] += 1
    with tempfile.TemporaryDirectory() as scratch:
        _add_extracted(path, Path(scratch), found["attachments"], by_uid, facts)
    return facts


def track_places(path: Path) -> dict[str, str]:
    """Return a name for each track of a Matroska file by its UID: its kind and which of the kind it is."""
    words = [need_tool("mkvmerge"), "-J", str(path)]
    return _numbered(json.loads(subprocess.run(words, capture_output=True, check=True).stdout)["tracks"])


def _numbered(tracks: list[dict]) -> dict[str, str]:
    seen: Counter[str] = Counter()
    named = {}
    for track in tracks:
        named[str(track["properties"]["uid"])] = f"{track['type']} {seen[track['type']]}"
        seen[track["type"]] += 1
    return named


def _add_extracted(
    path: Path, scratch: Path, attachments: list[dict], by_uid: dict[str, str], facts: Facts
) -> None:
    words = [need_tool("mkvextract"), str(path), "tags", "tags.xml", "chapters", "chapters.xml"]
    if attachments:
        words += ["attachments", *(f"{item['id']}:a{item['id']}" for item in attachments)]
    subprocess.run(words, capture_output=True, check=True, cwd=scratch)
    for item in attachments:
        digest = hashlib.sha256((scratch / f"a{item['id']}").read_bytes()).hexdigest()[:12]
        text = "|".join(str(item.get(key, "")) for key in ("file_name", "content_type", "description"))
        facts[Fact("attachments", "", f"{text}|{digest}")] += 1
        facts[Fact("ids", "", f"attachment {item['properties']['uid']}")] += 1
    chapters = scratch / "chapters.xml"
    if chapters.exists() and chapters.stat().st_size:
        for edition in ET.parse(chapters).getroot():
            facts[Fact("chapters", "", _flat(edition))] += 1
    tags = scratch / "tags.xml"
    if tags.exists() and tags.stat().st_size:
        for tag in ET.parse(tags).getroot():
            _add_tag(tag, by_uid, facts)


def _flat(element: ET.Element) -> str:
    inner = " ".join(_flat(child) for child in element)
    return f"({element.tag} {(element.text or '').strip()}{inner})"


def _add_tag(tag: ET.Element, by_uid: dict[str, str], facts: Facts) -> None:
    targets = tag.find("Targets")
    place, aim = "", []
    for item in () if targets is None else targets:
        text = (item.text or "").strip()
        if item.tag == "TrackUID":
            place = by_uid.get(text, f"no track {text}")
        else:
            aim.append(f"{item.tag}={text}")
    for simple in tag.findall("Simple"):
        name = (simple.findtext("Name") or "").strip()
        if name.upper().startswith(DERIVED_TAGS) or name.upper() in _WRITTEN_BY:
            continue
        facts[Fact("tags", place, f"{' '.join(sorted(aim))} {_flat(simple)}")] += 1


_DERIVED_BOXES = {b"free", b"skip", b"wide", b"mdat"}
_BOX_KINDS = {b"elng": "languages", b"name": "track_names"}


def read_mp4(path: Path) -> Facts:
    """Return the boxes of an MP4 file, each item of an item list as one thing."""
    facts: Facts = Counter()
    with path.open("rb") as stream:
        data = stream.read()
    for box in boxes(data, movie=False):
        if box.kind == b"moov":
            _add_boxes(next(boxes(box.encoded(), movie=True)), "", "", facts, {})
        elif box.kind not in _DERIVED_BOXES:
            facts[Fact("boxes", "", f"/{_text(box.kind)} {_digest(box.head)}")] += 1
    return facts


def _add_boxes(box: Box, at: str, track: str, facts: Facts, keys: dict[bytes, str]) -> None:
    seen = 0
    for item in box.inner:
        place = track
        if item.kind == b"trak":
            place = f"{_handler(item)} {seen}"
            seen += 1
        path = f"{at}/{_text(item.kind)}"
        if item.kind in _DERIVED_BOXES:
            continue
        if at.endswith("/ilst"):
            name = keys.get(item.kind, _text(item.kind))
            kind = "title" if name in ("\xa9nam", "title") else "tags"
            facts[Fact(kind, place, f"{at}/{name} {_digest(item.encoded()[8:])}")] += 1
        elif item.kind == b"keys":
            for name in keys.values():
                facts[Fact("keys", place, f"{path}/{name}")] += 1
        elif item.inner or item.kind in (b"moov", b"trak", b"udta"):
            _add_boxes(item, path, place, facts, _keys(item) or keys)
        else:
            facts[Fact(_BOX_KINDS.get(item.kind, "boxes"), place, f"{path} {_digest(item.encoded())}")] += 1


def _keys(meta: Box) -> dict[bytes, str]:
    """Return the names that items of a `meta` have by number, if it has any (QuickTime File Format, "Keys")."""
    found = next((box for box in meta.inner if box.kind == b"keys"), None)
    if found is None:
        return {}
    names = list(boxes(found.head[8:], movie=False))
    return {number.to_bytes(4, "big"): _text(box.head) for number, box in enumerate(names, 1)}


def _handler(track: Box) -> str:
    media = next(box for box in track.inner if box.kind == b"mdia")
    return _text(next(box for box in media.inner if box.kind == b"hdlr").head[8:12])


def _text(data: bytes) -> str:
    return data.decode("latin-1")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
