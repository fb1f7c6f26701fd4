"""Header edits of every kind for the operation matrix."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tests.faults.frame import (
    Stage,
)
from tests.support.execute import make_environment
from tests.support.fake_tools import require_tool, toolbox_of, write_copier
from tests.support.header import edit_with_the_bare_tool, header_plan, header_work
from vpo_tasks.disk.undo_store import entries
from vpo_tasks.execute.in_place.edit import edit_header
from vpo_tasks.media.synthetic import SampleTrack, make_sample
from vpo_tasks.plan.model import Plan

MTIME_NS = 1_400_000_000_987_654_321


@dataclass
class HeaderEdit(Stage):
    """A folder with one Matroska video and a plan for its header."""

    folder: Path
    old: bytes
    new: bytes
    plan: Plan
    keep: str | None
    tool: str

    @property
    def video(self) -> Path:
        return self.folder / "library" / "film.mkv"

    def set_up(self) -> None:
        shutil.rmtree(self.video.parent, ignore_errors=True)
        self.video.parent.mkdir()
        self.video.write_bytes(self.old)
        os.utime(self.video, ns=(MTIME_NS, MTIME_NS))

    def work(self, disk: Any = None) -> None:
        environment = make_environment(self.folder, toolbox=toolbox_of("mkvpropedit", self.tool), disk=disk)
        edit_header(header_work(str(self.video), self.plan, keep=self.keep), environment)

    def private(self) -> list[bytes]:
        return [os.fsencode(path) for path in self.video.parent.glob(".vpo-*.*")]

    def is_finished(self) -> bool:
        return self.video.read_bytes() == self.new

    def check_refused(self) -> None:
        assert self.video.read_bytes() == self.old

    def check_at_rest(self, *, failed: bool = False) -> None:
        assert self.private() == []
        assert self.video.read_bytes() in (self.old, self.new)
        if self.video.read_bytes() == self.old:
            assert self.video.stat().st_mtime_ns == MTIME_NS
        kept = len(entries(os.fsencode(self.video.parent)))
        # a store that cannot be made keeps nothing
        assert kept == (self.is_finished() and self.keep is not None) or (failed and kept == 0)


def make_header_edit(folder: Path, mode: str) -> HeaderEdit:
    require_tool("mkvpropedit")
    require_tool("mkvmerge")
    sample = folder / "sample.mkv"
    tracks = [SampleTrack("video", "mpeg4"), SampleTrack("audio", "ac3", title="Old")]
    if mode == "growing":  # ffmpeg leaves no room for tags in front of its clusters
        make_sample(str(sample), tracks, seconds=0.5)
    else:
        make_sample(str(folder / "once.mkv"), tracks, seconds=0.5, tags={"director": "Somebody" * 40})
        options = ["--no-track-tags"] if mode != "shrinking" else ["--disable-track-statistics-tags"]
        os.spawnlp(
            os.P_WAIT, "mkvmerge", "mkvmerge", "-q", "-o", str(sample), *options, str(folder / "once.mkv")
        )
    plan = header_plan(str(sample), "tags" if mode in {"growing", "shrinking"} else "flags")
    if mode == "shrinking":
        plan = without_tags(plan)
    edited = folder / "edited.mkv"
    shutil.copy(sample, edited)
    assert edit_with_the_bare_tool(str(edited), plan, make_environment(folder)) == 0
    old, new = sample.read_bytes(), edited.read_bytes()
    order = {"growing": len(old) < len(new), "shrinking": len(old) > len(new)}
    assert order.get(mode, len(old) == len(new))
    # the real edit once, then a tool that only has to copy it: so small a video's skeleton is all of it
    tool = folder / "mkvpropedit"
    write_copier(str(tool), str(edited), word=2)
    return HeaderEdit(folder, old, new, plan, "run" if mode == "kept" else None, str(tool))


def without_tags(plan: Plan) -> Plan:
    tags = {name: plan.source.tags[name] for name in ("encoder", "creation_time") if name in plan.source.tags}
    result = msgspec.structs.replace(plan.source, tags=tags)
    return msgspec.structs.replace(plan, result=result)
