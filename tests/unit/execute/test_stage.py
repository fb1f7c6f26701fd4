"""Making the new video beside the old one, without any tool."""

from __future__ import annotations

import os

import pytest

from tests.support.execute import make_environment, plan_for, work_for
from tests.support.tracks import video
from vpo_tasks.disk.folders import open_folder, opened
from vpo_tasks.disk.fsops import Sidecars
from vpo_tasks.disk.journal import Record, file_sample_digest, sample_digest
from vpo_tasks.disk.locks import VideoLock
from vpo_tasks.disk.system_calls import RealDisk
from vpo_tasks.errors import ReplaceError, VerifyError
from vpo_tasks.execute.stage import Job, check_unchanged, make_by_copy, make_by_link
from vpo_tasks.media.identity import Identity

MTIME_NS = 1_400_000_000_987_654_321


class LosesHalf(RealDisk):
    """A disk that says it wrote everything."""

    def clone(self, source_fd, fd):
        raise OSError(95, "no reflinks")

    def write(self, fd, data):
        super().write(fd, data[: len(data) // 2])


class FlipsABit(LosesHalf):
    def write(self, fd, data):
        RealDisk.write(self, fd, bytes([data[0] ^ 1]) + data[1:])


@pytest.fixture
def make_job(tmp_path):
    path = tmp_path / "film.mkv"
    path.write_bytes(os.urandom(100_000))
    path.chmod(0o640)
    os.utime(path, ns=(MTIME_NS, MTIME_NS))
    with open_folder(os.fsencode(tmp_path)) as folder, opened(folder.at(b"film.mkv")) as file:

        def make(disk=None):
            work = work_for(str(path), plan_for(video("v0")))
            old = Identity.of(os.fstat(file.fd))
            record = Record(
                mode="output", state="intent", owner="me", source=b"film.mkv", target=b"film.mkv", old=old,
                old_print=file_sample_digest(file.fd),
            )  # fmt: skip
            source = folder.at(b"film.mkv")
            names = Sidecars(folder, "0123456789abcdef-0001")
            environment = make_environment(tmp_path, disk=disk)
            return Job(work, environment, VideoLock(()), "output", source, file, source, names, record)

        yield make


def test_a_copy_is_read_back_and_looks_like_its_source(make_job):
    job = make_job()
    made = make_by_copy(job, job.names.part)
    status = job.names.part.status()
    assert made.digest == sample_digest(job.source) == sample_digest(job.names.part)
    assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o640, MTIME_NS)


def test_a_disk_that_loses_what_it_was_given_is_found_out(make_job):
    job = make_job(LosesHalf())
    with pytest.raises(VerifyError, match="size of the copy"):
        make_by_copy(job, job.names.part)


def test_a_disk_that_changes_what_it_was_given_is_found_out(make_job):
    job = make_job(FlipsABit())
    with pytest.raises(VerifyError, match="content of the copy"):
        make_by_copy(job, job.names.part)


def test_a_link_to_a_video_that_came_meanwhile_is_refused(make_job, tmp_path):
    job = make_job()
    (tmp_path / "new.mkv").write_bytes(os.urandom(100_000))
    os.utime(tmp_path / "new.mkv", ns=(MTIME_NS, MTIME_NS))
    (tmp_path / "new.mkv").rename(tmp_path / "film.mkv")
    with pytest.raises(ReplaceError, match="by somebody else"):
        make_by_link(job, job.names.part)


def test_a_link_moves_the_ctime_which_only_we_excuse(make_job):
    job = make_job()
    made = make_by_link(job, job.names.part)
    assert made.bytes_written == 0
    check_unchanged(job, linked=True)
    with pytest.raises(ReplaceError):
        check_unchanged(job)


@pytest.mark.parametrize("how", ["written", "touched", "removed", "replaced"])
def test_a_source_that_changed_meanwhile_is_noticed(make_job, tmp_path, how):
    job, path = make_job(), tmp_path / "film.mkv"
    check_unchanged(job)
    if how == "written":
        path.write_bytes(path.read_bytes()[::-1])
        os.utime(path, ns=(MTIME_NS, MTIME_NS))
    elif how == "touched":
        os.utime(path, ns=(MTIME_NS, MTIME_NS + 1))
    elif how == "removed":
        path.unlink()
    else:
        copy = tmp_path / "copy.mkv"
        copy.write_bytes(path.read_bytes())
        os.utime(copy, ns=(MTIME_NS, MTIME_NS))
        copy.rename(path)
    with pytest.raises(ReplaceError, match="by somebody else"):
        check_unchanged(job)
