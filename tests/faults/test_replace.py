"""Every operation of every kind of replacement fails, and is killed, once and again during recovery (frame).

At every moment every path holds the complete old video or the complete new one.
"""

from __future__ import annotations

import errno
from typing import Any

import msgspec
import pytest

from tests.faults.frame import OperationMatrix
from tests.faults.replacement import MODES, Replacement, make_replacement
from tests.support.faults import KILL, in_a_process_that_may_die
from vpo_tasks.disk.locks import path_key
from vpo_tasks.errors import FileError, LockedError

only_replace = pytest.mark.parametrize("stage", ["replace"], indirect=True)


@pytest.fixture(scope="module", params=MODES)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Replacement:
    return make_replacement(tmp_path_factory.mktemp(request.param), request.param)


class TestReplacement(OperationMatrix):
    pass


def killed_and_damaged(stage: Replacement) -> None:
    """Leave the folder as a crash behind the swap does that also damaged the new video."""
    names = stage.operations()
    after_swap = [place for place, name in enumerate(names) if name == "write"][2]
    stage.killed_at(after_swap + 1)
    assert stage.target.read_bytes() == stage.new
    with stage.target.open("r+b") as stream:
        stream.seek(200)
        stream.write(b"\0" * 64)


@pytest.mark.parametrize("stage", ["replace", "replace-without-links", "rename"], indirect=True)
def test_new_video_that_was_damaged_after_a_crash_gives_the_old_one_back(stage: Replacement) -> None:
    killed_and_damaged(stage)
    assert stage.recover() == ["undone"]
    assert stage.source.read_bytes() == stage.old
    stage.check_at_rest()
    stage.finish()


@only_replace
def test_unknown_video_in_its_place_after_a_crash_is_left_alone_with_everything(stage: Replacement) -> None:
    names = stage.operations()
    stage.killed_at(names.index("exchange") + 1)
    stage.source.unlink()
    stage.source.write_bytes(b"a foreign file")
    before = sorted(stage.private())
    assert stage.recover() == ["kept"]
    assert stage.source.read_bytes() == b"a foreign file"
    assert sorted(stage.private()) == before
    assert [path.read_bytes() for path in stage.library.glob(".vpo-*.orig")] == [stage.old]


FOREIGN = b"a foreign file, put here by its owner"


def arrive(stage: Replacement) -> None:
    """Put another video in place as download clients do: written elsewhere, renamed onto the name."""
    staged = stage.library / "staged"
    staged.write_bytes(FOREIGN)
    staged.rename(stage.source)


def check_the_foreign_file_is_there(stage: Replacement, outcomes: list[str]) -> None:
    assert stage.source.read_bytes() == FOREIGN
    assert "kept" not in outcomes
    assert stage.private() == []


@only_replace
def test_foreign_file_between_the_last_look_and_the_swap_survives(stage: Replacement) -> None:
    stage.set_up()
    disk = stage.disk(before=("exchange", lambda: arrive(stage)))
    with pytest.raises(FileError, match="somebody else"):
        stage.work(disk)
    check_the_foreign_file_is_there(stage, [])
    first = disk.names.index("exchange") + 1
    for at in range(first + 1, disk.operations + 1):
        for fault in (KILL, errno.EIO, errno.ENOSPC, errno.EPERM):
            for again in range(1, 12):
                stage.set_up()
                disturbed = stage.disk(at, fault, before=("exchange", lambda: arrive(stage)))
                in_a_process_that_may_die(lambda disk=disturbed: stage.work(disk))
                in_a_process_that_may_die(lambda again=again: stage.recover(stage.disk(again, KILL)))
                check_the_foreign_file_is_there(stage, stage.recover())
                if again > 1 and fault != KILL:
                    break


@only_replace
def test_one_more_foreign_file_while_the_first_gets_its_name_back_keeps_both(stage: Replacement) -> None:
    stage.set_up()

    def second() -> None:
        (stage.library / "staged").write_bytes(b"the second")
        (stage.library / "staged").rename(stage.source)

    class Disk:
        """Foreign files in front of both exchanges."""

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
    assert {stage.source.read_bytes(), part.read_bytes()} == {FOREIGN, b"the second"}


@only_replace
def test_foreign_file_while_recovery_verifies_a_bad_new_video_survives(stage: Replacement) -> None:
    killed_and_damaged(stage)
    stage.recover(stage.disk(before=("exchange", lambda: arrive(stage))))
    assert stage.recover() == ["kept"]
    assert stage.source.read_bytes() == FOREIGN
    assert [path.read_bytes() for path in stage.library.glob(".vpo-*.orig")] == [stage.old]


def aside(names: list[str]) -> int:
    """The number of the operation that sets the original aside: the second renaming of a conversion.

    The first one takes the new video out of the folder in which it was made.
    """
    return [number for number, name in enumerate(names, 1) if name == "rename"][1]


@pytest.mark.parametrize("stage", ["rename"], indirect=True)
def test_foreign_file_under_the_old_name_while_recovery_finishes_a_conversion_survives(
    stage: Replacement,
) -> None:
    names = stage.operations()
    for fault_at in (0, 1, 2, 3):
        stage.killed_at(aside(names))
        assert stage.source.exists()
        assert stage.target.exists()
        disk = stage.disk(2 * fault_at, KILL * bool(fault_at), before=("rename", lambda: arrive(stage)))
        in_a_process_that_may_die(lambda disk=disk: stage.recover(disk))
        stage.recover()
        assert FOREIGN in [path.read_bytes() for path in stage.library.iterdir()]
        assert stage.target.read_bytes() == stage.new


@pytest.mark.parametrize("stage", ["rename"], indirect=True)
def test_two_foreign_files_in_the_last_moment_of_a_conversion_both_survive(stage: Replacement) -> None:
    names = stage.operations()
    stage.set_up()

    class Disk:
        """A foreign file in front of the rename that sets the original aside, one in front of its way back."""

        def __init__(self) -> None:
            self.real = stage.disk()
            self.renames = 0
            self.arrived = self.second = False

        def __getattr__(self, name: str) -> Any:
            self.renames += name == "rename"
            if self.renames == 2 and not self.arrived:
                self.arrived = True
                arrive(stage)
            elif name in {"rename", "link"} and self.arrived and not self.second:
                self.second = True
                stage.source.write_bytes(b"the second")
            return getattr(self.real, name)

    assert "rename" in names
    with pytest.raises(FileError):
        stage.work(Disk())
    stage.recover()
    found = [path.read_bytes() for path in stage.library.iterdir()]
    assert FOREIGN in found
    assert b"the second" in found


@pytest.mark.parametrize("stage", ["overwrite"], indirect=True)
def test_target_replaced_by_its_owner_while_ours_is_made_stays(stage: Replacement) -> None:
    stage.set_up()

    def theirs() -> None:
        stage.target.unlink()
        stage.target.write_bytes(FOREIGN)

    with pytest.raises(FileError):
        stage.work(stage.disk(before=("chmod", theirs)))
    assert stage.target.read_bytes() == FOREIGN
    assert stage.source.read_bytes() == stage.old
    assert stage.private() == []


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


def test_run_that_begins_in_the_same_moment_with_other_locks_makes_us_give_way(stage: Replacement) -> None:
    stage.set_up()
    rival = stage.target.with_name(f".vpo-{path_key(str(stage.source))}-ffff.json")
    with pytest.raises(LockedError):
        stage.work(stage.disk(before=("write", lambda: rival.write_bytes(b"begun"))))
    assert stage.source.read_bytes() == stage.old
    assert stage.private() == [bytes(rival)]


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
