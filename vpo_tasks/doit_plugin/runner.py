"""Drives doit's thread runner over the stale videos, or a dry run: what `vpo process` calls."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

from vpo_tasks.errors import EXIT_BUG, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from vpo_tasks.run.context import RunContext
from vpo_tasks.run.failure_memory import as_result
from vpo_tasks.run.opening import finish, make_controller, record_missing

if TYPE_CHECKING:
    from vpo_tasks.report.result import BatchResult
    from vpo_tasks.run.batch import BatchController
    from vpo_tasks.state.store import Store


class _OpenHost:
    """The host of a run that `vpo process` opened itself: it begins and ends the run on its own."""

    running = True
    root = b"/"

    def __init__(self, store: Store, controller: BatchController) -> None:
        self.store = store
        self._controller = controller

    def begin(self) -> None:
        """The caller did."""

    def finish(self, *, is_only_ours: bool) -> None:
        """The caller will."""
        del is_only_ours

    def up_to_date(self, task: Any) -> None:
        """Count a video that another run has brought up to date since the bulk check."""
        self._controller.add_up_to_date(next(iter(task.file_dep)))


def run_batch(run: RunContext) -> tuple[BatchResult, int]:
    """Process every stale video of the run. Returns the result and the exit code.

    Raises ToolMissing before any work, StateError when the database failed on the way.
    """
    controller = make_controller(run)
    controller.add_odd(run.discovery.odd)
    for settled in (*map(as_result, run.survey.failed_before), *run.refused):
        controller.add(settled)
    record_missing(run)
    if run.survey.stale:
        from vpo_tasks.run.signals import stop_signals  # an up-to-date run has nothing to stop

        controller.processor()  # a missing tool ends the run here, before any work
        try:
            with stop_signals(controller):
                if run.options.dry_run:
                    from vpo_tasks.run.dry_run import dry_run  # plans, as the rest does not

                    dry_run(run, controller)
                else:
                    from vpo_tasks.run.order import without_compliant  # plans, as the rest does not

                    run = without_compliant(run, controller)
                    if run.survey.stale:
                        _run_tasks(run, controller)
        finally:
            controller.close()
            run.console.finish()
    if controller.fatal is not None:
        raise controller.fatal
    finish(run)
    result = controller.batch_result(run.total, run.survey.up_to_date, run.notes, run.left_out)
    return result, exit_code(result, has_bug=controller.has_bug)


def exit_code(result: BatchResult, *, has_bug: bool) -> int:
    """Return the process's exit code for a result."""
    if result.interrupted:
        return EXIT_INTERRUPTED
    if has_bug:
        return EXIT_BUG
    return EXIT_FAILED if result.fail_count else EXIT_OK


def _run_tasks(run: RunContext, controller: BatchController) -> None:
    # function-local: doit costs 70 ms to import, and an up-to-date run needs none of it
    from doit.control import TaskControl
    from doit.dependency import Dependency
    from doit.loader import generate_tasks
    from doit.runner import MThreadRunner

    from vpo_tasks.doit_plugin.backend import IdentityChecker, VpoBackend
    from vpo_tasks.doit_plugin.host import set_host
    from vpo_tasks.doit_plugin.reporter import VpoReporter
    from vpo_tasks.doit_plugin.video_tasks import TASK, VideoTasks
    from vpo_tasks.run.order import order_stale

    class Runner(MThreadRunner):  # type: ignore[misc]
        """doit's thread runner that also stops handing out when the controller says so."""

        def get_next_job(self, completed: object) -> object:
            return None if controller.stop.is_set() else super().get_next_job(completed)

    set_host(_OpenHost(run.store, controller))
    videos = VideoTasks(run.store, run.digest, lambda: controller, root=run.root)
    ordered = order_stale(run, controller)
    stale = {item.found.path for item in ordered}
    made = generate_tasks(TASK, videos.dicts(ordered, stale=stale))
    tasks = [task for task in made if not task.has_subtask]
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
