"""The operation matrix: a piece of work disturbed at every one of its operations, and again during recovery.

After each disturbance nothing is lost, recovery converges, nothing of ours is left, and doing the work again
ends as an undisturbed run does. What the work is, and what "lost" means for it, a `Stage` says.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from tests.support.execute import make_environment
from tests.support.faults import KILL, FaultyDisk, in_a_process_that_may_die
from vpo_tasks.errors import FileError
from vpo_tasks.execute.recover import recover_all

AGAIN_MOST = 30
"""No recovery takes as many operations."""

every_error = pytest.mark.parametrize(
    "fault", [errno.ENOSPC, errno.EIO, errno.EPERM], ids=["ENOSPC", "EIO", "EPERM"]
)
once_and_for_ever = pytest.mark.parametrize("forever", [False, True], ids=["once", "from-then-on"])
killed_or_failing = pytest.mark.parametrize("fault", [KILL, errno.EIO], ids=["killed", "EIO"])
all_or_every_seventh = pytest.mark.parametrize(
    "step", [pytest.param(1, marks=[pytest.mark.slow, pytest.mark.campaign]), 7], ids=["all", "sample"]
)


class Stage:
    """A folder with one video, and a piece of work on it. `cannot` is an operation the filesystem lacks."""

    folder: Path
    cannot = ""

    def set_up(self) -> None:
        """Lay the video as it is before the work."""
        raise NotImplementedError

    def work(self, disk: Any = None) -> None:
        """Do the work. Raises FileError."""
        raise NotImplementedError

    def is_finished(self) -> bool:
        """Tell whether everything is as an undisturbed run leaves it."""
        raise NotImplementedError

    def private(self) -> list[bytes]:
        """Our own files beside the videos."""
        raise NotImplementedError

    def check_nothing_lost(self) -> None:
        """Hold what must be true at every moment."""

    def check_refused(self) -> None:
        """Hold what must be true after the work said that it failed, once."""

    def check_at_rest(self, *, failed: bool = False) -> None:
        """Hold what must be true after recovery. `failed`: the disk refused something, and so less is kept."""
        raise NotImplementedError

    def disk(self, at: int = 0, fault: int = 0, **options: Any) -> FaultyDisk:
        return FaultyDisk(at, fault, cannot=self.cannot, **options)

    def recover(self, disk: Any = None) -> list[str]:
        environment = make_environment(self.folder, disk=disk or self.disk())
        return [note.outcome for note in recover_all(self.private(), environment)]

    def operations(self) -> list[str]:
        """The names of the operations of an undisturbed run."""
        self.set_up()
        disk = self.disk()
        self.work(disk)
        assert self.is_finished()
        self.check_at_rest()
        return disk.names

    def killed_at(self, at: int) -> None:
        """Leave the folder as a kill in front of operation `at` leaves it."""
        self.set_up()
        assert in_a_process_that_may_die(lambda: self.work(self.disk(at, KILL))) != 0

    def finish(self, *, failed: bool = False) -> None:
        """Do the work again after a disturbance; the end is that of an undisturbed run."""
        if not self.is_finished():
            self.work()
            failed = False
        assert self.is_finished()
        self.check_at_rest(failed=failed)


def fail_at_every_operation(stage: Stage, fault: int, *, forever: bool) -> None:
    for at, _ in enumerate(stage.operations(), 1):
        stage.set_up()
        try:
            stage.work(stage.disk(at, fault, forever=forever))
        except FileError:
            stage.check_nothing_lost()
            if not forever:
                stage.check_refused()
        else:
            assert stage.is_finished()
        assert "kept" not in stage.recover()
        stage.check_at_rest(failed=True)
        stage.finish(failed=True)


def kill_at_every_operation(stage: Stage) -> None:
    for at, _ in enumerate(stage.operations(), 1):
        stage.killed_at(at)
        stage.check_nothing_lost()
        assert "kept" not in stage.recover()
        stage.check_at_rest()
        stage.finish()


def disturb_every_recovery(stage: Stage, fault: int, step: int) -> None:
    """Kill the work at every `step`th operation, and disturb each recovery of that at every operation."""
    failed = fault != KILL
    for at in range(1 + step // 2, len(stage.operations()) + 1, step):
        for again in range(1, AGAIN_MOST):
            stage.killed_at(at)
            if not recover_disturbed(stage, again, fault):
                break
            stage.check_at_rest(failed=failed)
        else:
            pytest.fail("recovery has more operations than are disturbed")
        stage.finish(failed=failed)


def recover_disturbed(stage: Stage, again: int, fault: int) -> bool:
    """Recover with a disturbance, and then without. Returns whether there was an operation to disturb."""
    disk = stage.disk(again, fault)
    if fault == KILL:
        disturbed = in_a_process_that_may_die(lambda: stage.recover(disk)) != 0
    else:
        stage.recover(disk)
        disturbed = disk.operations >= again
    stage.check_nothing_lost()
    assert "kept" not in stage.recover()
    return disturbed


class OperationMatrix:
    """The tests that every kind of work has to pass; a test module gives them its fixture `stage`."""

    @once_and_for_ever
    @every_error
    def test_failing_at_every_operation_loses_nothing(self, stage: Stage, fault: int, forever: bool) -> None:
        fail_at_every_operation(stage, fault, forever=forever)

    def test_killed_at_every_operation_loses_nothing(self, stage: Stage) -> None:
        kill_at_every_operation(stage)

    @all_or_every_seventh
    @killed_or_failing
    def test_disturbed_again_at_every_operation_of_recovery(
        self, stage: Stage, fault: int, step: int
    ) -> None:
        disturb_every_recovery(stage, fault, step)
