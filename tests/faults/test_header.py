"""Every operation of a header edit fails, and is killed, once and again during recovery (frame).

Once recovery has run, the video is byte-identical to the old or the edited one.
"""

from __future__ import annotations

import pytest

from tests.faults.frame import OperationMatrix
from tests.faults.header_edit import MTIME_NS, HeaderEdit, make_header_edit
from vpo_tasks.disk.locks import path_key
from vpo_tasks.errors import LockedError


@pytest.fixture(scope="module", params=["in-place", "growing", "shrinking", "kept", "mp4", "mp4-moved"])
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


def test_foreign_file_in_its_place_after_a_crash_is_left_alone(stage: HeaderEdit) -> None:
    half_written(stage)
    foreign_file = bytearray(stage.old)
    foreign_file[len(foreign_file) // 2] ^= 1
    stage.video.unlink()
    stage.video.write_bytes(foreign_file)
    assert stage.recover() == ["kept"]
    assert stage.video.read_bytes() == bytes(foreign_file)


@pytest.mark.parametrize("another_inode", [False, True])
def test_video_renamed_in_its_folder_after_a_crash_has_its_header_back(
    stage: HeaderEdit, another_inode: bool
) -> None:
    half_written(stage)
    renamed = stage.video.with_name("Film (2001).mkv")
    (stage.video.parent / "a copy from before.mkv").write_bytes(stage.old)
    if another_inode:
        renamed.write_bytes(stage.video.read_bytes())
        stage.video.unlink()
    else:
        stage.video.rename(renamed)
    assert renamed.read_bytes() != stage.old
    assert stage.recover() == ["undone"]
    assert renamed.read_bytes() == stage.old
    assert renamed.stat().st_mtime_ns == MTIME_NS
    assert not stage.video.exists()
    assert stage.private() == []


def test_video_renamed_after_a_crash_has_its_header_back_although_another_has_its_name(
    stage: HeaderEdit,
) -> None:
    half_written(stage)
    renamed = stage.video.rename(stage.video.with_name("Film (2001).mkv"))
    foreign_file = bytes(len(stage.old))
    stage.video.write_bytes(foreign_file)
    assert stage.recover() == ["undone"]
    assert renamed.read_bytes() == stage.old
    assert stage.video.read_bytes() == foreign_file


def test_journal_of_a_video_that_left_its_folder_waits_for_it(stage: HeaderEdit) -> None:
    half_written(stage)
    away = stage.video.rename(stage.folder / "away.mkv")
    assert stage.recover() == ["kept"]
    away.rename(stage.video.with_name("back.mkv"))
    assert stage.recover() == ["undone"]
    assert stage.video.with_name("back.mkv").read_bytes() == stage.old
