"""An end that waits for nobody: a thread may hang in the kernel, over a disk that does not answer."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from vpo_tasks.errors import EXIT_INTERRUPTED

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
