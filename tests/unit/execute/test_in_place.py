"""A header edit's skeleton, what it shows of an edit, and the way back."""

from __future__ import annotations

import os

import pytest

from tests.support.matroska import block, cluster, element, matroska, number, track
from vpo_tasks.disk.folders import open_folder, opened
from vpo_tasks.disk.fsops import Sidecars
from vpo_tasks.disk.journal import HeaderRecord, Range, file_sample_digest
from vpo_tasks.disk.system_calls import RealDisk
from vpo_tasks.execute.in_place import writes
from vpo_tasks.execute.in_place.layout import HeaderRefused, read_regions
from vpo_tasks.execute.in_place.skeleton import changes_in, skeleton_of
from vpo_tasks.execute.in_place.writes import find_video, resolve_header
from vpo_tasks.media.identity import Identity

DISK = RealDisk()
NAME = b"OldTitle"
VOID = element(0xEC, bytes(200))
SMALL, LARGE = 1000, 3 << 20


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


@pytest.fixture
def edited(tmp_path, folder):
    """Return what `changes_in` says of an edit, a function of the skeleton's path, on a video of a size."""

    def run(edit, payload=SMALL):
        film(tmp_path / "film.mkv", payload)
        names = Sidecars(folder, "0123456789abcdef-0000")
        with (
            opened(folder.at(b"film.mkv")) as file,
            skeleton_of(DISK, names, file, read_regions(file)) as skeleton,
        ):
            edit(skeleton)
            try:
                return changes_in(skeleton)
            finally:
                blocks = os.stat(skeleton.path).st_blocks * 512
                assert blocks < (8 << 20), "the skeleton has the clusters' bytes"

    yield run
    assert folder.names() == [b"film.mkv"]  # the skeleton is gone, whatever happened


def write_at(skeleton, offset, data):
    with open(skeleton.path, "r+b") as stream:
        stream.seek(offset)
        stream.write(data)


def rename_track(skeleton, new=b"NewTitle"):
    with open(skeleton.path, "rb") as stream:
        at = stream.read(1 << 16).index(NAME)
    write_at(skeleton, at, new)


@pytest.mark.parametrize("payload", [SMALL, LARGE])
def test_an_edit_is_told_by_the_bytes_that_differ(edited, tmp_path, payload):
    change = edited(rename_track, payload)
    (item,) = change.ranges
    assert (item.old, item.new) == (b"Old", b"New")
    content = (tmp_path / "film.mkv").read_bytes()
    assert content[item.offset : item.offset + 8] == NAME
    assert (change.new_size, change.old_end, change.new_end) == (len(content), b"", b"")
    assert change.written_bytes == 3


def test_no_edit_is_no_change(edited):
    assert edited(lambda _skeleton: None).is_empty


@pytest.mark.parametrize("payload", [SMALL, LARGE])
@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_a_write_among_the_clusters_is_refused(edited, payload, where):
    def edit(skeleton):
        first, tail = skeleton.regions.clusters, skeleton.regions.tail
        at = {"first": first + 40, "middle": (first + tail) // 2, "last": tail - 10}[where]
        write_at(skeleton, at, b"\xa5\x5a\xa5")

    with pytest.raises(HeaderRefused, match="clusters"):
        edited(edit, payload)


def test_an_edit_that_leaves_no_header_is_refused(edited):
    with pytest.raises(HeaderRefused, match="after mkvpropedit"):
        edited(lambda skeleton: write_at(skeleton, 0, bytes(64)))


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
