"""Every operation of an undo fails, and is killed, and again during recovery (frame).

After each, the video is the complete new one or the complete old one.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.faults.frame import OperationMatrix
from tests.faults.undoing import Undoing, make_undoing
from tests.support.faults import KILL, FaultyDisk, in_a_process_that_may_die
from vpo_tasks.disk.system_calls import RealDisk
from vpo_tasks.disk.undo_store import entries, prune
from vpo_tasks.errors import FileError


@pytest.fixture(scope="module", params=["replace", "rename", "header"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Undoing:
    return make_undoing(tmp_path_factory.mktemp(request.param), request.param)


def test_undone_leaves_no_store(stage: Undoing) -> None:
    stage.operations()
    assert not (stage.library / ".vpo-undo").exists()


class TestUndoing(OperationMatrix):
    pass


def test_foreign_file_is_never_touched(stage: Undoing) -> None:
    stage.set_up()
    (stage.library / stage.target).write_bytes(b"a foreign file")
    with pytest.raises(FileError, match="changed since"):
        stage.work()
    assert stage.read(stage.target) == b"a foreign file"
    assert len(entries(os.fsencode(stage.library))) == 1


def test_foreign_file_after_a_crash_of_the_undo_is_never_touched(stage: Undoing) -> None:
    stage.killed_at(stage.operations().index("rename") + 2)
    (stage.library / stage.target).write_bytes(b"a foreign file")
    assert stage.recover() == ["kept"]
    assert stage.read(stage.target) == b"a foreign file"


@pytest.mark.parametrize("stage", ["replace"], indirect=True)
def test_foreign_file_between_the_last_look_and_the_return_of_the_original_survives(stage: Undoing) -> None:
    names = stage.operations()

    def arrive() -> None:
        (stage.library / "staged").write_bytes(b"a foreign file")
        (stage.library / "staged").rename(stage.library / stage.target)

    swap = names.index("exchange") + 1
    for at, fault in ((0, 0), (swap + 1, KILL), (swap + 2, KILL), (swap + 3, KILL)):
        stage.set_up()
        disk = stage.disk(at, fault, before=("exchange", arrive))
        in_a_process_that_may_die(lambda disk=disk: stage.work(disk))
        assert stage.recover() == ["kept"]
        assert stage.read(stage.target) == b"a foreign file"
        (orig,) = stage.library.glob(".vpo-*.orig")
        assert orig.read_bytes() == stage.old


@pytest.mark.parametrize("stage", ["rename"], indirect=True)
def test_foreign_file_at_the_new_name_in_the_last_moment_of_an_undo_survives(stage: Undoing) -> None:
    names = stage.operations()
    last = [place for place, name in enumerate(names, 1) if name == "rename"][-1]

    def arrive() -> None:
        (stage.library / "staged").write_bytes(b"a foreign file")
        (stage.library / "staged").rename(stage.library / stage.target)

    for fault in (0, KILL):
        for at in range(last + 1, last + 5):
            stage.set_up()
            disk = stage.disk(at * bool(fault), fault, before=(last, arrive))
            in_a_process_that_may_die(lambda disk=disk: stage.work(disk))
            in_a_process_that_may_die(stage.recover)
            stage.recover()
            assert b"a foreign file" in [
                path.read_bytes() for path in stage.library.glob("*") if path.is_file()
            ]
            assert stage.read(stage.source) == stage.old


@pytest.mark.parametrize("stage", ["replace", "rename"], indirect=True)
def test_pruning_after_a_killed_undo_leaves_it_its_original(stage: Undoing) -> None:
    for at in range(1, len(stage.operations()) + 1):
        stage.killed_at(at)
        wanted = any(path.suffix == ".json" for path in stage.library.glob(".vpo-*"))
        prune(RealDisk(), [os.fsencode(stage.library)], keep_s=0, now=2e9, locks_dir=stage.locks)
        stage.recover()
        assert stage.is_finished() if wanted else stage.is_done() or stage.is_finished()


def test_pruning_killed_at_every_operation_leaves_the_video_alone(stage: Undoing) -> None:
    def work(disk: Any) -> None:
        prune(disk, [os.fsencode(stage.library)], keep_s=0, now=2e9, locks_dir=stage.locks)

    stage.set_up()
    count = FaultyDisk()
    work(count)
    assert not (stage.library / ".vpo-undo").exists()
    for at in range(1, count.operations + 1):
        stage.set_up()
        assert in_a_process_that_may_die(lambda at=at: work(FaultyDisk(at, KILL))) != 0
        assert stage.is_done()
        work(RealDisk())
        assert stage.is_done()
        assert not any((stage.library / ".vpo-undo").glob("*"))
