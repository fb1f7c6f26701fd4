"""Odd but valid Matroska files, made by mkvmerge out of a seed."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from xml.sax.saxutils import escape

from tests.support.tools import need_tool

LANGUAGES = ("eng", "jpn", "fra", "deu", "spa", "und")
TAGS = ("eng", "pt-BR", "zh-Hant", "de-AT", "sr-Latn", "es-419")
WORDS = ("Opening", "Part <1>", "Ünïcode", "第一章", "a & b", "'quoted'", "x" * 90)
ROLES = ("hearing-impaired", "visual-impaired", "text-descriptions", "original", "commentary")


def make_bases(folder: Path) -> dict[str, Path]:
    """Make the tracks that every file is put together from. Returns them by name."""
    ffmpeg = need_tool("ffmpeg")
    sound = ("-f", "lavfi", "-i", "sine=f=330:r=48000:d=0.6")
    picture = ("-f", "lavfi", "-i", "testsrc=s=128x96:r=10:d=0.6")
    ways = {
        "h264.mkv": (*picture, "-c:v", "libx264", "-preset", "ultrafast"),
        "mpeg4.mkv": (*picture, "-c:v", "mpeg4"),
        "aac.mka": (*sound, "-c:a", "aac", "-b:a", "64k"),
        "ac3.mka": (*sound, "-c:a", "ac3", "-b:a", "96k"),
    }
    made = {}
    for name, words in ways.items():
        path = folder / name
        command = [ffmpeg, "-v", "error", "-y", *words, str(path)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        made[name.split(".")[0]] = path
    text = folder / "text.srt"
    text.write_text("1\n00:00:00,100 --> 00:00:00,300\nHello\n\n2\n00:00:00,300 --> 00:00:00,500\nWorld\n")
    made["srt"] = text
    return made


class MatroskaMaker:
    """One odd file of a seed: `make` writes it."""

    def __init__(self, seed: int, bases: dict[str, Path]) -> None:
        self._random = random.Random(seed)
        self._bases = bases

    def make(self, path: Path, scratch: Path) -> None:
        """Write the file; `scratch` takes the XML and pictures that it is made from."""
        chance = self._random
        words: list[str] = []
        if chance.random() < 0.7:
            words += ["--title", chance.choice(WORDS)]
        if chance.random() < 0.4:
            words += ["--segment-uid", f"0x{chance.getrandbits(128):032x}"]
        for option in ("--link-to-previous", "--link-to-next"):
            if chance.random() < 0.2:
                words += [option, f"0x{chance.getrandbits(128):032x}"]
        if chance.random() < 0.3:
            words += ["--no-date"]
        if chance.random() < 0.4:
            words += ["--disable-track-statistics-tags"]
        if chance.random() < 0.6:
            words += ["--chapters", self._write(scratch / "chapters.xml", self._chapters())]
        if chance.random() < 0.6:
            words += ["--global-tags", self._write(scratch / "tags.xml", self._tags(of_track=False))]
        for number in range(chance.choice((0, 0, 1, 2))):
            words += self._attachment(scratch / f"attached{number}")
        words += self._track("video", chance.choice(("h264", "h264", "mpeg4")), scratch)
        for _ in range(chance.choice((1, 1, 2, 3))):
            words += self._track("audio", chance.choice(("aac", "ac3")), scratch)
        for _ in range(chance.choice((0, 1, 2))):
            words += self._track("subtitle", "srt", scratch)
        command = [need_tool("mkvmerge"), "-q", "-o", str(path), *words]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode in (0, 1), done.stdout + done.stderr

    @staticmethod
    def _write(path: Path, text: str) -> str:
        path.write_text(text, encoding="utf-8")
        return str(path)

    def _chapters(self) -> str:
        chance = self._random
        editions = []
        for edition in range(chance.choice((1, 1, 2))):
            flags = f"<EditionUID>{chance.getrandbits(60) + 1}</EditionUID>"
            flags += f"<EditionFlagOrdered>{int(chance.random() < 0.3)}</EditionFlagOrdered>"
            flags += f"<EditionFlagDefault>{int(edition == 0)}</EditionFlagDefault>"
            flags += f"<EditionFlagHidden>{int(chance.random() < 0.2)}</EditionFlagHidden>"
            atoms = "".join(self._atom(n / 5, (n + 1) / 5, depth=0) for n in range(chance.choice((1, 2, 3))))
            editions.append(f"<EditionEntry>{flags}{atoms}</EditionEntry>")
        return f'<?xml version="1.0"?><Chapters>{"".join(editions)}</Chapters>'

    def _atom(self, begin_s: float, end_s: float, *, depth: int) -> str:
        chance = self._random
        inner = f"<ChapterUID>{chance.getrandbits(60) + 1}</ChapterUID>"
        inner += f"<ChapterTimeStart>00:00:{begin_s:012.9f}</ChapterTimeStart>"
        inner += f"<ChapterTimeEnd>00:00:{end_s:012.9f}</ChapterTimeEnd>"
        inner += f"<ChapterFlagHidden>{int(chance.random() < 0.15)}</ChapterFlagHidden>"
        inner += f"<ChapterFlagEnabled>{int(chance.random() < 0.9)}</ChapterFlagEnabled>"
        for tag in chance.sample(TAGS, chance.choice((1, 1, 2))):
            language = {"pt-BR": "por", "zh-Hant": "chi", "de-AT": "ger"}.get(tag, "eng")
            if tag in ("sr-Latn", "es-419"):
                language = {"sr-Latn": "srp", "es-419": "spa"}[tag]
            inner += f"<ChapterDisplay><ChapterString>{escape(chance.choice(WORDS))}</ChapterString>"
            inner += f"<ChapterLanguage>{language}</ChapterLanguage>"
            inner += f"<ChapLanguageIETF>{tag}</ChapLanguageIETF></ChapterDisplay>"
        if depth == 0 and chance.random() < 0.25:
            inner += self._atom(begin_s, (begin_s + end_s) / 2, depth=1)
        return f"<ChapterAtom>{inner}</ChapterAtom>"

    def _tags(self, *, of_track: bool) -> str:
        chance = self._random
        made = []
        for _ in range(chance.choice((1, 1, 2))):
            targets = ""
            if not of_track and chance.random() < 0.5:
                level, kind = chance.choice(
                    ((70, "COLLECTION"), (60, "SEASON"), (50, "MOVIE"), (30, "CHAPTER"))
                )
                targets = f"<TargetTypeValue>{level}</TargetTypeValue><TargetType>{kind}</TargetType>"
            simple = "".join(self._simple(depth=0) for _ in range(chance.choice((1, 2, 3))))
            made.append(f"<Tag><Targets>{targets}</Targets>{simple}</Tag>")
        return f'<?xml version="1.0"?><Tags>{"".join(made)}</Tags>'

    def _simple(self, *, depth: int) -> str:
        chance = self._random
        name = chance.choice(
            ("ARTIST", "DIRECTOR", "COMMENT", "DATE_RELEASED", "X-ODD", "PART_NUMBER", "ACTOR")
        )
        inner = f"<Name>{name}</Name><String>{escape(chance.choice(WORDS))}</String>"
        if chance.random() < 0.4:
            inner += f"<TagLanguageIETF>{chance.choice(TAGS)}</TagLanguageIETF>"
        if depth == 0 and chance.random() < 0.3:
            inner += self._simple(depth=1)
        return f"<Simple>{inner}</Simple>"

    def _attachment(self, path: Path) -> list[str]:
        chance = self._random
        path.write_bytes(chance.randbytes(chance.choice((10, 3000))))
        kind, name = chance.choice(
            (
                ("application/x-truetype-font", "font.ttf"),
                ("text/plain", "notes.txt"),
                ("application/x-odd", "ö.bin"),
            )
        )
        words = ["--attachment-mime-type", kind, "--attachment-name", f"{path.name}-{name}"]
        if chance.random() < 0.5:
            words += ["--attachment-description", chance.choice(WORDS)]
        return [*words, "--attach-file", str(path)]

    def _track(self, kind: str, base: str, scratch: Path) -> list[str]:
        chance = self._random
        language = chance.choice(LANGUAGES if chance.random() < 0.6 else TAGS)
        words = ["--language", f"0:{language}", "--no-chapters", "--no-global-tags", "--no-track-tags"]
        if chance.random() < 0.6:
            words += ["--track-name", f"0:{chance.choice(WORDS)}"]
        words += ["--default-track-flag", f"0:{int(chance.random() < 0.6)}"]
        if kind == "subtitle":
            words += ["--forced-display-flag", f"0:{int(chance.random() < 0.2)}"]
        if chance.random() < 0.1:
            words += ["--track-enabled-flag", "0:0"]
        for role in ROLES:
            if kind != "video" and chance.random() < 0.08:
                words += [f"--{role}-flag", "0:1"]
        if kind == "video" and chance.random() < 0.25:
            words += ["--cropping", "0:2,4,6,8"]
        if kind == "video" and chance.random() < 0.15:
            words += ["--stereo-mode", "0:1"]
        if chance.random() < 0.4:
            text = self._tags(of_track=True)
            path = scratch / f"tags{chance.getrandbits(40):x}.xml"
            words += ["--tags", f"0:{self._write(path, text)}"]
        return [*words, str(self._bases[base])]
