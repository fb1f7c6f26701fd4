"""Videos of other users: what the system would refuse in the end is refused before the work, with the reason."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.replacement import Replacement, make_replacement
from tests.support.faults import in_a_process_that_may_die
from tests.support.library import World
from tests.support.rights import folder_for_all
from vpo_tasks.errors import ReplaceError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")

OWNER, US, GROUP = 12345, 23456, 34567


@pytest.fixture(scope="module")
def stage() -> Iterator[Replacement]:
    with folder_for_all(0o777) as folder:
        yield make_replacement(folder, "replace")


def become_another() -> None:
    os.setgroups([GROUP])
    os.setgid(US)
    os.setuid(US)


def attempt_as_another(stage: Replacement, expected: str) -> list[str]:
    """Do the work as somebody who does not own the video. Returns the operations, of which none is the tool's."""
    log = stage.folder / "operations"
    log.write_text("")
    log.chmod(0o666)

    def work() -> None:
        become_another()
        disk = stage.disk()
        with pytest.raises(ReplaceError, match=expected):
            stage.work(disk)
        log.write_text(" ".join(disk.names))

    assert in_a_process_that_may_die(work) == 0
    assert stage.source.read_bytes() == stage.old
    assert os.listdir(stage.library) == ["film.mkv"]
    return log.read_text().split()


def lay(stage: Replacement, *, folder_mode: int, file_mode: int) -> None:
    stage.set_up()
    os.chown(stage.source, OWNER, GROUP)
    os.chown(stage.library, OWNER, GROUP)
    stage.library.chmod(folder_mode)
    shutil.rmtree(stage.folder / "locks", ignore_errors=True)
    (stage.folder / "locks").mkdir()
    (stage.folder / "locks").chmod(0o777)
    stage.source.chmod(file_mode)


def test_no_hard_link_may_be_made_of_somebody_elses_file(stage: Replacement) -> None:
    if Path("/proc/sys/fs/protected_hardlinks").read_text().strip() != "1":
        pytest.skip("this system allows such links")
    lay(stage, folder_mode=0o775, file_mode=0o644)
    assert attempt_as_another(stage, "cannot be hard-linked") == ["link"]


def test_the_group_is_carried_over_where_the_owner_cannot_be(stage: Replacement) -> None:
    lay(stage, folder_mode=0o775, file_mode=0o660)

    def work() -> None:
        become_another()
        stage.work()

    assert in_a_process_that_may_die(work) == 0
    assert stage.source.read_bytes() == stage.new
    status = stage.source.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (US, GROUP, 0o660)


def test_a_sticky_folder_lets_only_owners_replace(stage: Replacement) -> None:
    lay(stage, folder_mode=0o1777, file_mode=0o666)
    assert attempt_as_another(stage, "only the owner may replace it") == []


def test_nothing_of_ours_is_open_to_others_whatever_the_umask(world: World) -> None:
    world.add("a.mkv", "b.mkv")
    before = os.umask(0)
    try:
        done = world.vpo("process", world.media, env={"VPO_HOME": str(world.root / "deep" / "down" / "vpo")})
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stderr
    ours = [world.root / "deep", *(world.root / "deep").rglob("*"), *world.media.rglob(".vpo-undo")]
    ours += world.media.rglob(".vpo-*.json")
    assert len(ours) > 5
    assert [str(path) for path in ours if path.stat().st_mode & 0o077] == []
