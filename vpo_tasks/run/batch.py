"""One run: hands each video to the processor, records and tells what came of it, decides when to stop."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from vpo_tasks.errors import Interrupted, StateError
from vpo_tasks.report.buglog import bug_text, write_bug
from vpo_tasks.report.result import BatchResult, FileProcessingResult
from vpo_tasks.report.summary import file_lines
from vpo_tasks.run.failure_memory import FailureMemory, as_result
from vpo_tasks.state.up_to_date import head_tail_digest

if TYPE_CHECKING:
    from vpo_tasks.library.bulk_check import Stale
    from vpo_tasks.library.discover import Odd
    from vpo_tasks.media.model import MediaInfo
    from vpo_tasks.plan.model import OnError, Plan
    from vpo_tasks.report.console import Console
    from vpo_tasks.report.progress import ProgressTracker
    from vpo_tasks.run.jobs import Content, VideoJob
    from vpo_tasks.run.processor import WorkflowProcessor
    from vpo_tasks.state.measurements import Measurements
    from vpo_tasks.state.store import Store
    from vpo_tasks.state.undo_folders import UndoFolders

_RECORDED = frozenset({"replan", "up-to-date", "same-file"})
"""Verdicts on videos whose recorded content still holds."""
_AT_ONCE = 500


class BatchSettings(NamedTuple):
    """What the command line, the configuration and the policies say about the run."""

    workers: int
    cap: int
    on_error: OnError
    digest: bytes
    policies: tuple[str, ...]
    dry_run: bool = False
    json: bool = False
    log_path: str = ""
    started: float = 0.0
    """By the monotonic clock, in seconds."""


class Recorded(NamedTuple):
    """A video with what is recorded of it: its content, and encodes of it that came out larger."""

    stale: Stale
    media: MediaInfo | None
    larger: frozenset[str] | None


class BatchController:
    """The state of one run. `handle` is called from the workers' threads; the rest from the main thread."""

    def __init__(
        self,
        settings: BatchSettings,
        store: Store,
        console: Console,
        tracker: ProgressTracker,
        make_processor: Callable[[BatchController], WorkflowProcessor],
        *,
        memory: FailureMemory,
        undo: UndoFolders,
        measurements: Measurements,
    ) -> None:
        self.settings = settings
        self.store = store
        self.console = console
        self.tracker = tracker
        self.stop = threading.Event()
        self.aborted = threading.Event()
        self.interrupted = False
        self.fatal: BaseException | None = None
        self.has_bug = False
        self._make_processor = make_processor
        self._memory = memory
        self._undo = undo
        self._measurements = measurements
        self._processor: WorkflowProcessor | None = None
        self.kill: Callable[[], None] = lambda: None  # ends the tools, waiting for nothing
        self._results: list[FileProcessingResult] = []
        self._odd: set[str] = set()
        self._compliant = 0
        self._stopped_early = False
        self._lock = threading.Lock()
        # holds the cap through every door, also where something else started more threads
        self._gate = threading.BoundedSemaphore(settings.cap)

    def handle(self, stale: Stale) -> FileProcessingResult | None:
        """Process one video. None: the run is stopping, and the video is as it was."""
        with self._gate:
            if self.stop.is_set():
                return None
            if stale.failure is not None:
                failed = as_result(stale)
                self.take_in(failed)
                return failed
            path = os.fsdecode(stale.found.path)
            self.tracker.begin(path)
            self.console.update(self.tracker.snapshot())
            try:
                result = self._process(stale)
                if result is not None and not self.settings.dry_run:
                    result = self._recorded(stale, result)
            except StateError as error:
                self._give_up(error)
                result = None
            if result is not None:
                self.take_in(result)
            return result

    def preview(self, job: VideoJob, content: Content, plan: Plan | None) -> FileProcessingResult | None:
        """Return what a dry run says of a video that holds this; without `plan` it is planned here."""
        return self._guard(job.path, lambda: self.processor().preview(job, content, plan))

    def add(self, result: FileProcessingResult) -> None:
        """Take in what needs no processing."""
        self._odd.add(result.path)
        self.take_in(result)

    def add_odd(self, odd: Iterable[Odd]) -> None:
        """Take in what is named like a video and is none (a FIFO), or cannot be searched."""
        for thing in sorted(odd):
            path = os.fsdecode(thing.path)
            if thing.failed:
                self.add(FileProcessingResult(path, "failed", error=thing.reason, error_kind="OSError"))
            else:
                self.add(FileProcessingResult(path, "skipped", reason=thing.reason))

    def add_up_to_date(self, path: str) -> None:
        """Count a video that turned out to be up to date when its turn came."""
        self.take_in(FileProcessingResult(path, "up-to-date"))

    def count_unchanged(self, count: int) -> None:
        """Count videos that the policy in force turned out to leave as they are."""
        self._compliant += count
        self.tracker.shorten(count)

    def advance(self, path: str, fraction: float | None, speed: float | None = None) -> None:
        """Show how far a video in hand is, and how many seconds of it are done in one."""
        self.tracker.advance(path, fraction, speed)
        self.console.update(self.tracker.snapshot())

    def stop_handing_out(self) -> None:
        """Start nothing new; what is in hand finishes."""
        self.interrupted = True
        self.stop.set()

    def abort(self) -> None:
        """End what is in hand too, leaving every video as it was. Safe to call more than once."""
        self.interrupted = True
        self.stop.set()
        self.aborted.set()
        with self._lock:
            processor = self._processor
        if processor is not None:
            processor.abort()

    def close(self) -> None:
        """End the helper processes."""
        with self._lock:
            processor, self._processor = self._processor, None
        if processor is not None:
            processor.close()

    def handled(self) -> list[str]:
        """Return the paths of the videos that were looked at; odd things are not among them."""
        with self._lock:
            return [result.path for result in self._results if result.path not in self._odd]

    def batch_result(
        self,
        total: int,
        up_to_date: int,
        notes: tuple[str, ...] = (),
        left_out: Mapping[str, int] = MappingProxyType({}),
    ) -> BatchResult:
        """Return what the run came to. `total` counts every discovered video and odd thing."""
        with self._lock:
            results = sorted(self._results, key=lambda result: os.fsencode(result.path))
        counts = Counter(result.status for result in results)
        up_to_date += counts["up-to-date"]
        changed, unchanged = counts["changed"], counts["unchanged"] + self._compliant
        failed, skipped = counts["failed"], counts["skipped"]
        done = changed + unchanged + up_to_date + failed + skipped
        if not self.stop.is_set():
            total = done  # doit may have been asked for some of the videos only
        return BatchResult(
            total_files=total,
            success_count=changed + unchanged + up_to_date,
            fail_count=failed,
            skipped_count=skipped,
            results=tuple(result for result in results if result.status != "up-to-date"),
            total_duration_seconds=time.monotonic() - self.settings.started,
            stopped_early=self._stopped_early or self.interrupted,
            interrupted=self.interrupted,
            up_to_date_count=up_to_date,
            changed_count=changed,
            unchanged_count=unchanged,
            not_started_count=max(0, total - done),
            failed_before_count=sum(result.failed_before for result in results),
            policies=self.settings.policies,
            dry_run=self.settings.dry_run,
            workers=self.settings.workers,
            on_error=self.settings.on_error,
            notes=notes,
            left_out=tuple(sorted(left_out.items())),
        )

    def processor(self) -> WorkflowProcessor:
        """Return the processor, made (tools found, helper processes ready to start) on first use."""
        with self._lock:
            if self._processor is None:
                self._processor = self._make_processor(self)
                self.kill = self._processor.kill
            return self._processor

    def _process(self, stale: Stale) -> FileProcessingResult | None:
        [recorded] = self.recorded([stale])
        job = self.job(recorded)
        return self._guard(job.path, lambda: self.processor().process(job))

    def _guard(self, path: str, work: Callable[[], FileProcessingResult]) -> FileProcessingResult | None:
        """Return what the work on one video comes to; None when the run was ended meanwhile."""
        try:
            return work()
        except Interrupted:
            return None
        except StateError:
            raise
        except MemoryError:  # of the machine, not of this video: the next run tries again
            return FileProcessingResult(path, "failed", error="no memory is left", error_kind="MemoryError")
        except Exception as error:  # noqa: BLE001 - the task boundary: a bug costs one video, not the run
            if self.aborted.is_set():
                return None
            self.has_bug = True
            log = write_bug(error, self.settings.log_path, repr(path)) or "the log could not be written"
            text = f"a bug in vpo: {bug_text(error)} ({log})"
            return FileProcessingResult(path, "failed", error=text, error_kind="InternalError")

    def recorded(self, items: Sequence[Stale]) -> Iterator[Recorded]:
        """Yield the videos with what is recorded of their content, read for many at a time."""
        for start in range(0, len(items), _AT_ONCE):
            some = items[start : start + _AT_ONCE]
            places = [item.recorded_as or item.found.path for item in some]
            sought = [place for item, place in zip(some, places, strict=True) if item.verdict in _RECORDED]
            media = dict(self.store.stored_media(sought))
            larger = self._measurements.larger(sought) if sought else {}
            for item, place in zip(some, places, strict=True):
                yield Recorded(item, media.get(place), larger.get(place))

    def job(self, recorded: Recorded) -> VideoJob:
        """Return what is asked of one video."""
        # imports msgspec: not on an up-to-date run
        from vpo_tasks.library.bulk_check import is_our_target
        from vpo_tasks.run.jobs import NOTHING_TRIED, Attempts, VideoJob

        stale, media, larger = recorded
        source = stale.found.path
        made = self.store.targets_of(source) if stale.target is not None else {}
        return VideoJob(
            path=os.fsdecode(source),
            identity=stale.identity,
            media=media,
            target=os.fsdecode(stale.target) if stale.target is not None else None,
            rivals=tuple(os.fsdecode(rival) for rival in stale.rivals),
            made=tuple(
                os.fsdecode(target) for target, known in made.items() if is_our_target(target, known, source)
            ),
            expected=stale.expected,
            attempts=NOTHING_TRIED if larger is None else Attempts(larger),
        )

    def _recorded(self, stale: Stale, result: FileProcessingResult) -> FileProcessingResult | None:
        def record() -> FileProcessingResult:
            self._record(stale, result)
            return result

        return self._guard(result.path, record)

    def _record(self, stale: Stale, result: FileProcessingResult) -> None:
        """Write down what is known now. What another run has in hand, or is gone, is not ours to record."""
        source = stale.found.path
        if result.identity is None:
            if result.status == "failed":
                self.store.invalidate(source)
                self._memory.note(source, stale.identity, result, stale.rivals)
            return
        digest = self.settings.digest
        in_place = result.target_identity is None
        path = os.fsencode(result.final_path) if in_place and result.final_path else source
        self.store.record(
            path,
            result.identity,
            digest=digest if result.compliant else None,
            media=result.media,
            fingerprint=head_tail_digest(path),
            status=result.status,
            error=result.error,
        )
        self._memory.note(path, result.identity, result, stale.rivals)
        self._undo.note(path)
        if result.larger or stale.verdict != "new":
            self._measurements.remember_larger(path, result.larger)
        if result.measured is not None:
            self._measurements.remember_speed(*result.measured)
        if path != source:
            self.store.forget(source)
        if result.target_identity is not None and result.final_path is not None:
            done = digest if result.status in {"changed", "unchanged"} else None
            self.store.record_target(os.fsencode(result.final_path), source, result.target_identity, done)

    def take_in(self, result: FileProcessingResult) -> None:
        """Count, keep and tell what came of one video."""
        failed = result.status == "failed" and not result.failed_before
        stops = failed and (self.settings.on_error == "fail" or result.stops_batch)
        with self._lock:
            identity = result.identity if self.settings.dry_run else None  # a plan is made from it
            self._results.append(result._replace(media=None, identity=identity, target_identity=None))
            if stops and not self.stop.is_set():
                self._stopped_early = True
                self.stop.set()
        self.tracker.end(result.path, result.status)
        self._tell(result)
        self.console.update(self.tracker.snapshot())

    def _tell(self, result: FileProcessingResult) -> None:
        if result.status == "up-to-date" or result.failed_before:
            return  # counted; the summary says so once
        lines = "\n".join(file_lines(result, self.console.verbose, dry_run=self.settings.dry_run))
        if result.status == "failed":
            self.console.error(lines)
        elif lines and not self.console.quiet and not self.settings.json:
            self.console.output(lines)

    def _give_up(self, error: BaseException) -> None:
        with self._lock:
            if self.fatal is None:
                self.fatal = error
        self._stopped_early = True
        self.stop.set()
