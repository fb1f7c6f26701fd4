"""Disks that fail or die at one chosen operation."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from typing import Any

from vpo_tasks.disk.system_calls import RealDisk

KILL = -1


class FaultyDisk:
    """A real disk whose operation number `at` (from 1) fails with an errno, or kills the process.

    `forever` makes all later ones fail too. `operations` is how many there were. `cannot` names an operation
    that this filesystem does not have; `before` is called in front of the first operation of a name, or of the
    one with a number.
    """

    def __init__(
        self,
        at: int = 0,
        fault: int = 0,
        *,
        forever: bool = False,
        cannot: str = "",
        before: tuple[str | int, Callable[[], object]] | None = None,
    ) -> None:
        self.operations = 0
        self.names: list[str] = []
        self._at = at
        self._fault = fault
        self._forever = forever
        self._cannot = cannot
        self._before = before
        self._real = RealDisk()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        real = getattr(self._real, name)

        def operation(*args: Any) -> Any:
            self.operations += 1
            self.names.append(name)
            if self._before is not None and self._before[0] in (name, self.operations):
                (_, act), self._before = self._before, None
                act()
            if self.operations == self._at or (self._forever and 0 < self._at < self.operations):
                if name == "write_at":  # it breaks off in the middle, whatever ends it
                    real(args[0], args[1], args[2][: len(args[2]) // 2])
                if self._fault == KILL:
                    os.kill(os.getpid(), signal.SIGKILL)
                if name == "write":  # a disk fills up in the middle of a write
                    real(args[0], args[1][: len(args[1]) // 2])
                raise OSError(self._fault, os.strerror(self._fault))
            if name == self._cannot:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            return real(*args)

        return operation


def in_a_process_that_may_die(work: Callable[[], object]) -> int:
    """Run `work` in a forked process. Returns its wait status: 0, or the signal that killed it."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]
