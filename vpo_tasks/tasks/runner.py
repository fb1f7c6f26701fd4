"""Drives doit's thread runner over the stale videos: what `vpo process` calls."""

from __future__ import annotations

import io
import os
import time
from typing import TYPE_CHECKING

from vpo_tasks.errors import EXIT_BUG, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from vpo_tasks.tasks.run import Run

if TYPE_CHECKING:
    from vpo_tasks.report.result import BatchResult
    from vpo_tasks.tasks.batch import BatchController


class _OpenDoor:
    """The door of a run that `vpo process` opened itself."""

    running = True

    def __init__(self, run: Run) -> None:
        self.root = b"/"
        self.store = run.store


def run_batch(run: Run) -> BatchResult:
    """Process every stale video of the run. Returns the result; raises StateError, ToolMissing before work."""
    controller = run.controller()
    started = time.monotonic()
    if run.survey.stale:
        from vpo_tasks.tasks.signals import stop_signals  # an up-to-date run has nothing to stop

        controller.processor()  # a missing tool ends the run here, before any work
        try:
            with stop_signals(controller):
                _run_tasks(run, controller)
        finally:
            controller.close()
            run.console.finish()
    if controller.fatal is not None:
        raise controller.fatal
    result = controller.batch_result(run.total, run.survey.up_to_date, run.notes)
    return result._replace(total_duration_seconds=max(result.total_duration_seconds, time.monotonic() - started))


def exit_code(result: BatchResult, *, has_bug: bool = False) -> int:
    """Return the process's exit code for a result."""
    if result.interrupted:
        return EXIT_INTERRUPTED
    if has_bug:
        return EXIT_BUG
    return EXIT_FAILED if result.fail_count else EXIT_OK


def _run_tasks(run: Run, controller: BatchController) -> None:
    # function-local: doit costs 70 ms to import, and an up-to-date run needs none of it
    from doit.control import TaskControl
    from doit.dependency import Dependency
    from doit.loader import generate_tasks
    from doit.runner import MThreadRunner

    from vpo_tasks.tasks.backend import IdentityChecker, VpoBackend
    from vpo_tasks.tasks.door import set_door
    from vpo_tasks.tasks.names import TASK
    from vpo_tasks.tasks.reporter import VpoReporter
    from vpo_tasks.tasks.videos import VideoTasks

    class Runner(MThreadRunner):  # type: ignore[misc]
        """doit's thread runner that also stops handing out when the controller says so."""

        def get_next_job(self, completed: object) -> object:
            return None if controller.stop.is_set() else super().get_next_job(completed)

    set_door(_OpenDoor(run))
    videos = VideoTasks(run.store, run.digest, lambda: controller, unique=True)
    tasks = [task for task in generate_tasks(TASK, videos.dicts(run.survey.stale)) if not task.has_subtask]
    for task in tasks:
        task.task_dep = []
    control = TaskControl(tasks)
    control.process(None)
    runner = Runner(
        Dependency(VpoBackend, os.devnull, checker_cls=IdentityChecker),
        VpoReporter(io.StringIO(), {}),
        continue_=controller.settings.on_error != "fail",
        always_execute=run.options.force,
        num_process=min(run.workers.workers, len(tasks)),
    )
    runner.run_all(control.task_dispatcher())
