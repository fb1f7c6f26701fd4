"""Odd but valid MP4 and MOV files: made by ffmpeg, with further boxes put in by a seed. Knows nothing of the program."""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.tools import need_tool

PARENTS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"udta", b"meta", b"ilst", b"edts", b"dinf"}
LANGUAGES = ("eng", "jpn", "fra", "deu", "spa", "und")
ELNG = ("pt-BR", "zh-Hant", "de-AT", "es-419")
WORDS = ("Opening", "Ünïcode", "第一章", "a & b", "y" * 80)


class Box(NamedTuple):
    """A box: its type, what stands before the boxes in it (the whole content, if there are none), and those."""

    kind: bytes
    head: bytes
    inner: tuple[Box, ...] = ()

    def encoded(self) -> bytes:
        content = self.head + b"".join(box.encoded() for box in self.inner)
        return struct.pack(">I", 8 + len(content)) + self.kind + content


def boxes(data: bytes, *, movie: bool) -> Iterator[Box]:
    """Return the boxes of some bytes. `movie`: look into those of a movie header; in QuickTime's udta a 0 ends it."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        begin = at + 8
        if size == 1:
            size = struct.unpack_from(">Q", data, begin)[0]
            begin += 8
        elif size == 0:
            size = len(data) - at
        content = data[begin : at + size]
        if movie and kind in PARENTS:
            full = kind == b"meta" and content[4:8] != b"hdlr"  # QuickTime's has no version and flags
            head, rest = (content[:4], content[4:]) if full else (b"", content)
            yield Box(kind, head, tuple(boxes(rest, movie=True)))
        else:
            yield Box(kind, content)
        at += size


def make_mp4(path: Path, seed: int, scratch: Path) -> None:
    """Write an odd MP4 (`.mp4`) or MOV (`.mov`)."""
    chance = random.Random(seed)
    _write_plain(path, chance, scratch)
    data = path.read_bytes()
    made = []
    for box in boxes(data, movie=False):
        if box.kind == b"moov":
            movie = next(boxes(box.encoded(), movie=True))
            made.append(_odd(movie, chance, mov=path.suffix == ".mov"))
        else:
            made.append(box)
    assert made[-1].kind == b"moov", "ffmpeg writes it last: nothing moves when it grows"
    if chance.random() < 0.4:
        made.append(Box(b"uuid", chance.randbytes(16 + chance.choice((0, 40)))))
    if chance.random() < 0.4:
        made.append(Box(b"free", bytes(chance.choice((0, 1, 500)))))
    path.write_bytes(b"".join(box.encoded() for box in made))


def _write_plain(path: Path, chance: random.Random, scratch: Path) -> None:
    picture, sound = "testsrc=s=128x96:r=10:d=0.6", "sine=f=330:r=48000:d=0.6"
    words = [need_tool("ffmpeg"), "-v", "error", "-y", "-f", "lavfi", "-i", picture]
    sounds = chance.choice((1, 1, 2, 3))
    for _ in range(sounds):
        words += ["-f", "lavfi", "-i", sound]
    inputs = 1 + sounds
    texts = chance.choice((0, 1))
    for number in range(texts):
        text = scratch / f"{number}.srt"
        text.write_text("1\n00:00:00,100 --> 00:00:00,300\nHello\n\n")
        words += ["-i", str(text)]
    if chance.random() < 0.4:
        chapters = scratch / "chapters.txt"
        lines = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART={}\nEND={}\ntitle={}\n"
        chapters.write_text(
            "".join(lines.format(n * 300, n * 300 + 300, chance.choice(WORDS)) for n in range(2))
        )
        words += ["-f", "ffmetadata", "-i", str(chapters), "-map_chapters", str(inputs + texts)]
    for number in range(inputs + texts):
        words += ["-map", str(number)]
    words += ["-c:v", chance.choice(("libx264", "mpeg4")), "-c:a", "aac", "-b:a", "64k", "-c:s", "mov_text"]
    words += ["-metadata", f"title={chance.choice(WORDS)}"]
    if chance.random() < 0.6:
        words += ["-metadata", "creation_time=2019-05-06T07:08:09Z"]
    for key in ("artist", "comment", "genre", "date", "show", "description"):
        if chance.random() < 0.4:
            words += ["-metadata", f"{key}={chance.choice(WORDS)}"]
    for number in range(sounds):
        words += [f"-metadata:s:a:{number}", f"language={chance.choice(LANGUAGES)}"]
        if chance.random() < 0.5:
            words += [f"-metadata:s:a:{number}", f"handler_name={chance.choice(WORDS)}"]
    if chance.random() < 0.3:
        words += ["-movflags", "+use_metadata_tags", "-metadata", "com.example.odd=1.5"]
    subprocess.run([*words, str(path)], check=True, stdin=subprocess.DEVNULL)


def _odd(movie: Box, chance: random.Random, *, mov: bool) -> Box:
    inner = []
    for box in movie.inner:
        if box.kind == b"trak":
            inner.append(_odd_track(box, chance))
        elif box.kind == b"udta":
            inner.append(_odd_user_data(box, chance, mov=mov))
        else:
            inner.append(box)
    if chance.random() < 0.4:
        inner.append(Box(b"odd ", chance.randbytes(chance.choice((0, 30)))))
    if chance.random() < 0.2:
        inner.insert(1, Box(b"free", bytes(chance.choice((0, 100, 3000)))))
    return movie._replace(inner=tuple(inner))


def _odd_track(track: Box, chance: random.Random) -> Box:
    inner = list(track.inner)
    if chance.random() < 0.3:
        name = chance.choice(WORDS).encode()
        items = [Box(b"name", name), Box(b"Xtra", chance.randbytes(20))]
        inner.append(Box(b"udta", b"", tuple(items)))
    if chance.random() < 0.3:
        tag = chance.choice(ELNG).encode() + b"\0"
        place = next(number for number, box in enumerate(inner) if box.kind == b"mdia")
        media = inner[place]
        parts = list(media.inner)
        after = next(number for number, box in enumerate(parts) if box.kind == b"mdhd") + 1
        parts.insert(after, Box(b"elng", b"\0\0\0\0" + tag))
        inner[place] = media._replace(inner=tuple(parts))
    if chance.random() < 0.2:
        inner.append(Box(b"abcd", chance.randbytes(9)))
    return track._replace(inner=tuple(inner))


def _odd_user_data(data: Box, chance: random.Random, *, mov: bool) -> Box:
    inner = []
    for box in data.inner:
        if box.kind == b"meta" and not mov:
            parts = [
                part._replace(inner=(*part.inner, *_odd_items(chance))) if part.kind == b"ilst" else part
                for part in box.inner
            ]
            inner.append(box._replace(inner=tuple(parts)))
        else:
            inner.append(box)
    if chance.random() < 0.3:
        inner.append(Box(b"Xtra", chance.randbytes(50)))
    if chance.random() < 0.3:
        place = b"+48.1372+011.5756/"
        inner.append(Box(b"\xa9xyz", struct.pack(">HH", len(place), 0x15C7) + place))
    return data._replace(inner=tuple(inner))


def _odd_items(chance: random.Random) -> Iterator[Box]:
    def value(kind: int, content: bytes) -> Box:
        return Box(b"data", struct.pack(">II", kind, 0) + content)

    if chance.random() < 0.5:
        full = b"\0\0\0\0"
        parts = (
            Box(b"mean", full + b"com.apple.iTunes"),
            Box(b"name", full + chance.choice((b"iTunMOVI", b"replaygain_track_gain", b"Odd"))),
            value(1, chance.choice(WORDS).encode()),
        )
        yield Box(b"----", b"", parts)
    if chance.random() < 0.3:
        yield Box(b"sonm", b"", (value(1, b"Sorted"),))
    if chance.random() < 0.3:
        yield Box(b"rtng", b"", (value(21, b"\x02"),))
    if chance.random() < 0.3:
        yield Box(b"purd", b"", (value(1, b"2011-01-02 03:04:05"),))
    if chance.random() < 0.2:
        yield Box(b"gnre", b"", (value(0, b""),))
    if chance.random() < 0.2:
        yield Box(b"odd!", b"", (value(0, chance.randbytes(12)),))
