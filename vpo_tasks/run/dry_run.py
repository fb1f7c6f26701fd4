"""A dry run: videos are planned in bulk from what is recorded of them; only the others are opened.

Nothing goes through doit, where a video would cost several times as much: there is nothing to record, and no
other run whose record of a moment ago could be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from vpo_tasks.run.jobs import Content, asks_nothing
from vpo_tasks.run.order import order_stale, weighs_plans, without_compliant

if TYPE_CHECKING:
    from vpo_tasks.library.bulk_check import Stale
    from vpo_tasks.media.model import MediaInfo
    from vpo_tasks.report.result import FileProcessingResult
    from vpo_tasks.run.batch import BatchController, Recorded
    from vpo_tasks.run.context import RunContext

_AT_ONCE = 500


def dry_run(run: RunContext, controller: BatchController) -> None:
    """Say of every stale video what would be done with it, in the order in which a run would begin them."""
    if weighs_plans(run):
        run = without_compliant(run, controller)  # what asks for nothing need not be weighed
    ordered = order_stale(run, controller)
    force = run.options.force
    with _Openers(min(run.workers.workers, len(ordered)), controller) as openers:
        for start in range(0, len(ordered), _AT_ONCE):
            compliant = 0
            for recorded in controller.recorded(ordered[start : start + _AT_ONCE]):
                if controller.stop.is_set():
                    break
                if recorded.media is None:
                    openers.open(recorded.stale)
                elif not preview(recorded, recorded.media, controller, controller.take_in, force=force):
                    compliant += 1
            controller.count_unchanged(compliant)


def preview(
    recorded: Recorded,
    media: MediaInfo,
    controller: BatchController,
    tell: Callable[[FileProcessingResult], None],
    *,
    force: bool = False,
) -> bool:
    """Tell what would be done with one video; False when that is nothing, and it is only to be counted."""
    stale, plan = recorded.stale, None
    if stale.verdict == "replan" and stale.target is None and not force:
        plan = controller.processor().plan_recorded(stale.found.path, media)
        if plan is not None and asks_nothing(plan):
            return False
    if recorded.larger is not None:
        plan = None  # what was tried may make it another one
    job = controller.job(recorded)
    result = controller.preview(job, Content(job.identity, stale.found.links, media), plan)
    if result is not None:
        tell(result)
    return True


class _Openers:
    """Threads that look into videos of which nothing is known; one worker is the caller itself."""

    def __init__(self, workers: int, controller: BatchController) -> None:
        self._handle: Callable[[Stale], object] = controller.handle
        self._pool = ThreadPoolExecutor(workers) if workers > 1 else None
        self._begun: list[Future[object]] = []

    def open(self, stale: Stale) -> None:
        if self._pool is None:
            self._handle(stale)
        else:
            self._begun.append(self._pool.submit(self._handle, stale))

    def __enter__(self) -> _Openers:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._pool is None:
            return
        self._pool.shutdown(cancel_futures=kind is not None)
        for future in self._begun if kind is None else ():
            future.result()
