"""How long a step will take and how much it will write, and whether that still fits the run's budget."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from vpo_tasks.execute.work import Done
from vpo_tasks.media.film import film_of
from vpo_tasks.plan.model import Encode, Plan, Step
from vpo_tasks.plan.phase_conditions import label_height
from vpo_tasks.report.progress import clock_time
from vpo_tasks.report.text import human_bytes
from vpo_tasks.state.measurements import Measured, Speed

# nobody has measured anything yet: careful guesses
_UNKNOWN_ENCODE_RATE = 1.0
_UNKNOWN_SOUND_RATE = 30.0
_UNKNOWN_BYTES_RATE = 100e6
_OVERHEAD_S = 0.2


def speed_of(plan: Plan, step: Step) -> Speed:
    """Return what the step's speed is of: the video's encode decides, else the kind of step."""
    if step.kind != "encode":
        return Speed(step.kind)
    encode = _video_encode(plan)
    if encode is None:
        return Speed("encode", "sound")
    film = film_of(plan.source.tracks)
    height = (film.height if film is not None else None) or 0
    passes = "2-pass " if encode.two_pass else ""
    return Speed("encode", encode.codec, passes + (encode.preset or ""), label_height(height))


def amount_of(plan: Plan, step: Step) -> float:
    """Return how much the step has to do: seconds of video to encode, or bytes to copy."""
    if step.kind == "encode":
        return plan.source.duration_s or 0.0
    return float(step.reads_bytes)


def measured(plan: Plan, step: Step, done: Done, seconds: float) -> tuple[Speed, Measured] | None:
    """Return how fast a step was, None when that says nothing."""
    amount = amount_of(plan, step)
    if step.kind == "none" or amount <= 0 or seconds <= 0:
        return None
    return speed_of(plan, step), Measured(amount, seconds, done.size_before, done.size_after)


class Estimates:
    """What steps are expected to take. `speeds` is what was learned before."""

    def __init__(self, speeds: Mapping[Speed, Measured]) -> None:
        self._speeds = speeds

    def seconds(self, plan: Plan, step: Step) -> float:
        """Return how long a step will take, 0 for none."""
        if step.kind == "none":
            return 0.0
        return _OVERHEAD_S + amount_of(plan, step) / self._rate(speed_of(plan, step))

    def written_bytes(self, plan: Plan, step: Step) -> int:
        """Return how much a step will write: the plan's estimate, or what such encodes came to before."""
        learned = self._speeds.get(speed_of(plan, step))
        if (
            step.kind == "encode"
            and _video_encode(plan)
            and learned is not None
            and learned.ratio is not None
        ):
            return min(step.writes_bytes, int(step.reads_bytes * learned.ratio))
        return step.writes_bytes

    def saved_an_hour(self, plan: Plan, step: Step) -> float:
        """Return the bytes that an hour of such work saves."""
        if step.kind == "none":
            return 0.0
        saved = plan.source.size_bytes - self.written_bytes(plan, step)
        return saved / max(self.seconds(plan, step), 1e-3) * 3600

    def _rate(self, speed: Speed) -> float:
        known = self._speeds.get(speed)
        if known is not None:
            return known.rate
        if speed.kind != "encode":
            return _UNKNOWN_BYTES_RATE
        if speed.codec == "sound":
            return _UNKNOWN_SOUND_RATE
        # the same work at another size goes with the number of pixels
        for other, learned in self._speeds.items():
            if other[:3] == speed[:3] and other.height and speed.height:
                return learned.rate * (other.height / speed.height) ** 2
        return _UNKNOWN_ENCODE_RATE


def _video_encode(plan: Plan) -> Encode | None:
    for stream, track in zip(plan.streams, plan.result.tracks, strict=True):
        if stream.encode is not None and track.type == "video":
            return stream.encode
    return None


class Budget:
    """How much a run may still begin: the time and the bytes that it was given. Safe from any thread.

    `seconds` and `write_bytes` are for the whole run from now on; None is no limit."""

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
