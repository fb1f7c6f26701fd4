"""doit's REPORTER → report. Videos are told by the controller as they end; this tells the rest.

`execute_task` is called from worker threads, everything else from doit's main thread.
"""

from __future__ import annotations

import sys
from typing import Any, TextIO

from vpo_tasks.doit_plugin.host import current_host
from vpo_tasks.doit_plugin.video_tasks import TASK


class VpoReporter:
    """Quiet about videos; tells of a user's own tasks, and ends the run with the summary."""

    desc = "vpo's progress line and summary"

    def __init__(self, outstream: TextIO, options: dict[str, Any]) -> None:
        del options
        self._outstream = outstream
        self._errors: list[str] = []
        self._has_other_error = False

    def initialize(self, tasks: dict[str, Any], selected_tasks: list[str]) -> None:
        """The run begins."""
        del tasks, selected_tasks
        current_host().begin()

    def get_status(self, task: Any) -> None:
        """A task is looked at."""

    def execute_task(self, task: Any) -> None:
        """A task's action starts (worker thread)."""

    def add_failure(self, task: Any, fail: Any) -> None:
        """A task failed; a video's failure was told already, in full, and so is the group's."""
        kind = fail.get_name()
        if task.name == TASK or (_is_video(task) and kind == "TaskFailed"):
            return
        if kind == "UnmetDependency":
            self._errors.append(f"{task.name}: not run, because a task it depends on failed")
            return
        self._has_other_error = True
        self._errors.append(f"{task.name}: {fail.get_msg().strip()}")

    def add_success(self, task: Any) -> None:
        """A task's action succeeded."""
        if task.actions and not _is_video(task):
            self._outstream.write(f"done: {task.title()}\n")

    def skip_uptodate(self, task: Any) -> None:
        """A task is up to date."""
        if _is_video(task):
            current_host().up_to_date(task)

    def skip_ignore(self, task: Any) -> None:
        """A task is ignored, as the user told doit (`doit ignore`)."""
        self._outstream.write(f"ignored: {task.title()}\n")

    def cleanup_error(self, exception: Any) -> None:
        """A teardown failed."""
        self._errors.append(exception.get_msg())

    def runtime_error(self, msg: str) -> None:
        """doit itself has a complaint."""
        self._has_other_error = True
        self._errors.append(msg)

    def teardown_task(self, task: Any) -> None:
        """A task is torn down."""

    def complete_run(self) -> None:
        """The run is over: what doit alone knows goes to stderr, the rest is the host's."""
        for text in self._errors:
            sys.stderr.write(text.rstrip("\n") + "\n")
        current_host().finish(is_only_ours=not self._has_other_error)


def _is_video(task: Any) -> bool:
    return bool(task.name == TASK or task.name.startswith(f"{TASK}:"))
