"""Ctrl-C once: nothing new starts. Twice, SIGTERM or SIGHUP: everything ends now, every video as it was.

A signal handler may interrupt the main thread anywhere, also while it holds a lock; so it only puts a word
into a queue, and a thread acts on it.
"""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vpo_tasks.tasks.batch import BatchController

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_signals(controller: BatchController) -> Iterator[None]:
    """While the block runs, signals stop the controller instead of raising. Main thread only."""
    words: queue.SimpleQueue[int] = queue.SimpleQueue()  # put() is safe inside a signal handler

    def note(number: int, _frame: FrameType | None) -> None:
        words.put(number)

    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDING)}
    if previous[signal.SIGHUP] == signal.SIG_IGN:
        del previous[signal.SIGHUP]  # nohup: the person asked that a hang-up be ignored
    listener = threading.Thread(target=_listen, args=(words, controller), name="signals", daemon=True)
    listener.start()
    for number in previous:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        words.put(0)
        listener.join()


def _listen(words: queue.SimpleQueue[int], controller: BatchController) -> None:
    asked = False
    while number := words.get():
        if number == signal.SIGINT and not asked:
            asked = True
            controller.stop_handing_out()
            controller.console.message(
                "stopping: what is in hand finishes, nothing new starts (Ctrl-C again ends it now)"
            )
        elif not controller.aborted.is_set():
            controller.abort()
            controller.console.message("ending now: every video stays as it was")
