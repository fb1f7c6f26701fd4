"""How far a run is: counters fed from any thread, and their one line of text.

Counting and drawing are apart, so that both are tested without a terminal or a clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from vpo_tasks.report.text import display_width, escape, shorten, truncate

if TYPE_CHECKING:
    from vpo_tasks.report.result import Status

# a rate over less time than this says more about start-up than about the run
_SETTLED_S = 2.0


class Current(NamedTuple):
    """A video in hand. `fraction` is 0 to 1 and `speed` seconds of video a second, None where unknown."""

    path: str
    fraction: float | None = None
    speed: float | None = None


class Progress(NamedTuple):
    """A moment of a run. `rate` is files a second since the start, None until it means something."""

    total: int
    done: int = 0
    active: int = 0
    failed: int = 0
    skipped: int = 0
    changed: int = 0
    rate: float | None = None
    eta_s: float | None = None
    current: tuple[Current, ...] = ()
    """What is in hand, oldest first."""


class ProgressTracker:
    """Counts what begins and ends; safe from any thread."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._started = clock()
        self._total = total
        self._current: dict[str, Current] = {}
        self._ended: dict[str, int] = {}
        self._expected: dict[str, float] = {}
        self._workers = 1
        self._work_done = 0.0

    def expect(self, seconds: Mapping[str, float], workers: int) -> None:
        """Take over what each video is expected to take, so that the time left is known from the start."""
        with self._lock:
            self._expected = dict(seconds)
            self._workers = workers

    def shorten(self, count: int) -> None:
        """Leave out videos that turned out to need no work."""
        with self._lock:
            self._total -= count

    def begin(self, path: str) -> None:
        """Take a video in hand."""
        with self._lock:
            self._current[path] = Current(path)

    def advance(self, path: str, fraction: float | None, speed: float | None = None) -> None:
        """Note how far a video is; one that is not in hand (a late report) is ignored."""
        with self._lock:
            if path in self._current:
                known = None if fraction is None else min(1.0, max(0.0, fraction))
                self._current[path] = Current(path, known, speed)

    def end(self, path: str, status: Status) -> None:
        """Note how a video ended, whether or not it was begun."""
        with self._lock:
            self._current.pop(path, None)
            self._ended[status] = self._ended.get(status, 0) + 1
            self._work_done += self._expected.pop(path, 0.0)

    def snapshot(self) -> Progress:
        """Return the counters as they are now."""
        with self._lock:
            done = sum(self._ended.values())
            current = tuple(self._current.values())
            rate, eta_s = self._estimate(done, current)
            return Progress(
                total=max(self._total, done + len(current)),
                done=done,
                active=len(current),
                failed=self._ended.get("failed", 0),
                skipped=self._ended.get("skipped", 0),
                changed=self._ended.get("changed", 0),
                rate=rate,
                eta_s=eta_s,
                current=current,
            )

    def _estimate(self, done: int, current: tuple[Current, ...]) -> tuple[float | None, float | None]:
        elapsed = self._clock() - self._started
        if self._expected:
            return self._estimate_by_work(elapsed, done, current)
        work = done + sum(item.fraction or 0.0 for item in current)
        if elapsed < _SETTLED_S or work <= 0:
            return None, None
        left = max(0.0, self._total - work)
        return (done / elapsed if done else None), left * elapsed / work

    def _estimate_by_work(
        self, elapsed: float, done: int, current: tuple[Current, ...]
    ) -> tuple[float | None, float | None]:
        """Weigh every video by what it was expected to take; what has passed corrects what is expected."""
        begun = sum(self._expected.get(item.path, 0.0) * (item.fraction or 0.0) for item in current)
        left = max(0.0, sum(self._expected.values()) - begun)
        work = self._work_done + begun
        rate = done / elapsed if done and elapsed >= _SETTLED_S else None
        if elapsed < _SETTLED_S or work <= 0:
            return rate, left / self._workers
        return rate, left * elapsed / work


def render_progress(progress: Progress, width: int) -> str:
    """Return the progress line in at most `width` columns: what matters least is left out first."""
    head = f"Processing: {progress.done}/{progress.total} files [{progress.active} active]"
    parts = []
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.rate is not None:
        parts.append(_rate(progress.rate))
    if progress.eta_s is not None:
        parts.append(f"{clock_time(progress.eta_s)} left")
    line = head
    for part in parts:
        if display_width(line) + 2 + len(part) > width:
            return truncate(line, width)
        line += ", " + part
    room = width - display_width(line) - 2
    if progress.current and room >= 12:
        line += "  " + _in_hand(progress.current[0], room)
    return truncate(line, width)


def _in_hand(current: Current, room: int) -> str:
    percent = "" if current.fraction is None else f" {current.fraction:.0%}"
    if current.speed is not None:
        percent += f" {current.speed:.1f}x"
    name = escape(current.path.rsplit("/", 1)[-1])
    return shorten(name, room - len(percent)) + percent


def _rate(rate: float) -> str:
    if rate >= 0.95:
        return f"{rate:.0f} files/s" if rate >= 10 else f"{rate:.1f} files/s"
    if rate * 60 >= 0.95:
        return f"{rate * 60:.1f} files/min"
    return f"{rate * 3600:.1f} files/h"


def clock_time(seconds: float) -> str:
    """Return `0:42`, `12:05` or `3:07:09`."""
    whole = max(0, round(seconds))
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
