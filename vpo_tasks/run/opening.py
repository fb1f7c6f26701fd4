"""Opening a run: configuration, policies, discovery, recovery and the bulk check, in that order."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from vpo_tasks.config import DEFAULT_WORKERS
from vpo_tasks.errors import StateError, UsageError
from vpo_tasks.library.bulk_check import Survey, survey
from vpo_tasks.library.discover import Discovery, discover, own_files
from vpo_tasks.library.ignore import leave_out
from vpo_tasks.library.missing import absence_error, nothing_found, resolve_vanished
from vpo_tasks.library.quick_check import QuickCheck, root_to_check
from vpo_tasks.report.progress import ProgressTracker
from vpo_tasks.report.result import FileProcessingResult
from vpo_tasks.run.batch import BatchController, BatchSettings
from vpo_tasks.run.capabilities import digest_with, find_capabilities
from vpo_tasks.run.failure_memory import FailureMemory, as_result, describe_circumstances
from vpo_tasks.run.policies import PolicySet, check_nearest, find_policy
from vpo_tasks.run.replan import record_compliant
from vpo_tasks.state.failures import Failures
from vpo_tasks.state.library_digest import LibraryDigests
from vpo_tasks.state.measurements import Measurements
from vpo_tasks.state.moves import Moves
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store
from vpo_tasks.state.undo_folders import UndoFolders
from vpo_tasks.workers import WorkerCount, count_cores, resolve_threads, resolve_worker_count

if TYPE_CHECKING:
    from vpo_tasks.config import VPOConfig
    from vpo_tasks.plan.model import OnError
    from vpo_tasks.report.console import Console
    from vpo_tasks.run.order import Order
    from vpo_tasks.run.processor import WorkflowProcessor


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


class Run:
    """An open run over some folders and files. Close it (context manager) to release the database."""

    def __init__(
        self,
        paths: Sequence[str],
        options: RunOptions,
        config: VPOConfig,
        console: Console,
        *,
        recover: bool = True,
        allow_none: bool = False,
        glance: QuickCheck | None = None,
    ) -> None:
        self._started = time.monotonic()
        self._paths = paths
        self.options = options
        self.config = config
        self.console = console
        self.workers = self.resolve_workers(options.workers)
        output = options.output or config.processing.output
        self.output = None if output is None else os.fsencode(os.path.realpath(os.path.expanduser(output)))
        self.pool = DaemonConnectionPool(config.database_path, read_only=options.dry_run)
        self.notes: tuple[str, ...] = ()
        self.undo = UndoFolders(self.pool)
        self._has_run = False
        self.left_out: dict[str, int] = {}
        self.refused: tuple[FileProcessingResult, ...] = ()
        try:
            self.store = Store(self.pool)
            self.policies = self._find_policies()
            for doubt in self.policies.doubts:
                self.console.warning(doubt)
            self.lessons = Measurements(self.pool)
            self.abilities = find_capabilities(self.policies, self.lessons)
            self.digest = digest_with(self.policies.digest, self.abilities)
            self.memory = FailureMemory(Failures(self.pool), self.digest, self._circumstances)
            self.moves = Moves(self.pool)
            known = None if glance is None else self._known_at(glance)
            if known is not None:
                self.discovery = Discovery([], [], [], [os.fsencode(paths[0])], 0)
                self.survey = Survey(known, known, [])
                return
            self.discovery = self._walk(paths)
            if not self.policies.named:
                check_nearest(self.discovery, self.policies.paths[0])
            if recover and self.recover():
                self.discovery = self._walk(paths)
            self.survey = self.look()
            if recover:
                self.recover_output()
            if not allow_none:
                self.check_present()
        except BaseException:
            self.pool.close()
            raise

    def _find_policies(self) -> PolicySet:
        options, configured = self.options, self.config.processing.policy
        policies = options.policies or (find_policy(self._paths, configured),)
        return PolicySet(
            policies,
            self.store,
            phases=options.phases,
            on_error=options.on_error,
            named=bool(options.policies) or policies[0] == configured,
            any_arguments=self.config.safety.trust_ffmpeg_args,
        )

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the database, and the originals that need not be kept any longer."""
        try:
            if self._has_run and not self.options.dry_run:
                self._prune()
                self._seal()
        finally:
            self.pool.close()

    def _seal(self) -> None:
        """Condense what is recorded, so that the next run finds an unchanged library at a glance."""
        root = root_to_check(self._paths, self.config)
        if root is not None:
            with suppress(StateError):  # it saves the next run a moment; this one has done its work
                LibraryDigests(self.pool).find(root, self.digest)

    def _prune(self) -> None:
        keep_s = self.config.safety.keep_originals_s
        if not self.survey.stale and not self.undo.folders(time.time() - keep_s):
            return
        from vpo_tasks.run.undo import prune_originals  # only when there may be something to remove

        prune_originals(self.undo, self.config)

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

    def look(self, *, everything: bool = False) -> Survey:
        """Compare disk and record. `everything` counts every video as stale (doit list shows them all)."""
        force = self.options.force or everything
        found = survey(
            self.discovery,
            self.store,
            self.digest,
            moves=self.moves,
            output=self.output,
            force=force,
            accept_missing=self.options.accept_missing,
        )
        if self.options.force or self.options.retry_failed:
            return found
        stale = self.memory.recall(found.stale)
        if everything:
            return found._replace(stale=stale)
        return found._replace(
            stale=[item for item in stale if item.failure is None],
            failed_before=tuple(item for item in stale if item.failure is not None),
        )

    def _circumstances(self) -> str:
        output = None if self.output is None else os.fsdecode(self.output)
        return describe_circumstances(self.config, on_error=self.options.on_error, output=output)

    def recover(self) -> bool:
        """Finish or undo what a crashed run left behind. Return whether anything was found."""
        if not self.discovery.private or self.options.dry_run:
            return False
        from vpo_tasks.run.recovery import recover_private  # only after a crash

        self.notes = recover_private(self.discovery.private, self.config, self.store, self.console)
        return bool(self.notes)

    def recover_output(self) -> None:
        """Settle what a crashed run left in the output folder and this one's videos will not lead to."""
        output = None if self.options.dry_run else self.output
        if output and (left := own_files(output, recursive=self.options.recursive)):
            from vpo_tasks.run.recovery import recover_output  # only after a crash

            self.notes += recover_output(left, self.survey, self.config, self.store, self.console)

    def check_present(self) -> None:
        """Raise UsageError when there is no video, or when the library looks unmounted."""
        if self.options.accept_missing:
            return
        if self.survey.absent:
            raise absence_error(self.survey.absent)
        if not self.discovery.videos and not self.discovery.odd:
            raise self.nothing_found()

    def settle_vanished(self) -> None:
        """Keep account of recorded videos that are gone."""
        if not self.options.dry_run:
            at_once = self.options.accept_missing
            resolve_vanished(self.discovery, self.moves, unseen=self.survey.unseen, at_once=at_once)

    def nothing_found(self) -> UsageError:
        """Return the error for a run without a single video."""
        return nothing_found(self.discovery.searched, self.config.discovery.extensions, self.left_out)

    def controller(self, on_error: OnError | None = None, *, take_odd: bool = True) -> BatchController:
        """Return the controller for this run's videos; odd things are already taken in, and told."""
        self._has_run = True
        tracker = ProgressTracker(
            len(self.survey.stale) + len(self.survey.failed_before) + len(self.discovery.odd)
        )
        settings = BatchSettings(
            workers=self.workers.workers,
            cap=self.workers.cap,
            on_error=on_error or self.policies.on_error,
            digest=self.digest,
            policies=self.policies.names,
            dry_run=self.options.dry_run,
            json=self.options.json,
            log_path=self.config.log_path,
        )
        controller = BatchController(
            settings,
            self.store,
            self.console,
            tracker,
            self._make_processor,
            memory=self.memory,
            undo=self.undo,
            lessons=self.lessons,
        )
        controller.started = self._started
        for odd in sorted(self.discovery.odd) if take_odd else ():
            path = os.fsdecode(odd.path)
            if odd.failed:
                controller.add(FileProcessingResult(path, "failed", error=odd.reason, error_kind="OSError"))
            else:
                controller.add(FileProcessingResult(path, "skipped", reason=odd.reason))
        return controller

    def add_settled(self, controller: BatchController) -> None:
        """Count what needs no work: failures that stand (through doit a task counts each), and refusals."""
        for result in (*map(as_result, self.survey.failed_before), *self.refused):
            controller.add(result)

    def settle_compliant(self, controller: BatchController) -> None:
        """After a policy edit, record what complies all the same; only the rest becomes tasks."""
        if self.options.force:
            return
        stale = self.survey.stale
        left = record_compliant(stale, self.store, controller.processor(), self.digest)
        controller.count_unchanged(len(stale) - len(left))
        self.survey = self.survey._replace(stale=left)

    def resolve_workers(self, requested: int | None) -> WorkerCount:
        """Return how many workers to use; warn when that is fewer than a person asked for."""
        configured = self.config.processing.workers
        count = resolve_worker_count(requested or configured, count_cores(self.config.cpu_count))
        # the built-in default is nobody's wish: no warning for it on a small machine
        if count.warning and (requested is not None or configured != DEFAULT_WORKERS):
            self.console.warning(count.warning)
        return count

    def _known_at(self, glance: QuickCheck) -> int | None:
        """Return how many videos there are if all are as recorded; None: look properly."""
        options = self.options
        try:
            if self.console.verbose or self.output is not None or options.force or options.retry_failed:
                return None
            if not options.recursive:
                return None
            seal = LibraryDigests(self.pool).find(glance.root, self.digest)
            return seal.videos if seal.videos and glance.finds(seal) else None
        finally:
            glance.end()

    def _walk(self, paths: Sequence[str]) -> Discovery:
        found = discover(
            [os.fsencode(path) for path in paths],
            self.config.discovery.extensions,
            recursive=self.options.recursive,
            hidden="hidden" not in self.config.discovery.skip,
        )
        found, self.left_out = leave_out(found, self.config.discovery)
        if self.output is None:
            return found
        inside = self.output + b"/"  # what was made is not a source
        return found._replace(videos=[video for video in found.videos if not video.path.startswith(inside)])

    def _make_processor(self, controller: BatchController) -> WorkflowProcessor:
        # function-local: tools, planning and probing, only when there is work
        from vpo_tasks.run.environment import make_processor
        from vpo_tasks.run.estimates import Estimates

        threads = self.threads()
        if self.console.verbose and self.abilities.needs:
            noun = "thread" if threads == 1 else "threads"
            busy = min(self.workers.workers, max(1, len(self.survey.stale)))
            self.console.message(
                f"{threads} {noun} for each encoder: {busy} at once on {self.workers.cores} cores"
            )
        return make_processor(
            self.config,
            self.policies,
            self.options,
            workers=min(self.workers.workers, max(1, len(self.survey.stale))),
            stop=controller.aborted,
            progress=controller.advance,
            abilities=self.abilities,
            expectations=Estimates(self.lessons.paces()),
            threads=threads,
        )

    def threads(self) -> int:
        """Return how many threads an encoder may use, so that all workers together fit the cores."""
        asked = self.options.threads or self.config.processing.threads
        busy = min(self.workers.workers, max(1, len(self.survey.stale)))
        return resolve_threads(asked, busy, self.workers.cores)
