"""A media folder opened through doit: one a process, shared by dodo.py, loader, backend and reporter."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, NoReturn

from vpo_tasks.config import load_config
from vpo_tasks.doit_plugin.backend import IdentityChecker
from vpo_tasks.doit_plugin.host import set_host
from vpo_tasks.doit_plugin.reporter import VpoReporter
from vpo_tasks.doit_plugin.video_tasks import VideoTasks, relative_path
from vpo_tasks.errors import EXIT_BUG, EXIT_FAILED, EXIT_INTERRUPTED, VpoError
from vpo_tasks.library.bulk_check import Stale
from vpo_tasks.plan.model import OnError
from vpo_tasks.report.console import Console
from vpo_tasks.report.summary import summary_text
from vpo_tasks.report.text import describe_error
from vpo_tasks.run.batch import BatchController
from vpo_tasks.run.context import RunOptions
from vpo_tasks.run.opening import (
    bulk_check,
    check_present,
    finish,
    make_controller,
    open_run,
    record_missing,
    resolve_workers,
    with_recovered,
    with_recovered_output,
)
from vpo_tasks.run.order import without_compliant
from vpo_tasks.run.signals import stop_signals
from vpo_tasks.state.store import Store


class Library:
    """Makes the tasks, runs the batch behind them, and ends it. Nothing is changed before `begin`."""

    def __init__(self, folder: str) -> None:
        self._console = Console()
        self.running = False
        self._run = open_run(
            [folder], RunOptions(), load_config(), self._console, recover=False, allow_none=True
        )
        self.root = os.fsencode(os.path.realpath(folder))
        self._controller: BatchController | None = None
        self._signals = ExitStack()
        self._on_error: OnError | None = None
        self._only: list[str] | None = None
        self._retry = False
        set_host(self)

    @property
    def store(self) -> Store:
        """The state database."""
        return self._run.store

    def doit_config(self) -> dict[str, Any]:
        """Return the DOIT_CONFIG that makes a bare dodo.py behave: threads, our state, the policy's mode."""
        return {
            "backend": "vpo",
            "reporter": VpoReporter,
            "check_file_uptodate": IdentityChecker,
            "par_type": "thread",
            "num_process": self._run.workers.workers,
            "continue": self._run.policies.on_error != "fail",
            "verbosity": 2,
            "subtasks": True,
        }

    def clamp(self, requested: int) -> int:
        """Return how many workers `doit -n REQUESTED` gets, and say so when it is fewer."""
        return resolve_workers(self._run.config, self._console, requested).workers

    def decide_on_error(self, mode: OnError | None) -> OnError:
        """Return the mode in force: the command line's, else the policy's."""
        self._on_error = mode
        return mode or self._run.policies.on_error

    def select(self, names: list[str] | None) -> None:
        """Make tasks for stale videos and the named ones only; None: for every video."""
        self._only = names
        if names is not None and self._run.survey.stale:
            try:
                self._run = without_compliant(self._run, self.controller())
            except VpoError as error:
                raise_exit(error)

    def retry_failed(self) -> None:
        """Try again what failed before, changed or not."""
        self._retry = True

    def tasks(self) -> Iterator[dict[str, Any]]:
        """Yield the video tasks, as a dodo.py's generator does."""
        videos = VideoTasks(self.store, self._run.digest, self.controller, root=self.root)
        stale = [*self._run.survey.stale, *self._run.survey.failed_before]
        if self._only is None:
            fresh = {item.found.path for item in stale}
            items: Iterable[Stale] = bulk_check(self._run, everything=True).stale
            if self._retry:
                items = [item._replace(failure=None) for item in items]
            yield from videos.dicts(items, stale=fresh)
            return
        seen = {item.found.path for item in stale}
        named = {self._path(name) for name in self._only} - seen
        extra = bulk_check(self._run, everything=True).stale if named else []
        yield from videos.dicts(
            sorted([*stale, *(item for item in extra if item.found.path in named)]), stale=seen
        )

    def _path(self, name: str) -> bytes:
        return os.path.join(self.root, relative_path(name.partition(":")[2]))

    def controller(self) -> BatchController:
        """Return the batch, made when the first task runs."""
        if self._controller is None:
            self.running = True
            self._controller = make_controller(self._run, self._on_error)
            self._controller.add_odd(self._run.discovery.odd)
        return self._controller

    # -- what the reporter calls -------------------------------------------------------------------------

    def begin(self) -> None:
        """A run begins: finish what a crash left, and take over the signals. Main thread."""
        try:
            check_present(self._run)
        except VpoError as error:
            raise_exit(error)
        record_missing(self._run)
        self._run = with_recovered_output(with_recovered(self._run))
        controller = self.controller()
        if self._run.survey.stale:
            try:
                controller.processor()
            except VpoError as error:
                raise_exit(error)
        self._signals.enter_context(stop_signals(controller))

    def up_to_date(self, task: Any) -> None:
        """doit found a video up to date that the bulk check had called stale."""
        if task.meta and task.meta.get("stale"):
            self.controller().add_up_to_date(next(iter(task.file_dep)))

    def finish(self, *, is_only_ours: bool) -> None:
        """The run is over: print the summary. Raises SystemExit where doit would not know the exit code."""
        controller = self.controller()
        self._signals.close()
        controller.close()
        self._console.finish()
        survey = self._run.survey
        stale = {os.fsdecode(item.found.path) for item in (*survey.stale, *survey.failed_before)}
        # up to date, and asked for by name (or `-a`) all the same
        named = sum(path not in stale for path in controller.handled())
        up_to_date = survey.up_to_date - named
        result = controller.batch_result(self._run.total, up_to_date, self._run.notes, self._run.left_out)
        self._console.output(summary_text(result, verbose=False))
        self.running = False
        finish(self._run)
        self._run.close()
        if isinstance(controller.fatal, VpoError):
            raise_exit(controller.fatal)
        if result.interrupted:
            raise SystemExit(EXIT_INTERRUPTED)
        if controller.has_bug:
            raise SystemExit(EXIT_BUG)
        if result.fail_count and is_only_ours:
            raise SystemExit(EXIT_FAILED)  # doit would say 2, for the group that could not be completed


def open_library(folder: str) -> Library:
    """Open a media folder for a dodo.py. What is wrong is told as `vpo` tells it, with the same exit code."""
    try:
        return Library(folder)
    except VpoError as error:
        raise_exit(error)


def raise_exit(error: VpoError) -> NoReturn:
    """End the process as `vpo` would; doit knows no exit codes but its own, and would print a traceback."""
    sys.stderr.write(describe_error(error) + "\n")
    raise SystemExit(error.exit_code) from error
