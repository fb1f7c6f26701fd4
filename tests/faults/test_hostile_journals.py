"""Journals that somebody else wrote, with a checksum that holds: they reach nothing outside their folder.

Whoever may write into a media folder may put a journal there; recovery, perhaps as root, reads it.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import msgspec
import pytest

from tests.support.execute import make_environment
from tests.support.library import World
from tests.support.private import Private, fingerprint, recover, retire
from vpo_tasks.disk.journal import AnyRecord, HeaderRecord, Range, Record, encode, owner_of
from vpo_tasks.disk.system_calls import RealDisk
from vpo_tasks.disk.undo_store import entries, prune
from vpo_tasks.errors import FileError
from vpo_tasks.execute.undo import undo
from vpo_tasks.execute.work import Environment
from vpo_tasks.media.identity import Identity

PRECIOUS = b"precious" * 1000
EVIL = b"evil" * 2000
NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "library"
    path.mkdir()
    (path / "film.mkv").write_bytes(PRECIOUS)
    return path


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "outside.mkv"
    path.write_bytes(PRECIOUS)
    return path


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return make_environment(tmp_path)


@pytest.fixture
def names(library: Path) -> Private:
    return Private(os.fsencode(library), "0123456789abcdef-0000")


def record_of(video: Path, environment: Environment, **changes: object) -> Record:
    record = Record(
        mode="replace", state="intent", owner=owner_of(environment.locks_dir), source=b"film.mkv", target=b"film.mkv",
        old=Identity.of(os.stat(video)), old_print=fingerprint(os.fsencode(video)),
    )  # fmt: skip
    return msgspec.structs.replace(record, **changes)


def header_of(video: Path, environment: Environment, **changes: object) -> HeaderRecord:
    """A record that asks for the first bytes of a video to be overwritten."""
    size = video.stat().st_size
    before = EVIL[:8] + video.read_bytes()[8:]
    place = video.with_name("before")
    place.write_bytes(before)
    record = HeaderRecord(
        mode="header", state="writing", owner=owner_of(environment.locks_dir), source=os.fsencode(video.name),
        old=Identity.of(os.stat(video)), old_print=fingerprint(os.fsencode(place)), new_size=size,
        ranges=(Range(0, EVIL[:8], video.read_bytes()[:8]),),
    )  # fmt: skip
    place.unlink()
    return msgspec.structs.replace(record, **changes)


def write(path: bytes | Path, data: bytes, owner: int | None = None) -> None:
    Path(os.fsdecode(path)).write_bytes(data)
    if owner is not None:
        os.chown(path, owner, owner)


def exchanging(video: Path, outside: Path, orig: bytes, environment: Environment) -> Record:
    """A record that asks for `orig` to take the place of a video elsewhere."""
    old, new = os.stat(orig), os.stat(outside)
    return record_of(
        video, environment, mode="output", state="undoing", source=os.fsencode(outside),
        old=Identity.of(old), old_print=fingerprint(orig),
        new=Identity.of(new), new_print=fingerprint(os.fsencode(outside)),
    )  # fmt: skip


def test_an_undo_that_names_a_path_elsewhere_puts_nothing_there(
    library: Path, outside: Path, names: Private, environment: Environment
) -> None:
    write(names.orig, EVIL)
    write(names.journal, encode(exchanging(library / "film.mkv", outside, names.orig, environment)))
    recover(names.journal, environment)
    assert outside.read_bytes() == PRECIOUS
    assert (library / "film.mkv").read_bytes() == PRECIOUS


def test_an_entry_of_the_undo_store_that_names_a_path_elsewhere_is_none(
    library: Path, outside: Path, names: Private, environment: Environment
) -> None:
    store = names._replace(folder=os.path.join(names.folder, b".vpo-undo"))
    os.mkdir(store.folder)
    write(store.orig, EVIL)
    record = exchanging(library / "film.mkv", outside, store.orig, environment)
    write(
        store.journal,
        encode(msgspec.structs.replace(record, state="done", keep=True, run="99999999-000000-00")),
    )
    for entry in entries(names.folder):
        with pytest.raises(FileError):
            undo(entry, RealDisk(), environment.locks_dir)
    assert outside.read_bytes() == PRECIOUS


@as_root
def test_a_strangers_journal_writes_nothing_into_a_hard_link_of_another_users_file(
    library: Path, outside: Path, names: Private, environment: Environment
) -> None:
    os.link(outside, library / "linked.mkv")
    write(names.journal, encode(header_of(library / "linked.mkv", environment)), owner=NOBODY)
    note = recover(names.journal, environment)
    assert outside.read_bytes() == PRECIOUS
    assert (note.outcome, "belongs to nobody" in note.detail) == ("kept", True)


@as_root
def test_another_users_journal_is_no_order_even_about_that_users_own_video(
    library: Path, names: Private, environment: Environment
) -> None:
    video = library / "film.mkv"
    os.chown(video, NOBODY, NOBODY)
    write(names.journal, encode(header_of(video, environment)), owner=NOBODY)
    note = recover(names.journal, environment)
    assert (note.outcome, "belongs to nobody" in note.detail) == ("kept", True)
    assert video.read_bytes() == PRECIOUS


@as_root
def test_a_strangers_entry_in_the_undo_store_writes_nothing_into_another_users_file(
    library: Path, outside: Path, names: Private, environment: Environment
) -> None:
    os.link(outside, library / "linked.mkv")
    store = names._replace(folder=os.path.join(names.folder, b".vpo-undo"))
    os.mkdir(store.folder)
    new = Identity.of(os.stat(outside))
    write(
        store.journal,
        encode(header_of(library / "linked.mkv", environment, state="done", new=new)),
        owner=NOBODY,
    )
    assert entries(names.folder) == []


@pytest.mark.parametrize("suffix", ["json", "part", "orig"])
@pytest.mark.parametrize("kind", ["fifo", "folder", "link"])
def test_something_else_under_a_private_name_neither_hangs_nor_ends_the_run(
    world: World, kind: str, suffix: str
) -> None:
    (video,) = world.add("film.mkv")
    names = Private(os.fsencode(world.media), "0123456789abcdef-0000")
    outside = world.root / "outside"
    outside.write_bytes(PRECIOUS)
    environment = make_environment(world.root)._replace(locks_dir=str(world.home / "locks"))
    if suffix != "json":
        write(
            names.journal,
            encode(
                record_of(
                    video, environment, old=Identity(1, 2, 0, 4), state="committing", new=Identity(1, 3, 0, 4)
                )
            ),
        )
    place = f"{os.fsdecode(names.folder)}/.vpo-{names.id}.{suffix}"
    {"fifo": os.mkfifo, "folder": os.mkdir, "link": lambda path: os.symlink(outside, path)}[kind](place)
    done = world.vpo("process", "--json", world.media, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["summary"]["changed_count"] == 1
    assert outside.read_bytes() == PRECIOUS
    assert world.vpo("process", world.media, timeout=60).returncode == 0


def numbers_that_cannot_be(video: Path, environment: Environment) -> list[AnyRecord]:
    header, record = header_of(video, environment), record_of(video, environment)
    huge = (1 << 63) + 5
    change = msgspec.structs.replace
    return [
        change(record, source=b"film\0.mkv"),
        change(record, target=b"film\0.mkv"),
        change(record, mode="output", source=b"/a\0b"),
        change(header, source=b"film\0.mkv"),
        change(header, ranges=(Range(huge, b"a", b"b"),)),
        change(header, ranges=(Range(-1, b"a", b"b"),)),
        change(header, ranges=(Range(0, b"", b"prec"),)),
        change(header, new_size=-1),
        change(header, new_size=0),
        change(header, new_size=huge),
        change(header, old=header.old._replace(mtime_ns=huge)),
        change(header, old=header.old._replace(size=-5)),
        change(header, at=1e300),
    ]


@pytest.mark.parametrize("number", range(13))
def test_a_record_that_we_could_not_have_written_costs_nothing(
    library: Path, names: Private, environment: Environment, number: int
) -> None:
    video = library / "film.mkv"
    write(names.journal, encode(numbers_that_cannot_be(video, environment)[number]))
    assert recover(names.journal, environment).outcome in {"undone", "kept"}
    assert video.read_bytes() == PRECIOUS


def test_a_linked_undo_store_is_neither_used_nor_emptied(
    library: Path, names: Private, environment: Environment, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    theirs = elsewhere / ".vpo-fedcba9876543210-0000.orig"
    theirs.write_bytes(PRECIOUS)
    (library / ".vpo-undo").symlink_to(elsewhere)
    prune(RealDisk(), [names.folder], keep_s=0, now=2e10, locks_dir=environment.locks_dir)
    assert theirs.read_bytes() == PRECIOUS
    write(names.orig, EVIL)
    record = record_of(library / "film.mkv", environment, state="done", keep=True)
    write(names.journal, encode(record))
    retire(RealDisk(), names, record)
    assert os.listdir(elsewhere) == [theirs.name]
    assert sorted(os.listdir(library)) == [".vpo-undo", "film.mkv"]


def test_journals_with_random_fields_never_harm_anything_else(
    library: Path, outside: Path, names: Private, environment: Environment
) -> None:
    dice = random.Random(7)
    video = library / "film.mkv"
    texts = ["film.mkv", "../outside.mkv", str(outside), "", ".", "..", ".vpo-undo", "a\0b", "x" * 5000]
    odd = [0, 1, -1, 1 << 31, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1e308, None, "", [], {}, True]
    for _ in range(1500):
        made = record_of(video, environment) if dice.random() < 0.5 else header_of(video, environment)
        fields = msgspec.to_builtins(made, builtin_types=(bytes,))
        for _ in range(dice.choice((1, 1, 2, 3))):
            field = dice.choice([*fields, "new", "new_print", "media", "counts", "keep"])
            fields[field] = dice.choice(
                [dice.choice(odd), os.fsencode(dice.choice(texts)), [dice.choice(odd)] * 5,
                 dice.choice(["undoing", "done", "committing", "output", "rename", "header"])]
            )  # fmt: skip
        body = msgspec.json.encode(fields)
        line = encode(made)
        line = line[:0] + _checked(body)
        write(names.journal, line)
        recover(names.journal, environment)
        assert outside.read_bytes() == PRECIOUS
        assert Path(os.fsdecode(names.folder)).is_dir()
        for path in library.glob("*"):
            if path.name != "film.mkv":
                path.unlink()
        if not video.exists() or video.read_bytes() != PRECIOUS:
            write(video, PRECIOUS)


def _checked(body: bytes) -> bytes:
    import hashlib

    return hashlib.blake2b(body, digest_size=16).hexdigest().encode() + b" " + body + b"\n"
