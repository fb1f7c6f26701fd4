"""What a header edit changes in a file, and the way back."""

from __future__ import annotations

import os

import pytest

from tests.support.matroska import block, cluster, element, matroska, number, track
from vpo_tasks.disk.folders import OpenFile, open_folder, opened
from vpo_tasks.disk.fsops import Sidecars
from vpo_tasks.disk.journal import HeaderRecord, Range, file_sample_digest
from vpo_tasks.disk.system_calls import RealDisk
from vpo_tasks.execute.in_place import writes
from vpo_tasks.execute.in_place.change import (
    MAX_CHANGED_BYTES,
    HeaderChange,
    HeaderRefused,
    change_to,
    changed_content,
)
from vpo_tasks.execute.in_place.writes import find_video, resolve_header
from vpo_tasks.media.identity import Identity

DISK = RealDisk()
NAME = b"OldTitle"
VOID = element(0xEC, bytes(200))
SMALL = 1000


def film(path, payload):
    """A video of three clusters, whose track has a name to be changed and whose tail is a Void."""
    entry = track(1, 2, b"A_AC3", element(0x536E, NAME), element(0xE1, number(0x9F, 2)))
    clusters = [cluster(n * 1000, block(1, 0, os.urandom(payload))) for n in range(3)]
    path.write_bytes(matroska(VOID, *clusters, VOID, tracks=(entry,)))
    return path


@pytest.fixture
def folder(tmp_path):
    with open_folder(os.fsencode(tmp_path)) as folder:
        yield folder


def change(path, *pieces):
    with open(path, "rb") as stream:
        return change_to(OpenFile(stream.fileno(), os.fsencode(path)), pieces)


@pytest.fixture
def some(tmp_path):
    path = tmp_path / "some.bin"
    path.write_bytes(bytes(range(250)) * 40)
    return path


def test_what_differs_is_told_with_old_and_new_bytes(some):
    new = some.read_bytes().replace(bytes([7, 8, 9]), b"new", 1)
    found = change(some, new)
    assert found == HeaderChange(10_000, (Range(7, bytes([7, 8, 9]), b"new"),))
    assert (found.written_bytes, found.is_empty) == (3, False)
    assert change(some, 7, b"new", 9_990) == found, "a number stands for bytes that stay"


def test_no_difference_is_no_change(some):
    assert change(some, some.read_bytes()).is_empty
    assert change(some, 10_000).is_empty


def test_differences_near_each_other_are_one_and_others_are_not(some):
    old = some.read_bytes()
    near = change(some, old[:500], b"?", old[501:520], b"?", 9_479)
    assert [(item.offset, item.old) for item in near.ranges] == [(500, old[500:521])]
    assert near.ranges[0].new == b"?" + old[501:520] + b"?"
    assert [item.offset for item in change(some, old[:500], b"?", 499, b"?", 8_999).ranges] == [500, 1000]


def test_of_a_longer_or_shorter_file_the_end_is_told(some):
    assert change(some, 10_000, b"more") == HeaderChange(10_004, (), b"", b"more")
    assert change(some, 9_998, b"12345") == HeaderChange(
        10_003, (Range(9_998, b"\xf8\xf9", b"12"),), b"", b"345"
    )
    assert change(some, 9_990) == HeaderChange(9_990, (), some.read_bytes()[-10:], b"")


@pytest.mark.parametrize("pieces", [[bytes(MAX_CHANGED_BYTES)], [10_000, bytes(MAX_CHANGED_BYTES + 1)]])
def test_more_than_a_journal_should_hold_is_refused(tmp_path, pieces):
    path = tmp_path / "large.bin"
    path.write_bytes(b"\xff" * (MAX_CHANGED_BYTES + 10_000))
    with pytest.raises(HeaderRefused, match="too much"):
        change(path, *pieces)


def test_a_file_is_read_as_it_will_be(some):
    expected = some.read_bytes()[:5] + b"new" + some.read_bytes()[8:] + b"more"
    with some.open("rb") as stream:
        content = changed_content(stream.fileno(), change(some, expected))
        assert content.read(0, 1 << 20) == expected
        assert (content.read(6, 4), content.read(9_999, 3)) == (expected[6:10], expected[9_999:10_002])


@pytest.fixture
def begun(tmp_path, folder):
    """A video, and the record of an edit that was begun; with the private names."""
    path = film(tmp_path / "film.mkv", SMALL)
    with opened(folder.at(b"film.mkv")) as file:
        record = HeaderRecord(
            mode="header", state="writing", owner="me", source=b"film.mkv", old=Identity.of(os.fstat(file.fd)),
            old_print=file_sample_digest(file.fd), new_size=path.stat().st_size,
            ranges=(Range(path.read_bytes().index(NAME), b"Old", b"New"),),
        )  # fmt: skip
    names = Sidecars(folder, "0123456789abcdef-0001")
    (tmp_path / os.fsdecode(names.journal.name)).touch()
    return path, record, names


@pytest.mark.parametrize("done", [0, 1, 3])
def test_a_half_written_header_gets_its_old_bytes_back(begun, done):
    path, record, names = begun
    old = path.read_bytes()
    with path.open("r+b") as stream:
        stream.seek(record.ranges[0].offset)
        stream.write(record.ranges[0].new[:done])
    assert resolve_header(DISK, names, record, find_video(names, record)).outcome == "undone"
    assert path.read_bytes() == old
    assert path.stat().st_mtime_ns == record.old.mtime_ns
    assert names.folder.names() == [b"film.mkv"]


def test_a_video_that_was_renamed_meanwhile_is_found_by_its_content(begun, tmp_path):
    path, record, names = begun
    (tmp_path / "another.mkv").write_bytes(path.read_bytes()[:-1] + b"!")
    path.rename(tmp_path / "renamed.mkv")
    assert find_video(names, record).name == b"renamed.mkv"
    (tmp_path / "renamed.mkv").unlink()
    assert resolve_header(DISK, names, record, find_video(names, record)).outcome == "kept"
    assert names.journal.status() is not None


@pytest.mark.parametrize("how", ["another content", "another name"])
def test_a_video_that_is_not_provably_the_one_is_left(begun, tmp_path, how):
    path, record, names = begun
    if how == "another content":
        path.write_bytes(os.urandom(path.stat().st_size))
    else:
        os.link(path, tmp_path / "seeded.mkv")
    before = path.read_bytes()
    assert resolve_header(DISK, names, record, names.folder.at(b"film.mkv")).outcome == "kept"
    assert path.read_bytes() == before


def test_new_and_old_bytes_are_told_apart(begun):
    _path, record, names = begun
    fd = DISK.open_to_edit(names.folder.at(b"film.mkv"))
    try:
        assert (writes.is_untouched(fd, record), writes.is_new(fd, record)) == (True, False)
        writes.write_new(DISK, fd, record, record.old.mtime_ns)
        assert (writes.is_untouched(fd, record), writes.is_new(fd, record)) == (False, True)
        assert os.fstat(fd).st_mtime_ns != record.old.mtime_ns, "others know the video by size and time"
        writes.write_old(DISK, fd, record)
        assert writes.is_untouched(fd, record)
        assert os.fstat(fd).st_mtime_ns == record.old.mtime_ns
    finally:
        os.close(fd)
