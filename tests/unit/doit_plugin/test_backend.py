"""What doit reads and writes of tasks: videos from their records, a user's own tasks from their table."""

from __future__ import annotations

import os

import pytest

from tests.support.records import known_videos
from tests.support.tracks import video
from vpo_tasks.doit_plugin.backend import IdentityChecker, VpoBackend
from vpo_tasks.doit_plugin.host import set_host
from vpo_tasks.media.identity import Identity
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store


class Library:
    """An open library, as the loader leaves it."""

    def __init__(self, root, store):
        self.root, self.store, self.running = root, store, False

    def begin(self):
        """Not asked here."""

    def up_to_date(self, task):
        """Not asked here."""

    def finish(self, *, is_only_ours):
        """Not asked here."""


@pytest.fixture
def host(tmp_path):
    with DaemonConnectionPool(str(tmp_path / "state.db")) as pool:
        opened = Library(b"/m", Store(pool))
        set_host(opened)
        yield opened


@pytest.fixture
def reopened():
    """A backend as the next doit command makes it."""
    return lambda: VpoBackend("unused")


def record(host, path):
    host.store.record(
        path, Identity(1, 2, 3, 4), digest=b"d", media=video(""), fingerprint=None, status="changed"
    )


def test_a_videos_state_is_its_record_and_what_doit_saves_of_it_is_dropped(host, reopened):
    record(host, b"/m/a=b.mkv")
    backend = reopened()
    backend.set("process:a%3Db.mkv", "/m/a=b.mkv", [9, 9, 9, 9])
    assert backend.get("process:a%3Db.mkv", "/m/a=b.mkv") == [1, 2, 3, 4]
    assert backend.get("process:a%3Db.mkv", "checker:") == "IdentityChecker"
    assert backend.get("process:a%3Db.mkv", "result:") is None
    assert backend.in_("process:a%3Db.mkv")
    assert not backend.in_("process:other.mkv")


def test_an_ignored_video_stays_so_without_a_record(host, reopened):
    reopened().set("process:a.mkv", "ignore:", True)
    assert reopened().get("process:a.mkv", "ignore:") is True
    assert reopened().in_("process:a.mkv")


def test_a_users_own_task_is_kept_at_once_and_in_its_library_only(host, reopened):
    reopened().set("mine", "result:", {"a": [1, None]})
    assert reopened().get("mine", "result:") == {"a": [1, None]}
    assert reopened().in_("mine")
    set_host(Library(b"/other", host.store))
    assert not reopened().in_("mine")


def test_a_library_whose_name_is_no_utf8_keeps_its_tasks(host, reopened):
    set_host(Library(b"/\xff", host.store))
    reopened().set("mine", "k", 1)
    assert reopened().get("mine", "k") == 1


def test_forgetting_a_video_forgets_its_record_unless_a_run_is_on(host, reopened):
    record(host, b"/m/a.mkv")
    host.running = True
    reopened().remove("process:a.mkv")
    assert host.store.known_video(b"/m/a.mkv") is not None
    host.running = False
    reopened().remove("process:a.mkv")
    assert host.store.known_video(b"/m/a.mkv") is None


def test_forgetting_one_task_keeps_the_others_and_all_ends_at_the_library(host, reopened):
    for task in ("mine", "mine too"):
        reopened().set(task, "k", 1)
    for path in (b"/m/a.mkv", b"/n/a.mkv"):
        record(host, path)
    backend = reopened()
    backend.remove("mine")
    assert (backend.in_("mine"), backend.in_("mine too")) == (False, True)
    backend.remove_all()
    assert (backend.in_("mine too"), reopened().in_("mine too")) == (False, False)
    assert set(known_videos(host.store)) == {b"/n/a.mkv"}


def test_the_checker_sees_another_identity_and_no_content(tmp_path):
    path = tmp_path / "a.mkv"
    path.write_bytes(b"one")
    checker = IdentityChecker()
    state = checker.get_state(str(path), None)
    before = path.stat()
    with open(path, "r+b") as stream:
        stream.write(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not checker.check_modified(str(path), checker.info(str(path)), state)
    os.utime(path, ns=(1, 1))
    assert checker.check_modified(str(path), checker.info(str(path)), state)


def test_a_file_that_its_action_consumed_is_modified_and_no_error(tmp_path):
    checker = IdentityChecker()
    gone = str(tmp_path / "gone.avi")
    assert not checker.exists(gone)
    assert checker.get_state(gone, None) is None
    assert checker.check_modified(gone, checker.info(gone), [1, 2, 3, 4])
