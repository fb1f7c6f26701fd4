"""An open run as a value: what it works with, what was found, what of that is to do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NamedTuple

from vpo_tasks.library.bulk_check import Survey
from vpo_tasks.library.discover import Discovery
from vpo_tasks.report.result import FileProcessingResult

if TYPE_CHECKING:
    from vpo_tasks.config import VPOConfig
    from vpo_tasks.plan.model import OnError
    from vpo_tasks.report.console import Console
    from vpo_tasks.run.failure_memory import FailureMemory
    from vpo_tasks.run.policies import Capabilities, PolicySet
    from vpo_tasks.state.measurements import Measurements
    from vpo_tasks.state.pool import DaemonConnectionPool
    from vpo_tasks.state.store import Store
    from vpo_tasks.state.undo_folders import UndoFolders
    from vpo_tasks.workers import WorkerCount


Order = Literal["path", "cost", "gain"]
"""What is begun first: by path, the longest work, the most bytes saved an hour."""


class RunOptions(NamedTuple):
    """What a person asked for on the command line; None and empty mean: as configured."""

    policies: tuple[str, ...] = ()
    workers: int | None = None
    on_error: OnError | None = None
    phases: tuple[str, ...] = ()
    dry_run: bool = False
    force: bool = False
    recursive: bool = True
    output: str | None = None
    link: bool = False
    json: bool = False
    threads: int | None = None
    order: Order | None = None
    budget_s: float | None = None
    max_write: int | None = None
    retry_failed: bool = False
    accept_missing: bool = False


class RunContext(NamedTuple):
    """A run over some folders and files, as `opening.open_run` returns it. Close it (context manager).

    `digest` is the one in force: of the policies and the capabilities that their evaluation reads. `refused`
    is what a plan file holds and cannot be done any more; `notes` tell what a killed run had left behind.
    """

    started: float
    paths: tuple[str, ...]
    options: RunOptions
    config: VPOConfig
    console: Console
    workers: WorkerCount
    output: bytes | None
    pool: DaemonConnectionPool
    store: Store
    policies: PolicySet
    measurements: Measurements
    capabilities: Capabilities
    digest: bytes
    memory: FailureMemory
    undo: UndoFolders
    discovery: Discovery
    survey: Survey
    left_out: Mapping[str, int]
    notes: tuple[str, ...] = ()
    refused: tuple[FileProcessingResult, ...] = ()

    def __enter__(self) -> RunContext:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the database."""
        self.pool.close()

    @property
    def total(self) -> int:
        """How many videos, and things named like one, there are."""
        return self.survey.total + len(self.discovery.odd)

    @property
    def root(self) -> bytes | None:
        """The folder that holds all that was asked for, if one folder or file was."""
        searched = set(self.discovery.searched)
        if len(searched) != 1:
            return None
        path = searched.pop()
        return path if os.path.isdir(path) else os.path.dirname(path)

    @property
    def busy_workers(self) -> int:
        """How many workers there is work for."""
        return min(self.workers.workers, max(1, len(self.survey.stale)))
