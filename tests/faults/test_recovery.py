"""What recovery does with journals and parts that are torn, foreign, in hand or nobody's."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import msgspec
import pytest

from tests.support.execute import make_environment
from tests.support.private import Private, fingerprint, recover
from vpo_tasks.disk.journal import Record, encode, owner_of
from vpo_tasks.disk.locks import path_key, video_lock
from vpo_tasks.execute.recover import STALE_S, recover_all
from vpo_tasks.execute.work import Environment
from vpo_tasks.media.identity import Identity


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "library" / "film.mkv"
    path.parent.mkdir()
    path.write_bytes(b"precious" * 1000)
    return path


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return make_environment(tmp_path)


def names_for(video: Path) -> Private:
    return Private.new(os.fsencode(video.parent), path_key(str(video)))


def record_for(video: Path, environment: Environment, **changes: object) -> Record:
    record = Record(
        mode="replace", state="intent", owner=owner_of(environment.locks_dir), source=b"film.mkv", target=b"film.mkv",
        old=Identity.of(os.stat(video)), old_print=fingerprint(os.fsencode(video)),
    )  # fmt: skip
    return msgspec.structs.replace(record, **changes)


def put(path: bytes, data: bytes, *, age_s: float = 0) -> None:
    with open(path, "wb") as stream:
        stream.write(data)
    if age_s:
        os.utime(path, (time.time() - age_s,) * 2)


def names_left(video: Path) -> list[str]:
    return sorted(os.listdir(video.parent))


@pytest.mark.parametrize("data", [b"", b"0", b"garbage\n\xff", b"x" * 100_000])
def test_torn_journal_goes_and_the_video_stays(video: Path, environment: Environment, data: bytes) -> None:
    put(names_for(video).journal, data)
    notes = recover_all([os.fsencode(path) for path in video.parent.glob(".vpo-*")], environment)
    assert [note.outcome for note in notes] == ["undone"]
    assert names_left(video) == ["film.mkv"]


def test_original_without_a_readable_journal_is_never_removed(video: Path, environment: Environment) -> None:
    names = names_for(video)
    put(names.orig, b"maybe the only one")
    put(names.journal, b"garbage")
    put(names.part, b"part", age_s=2 * STALE_S)
    before = names_left(video)
    note = recover(names.journal, environment)
    assert note.outcome == "kept"
    assert os.fsdecode(names.orig) in note.detail
    assert names_left(video) == before


def test_work_in_hand_is_left_alone(video: Path, environment: Environment) -> None:
    names = names_for(video)
    put(names.journal, encode(record_for(video, environment)))
    put(names.part, b"half")
    before = names_left(video)
    with video_lock(environment.locks_dir, str(video), Identity.of(os.stat(video))):
        assert recover(names.journal, environment).outcome == "in-hand"
    assert names_left(video) == before
    assert recover(names.journal, environment).outcome == "undone"
    assert names_left(video) == ["film.mkv"]


def test_work_of_another_machine_is_left_alone_while_it_is_fresh(
    video: Path, environment: Environment
) -> None:
    names = names_for(video)
    put(names.journal, encode(record_for(video, environment, owner="nas:other")))
    assert recover(names.journal, environment).outcome == "in-hand"
    assert os.fsdecode(os.path.basename(names.journal)) in names_left(video)


def test_fresh_part_without_a_journal_may_be_somebodys(video: Path, environment: Environment) -> None:
    names = names_for(video)
    put(names.part, b"half")
    assert recover(names.journal, environment).outcome == "in-hand"
    assert len(names_left(video)) == 2


def test_names_that_are_not_ours_are_never_touched(video: Path, environment: Environment) -> None:
    for name in (b".vpo-x.part", b".vpo-0123456789abcdef-0000.mkv", b".vpo-notes.json"):
        put(os.path.join(os.fsencode(video.parent), name), b"a person's")
    before = names_left(video)
    assert recover_all([os.fsencode(path) for path in video.parent.glob(".vpo-*")], environment) == []
    assert names_left(video) == before


def test_video_renumbered_by_a_remount_is_still_known(video: Path, environment: Environment) -> None:
    names = names_for(video)
    record = record_for(video, environment)
    put(names.journal, encode(msgspec.structs.replace(record, old=record.old._replace(device=99, inode=1))))
    put(names.part, b"half")
    assert recover(names.journal, environment).outcome == "undone"
    assert names_left(video) == ["film.mkv"]


def test_journal_that_names_paths_elsewhere_removes_nothing_there(
    video: Path, environment: Environment, tmp_path: Path
) -> None:
    other = tmp_path / "other.mkv"
    other.write_bytes(b"somebody else's")
    names = names_for(video)
    put(
        names.journal,
        encode(record_for(video, environment, source=os.fsencode(other), target=b"../other.mkv")),
    )
    recover(names.journal, environment)
    assert other.read_bytes() == b"somebody else's"
    assert video.read_bytes() == b"precious" * 1000


def test_flipped_bits_in_a_journal_never_cost_the_video(video: Path, environment: Environment) -> None:
    names, chance = names_for(video), random.Random(5)
    line = encode(record_for(video, environment, state="committing", new=Identity(1, 2, 3, 4)))
    for _ in range(200):
        data = bytearray(line)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        put(names.journal, bytes(data))
        recover(names.journal, environment)
        assert video.read_bytes() == b"precious" * 1000
        assert names_left(video) == ["film.mkv"]
