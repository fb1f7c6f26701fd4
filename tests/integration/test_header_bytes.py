"""Which half-written videos a header edit's journal recognises."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from vpo_tasks.disk.journal import HeaderRecord, Range, recorded_sample_digest
from vpo_tasks.disk.system_calls import RealDisk
from vpo_tasks.execute.in_place.writes import is_new, is_planned_state, is_untouched, write_new, write_old
from vpo_tasks.media.identity import Identity

OLD = bytes(range(200)) * 3
EDITS = {
    "in place": OLD[:50] + b"xyz" + OLD[53:],
    "growing": OLD[:50] + b"xyz" + OLD[53:] + b"more",
    "shrinking": OLD[:50] + b"xyz" + OLD[53:-20],
}


def record_for(new: bytes) -> HeaderRecord:
    shorter = min(len(OLD), len(new))
    return HeaderRecord(
        mode="header", state="writing", owner="", source=b"film.mkv",
        old=Identity(1, 1, len(OLD), 10**18), old_print=recorded_sample_digest(len(OLD), lambda at, count: OLD[at : at + count]),
        new_size=len(new), ranges=(Range(50, OLD[50:53], b"xyz"),), old_end=OLD[shorter:], new_end=new[shorter:],
    )  # fmt: skip


@pytest.fixture(params=EDITS)
def new(request: pytest.FixtureRequest) -> bytes:
    return EDITS[request.param]


@pytest.fixture
def video(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "film.mkv").write_bytes(OLD)
    fd = os.open(tmp_path / "film.mkv", os.O_RDWR)
    yield fd
    os.close(fd)


def put(fd: int, data: bytes) -> None:
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, data)


def read(fd: int) -> bytes:
    os.lseek(fd, 0, os.SEEK_SET)
    return os.read(fd, 10_000)


def test_every_mixture_of_old_and_new_bytes_is_ours_and_goes_back(video: int, new: bytes) -> None:
    record = record_for(new)
    for choice in itertools.product((0, 1), repeat=3):
        mixed = bytes((OLD, b"xyz")[pick][at if pick else 50 + at] for at, pick in enumerate(choice))
        for size in {len(OLD), len(new), (len(OLD) + len(new)) // 2}:
            end = (record.old_end or record.new_end)[: size - min(len(OLD), len(new))]
            put(video, OLD[:50] + mixed + OLD[53 : min(len(OLD), len(new))] + end)
            assert is_planned_state(video, record)
            assert is_new(video, record) == (read(video) == new)
            assert is_untouched(video, record) == (read(video) == OLD)
            write_old(RealDisk(), video, record)
            assert read(video) == OLD


def test_zeros_where_a_file_grew_are_ours(video: int) -> None:
    new = EDITS["growing"]
    put(video, new[:-2] + b"\0\0")
    assert is_planned_state(video, record_for(new))
    assert not is_new(video, record_for(new))


def test_what_is_neither_is_not_ours(video: int, new: bytes) -> None:
    record = record_for(new)
    for damaged in (
        OLD[:50] + b"?yz" + OLD[53:],
        OLD[:300] + b"?" + OLD[301:],
        OLD + b"much more than it ever was",
        OLD[:-21],
        new[:300] + b"?" + new[301:],
        b"",
    ):
        put(video, damaged)
        assert not is_planned_state(video, record)
        assert not is_new(video, record)


def test_what_was_written_is_new(video: int, new: bytes) -> None:
    record = record_for(new)
    write_new(RealDisk(), video, record, None)
    assert read(video) == new
    assert is_new(video, record)


def test_same_size_and_time_are_never_left_behind_by_an_edit(video: int, new: bytes) -> None:
    for mtime_ns in (10**18, 10**18 + 999_999_999):
        put(video, OLD)
        record = record_for(new)
        old = record.old._replace(mtime_ns=mtime_ns)
        write_new(RealDisk(), video, msgspec.structs.replace(record, old=old), mtime_ns)
        status = os.fstat(video)
        assert (status.st_size, status.st_mtime_ns) != (len(OLD), mtime_ns)
        assert status.st_mtime_ns // 10**9 == mtime_ns // 10**9
        assert (status.st_mtime_ns == mtime_ns) == (len(new) != len(OLD))
