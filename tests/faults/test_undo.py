"""Every operation of an undo fails, and is killed, and again during recovery (frame).

After each, the video is the complete new one or the complete old one.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from tests.support.fake_tools import require_tool
from tests.support.faults import KILL, FaultyDisk, in_a_process_that_may_die
from tests.support.header import header_plan, header_work
from vpo_tasks.errors import FileError
from vpo_tasks.execute.fsops import RealDisk
from vpo_tasks.execute.header_edit import edit_header
from vpo_tasks.execute.pruning import prune
from vpo_tasks.execute.replace import carry_out
from vpo_tasks.execute.undo import undo
from vpo_tasks.execute.undo_store import entries
from vpo_tasks.media.av_reading import read_media
from vpo_tasks.media.sample import SampleTrack, make_sample

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


@pytest.fixture(scope="module", params=["replace", "rename", "header"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Undoing:
    mode = request.param
    folder = tmp_path_factory.mktemp(mode)
    library = folder / "library"
    library.mkdir()
    name = "film.avi" if mode == "rename" else "film.mkv"
    path = str(library / name)
    audio = SampleTrack("audio", "mp3" if mode == "rename" else "ac3")
    if mode == "header":
        require_tool("mkvpropedit")
        require_tool("mkvmerge")
        make_sample(str(folder / "once.mkv"), [SampleTrack("video", "mpeg4"), audio], seconds=0.5)
        os.spawnlp(os.P_WAIT, "mkvmerge", "mkvmerge", "-q", "-o", path, str(folder / "once.mkv"))
    else:
        make_sample(path, [SampleTrack("video", "mpeg4"), audio], seconds=0.5)
    os.utime(path, ns=(MTIME_NS, MTIME_NS))
    old = Path(path).read_bytes()
    kit = make_kit(folder)
    if mode == "header":
        done = edit_header(header_work(path, header_plan(path), keep="run"), kit)
    else:
        media = read_media(path)
        change = (
            {"container": "mkv", "doc_type": "matroska"} if mode == "rename" else {"change": flip_default}
        )
        plan = plan_for(media, **change)  # type: ignore[arg-type]
        done = carry_out(work_for(path, plan, "ffmpeg", keep="run"), kit)
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


def test_undone_leaves_no_store(stage: Undoing) -> None:
    stage.operations()
    assert not (stage.library / ".vpo-undo").exists()


@once_and_for_ever
@every_error
def test_failing_at_every_operation_loses_nothing(stage: Undoing, fault: int, forever: bool) -> None:
    fail_at_every_operation(stage, fault, forever=forever)


def test_killed_at_every_operation_loses_nothing(stage: Undoing) -> None:
    kill_at_every_operation(stage)


@all_or_every_seventh
@killed_or_failing
def test_disturbed_again_at_every_operation_of_recovery(stage: Undoing, fault: int, step: int) -> None:
    disturb_every_recovery(stage, fault, step)


def test_newcomer_is_never_touched(stage: Undoing) -> None:
    stage.set_up()
    (stage.library / stage.target).write_bytes(b"a newcomer")
    with pytest.raises(FileError, match="changed since"):
        stage.work()
    assert stage.read(stage.target) == b"a newcomer"
    assert len(entries(os.fsencode(stage.library))) == 1


def test_newcomer_after_a_crash_of_the_undo_is_never_touched(stage: Undoing) -> None:
    stage.killed_at(stage.operations().index("rename") + 2)
    (stage.library / stage.target).write_bytes(b"a newcomer")
    assert stage.recover() == ["kept"]
    assert stage.read(stage.target) == b"a newcomer"


@pytest.mark.parametrize("stage", ["replace"], indirect=True)
def test_newcomer_between_the_last_look_and_the_return_of_the_original_survives(stage: Undoing) -> None:
    names = stage.operations()

    def arrive() -> None:
        (stage.library / "staged").write_bytes(b"a newcomer")
        (stage.library / "staged").rename(stage.library / stage.target)

    swap = names.index("exchange") + 1
    for at, fault in ((0, 0), (swap + 1, KILL), (swap + 2, KILL), (swap + 3, KILL)):
        stage.set_up()
        disk = stage.disk(at, fault, before=("exchange", arrive))
        in_a_process_that_may_die(lambda disk=disk: stage.work(disk))
        assert stage.recover() == ["kept"]
        assert stage.read(stage.target) == b"a newcomer"
        (orig,) = stage.library.glob(".vpo-*.orig")
        assert orig.read_bytes() == stage.old


def test_pruning_killed_at_every_operation_leaves_the_video_alone(stage: Undoing) -> None:
    def work(disk: object) -> None:
        prune(disk, [os.fsencode(stage.library)], keep_s=0, now=2e9, locks_dir=stage.locks)  # type: ignore[arg-type]

    stage.set_up()
    count = FaultyDisk()
    work(count)
    assert not (stage.library / ".vpo-undo").exists()
    for at in range(1, count.operations + 1):
        stage.set_up()
        assert in_a_process_that_may_die(lambda at=at: work(FaultyDisk(at, KILL))) != 0  # type: ignore[misc]
        assert stage.is_done()
        work(RealDisk())
        assert stage.is_done()
        assert not any((stage.library / ".vpo-undo").glob("*"))
