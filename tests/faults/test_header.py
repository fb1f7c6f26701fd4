"""Every operation of a header edit fails, and is killed, once and again during recovery.

After each, the video is byte-identical to the old or the edited one once recovery has run; nothing of ours is
left; and doing the work again ends as an undisturbed run does.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from tests.support.execute import make_kit
from tests.support.fake_tools import require_tool, toolbox_of
from tests.support.faults import KILL, FaultyDisk, in_a_process_that_may_die
from tests.support.header import edit_with_the_bare_tool, header_plan, header_work
from vpo_tasks.errors import FileError
from vpo_tasks.execute.fsops import Disk
from vpo_tasks.execute.header_edit import edit_header
from vpo_tasks.execute.recover import recover_all
from vpo_tasks.execute.undo_store import entries
from vpo_tasks.execute.work import Kit
from vpo_tasks.media.sample import SampleTrack, make_sample
from vpo_tasks.plan.model import Plan

MTIME_NS = 1_400_000_000_987_654_321


class Stage(NamedTuple):
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

    def kit(self, disk: Disk | None = None) -> Kit:
        return make_kit(self.folder, toolbox=toolbox_of("mkvpropedit", self.tool), disk=disk)

    def set_up(self) -> None:
        shutil.rmtree(self.video.parent, ignore_errors=True)
        self.video.parent.mkdir()
        self.video.write_bytes(self.old)
        os.utime(self.video, ns=(MTIME_NS, MTIME_NS))

    def work(self, disk: Disk | None = None) -> None:
        edit_header(header_work(str(self.video), self.plan, keep=self.keep), self.kit(disk))

    def private(self) -> list[bytes]:
        return [os.fsencode(path) for path in self.video.parent.glob(".vpo-*.*")]

    def recover(self, disk: Disk | None = None) -> list[str]:
        return [note.outcome for note in recover_all(self.private(), self.kit(disk))]

    def is_finished(self) -> bool:
        return self.video.read_bytes() == self.new

    def check_at_rest(self) -> None:
        assert self.private() == []
        assert self.video.read_bytes() in (self.old, self.new)
        if self.video.read_bytes() == self.old:
            assert self.video.stat().st_mtime_ns == MTIME_NS
        kept = entries(os.fsencode(self.video.parent))
        assert len(kept) == (self.is_finished() and self.keep is not None)


@pytest.fixture(scope="module", params=["in-place", "growing", "shrinking", "kept"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    require_tool("mkvpropedit")
    require_tool("mkvmerge")
    folder = tmp_path_factory.mktemp(request.param)
    sample = folder / "sample.mkv"
    tracks = [SampleTrack("video", "mpeg4"), SampleTrack("audio", "ac3", title="Old")]
    if request.param == "growing":  # ffmpeg leaves no room for tags in front of its clusters
        make_sample(str(sample), tracks, seconds=0.5)
    else:
        make_sample(str(folder / "once.mkv"), tracks, seconds=0.5, tags={"director": "Somebody" * 40})
        options = ["--no-track-tags"] if request.param != "shrinking" else ["--disable-track-statistics-tags"]
        os.spawnlp(
            os.P_WAIT, "mkvmerge", "mkvmerge", "-q", "-o", str(sample), *options, str(folder / "once.mkv")
        )
    plan = header_plan(str(sample), "tags" if request.param in {"growing", "shrinking"} else "flags")
    if request.param == "shrinking":
        plan = without_tags(plan)
    edited = folder / "edited.mkv"
    shutil.copy(sample, edited)
    assert edit_with_the_bare_tool(str(edited), plan, make_kit(folder)) == 0
    old, new = sample.read_bytes(), edited.read_bytes()
    order = {"growing": len(old) < len(new), "shrinking": len(old) > len(new)}
    assert order.get(request.param, len(old) == len(new))
    # the real edit once, then a tool that only has to copy it: so small a video's skeleton is all of it
    tool = folder / "mkvpropedit"
    tool.write_text(f'#!/bin/sh\nexec cp "{edited}" "$2"\n')
    tool.chmod(0o755)
    return Stage(folder, old, new, plan, "run" if request.param == "kept" else None, str(tool))


def without_tags(plan: Plan) -> Plan:
    tags = {name: plan.source.tags[name] for name in ("encoder", "creation_time") if name in plan.source.tags}
    result = msgspec.structs.replace(plan.source, tags=tags)
    return msgspec.structs.replace(plan, result=result)


def count_operations(stage: Stage) -> int:
    stage.set_up()
    disk = FaultyDisk()
    stage.work(disk)  # type: ignore[arg-type]
    assert stage.is_finished()
    stage.check_at_rest()
    return disk.operations


def finish(stage: Stage) -> None:
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
            if not forever:
                assert stage.video.read_bytes() == stage.old
        else:
            assert stage.is_finished()
        assert "kept" not in stage.recover()
        assert stage.private() == []
        finish_or_undone(stage)


def finish_or_undone(stage: Stage) -> None:
    """A store that cannot be made keeps nothing; else the end is that of an undisturbed run."""
    if stage.is_finished() and stage.keep is not None:
        return
    stage.check_at_rest()
    finish(stage)


def test_killed_at_every_operation_loses_nothing(stage: Stage) -> None:
    for at in range(1, count_operations(stage) + 1):
        stage.set_up()
        assert in_a_process_that_may_die(lambda at=at: stage.work(FaultyDisk(at, KILL))) != 0  # type: ignore[misc]
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
            assert "kept" not in stage.recover()
            if fault == KILL or stage.keep is None:
                stage.check_at_rest()
            if status == 0 and disk.operations < again:
                break
        finish_or_undone(stage)


def half_written(stage: Stage) -> None:
    """Leave the folder as a kill in the middle of the edit's last write leaves it."""
    disk = FaultyDisk()
    stage.set_up()
    stage.work(disk)  # type: ignore[arg-type]
    last = max(place for place, name in enumerate(disk.names, 1) if name == "write_at")
    stage.set_up()
    in_a_process_that_may_die(lambda: stage.work(FaultyDisk(last, KILL)))  # type: ignore[arg-type]
    assert len(stage.private()) == 1


def test_bytes_that_are_neither_old_nor_new_are_left_alone_with_the_journal(stage: Stage) -> None:
    half_written(stage)
    damaged = bytearray(stage.video.read_bytes())
    place = next(i for i, (a, b) in enumerate(zip(stage.old, stage.new, strict=False)) if a != b)
    damaged[place] = next(x for x in range(256) if x not in (stage.old[place], stage.new[place]))
    with stage.video.open("r+b") as stream:
        stream.write(damaged)
    before = stage.private()
    assert stage.recover() == ["kept"]
    assert stage.video.read_bytes() == bytes(damaged)
    assert stage.private() == before


def test_newcomer_in_its_place_after_a_crash_is_left_alone(stage: Stage) -> None:
    half_written(stage)
    newcomer = bytearray(stage.old)
    newcomer[len(newcomer) // 2] ^= 1
    stage.video.unlink()
    stage.video.write_bytes(newcomer)
    assert stage.recover() == ["kept"]
    assert stage.video.read_bytes() == bytes(newcomer)
