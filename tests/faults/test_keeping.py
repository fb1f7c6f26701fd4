"""What the undo store keeps: at most a tenth of the filesystem it lies on, the oldest goes first."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.filesystems import mount_disk, with_own_mounts
from tests.support.private import Private, stored_in
from vpo_tasks.disk.system_calls import RealDisk
from vpo_tasks.disk.undo_store import Keeping, prune

MEBIBYTE = 1 << 20
ENTRY_BYTES = 100 * 1024
FOR_EVER_S = 1e9


def keep(library: Path, number: int) -> Private:
    """Lay one entry into the store: an original and its journal."""
    names = Private(os.fsencode(library / ".vpo-undo"), f"{number:016x}-0000")
    for path, size in ((names.orig, ENTRY_BYTES), (names.journal, 500)):
        Path(os.fsdecode(path)).write_bytes(bytes(size))
    time.sleep(0.02)  # entries are told apart by the time of their journal's last change
    return names


@pytest.fixture
def on_a_disk_of(tmp_path: Path) -> Callable[[int, Callable[[Path], None]], None]:
    """Call a test's body with a library on an own filesystem of so many bytes."""

    def run(size: int, body: Callable[[Path], None]) -> None:
        def attempt() -> None:
            mount_disk(tmp_path / "disk", size)
            (tmp_path / "disk" / ".vpo-undo").mkdir()
            body(tmp_path / "disk")

        with_own_mounts(attempt)

    return run


@pytest.mark.parametrize(("mebibytes", "left"), [(4, 3), (8, 6), (2, 1), (64, 6)])
def test_more_than_a_tenth_of_the_filesystem_goes_oldest_first(on_a_disk_of, mebibytes, left, tmp_path):
    def body(library: Path) -> None:
        # the store of another folder on the same filesystem counts with it
        other = library / "other"
        (other / ".vpo-undo").mkdir(parents=True)
        laid = [keep(library if number % 2 else other, number) for number in range(6)]
        beside = Private(os.fsencode(library), "a" * 16 + "-0000")
        Path(os.fsdecode(beside.journal)).write_bytes(b"work in hand")
        folders = [os.fsencode(library), os.fsencode(other)]
        prune(RealDisk(), folders, keep_s=FOR_EVER_S, now=time.time(), locks_dir=str(tmp_path / "locks"))
        found = {names for folder in folders for names in stored_in(folder)}
        assert found == set(laid[6 - left :])
        for names in found:
            assert os.path.exists(names.orig)
            assert os.path.exists(names.journal)
        assert os.path.exists(beside.journal), "a journal that recovery needs is never touched"

    on_a_disk_of(mebibytes * MEBIBYTE, body)


def test_one_run_keeps_no_more_than_a_tenth_of_the_filesystem(on_a_disk_of):
    def body(library: Path) -> None:
        keeping = Keeping("run", min_free=0)
        folder = os.fsencode(library)
        assert keeping.run_for(folder, 4 * MEBIBYTE // 10 + 4096) is None
        assert keeping.run_for(folder, 300 * 1024) == "run"
        assert keeping.run_for(folder, 200 * 1024) is None
        assert keeping.run_for(folder, 50 * 1024) == "run"

    on_a_disk_of(4 * MEBIBYTE, body)


def test_nothing_is_kept_for_no_time(on_a_disk_of, tmp_path):
    def body(library: Path) -> None:
        keep(library, 1)
        prune(
            RealDisk(), [os.fsencode(library)], keep_s=0, now=time.time(), locks_dir=str(tmp_path / "locks")
        )
        assert not (library / ".vpo-undo").exists()

    on_a_disk_of(4 * MEBIBYTE, body)
