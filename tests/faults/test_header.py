"""Every operation of a header edit fails, and is killed, once and again during recovery (frame).

Once recovery has run, the video is byte-identical to the old or the edited one.
"""

from __future__ import annotations

import pytest

from tests.faults.frame import OperationMatrix
from tests.faults.header_edit import HeaderEdit, make_header_edit
from vpo_tasks.errors import LockedError
from vpo_tasks.execute.locks import path_key


@pytest.fixture(scope="module", params=["in-place", "growing", "shrinking", "kept"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> HeaderEdit:
    return make_header_edit(tmp_path_factory.mktemp(request.param), request.param)


class TestHeaderEdit(OperationMatrix):
    pass


def test_run_that_begins_in_the_same_moment_with_other_locks_makes_us_give_way(stage: HeaderEdit) -> None:
    stage.set_up()
    rival = stage.video.with_name(f".vpo-{path_key(str(stage.video))}-ffff.json")
    with pytest.raises(LockedError):
        stage.work(stage.disk(before=("write", lambda: rival.write_bytes(b"begun"))))
    assert stage.video.read_bytes() == stage.old
    assert stage.private() == [bytes(rival)]


def half_written(stage: HeaderEdit) -> None:
    """Leave the folder as a kill in the middle of the edit's last write leaves it."""
    names = stage.operations()
    stage.killed_at(max(place for place, name in enumerate(names, 1) if name == "write_at"))
    assert len(stage.private()) == 1


def test_bytes_that_are_neither_old_nor_new_are_left_alone_with_the_journal(stage: HeaderEdit) -> None:
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


def test_newcomer_in_its_place_after_a_crash_is_left_alone(stage: HeaderEdit) -> None:
    half_written(stage)
    newcomer = bytearray(stage.old)
    newcomer[len(newcomer) // 2] ^= 1
    stage.video.unlink()
    stage.video.write_bytes(newcomer)
    assert stage.recover() == ["kept"]
    assert stage.video.read_bytes() == bytes(newcomer)
