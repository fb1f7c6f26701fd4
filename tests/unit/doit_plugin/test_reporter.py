"""What doit reports of a run: videos are told elsewhere, all else here."""

from __future__ import annotations

import io

import pytest
from doit.exceptions import TaskError, TaskFailed, UnmetDependency
from doit.task import Task

from vpo_tasks.doit_plugin.host import set_host
from vpo_tasks.doit_plugin.reporter import VpoReporter
from vpo_tasks.state.store import Store

VIDEO = Task("process:a.mkv", ["true"])
GROUP = Task("process", None)
MINE = Task("mine", ["true"])


class Host:
    """Keeps what it is told."""

    root, running = b"/", False
    store: Store

    def __init__(self):
        self.told = []

    def begin(self):
        self.told.append("begin")

    def up_to_date(self, task):
        self.told.append(f"up to date: {task.name}")

    def finish(self, *, is_only_ours):
        self.told.append("only ours" if is_only_ours else "others too")


@pytest.fixture
def host():
    opened = Host()
    set_host(opened)
    return opened


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def reporter(host, out):
    return VpoReporter(out, {})


def test_the_run_begins_and_ends_with_the_library(host, reporter, capsys):
    reporter.initialize({}, [])
    reporter.complete_run()
    assert host.told == ["begin", "only ours"]
    assert capsys.readouterr() == ("", "")


def test_a_failed_video_is_not_told_twice(host, reporter, capsys):
    reporter.add_failure(VIDEO, TaskFailed("broke"))
    reporter.add_failure(GROUP, UnmetDependency("process:a.mkv"))
    reporter.complete_run()
    assert host.told == ["only ours"]
    assert capsys.readouterr().err == ""


def test_a_task_that_waited_for_a_video_is_told_and_is_no_failure_of_its_own(host, reporter, capsys):
    reporter.add_failure(MINE, UnmetDependency("process:a.mkv"))
    reporter.complete_run()
    assert host.told == ["only ours"]
    assert capsys.readouterr().err == "mine: not run, because a task it depends on failed\n"


@pytest.mark.parametrize(("task", "failure"), [
    (MINE, TaskFailed("broke")), (VIDEO, TaskError("broke")),
], ids=["a user's task", "a video that could not be begun"])  # fmt: skip
def test_other_failures_are_told_and_leave_the_exit_code_to_doit(host, reporter, capsys, task, failure):
    reporter.add_failure(task, failure)
    reporter.complete_run()
    assert host.told == ["others too"]
    assert capsys.readouterr().err.startswith(f"{task.name}: ")


def test_what_doit_complains_of_is_told_as_an_error(host, reporter, capsys):
    reporter.runtime_error("cannot go on")
    reporter.complete_run()
    assert (host.told, capsys.readouterr().err) == (["others too"], "cannot go on\n")


def test_a_users_task_is_done_aloud_and_a_video_silently(host, reporter, out):
    for task in (VIDEO, GROUP, MINE, Task("group of mine", None)):
        reporter.add_success(task)
    assert out.getvalue() == "done: mine\n"


def test_a_video_found_up_to_date_is_counted(host, reporter):
    reporter.skip_uptodate(VIDEO)
    reporter.skip_uptodate(MINE)
    assert host.told == ["up to date: process:a.mkv"]
