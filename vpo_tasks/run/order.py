"""Which videos are to do, and which first: without those that only the policy's edit made stale, in an order.

After a policy edit what is stored of each video is planned again in bulk, before any task is made: a video
that complies all the same is recorded with the new digest and never opened. The order is such that no worker
is left alone with the longest video, or as a person asks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vpo_tasks.library.bulk_check import Stale

if TYPE_CHECKING:
    from vpo_tasks.run.batch import BatchController
    from vpo_tasks.run.context import Order, RunContext

Weight = tuple[float, float]
"""Seconds of work, and bytes saved an hour."""


def order_stale(run: RunContext, controller: BatchController) -> Sequence[Stale]:
    """Return the run's videos in the order in which they are begun, and tell the tracker what they take.

    With several workers the longest comes first unless another order is asked for. Plans are made ahead only
    from recorded media, and only where encodes, or the order asked for, make that worth it.
    """
    items = run.survey.stale
    asked = run.options.order
    order: Order = asked or ("cost" if run.workers.workers > 1 else "path")
    if not weighs_plans(run):
        return in_order(items, order, _by_size)
    speed = run.measurements.overall_speed()
    weights: dict[bytes, Weight] = {}
    for recorded in controller.recorded(items):
        item = recorded.stale
        foreseen = controller.processor().foresee(controller.job(recorded))
        weights[item.found.path] = foreseen or _unseen(item, speed)
    expected = {os.fsdecode(path): weight[0] for path, weight in weights.items()}
    controller.tracker.expect(expected, run.workers.workers)
    return in_order(items, order, lambda item: weights[item.found.path])


def weighs_plans(run: RunContext) -> bool:
    """Tell whether the order depends on what is planned, not on sizes or names alone."""
    if run.capabilities.needs:
        return True
    return run.options.order not in (None, "path") and len(run.survey.stale) > 1


def in_order(items: Sequence[Stale], order: Order, weigh: Callable[[Stale], Weight]) -> list[Stale]:
    """Return the videos with the heaviest first; what weighs the same stays in path order."""
    if order == "path":
        return list(items)
    place = 0 if order == "cost" else 1
    return sorted(items, key=lambda item: -weigh(item)[place])


def _by_size(item: Stale) -> Weight:
    return float(item.found.size), float(item.found.size)


def _unseen(item: Stale, speed: tuple[float, float]) -> Weight:
    """Guess from the size alone: `speed` is bytes of source a second, and the part of them that is saved."""
    seconds = item.found.size / speed[0]
    return seconds, speed[0] * 3600 * speed[1]


def without_compliant(run: RunContext, controller: BatchController) -> RunContext:
    """Return the run without the videos that comply by what is stored of them; they are recorded so."""
    if run.options.force:
        return run
    stale = run.survey.stale
    suspects = {item.found.path for item in stale if item.verdict == "replan" and item.target is None}
    processor = controller.processor()
    compliant = {
        path for path, media in run.store.stored_media(sorted(suspects)) if processor.complies(path, media)
    }
    if not compliant:
        return run
    run.store.comply(sorted(compliant), run.digest)
    controller.count_unchanged(len(compliant))
    left = [item for item in stale if item.found.path not in compliant]
    return run._replace(survey=run.survey._replace(stale=left))
