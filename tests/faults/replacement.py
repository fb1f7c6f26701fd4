"""A replacement of every kind for the operation matrix, with a tool that takes no time."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.frame import (
    Stage,
)
from tests.support.execute import flip_default, make_environment, plan_for, work_for
from tests.support.fake_tools import toolbox_of, write_copier
from vpo_tasks.execute.replace import carry_out, export_unchanged
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.synthetic import SampleTrack, make_sample
from vpo_tasks.plan.model import Plan

MODES = (
    "replace", "replace-without-exchange", "replace-without-links", "rename", "output", "overwrite", "copy", "link",
)  # fmt: skip


FILE_MODE = 0o640
MTIME_NS = 1_400_000_000_987_654_321


@dataclass
class Replacement(Stage):
    """A folder with one video, what it must become, and a tool that makes that in no time."""

    folder: Path
    mode: str
    old: bytes
    new: bytes
    plan: Plan
    tool: str

    @property
    def cannot(self) -> str:  # type: ignore[override]
        return "exchange" if self.mode == "replace-without-exchange" else ""

    @property
    def library(self) -> Path:
        return self.folder / "library"

    @property
    def source(self) -> Path:
        return self.library / ("film.avi" if self.mode == "rename" else "film.mkv")

    @property
    def target(self) -> Path:
        if self.mode == "rename":
            return self.library / "film.mkv"
        return self.source if self.mode.startswith("replace") else self.library / "out" / "film.mkv"

    def set_up(self) -> None:
        shutil.rmtree(self.library, ignore_errors=True)
        self.target.parent.mkdir(parents=True)
        self.source.write_bytes(self.old)
        self.source.chmod(FILE_MODE)
        os.utime(self.source, ns=(MTIME_NS, MTIME_NS))
        if self.mode == "overwrite":
            self.target.write_bytes(b"an older target of ours")

    def work(self, disk: Any = None) -> None:
        path = str(self.source)
        environment = make_environment(
            self.folder, toolbox=toolbox_of("ffmpeg", self.tool), disk=disk or self.disk()
        )
        if self.mode in {"copy", "link"}:
            identity, link = Identity.of(os.stat(path)), self.mode == "link"
            export_unchanged(
                path, str(self.target), environment, identity=identity, media=self.plan.source, link=link,
                may_overwrite=self.target.exists(),
            )  # fmt: skip
            return
        extra: dict[str, object] = {}
        if self.mode in {"output", "overwrite"}:
            extra = {"destination": str(self.target), "may_overwrite": self.target.exists()}
        if self.mode == "replace-without-links":
            extra = {"without_hard_links": "rename"}
        carry_out(work_for(path, self.plan, "ffmpeg", **extra), environment)

    def private(self) -> list[bytes]:
        return [os.fsencode(path) for path in self.library.rglob(".vpo-*")]

    def is_finished(self) -> bool:
        return self.target.exists() and self.target.read_bytes() == self.new

    def check_nothing_lost(self) -> None:
        at_source = self.source.read_bytes() if self.source.exists() else None
        at_target = self.target.read_bytes() if self.target.exists() else None
        if self.mode in {"replace", "replace-without-exchange"}:
            assert at_source in (self.old, self.new)
        elif self.mode == "replace-without-links":
            # the one window that the user opted in to: the old video is whole, under our name
            assert at_source in (self.old, self.new) or self._held_aside() == [self.old]
        elif self.mode == "rename":
            assert at_target in (None, self.new)
            assert at_source == self.old or at_target == self.new
        else:
            older = b"an older target of ours" if self.mode == "overwrite" else None
            assert at_source == self.old
            assert at_target in (older, self.new)

    def _held_aside(self) -> list[bytes]:
        return [path.read_bytes() for path in self.library.glob(".vpo-*.orig")]

    def check_at_rest(self, *, failed: bool = False) -> None:
        self.check_nothing_lost()
        assert self.private() == []
        for path in {self.source, self.target}:
            if path.exists() and path.read_bytes() in (self.old, self.new):
                status = path.stat()
                assert (status.st_mode & 0o7777, status.st_mtime_ns) == (FILE_MODE, MTIME_NS)
                assert status.st_nlink == 1 or self.mode == "link"
        if self.mode == "rename":
            assert self.source.exists() != self.target.exists()
        if self.mode.startswith("replace"):
            assert self.source.read_bytes() in (self.old, self.new)


def make_replacement(folder: Path, mode: str) -> Replacement:
    container = "avi" if mode == "rename" else "mkv"
    sample = str(folder / f"sample.{container}")
    audio = SampleTrack("audio", "mp3" if mode == "rename" else "ac3")
    make_sample(sample, [SampleTrack("video", "mpeg4"), audio], seconds=0.5)
    media = read_media(sample)
    if mode == "rename":
        plan = plan_for(media, container="mkv", doc_type="matroska")
    else:
        plan = plan_for(media, change=flip_default)
    # the real output once, then a tool that only has to copy it
    shutil.copy(sample, folder / f"once.{container}")
    done = carry_out(work_for(str(folder / f"once.{container}"), plan, "ffmpeg"), make_environment(folder))
    tool = folder / "ffmpeg"
    write_copier(str(tool), os.fspath(done.final_path), word=-1)
    old, new = Path(sample).read_bytes(), Path(done.final_path).read_bytes()
    return Replacement(folder, mode, old, old if mode in {"copy", "link"} else new, plan, str(tool))
