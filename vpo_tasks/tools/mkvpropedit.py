"""mkvpropedit: flags, languages and titles of tracks, and the tags and title of the whole file.

It is given a skeleton of a video (execute/in_place/skeleton.py), never the video (quirks.NO_FSYNC).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from vpo_tasks.media.model import Track
from vpo_tasks.plan.model import Plan
from vpo_tasks.tools.base import Call, ParsedLine, ToolInfo
from vpo_tasks.tools.mkvmerge import as_argument, kept_tags, tags_xml

_FLAGS = {
    "hearing_impaired": b"flag-hearing-impaired",
    "visual_impaired": b"flag-visual-impaired",
    "descriptions": b"flag-text-descriptions",
    "original": b"flag-original",
    "comment": b"flag-commentary",
}
# FFmpeg's way to show nested tags and tags in a language; rewritten they would become flat
_NESTED = re.compile(r"/|-[a-z]{3}$")
_GUI_LINE = re.compile(rb"(?:#GUI#)?(error|warning)[: ] ?(.*)", re.IGNORECASE)


def why_no_edit(plan: Plan) -> str | None:
    """Return why mkvpropedit cannot carry out a plan, None when it can."""
    if [(stream.source, stream.encode) for stream in plan.streams] != [
        (track.index, None) for track in plan.source.tracks
    ]:
        return "the tracks themselves differ"
    for found, wanted in zip(plan.source.tracks, plan.result.tracks, strict=True):
        if found.type == "attachment" and found != wanted:
            return "an attachment differs"
        if (set(found.dispositions) ^ set(wanted.dispositions)) - set(_FLAGS):
            return "a flag differs that it does not know"
    before, after = kept_tags(plan.source), kept_tags(plan.result)
    if _without_title(before) != _without_title(after) and any(map(_NESTED.search, {**before, **after})):
        return "some tags are nested"
    return None


def edit_call(plan: Plan, info: ToolInfo, numbers: Mapping[int, int], target: bytes) -> Call | None:
    """Return the one process that edits `target` (a path), None when there is nothing to edit.

    `numbers` are the track numbers by the tracks' indexes in the source.
    """
    folder, name = os.path.split(target)
    head = [os.fsencode(info.path), b"--gui-mode", name]
    argv = list(head)
    inputs: list[tuple[int, bytes]] = []
    before, after = kept_tags(plan.source), kept_tags(plan.result)
    if before.get("title", "") != after.get("title", ""):
        argv += [b"--edit", b"info", *_text(b"title", after.get("title"))]
    for found, wanted in zip(plan.source.tracks, plan.result.tracks, strict=True):
        changes = list(_changes(found, wanted))
        if changes:
            argv += [b"--edit", b"track:@%d" % numbers[found.index], *changes]
    if _without_title(before) != _without_title(after):
        argv += [b"--tags", b"global:"]
        inputs.append((len(argv) - 1, tags_xml(after)))
    if argv == head:
        return None
    return Call(argv=tuple(argv), cwd=folder, inputs=tuple(inputs))


def parse_line(line: bytes) -> ParsedLine | None:
    """Return what a line of its output means, None for a line without meaning."""
    match = _GUI_LINE.match(line)
    if match is None:
        return None
    text = match[2].decode("utf-8", "replace")
    return ParsedLine("error" if match[1].lower() == b"error" else "warning", text)


def _changes(found: Track, wanted: Track) -> Iterator[bytes]:
    if (wanted.language or "und") != (found.language or "und"):
        yield from _text(b"language", wanted.language or "und")
    if (wanted.title or "") != (found.title or ""):
        yield from _text(b"name", wanted.title)
    if wanted.default != found.default:
        yield from _flag(b"flag-default", wanted.default)
    if wanted.forced != found.forced:
        yield from _flag(b"flag-forced", wanted.forced)
    for name, option in _FLAGS.items():
        if (name in wanted.dispositions) != (name in found.dispositions):
            yield from _flag(option, name in wanted.dispositions)


def _text(name: bytes, value: str | None) -> tuple[bytes, bytes]:
    # quirks.BOTH_LANGUAGES
    return (b"--set", name + b"=" + as_argument(value)) if value else (b"--delete", name)


def _flag(name: bytes, value: bool) -> tuple[bytes, bytes]:
    return b"--set", name + (b"=1" if value else b"=0")


def _without_title(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if name != "title"}
