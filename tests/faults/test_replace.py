"""Every operation of every kind of replacement fails, and is killed, once and again during recovery (frame).

At every moment every path holds the complete old video or the complete new one.
"""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.faults.frame import (
    Stage,
    all_or_every_seventh,
    disturb_every_recovery,
    every_error,
    fail_at_every_operation,
    kill_at_every_operation,
    killed_or_failing,
    once_and_for_ever,
)
from tests.support.execute import flip_default, make_kit, plan_for, work_for
from tests.support.fake_tools import toolbox_of
from tests.support.faults import KILL, in_a_process_that_may_die
from vpo_tasks.errors import FileError
from vpo_tasks.execute.export import export_unchanged
from vpo_tasks.execute.replace import carry_out
from vpo_tasks.media.av_reading import read_media
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.sample import SampleTrack, make_sample
from vpo_tasks.plan.model import Plan

only_replace = pytest.mark.parametrize("stage", ["replace"], indirect=True)
MODES = (
    "replace", "replace-without-exchange", "replace-without-links", "rename", "output", "overwrite", "copy", "link",
)  # fmt: skip


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
        if self.mode == "overwrite":
            self.target.write_bytes(b"an older target of ours")

    def work(self, disk: Any = None) -> None:
        path = str(self.source)
        kit = make_kit(self.folder, toolbox=toolbox_of("ffmpeg", self.tool), disk=disk or self.disk())
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
        if self.mode == "rename":
            assert self.source.exists() != self.target.exists()
        if self.mode.startswith("replace"):
            assert self.source.read_bytes() in (self.old, self.new)


@pytest.fixture(scope="module", params=MODES)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Replacement:
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
    return Replacement(folder, mode, old, old if mode in {"copy", "link"} else new, plan, str(tool))


@once_and_for_ever
@every_error
def test_failing_at_every_operation_loses_nothing(stage: Replacement, fault: int, forever: bool) -> None:
    fail_at_every_operation(stage, fault, forever=forever)


def test_killed_at_every_operation_loses_nothing(stage: Replacement) -> None:
    kill_at_every_operation(stage)


@all_or_every_seventh
@killed_or_failing
def test_disturbed_again_at_every_operation_of_recovery(stage: Replacement, fault: int, step: int) -> None:
    disturb_every_recovery(stage, fault, step)


@pytest.mark.parametrize("stage", ["replace", "replace-without-links", "rename"], indirect=True)
def test_new_video_that_was_damaged_after_a_crash_gives_the_old_one_back(stage: Replacement) -> None:
    names = stage.operations()
    after_swap = [place for place, name in enumerate(names) if name == "write"][2]
    stage.killed_at(after_swap + 1)
    assert stage.target.read_bytes() == stage.new
    with stage.target.open("r+b") as stream:
        stream.seek(200)
        stream.write(b"\0" * 64)
    assert stage.recover() == ["undone"]
    assert stage.source.read_bytes() == stage.old
    stage.check_at_rest()
    stage.finish()


@only_replace
def test_unknown_video_in_its_place_after_a_crash_is_left_alone_with_everything(stage: Replacement) -> None:
    names = stage.operations()
    stage.killed_at(names.index("exchange") + 1)
    stage.source.unlink()
    stage.source.write_bytes(b"a newcomer")
    before = sorted(stage.private())
    assert stage.recover() == ["kept"]
    assert stage.source.read_bytes() == b"a newcomer"
    assert sorted(stage.private()) == before
    assert [path.read_bytes() for path in stage.library.glob(".vpo-*.orig")] == [stage.old]


NEWCOMER = b"a newcomer, put here by its owner"


def arrive(stage: Replacement) -> None:
    """Put another video in place as download clients do: written elsewhere, renamed onto the name."""
    staged = stage.library / "staged"
    staged.write_bytes(NEWCOMER)
    staged.rename(stage.source)


def check_the_newcomer_is_there(stage: Replacement, outcomes: list[str]) -> None:
    assert stage.source.read_bytes() == NEWCOMER
    assert "kept" not in outcomes
    assert stage.private() == []


@only_replace
def test_newcomer_between_the_last_look_and_the_swap_survives(stage: Replacement) -> None:
    stage.set_up()
    disk = stage.disk(before=("exchange", lambda: arrive(stage)))
    with pytest.raises(FileError, match="somebody else"):
        stage.work(disk)
    check_the_newcomer_is_there(stage, [])
    first = disk.names.index("exchange") + 1
    for at in range(first + 1, disk.operations + 1):
        for fault in (KILL, errno.EIO, errno.ENOSPC, errno.EPERM):
            for again in range(1, 12):
                stage.set_up()
                disturbed = stage.disk(at, fault, before=("exchange", lambda: arrive(stage)))
                in_a_process_that_may_die(lambda disk=disturbed: stage.work(disk))
                in_a_process_that_may_die(lambda again=again: stage.recover(stage.disk(again, KILL)))
                check_the_newcomer_is_there(stage, stage.recover())
                if again > 1 and fault != KILL:
                    break


@only_replace
def test_one_more_newcomer_while_the_first_gets_its_name_back_keeps_both(stage: Replacement) -> None:
    stage.set_up()

    def second() -> None:
        (stage.library / "staged").write_bytes(b"the second")
        (stage.library / "staged").rename(stage.source)

    class Disk:
        """Newcomers in front of both exchanges."""

        def __init__(self) -> None:
            self.real = stage.disk()
            self.coming = [lambda: arrive(stage), second]

        def __getattr__(self, name: str) -> Any:
            if name == "exchange" and self.coming:
                self.coming.pop(0)()
            return getattr(self.real, name)

    with pytest.raises(FileError, match="neither the old nor the new"):
        stage.work(Disk())
    assert stage.recover() == ["kept"]
    (part,) = stage.library.glob(".vpo-*.part")
    assert {stage.source.read_bytes(), part.read_bytes()} == {NEWCOMER, b"the second"}


@only_replace
def test_original_written_to_between_the_last_look_and_the_swap_keeps_its_bytes(stage: Replacement) -> None:
    stage.set_up()

    def append() -> None:
        with stage.source.open("ab") as stream:
            stream.write(b"more")

    with pytest.raises(FileError, match="somebody else"):
        stage.work(stage.disk(before=("exchange", append)))
    assert stage.source.read_bytes() == stage.old + b"more"
    assert stage.private() == []


@pytest.mark.parametrize("stage", ["replace", "rename"], indirect=True)
def test_filesystem_without_hard_links_is_refused_before_the_tool_runs(stage: Replacement) -> None:
    names = stage.operations()
    first_link = names.index("link") + 1
    stage.set_up()
    with pytest.raises(FileError, match="hard links"):
        stage.work(stage.disk(first_link, errno.EPERM))
    assert stage.source.read_bytes() == stage.old
    stage.check_at_rest()


def test_plan_of_the_stage_changes_something(stage: Replacement) -> None:
    assert stage.mode in {"copy", "link"} or msgspec.json.encode(stage.plan.result) != msgspec.json.encode(
        stage.plan.source
    )
