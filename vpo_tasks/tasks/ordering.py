"""Which video first: so that no worker is left alone with the longest film, or as a person asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from vpo_tasks.tasks.survey import Stale

Order = Literal["path", "cost", "gain"]


def in_order(
    items: Sequence[Stale], order: Order, weigh: Callable[[Stale], tuple[float, float]]
) -> list[Stale]:
    """Return the videos in the order in which they are begun; what weighs the same stays in path order.

    `weigh` says what is expected of a video: seconds of work, and bytes saved an hour.
    """
    if order == "path":
        return list(items)
    place = 0 if order == "cost" else 1
    return sorted(items, key=lambda item: -weigh(item)[place])
