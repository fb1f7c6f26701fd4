"""mkvmerge: stream copies from Matroska to Matroska, and of AVI whose pictures only it can take over.

What the plan leaves alone is left to mkvmerge, which keeps what it reads; only differences are named.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from html import escape  # xml.sax would bring in urllib and ssl, 37 ms

import msgspec

from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.plan.model import Plan
from vpo_tasks.tools.base import Call, ParsedLine, ToolInfo

_KINDS = (
    ("video", b"--video-tracks", b"--no-video"),
    ("audio", b"--audio-tracks", b"--no-audio"),
    ("subtitle", b"--subtitle-tracks", b"--no-subtitles"),
)
_FLAGS = (
    ("hearing_impaired", b"--hearing-impaired-flag"),
    ("visual_impaired", b"--visual-impaired-flag"),
    ("descriptions", b"--text-descriptions-flag"),
    ("original", b"--original-flag"),
    ("comment", b"--commentary-flag"),
)
_NOT_KEPT = frozenset({"encoder", "creation_time", "duration"})
_GUI_LINE = re.compile(rb"#GUI#(error|warning) (.*)|#GUI#progress (\d+)%")


class Mkvmerge:
    """mkvmerge as a Tool."""

    name = "mkvmerge"

    def calls(self, plan: Plan, info: ToolInfo, source: bytes, output: bytes) -> tuple[Call, ...]:
        """Return the one process that makes `output`. Its track ids are places among the header's entries."""
        ids = _track_ids(plan.source)
        folder, name = os.path.split(output)
        argv = [os.fsencode(info.path), b"--gui-mode", b"--output", name]
        if plan.result.doc_type == "webm":
            argv.append(b"--webm")
        inputs: list[tuple[int, bytes]] = []
        converted = plan.source.container != plan.result.container
        if converted or kept_tags(plan.source) != kept_tags(plan.result):
            title = plan.result.tags.get("title", "")
            if title.startswith("@"):
                # as an argument it would name a file of options; such a file may say anything
                argv.append(b"@")
                inputs.append((len(argv) - 1, json.dumps(["--title", title]).encode()))
            else:
                argv += [b"--title", as_argument(title)]
            argv += [b"--global-tags", b""]
            inputs.append((len(argv) - 1, tags_xml(kept_tags(plan.result))))
            argv.append(b"--no-global-tags")
        argv += _selection(plan, ids)
        sources = {track.index: track for track in plan.source.tracks}
        for stream, wanted in zip(plan.streams, plan.result.tracks, strict=True):
            if wanted.type != "attachment":
                found = sources[stream.source]
                # of what AVI says of its tracks, mkvmerge takes nothing over
                argv += _properties(ids[stream.source], _unnamed(found) if converted else found, wanted)
        order = [b"0:%d" % ids[s.source] for s in plan.streams if s.source in ids]
        argv += [b"--track-order", b",".join(order), source]
        # quirks.WARNING_IS_EXIT_1
        call = Call(argv=tuple(argv), cwd=folder, warn_codes=(1,), inputs=tuple(inputs))
        return (call,)

    def parse_line(self, line: bytes) -> ParsedLine | None:
        match = _GUI_LINE.match(line)
        if match is None:
            return None
        if match[3]:
            return ParsedLine("progress", fraction=int(match[3]) / 100)
        text = match[2].decode("utf-8", "replace")
        return ParsedLine("error" if match[1] == b"error" else "warning", text)


MKVMERGE = Mkvmerge()


def _track_ids(source: MediaInfo) -> dict[int, int]:
    tracks = [track for track in source.tracks if track.type != "attachment"]
    # it counts entries that FFmpeg makes no streams of
    return {
        track.index: number if track.entry is None else track.entry for number, track in enumerate(tracks)
    }


def _selection(plan: Plan, ids: Mapping[int, int]) -> Iterator[bytes]:
    kept = {stream.source for stream in plan.streams}
    for kind, some, none in _KINDS:
        tracks = [track.index for track in plan.source.tracks if track.type == kind]
        chosen = [index for index in tracks if index in kept]
        if tracks and not chosen:
            yield none
        elif chosen != tracks:
            yield from (some, b",".join(b"%d" % ids[index] for index in chosen))
    attachments = [track.index for track in plan.source.tracks if track.type == "attachment"]
    numbers = [b"%d" % number for number, index in enumerate(attachments, 1) if index in kept]
    if attachments and not numbers:
        yield b"--no-attachments"
    elif len(numbers) != len(attachments):
        yield from (b"--attachments", b",".join(numbers))


def _unnamed(track: Track) -> Track:
    return msgspec.structs.replace(track, title=None, language="und")


def _properties(number: int, found: Track, wanted: Track) -> Iterator[bytes]:
    track = b"%d:" % number
    if wanted.language != found.language:
        yield from (b"--language", track + as_argument(wanted.language or "und"))
    if wanted.title != found.title:
        yield from (b"--track-name", track + as_argument(wanted.title or ""))
    yield from (b"--default-track-flag", track + _flag(wanted.default))
    yield from (b"--forced-display-flag", track + _flag(wanted.forced))
    for name, option in _FLAGS:
        if (name in wanted.dispositions) != (name in found.dispositions):
            yield from (option, track + _flag(name in wanted.dispositions))


def _flag(value: bool) -> bytes:
    return b"1" if value else b"0"


def kept_tags(media: MediaInfo) -> dict[str, str]:
    """Return the container tags that are a person's, not the muxer's."""
    return {name: value for name, value in media.tags.items() if name not in _NOT_KEPT}


def tags_xml(tags: Mapping[str, str]) -> bytes:
    """Return a Matroska tags file for the whole segment; the title stands in the segment's own field."""
    simple = "".join(
        f"<Simple><Name>{_xml(name.upper())}</Name><String>{_xml(value)}</String></Simple>"
        for name, value in tags.items()
        if name != "title"
    )
    body = f"<Tag><Targets/>{simple}</Tag>" if simple else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Tags>{body}</Tags>\n'.encode()


def _xml(text: str) -> str:
    # XML 1.0 has no way to write other control characters
    return escape(re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text))


def as_argument(value: str) -> bytes:
    """Return an argument; a process cannot be given a zero byte, nor mkvmerge anything but UTF-8."""
    return value.replace("\0", "").encode("utf-8", "replace")
