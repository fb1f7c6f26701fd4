"""Records go with their videos to new names, with all that belongs to them and nothing else."""

from __future__ import annotations

import pytest

from vpo_tasks.media.identity import Identity
from vpo_tasks.state.failures import Failures
from vpo_tasks.state.measurements import Measurements
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Move, Store
from vpo_tasks.state.up_to_date import RecordedState

A, B, C = b"/m/a.mkv", b"/m/b.mkv", b"/m/c.mkv"


@pytest.fixture
def pool(tmp_path):
    with DaemonConnectionPool(str(tmp_path / "state.db")) as opened:
        yield opened


def identity(number: int, ctime_ns: int = 7) -> Identity:
    return Identity(1, number, 100 + number, 5, ctime_ns)


def fail(pool, path: bytes, number: int, error: str) -> None:
    Failures(pool).remember(
        path, identity(number), digest=b"d", circumstances="", kind="k", phase=None, error=error
    )


def record(pool, path: bytes, number: int) -> None:
    """Record a video with something in every table, all of which names it."""
    name = f"video {number}"
    store = Store(pool)
    store.record(
        path, identity(number), digest=b"d", media=None, fingerprint=name.encode(), status="unchanged"
    )
    store.record_target(b"/o" + path, path, identity(number), b"d")
    Measurements(pool).remember_larger(path, [name])
    fail(pool, path, number, name)
    Store(pool).note_vanished([path], [])


def move(pool, *pairs: tuple[bytes, bytes, int]) -> None:
    Store(pool).carry_out_moves(
        [
            Move(old, new, identity(number, 8), RecordedState.of(identity(number), b"e"))
            for old, new, number in pairs
        ]
    )


def assert_known(pool, path: bytes, number: int, ctime_ns: int = 8) -> None:
    name = f"video {number}"
    store = Store(pool)
    digest = b"e" if ctime_ns == 8 else b"d"
    assert store.known_video(path) == RecordedState.of(identity(number), digest)
    details = store.details(path)
    assert details is not None
    assert details.fingerprint == name.encode()
    assert Measurements(pool).larger([path]) == {path: {name}}
    failure = Failures(pool).all()[path]
    assert (failure.identity, failure.error) == (identity(number, ctime_ns), name)


def test_everything_goes_to_the_new_name_and_nothing_is_left(pool):
    record(pool, A, 1)
    record(pool, C, 3)
    move(pool, (A, B, 1))
    assert_known(pool, B, 1)
    assert_known(pool, C, 3, ctime_ns=7)
    assert Store(pool).vanished_below(b"/m").keys() == {C}
    assert set(Store(pool).targets_of(A)) == {b"/o" + A}
    for table in ("videos", "details", "failures", "larger"):
        assert [row[0] for row in pool.execute_read(f"SELECT path FROM {table}")] == [B, C]


def test_videos_that_changed_places(pool):
    for number, path in enumerate((A, B, C)):
        record(pool, path, number)
    move(pool, (A, B, 0), (B, C, 1), (C, A, 2))
    assert_known(pool, B, 0)
    assert_known(pool, C, 1)
    assert_known(pool, A, 2)


def test_what_was_known_of_the_video_whose_name_is_taken_is_gone(pool):
    record(pool, A, 1)
    record(pool, B, 2)
    move(pool, (A, B, 1))
    assert_known(pool, B, 1)
    assert set(Failures(pool).all()) == {B}


def test_the_failure_of_another_video_does_not_go_along(pool):
    record(pool, A, 1)
    fail(pool, A, 9, "of what was at this name since")
    move(pool, (A, B, 1))
    assert Failures(pool).all() == {}
