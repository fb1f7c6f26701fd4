"""Header edits for tests: plans for them, and the work itself."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from tests.support.execute import plan_for
from vpo_tasks.execute.work import Replacement
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import Track
from vpo_tasks.plan.model import Plan, Step

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
    step = Step(kind="header-edit")
    return Replacement(path, Identity.of(os.stat(path)), plan, step, **rest)  # type: ignore[arg-type]
