"""The frame for every change of a user's file: what happens in which order, and what ends it early."""

from __future__ import annotations

import errno
import os

import msgspec
import pytest

from tests.support.execute import make_environment, plan_for, work_for
from tests.support.faults import FaultyDisk
from tests.support.tracks import video
from vpo_tasks.disk.folders import open_folder
from vpo_tasks.disk.fsops import Sidecars
from vpo_tasks.disk.journal import Record, owner_of, read_record
from vpo_tasks.disk.locks import path_key, video_lock
from vpo_tasks.errors import Interrupted, LockedError, ReplaceError, SpaceError, VanishedError
from vpo_tasks.execute.resolve import Resolution
from vpo_tasks.execute.transaction import Transaction, as_file_error, carry_through, locked_video
from vpo_tasks.execute.work import Done
from vpo_tasks.media.identity import Identity


class Recorded(Transaction[Record]):
    """A change that touches nothing and notes what it is asked, with the journal's state at that time."""

    def __init__(self, path, folder, environment, *, fails="", outcome="undone"):
        work = work_for(str(path), plan_for(video("v0")))
        names = Sidecars.new(folder, path_key(work.source))
        super().__init__(work, environment, names, record_for(path, environment))
        self.asked = []
        self.blocked = None
        self.fails = fails
        self.outcome = outcome

    def _note(self, step):
        status = self.names.journal.status()
        self.asked.append((step, status and read_record(self.names.journal).state))
        if step == self.fails:
            raise OSError(errno.EIO, "broken")

    def obstacle(self):
        self._note("obstacle")
        return self.blocked

    def prepare(self):
        self._note("prepare")
        return msgspec.structs.replace(self.record, state="committing")

    def commit(self):
        self._note("commit")
        return msgspec.structs.replace(self.record, state="done")

    def resolve(self, record):
        self._note(f"resolve {record.state}")
        return Resolution(self.outcome, "resolved")

    def done(self, record, warnings):
        self._note(f"done {record.state}")
        return Done(self.work.source, record.old, self.work.plan.result, 0, 0, warnings, 0, 0)


def record_for(path, environment):
    return Record(
        mode="replace", state="intent", owner=owner_of(environment.locks_dir), source=path.name.encode(),
        target=path.name.encode(), old=Identity.of(os.stat(path)), old_print="",
    )  # fmt: skip


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "library" / "film.mkv"
    path.parent.mkdir()
    path.write_bytes(b"old")
    return path


@pytest.fixture
def change(tmp_path, path):
    with open_folder(os.fsencode(path.parent)) as folder:
        yield lambda disk=None, **options: Recorded(
            path, folder, make_environment(tmp_path, disk=disk), **options
        )


def test_the_journal_speaks_before_each_step_and_is_gone_at_the_end(change, path):
    one = change()
    assert carry_through(one).warnings == ()
    assert one.asked == [
        ("obstacle", "intent"), ("prepare", "intent"), ("commit", "committing"), ("done done", None),
    ]  # fmt: skip
    assert os.listdir(path.parent) == ["film.mkv"]


def test_a_rival_s_journal_ends_it_before_any_work(change, path):
    one = change()
    rival = one.names._replace(id=f"{one.names.key}-{'0000' if one.names.id.endswith('ffff') else 'ffff'}")
    (path.parent / os.fsdecode(rival.journal.name)).touch()
    with pytest.raises(LockedError):
        carry_through(one)
    assert one.asked == []
    assert one.names.journal.status() is None
    assert rival.journal.status() is not None


def test_an_obstacle_leaves_nothing_and_resolves_nothing(change, path):
    one = change()
    one.blocked = Interrupted()
    with pytest.raises(Interrupted):
        carry_through(one)
    assert [step for step, _ in one.asked] == ["obstacle"]
    assert os.listdir(path.parent) == ["film.mkv"]


@pytest.mark.parametrize(("fails", "state"), [("prepare", "intent"), ("commit", "committing")])
def test_what_broke_off_is_resolved_by_its_journal_and_raised(change, fails, state):
    one = change(fails=fails)
    with pytest.raises(OSError, match="broken"):
        carry_through(one)
    assert one.asked[-1] == (f"resolve {state}", state)


def test_what_was_complete_all_the_same_is_done_with_a_warning(change):
    one = change(fails="commit", outcome="finished")
    assert carry_through(one).warnings == ("broken; resolved",)


def test_what_cannot_be_resolved_is_said_and_keeps_its_journal(change):
    one = change(fails="commit", outcome="kept")
    with pytest.raises(ReplaceError, match="broken; resolved"):
        carry_through(one)
    assert one.names.journal.status() is not None


def test_what_is_done_is_done_though_its_private_files_stay_for_now(change):
    probe = FaultyDisk()
    carry_through(change(probe))
    first_of_the_end = len(probe.names) - 4  # unlink, unlink, fsync_folder, unlink, fsync_folder
    one = change(FaultyDisk(at=first_of_the_end, fault=errno.EIO, forever=True))
    (warning,) = carry_through(one).warnings
    assert "cleaned up at the next start" in warning
    assert read_record(one.names.journal).state == "done"


def test_a_disk_that_refuses_once_is_asked_again(change, path):
    probe = FaultyDisk()
    carry_through(change(probe))
    one = change(FaultyDisk(at=len(probe.names) - 4, fault=errno.EIO))
    assert carry_through(one).warnings == ()
    assert os.listdir(path.parent) == ["film.mkv"]


def test_only_the_planned_video_is_opened_and_only_once(tmp_path, path):
    environment = make_environment(tmp_path)
    work = work_for(str(path), plan_for(video("v0")))
    with locked_video(work, environment) as held:
        assert os.pread(held.file.fd, 9, 0) == b"old"
        with pytest.raises(LockedError), video_lock(environment.locks_dir, work.source, work.identity):
            pytest.fail("is free")
    path.write_bytes(b"another")
    with pytest.raises(ReplaceError, match="changed since"), locked_video(work, environment):
        pytest.fail("was opened")
    path.unlink()
    with pytest.raises(VanishedError), locked_video(work, environment):
        pytest.fail("was opened")


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, SpaceError), (errno.EIO, ReplaceError)])
def test_what_the_system_says_becomes_an_error_of_the_video(tmp_path, path, number, kind):
    work = work_for(str(path), plan_for(video("v0")))
    with pytest.raises(kind) as raised, locked_video(work, make_environment(tmp_path)):
        raise OSError(number, "said", "/secret/path")
    assert raised.value.path == str(path)
    assert raised.value.detail == "said"


def test_a_folder_that_may_not_be_written_is_named_as_the_reason(tmp_path):
    gone = str(tmp_path / "gone" / "film.mkv")
    assert "its folder" in as_file_error(gone, OSError(errno.EACCES, "denied")).detail
