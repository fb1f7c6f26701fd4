"""Each step into a user's folder, by itself."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from tests.support.faults import FaultyDisk
from vpo_tasks.disk import fsops
from vpo_tasks.disk.folders import open_folder
from vpo_tasks.disk.fsops import Sidecars
from vpo_tasks.disk.system_calls import RealDisk

ID = "0123456789abcdef-0001"
DISK = RealDisk()


class NoLinks(RealDisk):
    def link(self, existing, new):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.fixture
def names(tmp_path):
    with open_folder(os.fsencode(tmp_path)) as folder:
        yield Sidecars(folder, ID)


def put(place, content=b"x"):
    with open(place.path, "wb") as stream:
        stream.write(content)


def content(place):
    with open(place.path, "rb") as stream:
        return stream.read()


def test_only_names_of_ours_are_removed(names):
    video = names.folder.at(b"film.mkv")
    put(video)
    with pytest.raises(ValueError, match="film"):
        fsops.remove(DISK, video)
    assert content(video) == b"x"
    fsops.remove(DISK, names.part)  # one that is missing is no error


def test_the_journal_is_removed_last(names):
    for place in (names.journal, names.part, names.orig):
        put(place)
    os.mkdir(names.work.path)
    put(names.folder.at(names.work.name)._replace(name=names.work.name + b"/left"))
    disk = FaultyDisk(at=5, fault=errno.EIO)
    with pytest.raises(OSError, match="output"):
        fsops.clean_up(disk, names)
    assert names.journal.status() is not None
    assert disk.names == ["unlink", "remove_folder", "unlink", "unlink", "fsync_folder"]
    fsops.clean_up(DISK, names)
    assert names.folder.names() == []


def test_a_work_folder_with_something_in_it_is_not_ours(names):
    class Intruder(RealDisk):
        def make_folder(self, place):
            super().make_folder(place)
            with open(os.path.join(place.path, b"theirs"), "wb"):
                pass

    with (
        pytest.raises(OSError, match="put files into our folder"),
        fsops.work_folder(Intruder(), names),
    ):
        pytest.fail("must not be entered")


def test_a_removed_journal_cannot_be_continued(names):
    fd = fsops.create_journal(DISK, names, b"one\n")
    try:
        fsops.append_journal(DISK, fd, b"two\n")
        assert content(names.journal) == b"one\ntwo\n"
        os.unlink(names.journal.path)
        with pytest.raises(OSError, match="removed by somebody else"):
            fsops.append_journal(DISK, fd, b"three\n")
    finally:
        os.close(fd)


def test_another_journal_of_the_same_video_is_a_rival(names):
    put(names.journal)
    put(names.part)
    assert not fsops.has_rival(names)
    put(names._replace(id="fedcba9876543210-0001").journal)
    assert not fsops.has_rival(names)
    put(names._replace(id="0123456789abcdef-0002").journal)
    assert fsops.has_rival(names)


@pytest.mark.parametrize(("disk", "kind"), [(DISK, "same-inode"), (NoLinks(), "none")])
def test_whether_there_are_hard_links_is_tried_and_leaves_nothing(names, disk, kind):
    put(names.journal)
    assert fsops.link_kind(disk, names, names.journal) == kind
    assert names.folder.names() == [names.journal.name]


@pytest.mark.parametrize("disk", [DISK, NoLinks()])
@pytest.mark.parametrize("step", ["place_new", "place_original"])
def test_a_name_that_is_taken_is_never_overwritten(names, disk, step):
    video = names.folder.at(b"film.mkv")
    put(video, b"theirs")
    put(names.part, b"new")
    put(names.orig, b"old")
    with pytest.raises(FileExistsError):
        if step == "place_new":
            fsops.place_new(disk, names, video, without_links=True)
        else:
            fsops.place_original(disk, names, video)
    assert content(video) == b"theirs"


def test_without_hard_links_a_new_name_is_refused_unless_the_user_agreed(names):
    video = names.folder.at(b"film.mkv")
    put(names.part, b"new")
    with pytest.raises(OSError, match="no hard links"):
        fsops.place_new(NoLinks(), names, video, without_links=False)
    assert video.status() is None
    fsops.place_new(NoLinks(), names, video, without_links=True)
    assert content(video) == b"new"


def test_what_is_taken_back_and_is_not_ours_gets_its_name_again(names):
    video = names.folder.at(b"film.mkv")
    put(video, b"theirs")
    assert not fsops.take_back(DISK, names, video, lambda place: content(place) == b"new")
    assert content(video) == b"theirs"
    assert names.part.status() is None


def test_a_swap_exchanges_or_says_that_it_cannot(names):
    video = names.folder.at(b"film.mkv")
    put(video, b"old")
    put(names.part, b"new")
    assert not fsops.swap(FaultyDisk(cannot="exchange"), names, names.part, video)
    assert (content(video), content(names.part)) == (b"old", b"new")
    if fsops.swap(DISK, names, names.part, video):  # a kernel without the call has nothing to show
        assert (content(video), content(names.part)) == (b"new", b"old")


def test_mode_and_times_are_carried_over(names):
    source, made = names.folder.at(b"film.mkv"), names.part
    put(source)
    put(made)
    os.chmod(source.path, 0o4640)
    os.utime(source.path, ns=(1_000_000_001, 2_000_000_002))
    fds = source.open(), made.open(os.O_RDWR)
    try:
        assert fsops.copy_attributes(DISK, *fds, mtime_ns=3_000_000_003) == []
    finally:
        for fd in fds:
            os.close(fd)
    status = made.status()
    assert stat.S_IMODE(status.st_mode) == 0o4640
    assert status.st_mtime_ns == 3_000_000_003


def test_an_owner_that_may_not_be_given_is_a_warning(names):
    class Foreign(RealDisk):
        def chown(self, fd, uid, gid):
            if uid != -1:
                raise PermissionError(errno.EPERM, "no")

    fd = fsops.create_journal(DISK, names, b"")
    try:
        status = os.fstat(fd)
        assert fsops._copy_owner(Foreign(), fd, status) == ["the owner could not be carried over"]
    finally:
        os.close(fd)


@pytest.mark.parametrize("cannot", ["clone", ""])
def test_a_copy_has_the_content_of_its_source(names, cannot):
    source = names.folder.at(b"film.mkv")
    put(source, os.urandom(3 << 20))
    fd = source.open()
    try:
        written, digest = fsops.copy_content(FaultyDisk(cannot=cannot), fd, names.part)
        assert digest in (None, fsops.content_digest(fd))
    finally:
        os.close(fd)
    assert content(names.part) == content(source)
    assert written == (0 if digest is None else 3 << 20)
