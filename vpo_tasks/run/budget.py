"""How much a run may still begin: the time and the bytes that it was given. Safe from any thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from vpo_tasks.report.progress import clock_time
from vpo_tasks.report.text import human_bytes


class Budget:
    """`seconds` and `write_bytes` are for the whole run from now on; None is no limit."""

    def __init__(
        self,
        seconds: float | None = None,
        write_bytes: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deadline = None if seconds is None else clock() + seconds
        self._write_bytes = write_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, int] = {}
        self._written = 0

    def begin(self, path: str, seconds: float, write_bytes: int) -> str | None:
        """Take a video into the budget. Return why it is not begun, or None."""
        with self._lock:
            if self._deadline is not None:
                left = self._deadline - self._clock()
                if seconds > left:
                    return f"budget: needs {clock_time(seconds)}, {clock_time(max(0.0, left))} left"
            if self._write_bytes is not None:
                room = self._write_bytes - self._written - sum(self._held.values())
                if write_bytes > room:
                    return f"max-write: needs {human_bytes(write_bytes)}, {human_bytes(max(0, room))} left"
            self._held[path] = write_bytes
            return None

    def end(self, path: str, written: int) -> None:
        """Note that a video that was begun has ended, and what it really wrote."""
        with self._lock:
            if self._held.pop(path, None) is not None:
                self._written += written
