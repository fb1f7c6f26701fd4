"""A film of two tracks as a source and as a tool made it, and what its header may say, element by element."""

from __future__ import annotations

from tests.support.matroska import cluster, element, matroska, number, track
from vpo_tasks.media.matroska.elements import id_named


def master(name: str, *inside: bytes) -> bytes:
    return element(id_named(name), b"".join(inside))


def text(name: str, value: str) -> bytes:
    return element(id_named(name), value.encode())


def count(name: str, value: int) -> bytes:
    return number(id_named(name), value)


def film(*more: bytes, video: tuple[bytes, ...] = (), audio: tuple[bytes, ...] = ()) -> bytes:
    tracks = (
        track(1, 1, b"V_MPEG4/ISO/ASP", count("TrackUID", 11), *video),
        track(2, 2, b"A_AC3", count("TrackUID", 22), *audio),
    )
    return matroska(*more, cluster(0), tracks=tracks)


def made_film(*more: bytes, video: tuple[bytes, ...] = (), audio: tuple[bytes, ...] = ()) -> bytes:
    tracks = (
        track(1, 1, b"V_MPEGH/ISO/HEVC", count("TrackUID", 1), *video),
        track(2, 2, b"A_AC3", count("TrackUID", 2), *audio),
    )
    return matroska(*more, cluster(0), tracks=tracks)


def grown(data: bytes, by: int) -> bytes:
    """Correct the sizes of the segment and its Info, which stand in eight bytes, after bytes were put in."""
    for identifier in (b"\x18\x53\x80\x67", b"\x15\x49\xa9\x66"):
        at = data.index(identifier) + 4
        size = int.from_bytes(data[at : at + 8], "big") + by
        data = data[:at] + size.to_bytes(8, "big") + data[at + 8 :]
    return data


def edition(uid: int, *starts: int) -> bytes:
    atoms = [
        master(
            "ChapterAtom",
            count("ChapterUID", 100 + place),
            count("ChapterTimeStart", start),
            master("ChapterDisplay", text("ChapString", "One"), text("ChapLanguageBCP47", "pt-BR")),
        )
        for place, start in enumerate(starts)
    ]
    return master("EditionEntry", count("EditionUID", uid), count("EditionFlagOrdered", 1), *atoms)


def tag(*simple: tuple[str, str], targets: tuple[bytes, ...] = (), language: str | None = None) -> bytes:
    more = () if language is None else (text("TagLanguage", language),)
    tags = [
        master("SimpleTag", text("TagName", name), text("TagString", value), *more) for name, value in simple
    ]
    return master("Tag", master("Targets", *targets), *tags)


def attached(name: str, data: bytes, *more: bytes) -> bytes:
    return master("AttachedFile", text("FileName", name), element(id_named("FileData"), data), *more)
