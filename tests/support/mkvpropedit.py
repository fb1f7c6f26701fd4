"""The oracle of header edits: mkvpropedit, asked for what a plan changes in a file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.tools import need_tool
from vpo_tasks.media.model import Track
from vpo_tasks.plan.model import Plan
from vpo_tasks.tools.mkvmerge import kept_tags, tags_xml

_FLAGS = {
    "hearing_impaired": "flag-hearing-impaired",
    "visual_impaired": "flag-visual-impaired",
    "descriptions": "flag-text-descriptions",
    "original": "flag-original",
    "comment": "flag-commentary",
}


def edit_with_mkvpropedit(path: str | os.PathLike[str], plan: Plan) -> int:
    """Run mkvpropedit on the file itself, as anybody would. Returns its exit status.

    It replaces all tags of the whole file if one is to differ.
    """
    words = list(_words(plan))
    before, after = (_without_title(kept_tags(media)) for media in (plan.source, plan.result))
    xml = Path(f"{os.fspath(path)}.xml")
    if before != after:
        xml.write_bytes(tags_xml(after))
        words += ["--tags", f"global:{xml}"]
    done = subprocess.run([need_tool("mkvpropedit"), "-q", path, *words], stdout=subprocess.DEVNULL)
    xml.unlink(missing_ok=True)
    return done.returncode


def _words(plan: Plan) -> Iterator[str]:
    title = plan.result.tags.get("title")
    if title != plan.source.tags.get("title"):
        yield from ("--edit", "info", *_text("title", title))
    for found, wanted in zip(plan.source.tracks, plan.result.tracks, strict=True):
        changes = list(_changes(found, wanted))
        if changes:
            place = found.index if found.entry is None else found.entry
            yield from ("--edit", f"track:{place + 1}", *changes)


def _changes(found: Track, wanted: Track) -> Iterator[str]:
    if wanted.language != found.language:
        yield from _text("language", wanted.language or "und")
    if (wanted.title or "") != (found.title or ""):
        yield from _text("name", wanted.title)
    if wanted.default != found.default:
        yield from ("--set", f"flag-default={wanted.default:d}")
    if wanted.forced != found.forced:
        yield from ("--set", f"flag-forced={wanted.forced:d}")
    for name, option in _FLAGS.items():
        if (name in wanted.dispositions) != (name in found.dispositions):
            yield from ("--set", f"{option}={name in wanted.dispositions:d}")


def _text(name: str, value: str | None) -> tuple[str, str]:
    return ("--set", f"{name}={value}") if value else ("--delete", name)


def _without_title(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in tags.items() if name != "title"}
