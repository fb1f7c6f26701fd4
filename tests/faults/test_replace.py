"""Every operation of every kind of replacement fails, and is killed, once and again during recovery.

After each, every path holds the complete old video or the complete new one; recovery converges; nothing of
ours is left; and doing the work again ends as an undisturbed run does.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from tests.support.execute import flip_default, make_kit, plan_for, work_for
from tests.support.fake_tools import toolbox_of
from tests.support.faults import KILL, FaultyDisk, in_a_process_that_may_die
from vpo_tasks.errors import FileError
from vpo_tasks.execute.export import export_unchanged
from vpo_tasks.execute.fsops import Disk
from vpo_tasks.execute.recover import recover_all
from vpo_tasks.execute.replace import carry_out
from vpo_tasks.execute.work import Kit
from vpo_tasks.media.av_reading import read_media
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.sample import SampleTrack, make_sample
from vpo_tasks.plan.model import Plan

MODES = ("replace", "replace-without-links", "rename", "output", "overwrite", "copy", "link")


class Stage(NamedTuple):
    """A folder with one video, what it must become, and a tool that makes that in no time."""

    folder: Path
    mode: str
    old: bytes
    new: bytes
    plan: Plan
    tool: str

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

    def kit(self, disk: Disk | None = None) -> Kit:
        return make_kit(self.folder, toolbox=toolbox_of("ffmpeg", self.tool), disk=disk)

    def set_up(self) -> None:
        shutil.rmtree(self.library, ignore_errors=True)
        self.target.parent.mkdir(parents=True)
        self.source.write_bytes(self.old)
        if self.mode == "overwrite":
            self.target.write_bytes(b"an older target of ours")

    def work(self, disk: Disk | None = None) -> None:
        path, kit = str(self.source), self.kit(disk)
        if self.mode in {"copy", "link"}:
            identity, link = Identity.of(os.stat(path)), self.mode == "link"
            export_unchanged(
                path, str(self.target), kit, identity=identity, media=self.plan.source, link=link,
                may_overwrite=self.target.exists(),
            )  # fmt: skip
            return
        extra: dict[str, object] = {}
        if self.mode in {"output", "overwrite"}:
            extra = {"destination": str(self.target), "may_overwrite": self.target.exists()}
        if self.mode == "replace-without-links":
            extra = {"without_hard_links": "rename"}
        carry_out(work_for(path, self.plan, "ffmpeg", **extra), kit)

    def private(self) -> list[bytes]:
        return [os.fsencode(path) for path in self.library.rglob(".vpo-*")]

    def recover(self, disk: Disk | None = None) -> list[str]:
        return [note.outcome for note in recover_all(self.private(), self.kit(disk))]

    def is_finished(self) -> bool:
        return self.target.exists() and self.target.read_bytes() == self.new

    def check_nothing_lost(self) -> None:
        """Hold what must be true at every moment."""
        at_source = self.source.read_bytes() if self.source.exists() else None
        at_target = self.target.read_bytes() if self.target.exists() else None
        if self.mode == "replace":
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

    def check_at_rest(self) -> None:
        """Hold what must be true after recovery."""
        self.check_nothing_lost()
        assert self.private() == []
        if self.mode == "rename":
            assert self.source.exists() != self.target.exists()
        if self.mode.startswith("replace"):
            assert self.source.read_bytes() in (self.old, self.new)


@pytest.fixture(scope="module", params=MODES)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    folder = tmp_path_factory.mktemp(request.param)
    mode = request.param
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
    done = carry_out(work_for(str(folder / f"once.{container}"), plan, "ffmpeg"), make_kit(folder))
    tool = folder / "ffmpeg"
    tool.write_text(f'#!/bin/sh\nfor word; do :; done\nexec cp "{done.final_path}" "${{word#file:}}"\n')
    tool.chmod(0o755)
    old, new = Path(sample).read_bytes(), Path(done.final_path).read_bytes()
    return Stage(folder, mode, old, old if mode in {"copy", "link"} else new, plan, str(tool))


def count_operations(stage: Stage) -> int:
    stage.set_up()
    disk = FaultyDisk()
    stage.work(disk)  # type: ignore[arg-type]
    assert stage.is_finished()
    return disk.operations


def finish(stage: Stage) -> None:
    """Do the work again after a disturbance; the end is that of an undisturbed run."""
    if not stage.is_finished():
        stage.work()
    assert stage.is_finished()
    stage.check_at_rest()


@pytest.mark.parametrize("forever", [False, True], ids=["once", "from-then-on"])
@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO, errno.EPERM], ids=["ENOSPC", "EIO", "EPERM"])
def test_failing_at_every_operation_loses_nothing(stage: Stage, fault: int, forever: bool) -> None:
    for at in range(1, count_operations(stage) + 1):
        stage.set_up()
        disk = FaultyDisk(at, fault, forever=forever)
        try:
            stage.work(disk)  # type: ignore[arg-type]
        except FileError:
            stage.check_nothing_lost()
        else:
            assert stage.is_finished()
        stage.recover()
        stage.check_at_rest()
        finish(stage)


def test_killed_at_every_operation_loses_nothing(stage: Stage) -> None:
    for at in range(1, count_operations(stage) + 1):
        stage.set_up()
        assert in_a_process_that_may_die(lambda at=at: stage.work(FaultyDisk(at, KILL))) != 0  # type: ignore[misc]
        stage.check_nothing_lost()
        assert "kept" not in stage.recover()
        stage.check_at_rest()
        finish(stage)


@pytest.mark.parametrize(
    "step", [pytest.param(1, marks=[pytest.mark.slow, pytest.mark.campaign]), 7], ids=["all", "sample"]
)
@pytest.mark.parametrize("fault", [KILL, errno.EIO], ids=["killed", "EIO"])
def test_disturbed_again_at_every_operation_of_recovery(stage: Stage, fault: int, step: int) -> None:
    for at in range(1 + step // 2, count_operations(stage) + 1, step):
        for again in range(1, 30):
            stage.set_up()
            in_a_process_that_may_die(lambda at=at: stage.work(FaultyDisk(at, KILL)))  # type: ignore[misc]
            disk = FaultyDisk(again, fault)
            status = 0
            if fault == KILL:
                status = in_a_process_that_may_die(lambda disk=disk: stage.recover(disk))  # type: ignore[misc]
            else:
                stage.recover(disk)  # type: ignore[arg-type]
            stage.check_nothing_lost()
            stage.recover()
            stage.check_at_rest()
            if status == 0 and disk.operations < again:
                break
        finish(stage)


def test_new_video_that_was_damaged_after_a_crash_gives_the_old_one_back(stage: Stage) -> None:
    if stage.mode not in {"replace", "replace-without-links", "rename"}:
        pytest.skip("the source is never touched in this mode")
    disk = FaultyDisk()
    stage.set_up()
    stage.work(disk)  # type: ignore[arg-type]
    after_swap = [place for place, name in enumerate(disk.names) if name == "write"][2]
    stage.set_up()
    in_a_process_that_may_die(lambda: stage.work(FaultyDisk(after_swap + 1, KILL)))  # type: ignore[arg-type]
    assert stage.target.read_bytes() == stage.new
    with stage.target.open("r+b") as stream:
        stream.seek(200)
        stream.write(b"\0" * 64)
    assert stage.recover() == ["undone"]
    assert stage.source.read_bytes() == stage.old
    stage.check_at_rest()
    finish(stage)


def test_unknown_video_in_its_place_after_a_crash_is_left_alone_with_everything(stage: Stage) -> None:
    if stage.mode != "replace":
        pytest.skip("one mode says it all")
    disk = FaultyDisk()
    stage.set_up()
    stage.work(disk)  # type: ignore[arg-type]
    swap = disk.names.index("rename") + 1
    stage.set_up()
    in_a_process_that_may_die(lambda: stage.work(FaultyDisk(swap, KILL)))  # type: ignore[arg-type]
    stage.source.unlink()
    stage.source.write_bytes(b"a newcomer")
    before = sorted(stage.private())
    assert stage.recover() == ["kept"]
    assert stage.source.read_bytes() == b"a newcomer"
    assert sorted(stage.private()) == before
    assert [path.read_bytes() for path in stage.library.glob(".vpo-*.orig")] == [stage.old]


def test_filesystem_without_hard_links_is_refused_before_the_tool_runs(stage: Stage) -> None:
    if stage.mode not in {"replace", "rename"}:
        pytest.skip("the other modes need none")
    disk = FaultyDisk()
    stage.set_up()
    stage.work(disk)  # type: ignore[arg-type]
    first_link = disk.names.index("link") + 1
    stage.set_up()
    with pytest.raises(FileError, match="hard links"):
        stage.work(FaultyDisk(first_link, errno.EPERM))  # type: ignore[arg-type]
    assert stage.source.read_bytes() == stage.old
    stage.check_at_rest()


def test_plan_of_the_stage_changes_something(stage: Stage) -> None:
    assert stage.mode in {"copy", "link"} or msgspec.json.encode(stage.plan.result) != msgspec.json.encode(
        stage.plan.source
    )
