"""Workers take turns where there is room for one."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from vpo_tasks.disk.space import SpaceLedger
from vpo_tasks.errors import Interrupted, SpaceError


def test_second_worker_waits_for_the_first(tmp_path: Path) -> None:
    ledger = SpaceLedger(10, free_bytes=lambda _folder: 110)
    folder, order = os.fsencode(tmp_path), []

    def second() -> None:
        with ledger.reserve(folder, 80, video="b"):
            order.append("second")

    with ledger.reserve(folder, 80, video="a"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(timeout=0.2)
        assert thread.is_alive()
        order.append("first")
    thread.join(timeout=10)
    assert order == ["first", "second"]


def test_both_go_when_both_fit_and_the_floor_is_kept(tmp_path: Path) -> None:
    ledger = SpaceLedger(10, free_bytes=lambda _folder: 170)
    folder = os.fsencode(tmp_path)
    with ledger.reserve(folder, 80, video="a"), ledger.reserve(folder, 80, video="b"):
        pass
    with (
        pytest.raises(SpaceError, match="161 bytes needed, 160 to spare"),
        ledger.reserve(folder, 161, video="a"),
    ):
        pass


def test_what_a_worker_has_written_is_not_counted_twice(tmp_path: Path) -> None:
    output = tmp_path / "part"
    output.write_bytes(b"x" * 65536)
    free = [200_000 - os.stat(output).st_blocks * 512]
    ledger = SpaceLedger(0, free_bytes=lambda _folder: free[0])
    folder = os.fsencode(tmp_path)
    first = ledger.reserve(folder, 100_000, video="a", output=os.fsencode(output))
    entered = []
    with first, ledger.reserve(folder, 100_000, video="b"):
        entered.append("b")
    assert entered == ["b"], "counted twice, the second would have waited for the first, for ever"


def test_waiting_ends_with_the_run(tmp_path: Path) -> None:
    stop = threading.Event()
    ledger = SpaceLedger(0, free_bytes=lambda _folder: 100, stop=stop)
    folder = os.fsencode(tmp_path)
    with ledger.reserve(folder, 80, video="a"):
        stop.set()
        with pytest.raises(Interrupted), ledger.reserve(folder, 80, video="b"):
            pass
