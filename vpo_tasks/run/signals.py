"""Ctrl-C once: nothing new starts. Twice, or a signal that ends: all ends now, and waits for nobody."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from vpo_tasks.errors import EXIT_INTERRUPTED
from vpo_tasks.tools.running import GRACE_S

_LAST_S = 0.7
"""How long the run has to end by itself once its tools were killed."""
_SAID_S = 0.2
_SAID = "error: ended at once, because something does not answer; the next run settles what was in hand\n"


class LastResort:
    """Ends the process when its time is over, as SIGKILL would: what is in hand is left for recovery.

    `kill` ends the tools; it must wait for nothing.
    """

    def __init__(self, kill: Callable[[], None]) -> None:
        self._kill = kill
        self._deadline: float | None = None

    def within(self, seconds: float) -> None:
        """End in so many seconds at the latest. May be called again, to end sooner."""
        deadline = time.monotonic() + seconds
        if self._deadline is None:
            self._deadline = deadline
            # until the process ends: after the run's last video there is a database to be closed
            threading.Thread(target=self._wait, name="last resort", daemon=True).start()
        self._deadline = min(self._deadline, deadline)

    def _wait(self) -> None:
        while self._deadline is not None and (left := self._deadline - _LAST_S - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        self._kill()
        time.sleep(_LAST_S)
        saying = threading.Thread(target=_say, daemon=True)  # whoever reads may hang as well
        saying.start()
        saying.join(_SAID_S)
        os._exit(EXIT_INTERRUPTED)


def _say() -> None:
    with suppress(OSError, ValueError):
        os.write(2, _SAID.encode())
        sys.stdout.flush()


if TYPE_CHECKING:
    from vpo_tasks.run.batch import BatchController

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_END = b"\0"
_REDRAW_MS = 500
_AT_ONCE_S = 4.5
_IN_ORDER_S = GRACE_S + 5.0
"""After a signal that nobody may be waiting for, tools have their time and videos are tidied up."""
_ABORT_S = 1.0


@contextmanager
def stop_signals(controller: BatchController) -> Iterator[None]:
    """While the block runs, signals stop the controller instead of raising. Main thread only."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDING)}
    if previous[signal.SIGHUP] == signal.SIG_IGN:
        del previous[signal.SIGHUP]  # nohup: the person asked that a hang-up be ignored
    listener = threading.Thread(target=_listen, args=(heard, controller), name="signals", daemon=True)
    listener.start()
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for number in previous:
        signal.signal(number, _leave_to_the_listener)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        os.write(told, _END)
        listener.join()
        os.close(told)
        os.close(heard)


def _leave_to_the_listener(_number: int, _frame: FrameType | None) -> None:
    """The signal's number is in the pipe already."""


def _next(heard: int, controller: BatchController) -> int:
    """Return the next signal's number. Meanwhile the progress line goes on, also where no tool tells any."""
    ready = select.poll()  # select() fails on descriptors from 1024 on
    ready.register(heard, select.POLLIN)
    while not ready.poll(_REDRAW_MS):
        controller.console.update(controller.tracker.snapshot())
    return os.read(heard, 1)[0]


def _listen(heard: int, controller: BatchController) -> None:
    asked, resort = False, LastResort(lambda: controller.kill())  # noqa: PLW0108 - what it is by then
    while (number := _next(heard, controller)) != _END[0]:
        if controller.aborted.is_set():
            resort.within(_AT_ONCE_S)
        elif number == signal.SIGINT and not asked:
            asked = True
            controller.stop_handing_out()
            controller.console.message(
                "stopping: what is in hand finishes, nothing new starts (Ctrl-C again ends it now)"
            )
        else:
            resort.within(_AT_ONCE_S if number == signal.SIGINT else _IN_ORDER_S)
            aborting = threading.Thread(target=controller.abort, name="abort", daemon=True)
            aborting.start()
            aborting.join(_ABORT_S)  # it waits for processes, which may hang themselves
            controller.console.message("ending now: every video stays as it was")
