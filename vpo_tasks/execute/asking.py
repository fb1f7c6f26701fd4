"""Asking a tool what it is: a short answer, asked for once more where the first time came to nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import NamedTuple

_TIMES = 2


class Said(NamedTuple):
    """What a tool said of itself."""

    output: bytes
    messages: bytes


def ask(argv: Sequence[str], timeout_s: float) -> Said | None:
    """Return what a tool answers with an exit status of 0.

    None: it cannot be started, fails or hangs, which may be otherwise in a moment, so nobody should keep it.
    """
    for _ in range(_TIMES):
        try:
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False
            )
        except (OSError, MemoryError):
            continue
        except subprocess.TimeoutExpired:
            return None
        if done.returncode == 0:
            return Said(done.stdout, done.stderr)
    return None
