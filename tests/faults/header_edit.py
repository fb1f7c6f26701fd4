"""Header edits of every kind for the operation matrix."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from tests.faults.frame import (
    Stage,
)
from tests.support.execute import make_environment, plan_for
from tests.support.header import header_plan, header_work
from tests.support.tools import need_tool
from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.disk.undo_store import entries
from vpo_tasks.execute.in_place.change import HeaderChange, change_to
from vpo_tasks.execute.in_place.edit import edit_header
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleTrack, make_sample
from vpo_tasks.plan.model import Plan

CHANGE_OF = "vpo_tasks.execute.in_place.edit._CHANGE_OF"
MTIME_NS = 1_400_000_000_987_654_321


@dataclass
class HeaderEdit(Stage):
    """A folder with one video and a plan for its header. Whatever it is, it is called `film.mkv`."""

    folder: Path
    old: bytes
    new: bytes
    plan: Plan
    keep: str | None
    change: Callable[[OpenFile, Plan], HeaderChange] | None = None

    @property
    def video(self) -> Path:
        return self.folder / "library" / "film.mkv"

    def set_up(self) -> None:
        shutil.rmtree(self.video.parent, ignore_errors=True)
        self.video.parent.mkdir()
        self.video.write_bytes(self.old)
        os.utime(self.video, ns=(MTIME_NS, MTIME_NS))

    def work(self, disk: Any = None) -> None:
        # no edit of Matroska shortens a file, but the protocol, and journals that are there, know how
        with mock.patch.dict(CHANGE_OF, {"mkv": self.change} if self.change else {}):
            environment = make_environment(self.folder, disk=disk)
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
    if mode.startswith("mp4"):
        return _make_mp4_edit(folder, moved=mode == "mp4-moved")
    sample, edited = folder / "sample.mkv", folder / "edited.mkv"
    tracks = [SampleTrack("video", "mpeg4"), SampleTrack("audio", "ac3", title="Old")]
    # ffmpeg leaves some room in front of its clusters, but not for so long a tag
    make_sample(str(sample), tracks, seconds=0.5)
    shutil.copy(sample, edited)
    plan = header_plan(str(sample), "flags")
    if mode in {"growing", "shrinking"}:
        plan = plan_for(
            read_media(str(sample)), tags={**read_media(str(sample)).tags, "director": "Somebody" * 99}
        )
    edit_header(header_work(str(edited), plan), make_environment(folder))
    old, new = sample.read_bytes(), edited.read_bytes()
    assert len(old) < len(new) if mode in {"growing", "shrinking"} else len(old) == len(new) and old != new
    if mode == "shrinking":
        back = plan_for(read_media(str(edited)), tags=read_media(str(sample)).tags)
        return HeaderEdit(folder, new, old, back, None, lambda file, _plan: change_to(file, [old]))
    return HeaderEdit(folder, old, new, plan, "run" if mode == "kept" else None)


def _make_mp4_edit(folder: Path, *, moved: bool) -> HeaderEdit:
    """An index that keeps its place, or one in front of the media data that grows and goes behind them."""
    sample, edited, made = folder / "sample.mp4", folder / "edited.mp4", folder / "made.mp4"
    tracks = [SampleTrack("video", "mpeg4"), SampleTrack("audio", "ac3", title="Old")]
    make_sample(str(made), tracks, seconds=0.5)
    words = ["-movflags", "+faststart"] if moved else []
    command = [
        need_tool("ffmpeg"),
        "-v",
        "error",
        "-i",
        str(made),
        "-map",
        "0",
        "-c",
        "copy",
        *words,
        str(sample),
    ]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    shutil.copy(sample, edited)
    media = read_media(str(sample))
    plan = (
        plan_for(media, tags={**media.tags, "title": "A title"})
        if moved
        else header_plan(str(sample), "flags")
    )
    edit_header(header_work(str(edited), plan), make_environment(folder))
    old, new = sample.read_bytes(), edited.read_bytes()
    assert (old.index(b"moov") < old.index(b"mdat"), new.index(b"moov") > new.index(b"mdat")) == (moved, True)
    return HeaderEdit(folder, old, new, plan, "run")
