"""More than 200 Matroska files that differ in their headers: by maker, room, order, checksums, tags, tail.

Every tool writes what it can be made to write; the rest is the same film laid out anew by a small writer.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import av

from tests.support.matroska import UNKNOWN, element
from vpo_tasks.media.matroska.ebml import children_of, parse_element
from vpo_tasks.media.synthetic import SampleChapter, SampleTrack, make_sample
from vpo_tasks.programs import find_ffmpegs

INFO, TRACKS, CLUSTER, CUES, TAGS = 0x1549A966, 0x1654AE6B, 0x1F43B675, 0x1C53BB6B, 0x1254C367
SEEK_HEAD, VOID, CRC, SEGMENT = 0x114D9B74, 0xEC, 0xBF, 0x18538067
CHAPTERS, ATTACHMENTS = 0x1043A770, 0x1941A469

CHAPTERS_TEXT = "CHAPTER01=00:00:00.000\nCHAPTER01NAME=One\nCHAPTER02=00:00:00.200\nCHAPTER02NAME=Two\n"
TAGS_XML = (
    '<?xml version="1.0"?><Tags><Tag><Targets/><Simple><Name>DIRECTOR</Name><String>Somebody</String></Simple>'
    "<Simple><Name>COMMENT</Name><String>{}</String></Simple></Tag></Tags>"
)


class Specimen(NamedTuple):
    """One file of the corpus."""

    name: str
    make: Callable[[Path], object]


class Corpus:
    """Makes the specimens in a folder; the essence of all is one short film, made once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._films: dict[str, Path] = {}

    def specimens(self) -> list[Specimen]:
        return [
            *self._by_mkvmerge(),
            *self._by_ffmpeg(),
            *self._by_pyav(),
            *self._after_mkvpropedit(),
            *self._rewritten(),
        ]

    def film(self, kind: str = "plain") -> Path:
        """The source of every specimen: `plain`, `rich` (subtitles, chapters, fonts, tags) or `webm`."""
        if kind not in self._films:
            path = self._folder / f"film-{kind}.{'webm' if kind == 'webm' else 'mkv'}"
            tracks = [SampleTrack("video"), SampleTrack("audio", language="eng", title="Sound", default=True)]
            options: dict[str, object] = {}
            if kind == "rich":
                tracks += [
                    SampleTrack("audio", language="fre", title="Son", dispositions=("comment",)),
                    SampleTrack("subtitle", language="ger", forced=True),
                    SampleTrack("attachment", "ttf", filename="font.ttf", mime_type="font/ttf"),
                    SampleTrack("attachment", "png", filename="cover.png", mime_type="image/png"),
                ]
                options = {
                    "tags": {"title": "A film", "director": "Somebody", "comment": "words " * 30},
                    "chapters": [SampleChapter(0, 0.2, "One"), SampleChapter(0.2, 0.4, "Two")],
                }
            make_sample(str(path), tracks, seconds=0.4, **options)  # type: ignore[arg-type]
            self._films[kind] = path
        return self._films[kind]

    # -- by each tool ------------------------------------------------------------------------------------

    def _by_mkvmerge(self) -> Iterator[Specimen]:
        chapters, tags = self._folder / "chapters.txt", self._folder / "tags.xml"
        chapters.write_text(CHAPTERS_TEXT)
        tags.write_text(TAGS_XML.format("long words " * 50))
        settings = {
            "usual": [], "no-cues": ["--no-cues"], "index-of-clusters": ["--clusters-in-meta-seek"],
            "no-date": ["--no-date"], "no-statistics": ["--disable-track-statistics-tags"],
            "title": ["--title", "A title"], "chapters": ["--chapters", str(chapters)],
            "tags": ["--global-tags", str(tags)], "short-clusters": ["--cluster-length", "100ms"],
            "no-lacing": ["--disable-lacing"], "old-blocks": ["--engage", "no_simpleblocks"],
            "old-cues": ["--engage", "no_cue_duration", "--engage", "no_cue_relative_position"],
            "attachment": ["--attach-file", str(tags)], "webm": ["--webm"],
            "no-bcp47": ["--disable-language-ietf"], "durations": ["--enable-durations"],
        }  # fmt: skip
        for kind in ("plain", "rich", "webm"):
            for name, options in settings.items():
                if name == "webm" and kind != "webm":
                    continue
                yield Specimen(
                    f"mkvmerge-{kind}-{name}",
                    lambda path, kind=kind, options=options: _run(
                        "mkvmerge", "-q", "-o", str(path), *options, str(self.film(kind))
                    ),
                )

    def _by_ffmpeg(self) -> Iterator[Specimen]:
        tools = {origin: path for path, origin in find_ffmpegs()}
        settings = {
            "usual": [], "no-crc": ["-write_crc32", "0"], "room": ["-reserve_index_space", "4096"],
            "room-without-crc": ["-reserve_index_space", "4096", "-write_crc32", "0"],
            "cues-in-front": ["-cues_to_front", "1"], "title": ["-metadata", "title=A film"],
            "tags": ["-metadata", "director=Somebody", "-metadata", "comment=" + "word " * 40],
            "small-clusters": ["-cluster_time_limit", "100"], "tiny-clusters": ["-cluster_size_limit", "2000"],
            "bitexact": ["-fflags", "+bitexact"], "live": ["-live", "1"],
            "no-chapters": ["-map_chapters", "-1"], "default-mode": ["-default_mode", "infer_no_subs"],
        }  # fmt: skip
        for (tool, program), kind, (name, options) in product(
            tools.items(), ("plain", "rich", "webm"), settings.items()
        ):
            muxer = "webm" if kind == "webm" else "matroska"
            if muxer == "webm" and name in {"cues-in-front", "default-mode"}:
                continue
            words = ["-map", "0", "-c", "copy", *options, "-f", muxer, "-y"]
            yield Specimen(
                f"ffmpeg-{tool}-{kind}-{name}",
                lambda path, program=program, kind=kind, words=words: _run(
                    program, "-v", "error", "-i", str(self.film(kind)), *words, str(path)
                ),
            )
        for tool, program in tools.items():
            yield Specimen(f"ffmpeg-{tool}-piped", lambda path, program=program: self._piped(program, path))

    def _piped(self, program: str, path: Path) -> None:
        with path.open("wb") as stream:
            words = ["-v", "error", "-i", str(self.film()), "-c", "copy", "-f", "matroska", "pipe:1"]
            subprocess.run([program, *words], stdout=stream, check=True)

    def _by_pyav(self) -> Iterator[Specimen]:
        for kind, options in product(
            ("plain", "webm"),
            ({}, {"reserve_index_space": "2048"}, {"write_crc32": "0"}, {"cluster_time_limit": "100"}),
        ):
            name = next(iter(options), "usual")
            yield Specimen(
                f"pyav-{kind}-{name}",
                lambda path, kind=kind, options=options: self._copy_with_pyav(self.film(kind), path, options),
            )

    def _copy_with_pyav(self, source: Path, path: Path, options: dict[str, str]) -> None:
        muxer = "webm" if source.suffix == ".webm" else "matroska"
        with av.open(str(source)) as old, av.open(str(path), "w", format=muxer, options=options) as new:
            streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
            for packet in old.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    new.mux(packet)

    def _after_mkvpropedit(self) -> Iterator[Specimen]:
        edits = {
            "title-set": ["--edit", "info", "--set", "title=" + "Long " * 30],
            "statistics": ["--add-track-statistics-tags"], "tags-gone": ["--tags", "all:"],
            "chapters-gone": ["--chapters", ""], "no-language": ["--edit", "track:1", "--delete", "language"],
            "name": ["--edit", "track:1", "--set", "name=Picture"],
        }  # fmt: skip
        for kind, (name, words) in product(("plain", "rich"), edits.items()):
            for maker in ("mkvmerge", "ffmpeg"):
                yield Specimen(
                    f"mkvpropedit-{maker}-{kind}-{name}",
                    lambda path, maker=maker, kind=kind, words=words: self._edited(path, maker, kind, words),
                )

    def _edited(self, path: Path, maker: str, kind: str, words: list[str]) -> None:
        if maker == "mkvmerge":
            _run("mkvmerge", "-q", "-o", str(path), str(self.film(kind)))
        else:
            shutil.copy(self.film(kind), path)
        _run("mkvpropedit", "-q", str(path), *words)

    # -- by hand -----------------------------------------------------------------------------------------

    def _rewritten(self) -> Iterator[Specimen]:
        rooms = (None, 2, 3, 9, 40, 129, 130, 1000, 4096)
        for room, index, tail in product(rooms, (True, False), ("nothing", "tags", "tags-void")):
            yield self._layout(
                f"room-{room}-{'index' if index else 'no-index'}-{tail}", room=room, index=index, tail=tail
            )
        for kind, index, tail, crc, tracks_first in product(
            ("rich", "webm"), (True, False), ("nothing", "tags"), (True, False), (True, False)
        ):
            name = f"{kind}-{tail}{'-index' * index}{'-crc' * crc}{'-tracks-first' * tracks_first}"
            yield self._layout(
                name, film=kind, room=800, index=index, tail=tail, crc=crc, tracks_first=tracks_first,
                doc_type=b"webm" if kind == "webm" else b"matroska",
            )  # fmt: skip
        for kind, room, clusters, index in product(
            ("plain", "rich"), (300, 2000, 20000), (1, 0), (True, False)
        ):
            name = f"{kind}-{room}-{clusters}{'-index' * index}"
            yield self._layout(name, film=kind, room=room, clusters=clusters, index=index)
        well_formed: dict[str, dict[str, Any]] = {
            "crc": {"crc": True, "room": 1000},
            "crc-no-index": {"crc": True, "room": 1000, "index": False},
            "webm": {"doc_type": b"webm", "room": 1000},
            "webm-no-room": {"doc_type": b"webm"},
            "tracks-first": {"tracks_first": True, "room": 1000},
            "one-cluster": {"clusters": 1, "room": 1000},
            "one-cluster-no-index": {"clusters": 1, "room": 1000, "index": False},
            "tags-in-front": {"tags_in_front": True, "room": 200},
            "tags-in-front-no-room": {"tags_in_front": True},
            "two-rooms": {"room": 60, "room_before": 60},
            "room-before": {"room_before": 1000},
            "room-before-no-index": {"room_before": 1000, "index": False},
            "short-size": {"size_bytes": 4, "room": 1000},
            "shorter-size": {"size_bytes": 3, "room": 300},
        }
        for name, options in well_formed.items():
            yield self._layout(name, **options)
        unusual: dict[str, dict[str, Any]] = {
            "unknown-segment": {"segment_size": UNKNOWN},
            "unknown-cluster": {"cluster_size": UNKNOWN},
            "bytes-behind": {"behind": b"\0" * 100},
            "foreign-element": {"foreign": True},
            "tracks-behind": {"tracks_behind": True},
            "wrong-index": {"wrong_index": True},
            "clusters-apart": {"void_between": True, "index": False},
        }
        for name, options in unusual.items():
            yield self._layout(name, room=1000, **options)

    def _layout(self, name: str, *, film: str = "plain", **options: object) -> Specimen:
        def make(path: Path) -> None:
            path.write_bytes(lay_out(self.film(film), **options))  # type: ignore[arg-type]

        return Specimen(f"layout-{name}", make)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _parts(data: bytes) -> dict[int, list[bytes]]:
    """The content of a file's top-level elements, by identifier."""
    head = parse_element(data, 0, 0)
    assert head is not None
    segment = parse_element(data, head.end or 0, head.end or 0)
    assert segment is not None
    found: dict[int, list[bytes]] = {}
    for identifier, content in children_of(data[segment.start : segment.end]):
        found.setdefault(identifier, []).append(content)
    return found


def _void(total: int | None) -> bytes:
    """A Void of `total` bytes, its own header included."""
    if total is None:
        return b""
    if total < 9:
        return b"\xec" + bytes([0x80 | total - 2]) + bytes(total - 2)
    return b"\xec" + (total - 9 | 1 << 56).to_bytes(8, "big") + bytes(total - 9)


def _simple_tags(name: bytes, value: bytes) -> bytes:
    simple = element(0x67C8, element(0x45A3, name) + element(0x4487, value))
    return element(TAGS, element(0x7373, element(0x63C0, b"") + simple))


def lay_out(
    film: Path, *, room: int | None = None, room_before: int | None = None, index: bool = True, tail: str = "nothing",
    crc: bool = False, doc_type: bytes = b"matroska", tracks_first: bool = False, clusters: int = 0,
    tags_in_front: bool = False, size_bytes: int = 8, segment_size: bytes | None = None,
    cluster_size: bytes | None = None, behind: bytes = b"", foreign: bool = False, tracks_behind: bool = False,
    wrong_index: bool = False, void_between: bool = False,
) -> bytes:  # fmt: skip
    """The film in another order, with another index and as much room as asked for."""
    import zlib

    parts = _parts(film.read_bytes())

    def without_crc(identifier: int) -> bytes:
        kept = [(kind, data) for kind, data in children_of(parts[identifier][0]) if kind != CRC]
        content = b"".join(element(kind, data) for kind, data in kept)
        if crc:
            content = element(CRC, zlib.crc32(content).to_bytes(4, "little"), b"\x84") + content
        return element(identifier, content)

    info, tracks = without_crc(INFO), without_crc(TRACKS)
    tags = _simple_tags(b"DIRECTOR", b"Somebody")
    front = [tracks, info] if tracks_first else [info, tracks]
    if tracks_behind:
        front = [info]
    if foreign:
        front.append(element(0x1C11C11C, b"?"))
    front += [without_crc(kind) for kind in (CHAPTERS, ATTACHMENTS) if kind in parts]
    if tags_in_front:
        front.append(tags)
    contents = parts[CLUSTER][: clusters or None]
    essence = [element(CLUSTER, data, cluster_size) for data in contents]
    if void_between:
        essence = [essence[0], _void(50), *(essence[1:] or essence)]
    ends = {"nothing": [], "tags": [tags], "tags-void": [tags, _void(100)]}[tail]
    if tracks_behind:
        ends = [*ends, tracks]
    body = _with_index(front, room_before, room, essence, ends, index=index, wrong=wrong_index)
    header = element(
        0x1A45DFA3, element(0x4282, doc_type) + element(0x4287, b"\x04") + element(0x4285, b"\x02")
    )
    size = segment_size or (len(body) | 1 << 7 * size_bytes).to_bytes(size_bytes, "big")
    return header + element(SEGMENT, body, size) + behind


def _with_index(
    front: list[bytes], room_before: int | None, room: int | None, essence: list[bytes], ends: list[bytes],
    *, index: bool, wrong: bool,
) -> bytes:  # fmt: skip
    before, after = _void(room_before), _void(room)
    if not index:
        return b"".join([before, *front, after, *essence, *ends])
    length = 0
    while True:  # the index holds positions, which depend on its length
        position, entries = length + len(before), []
        for place, part in enumerate([*front, after, *essence, *ends]):
            first = parse_element(part, 0, 0) if part else None
            if first is not None and first.id not in (VOID, CLUSTER):
                at = position + (7 if wrong and place > len(front) else 0)
                entries.append((first.id, at))
            position += len(part)
        if wrong:
            entries.append((CUES, position - 50))
        seek = b"".join(
            element(0x4DBB, element(0x53AB, i.to_bytes(4, "big")) + element(0x53AC, at.to_bytes(8, "big")))
            for i, at in entries
        )
        built = element(SEEK_HEAD, seek)
        if len(built) == length:
            return b"".join([built, before, *front, after, *essence, *ends])
        length = len(built)
