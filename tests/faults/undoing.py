"""Undoing of every kind for the operation matrix."""

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
from tests.support.header import header_plan, header_work
from vpo_tasks.disk.system_calls import RealDisk
from vpo_tasks.disk.undo_store import entries
from vpo_tasks.execute.in_place.edit import edit_header
from vpo_tasks.execute.replace import carry_out
from vpo_tasks.execute.undo import undo
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleTrack, make_sample

MTIME_NS = 1_400_000_000_987_654_321


@dataclass
class Undoing(Stage):
    """A finished piece of work, kept as a folder that is copied before every undo."""

    folder: Path
    source: str
    target: str
    old: bytes
    new: bytes

    @property
    def library(self) -> Path:
        return self.folder / "library"

    @property
    def locks(self) -> str:
        return str(self.folder / "locks")

    def set_up(self) -> None:
        """Move the finished work in again: the same inodes, so that identities hold."""
        shutil.rmtree(self.library, ignore_errors=True)
        self.library.mkdir()
        store = self.library / ".vpo-undo"
        store.mkdir()
        for path in (self.folder / "done").iterdir():
            place = store if path.name.startswith(".vpo-") else self.library
            shutil.copy2(path, place / path.name)

    def work(self, disk: Any = None) -> None:
        (entry,) = entries(os.fsencode(self.library))
        undo(entry, disk or RealDisk(), self.locks)

    def private(self) -> list[bytes]:
        return [os.fsencode(path) for path in self.library.glob(".vpo-*.*")]

    def read(self, name: str) -> bytes | None:
        path = self.library / name
        return path.read_bytes() if path.exists() else None

    def is_finished(self) -> bool:
        return self.read(self.source) == self.old and (
            self.target == self.source or self.read(self.target) is None
        )

    def is_done(self) -> bool:
        return self.read(self.target) == self.new and (
            self.target == self.source or self.read(self.source) is None
        )

    def check_at_rest(self, *, failed: bool = False) -> None:
        assert self.private() == []
        assert self.is_finished() or self.is_done()
        if self.is_finished():
            assert (self.library / self.source).stat().st_mtime_ns == MTIME_NS
            assert (self.library / self.source).stat().st_nlink == 1


def make_undoing(folder: Path, mode: str) -> Undoing:
    library = folder / "library"
    library.mkdir()
    name = "film.avi" if mode == "rename" else "film.mkv"
    path = str(library / name)
    audio = SampleTrack("audio", "mp3" if mode == "rename" else "ac3")
    make_sample(path, [SampleTrack("video", "mpeg4"), audio], seconds=0.5)
    os.utime(path, ns=(MTIME_NS, MTIME_NS))
    old = Path(path).read_bytes()
    environment = make_environment(folder)
    if mode == "header":
        done = edit_header(header_work(path, header_plan(path), keep="run"), environment)
    else:
        media = read_media(path)
        change = (
            {"container": "mkv", "doc_type": "matroska"} if mode == "rename" else {"change": flip_default}
        )
        plan = plan_for(media, **change)
        done = carry_out(work_for(path, plan, "ffmpeg", keep="run"), environment)
    (folder / "done").mkdir()
    for item in (Path(done.final_path), *(library / ".vpo-undo").iterdir()):
        item.rename(folder / "done" / item.name)
    return Undoing(
        folder,
        name,
        os.path.basename(done.final_path),
        old,
        (folder / "done" / os.path.basename(done.final_path)).read_bytes(),
    )
