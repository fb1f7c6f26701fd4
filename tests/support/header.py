"""Header edits for tests: plans for them, the bare tool to compare with, and the work itself."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from tests.support.execute import plan_for
from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.execute.in_place.layout import track_numbers
from vpo_tasks.execute.work import Environment, Replacement
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import Track
from vpo_tasks.plan.model import Plan, Step
from vpo_tasks.tools.mkvpropedit import edit_call

VARIANTS = ("flags", "names", "tags", "emptied")


def header_plan(path: str, variant: str = "flags", **options: Any) -> Plan:
    """A plan that only the header need know of: flags; longer names; tags of the file; names removed."""
    media = read_media(path)

    def change(track: Track) -> Track:
        if track.type == "attachment":
            return track
        if variant == "flags":
            return msgspec.structs.replace(track, default=not track.default, forced=track.type == "subtitle")
        if variant == "names":
            return msgspec.structs.replace(track, title=f"Track {track.index} " + "é" * 20, language="jpn")
        if variant == "emptied":
            return msgspec.structs.replace(track, title=None, language="und")
        return track

    tags = dict(media.tags)
    if variant == "tags":
        tags |= {"title": "Another title", "director": "Someone & <Somebody>"}
    elif variant == "emptied":
        tags.pop("title", None)
    return plan_for(media, change=change, tags=tags, **options)


def header_work(path: str, plan: Plan, **rest: object) -> Replacement:
    step = Step(kind="header-edit", tool="mkvpropedit")
    return Replacement(path, Identity.of(os.stat(path)), plan, step, **rest)  # type: ignore[arg-type]


def edit_with_the_bare_tool(path: str, plan: Plan, environment: Environment) -> int:
    """Run mkvpropedit on the file itself, as anybody would. Returns its exit status."""
    call = edit_call(
        plan, environment.toolbox.info("mkvpropedit", "the test"), _numbers(path), os.fsencode(path)
    )
    assert call is not None
    return environment.children.run(call, video=path, stall_timeout_s=60).returncode


def _numbers(path: str) -> dict[int, int]:
    fd = os.open(path, os.O_RDONLY)
    try:
        return track_numbers(OpenFile(fd, os.fsencode(path)))
    finally:
        os.close(fd)
