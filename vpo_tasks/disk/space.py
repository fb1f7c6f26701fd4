"""The disk-space ledger: a worker reserves what its step may write, and waits while others hold the rest."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vpo_tasks.errors import Interrupted, SpaceError

_LOOK_AGAIN_S = 1.0


class _Reservation:
    """Bytes that a step may still write on one filesystem; what its output holds already is spent."""

    def __init__(self, device: int, size: int, output: bytes | None) -> None:
        self.device = device
        self.size = size
        self.output = output

    def outstanding(self) -> int:
        if self.output is None:
            return self.size
        try:
            return max(0, self.size - os.stat(self.output).st_blocks * 512)
        except FileNotFoundError:
            return self.size


def _free_bytes(folder: bytes) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


class SpaceLedger:
    """Reservations per filesystem, in bytes; `min_free` stays free on every filesystem."""

    def __init__(
        self,
        min_free: int,
        *,
        free_bytes: Callable[[bytes], int] = _free_bytes,
        stop: threading.Event | None = None,
    ) -> None:
        self._min_free = min_free
        self._free_bytes = free_bytes
        self._stop = stop or threading.Event()
        self._changed = threading.Condition()
        self._held: list[_Reservation] = []

    @contextmanager
    def reserve(self, folder: bytes, size: int, *, video: str, output: bytes | None = None) -> Iterator[None]:
        """Hold `size` bytes in `folder`'s filesystem, growing in the file `output`.

        Waits while other holders have the rest. Raises SpaceError for `video` when nobody else holds
        anything and it does not fit, Interrupted when the stop event is set.
        """
        mine = _Reservation(os.stat(folder).st_dev, size, output)
        with self._changed:
            while not self._fits(folder, mine, video):
                if self._stop.is_set():
                    raise Interrupted
                self._changed.wait(_LOOK_AGAIN_S)
            self._held.append(mine)
        try:
            yield
        finally:
            with self._changed:
                self._held.remove(mine)
                self._changed.notify_all()

    def _fits(self, folder: bytes, mine: _Reservation, video: str) -> bool:
        others = [held for held in self._held if held.device == mine.device]
        free = self._free_bytes(folder) - self._min_free
        if mine.size <= free - sum(held.outstanding() for held in others):
            return True
        if not others:
            detail = f"not enough space: {mine.size} bytes needed, {max(free, 0)} to spare"
            raise SpaceError(video, f"{detail} ({self._min_free} are kept free)")
        return False
