"""`start`: how long the command takes before it does anything, against an empty Python."""

from __future__ import annotations

import platform
import sys
from statistics import median

from bench.command import environment, in_turn, run, vpo_command
from bench.library import make_library
from bench.series import Row
from bench.table import Options

_RUNS = 15


def measure(options: Options) -> list[Row]:
    """Return a row for `vpo --version` and one for a run over one up-to-date video."""
    environ = environment(options.scratch)
    library = make_library(options.scratch, 1, environ)
    rows = []
    for what, words in (
        ("vpo --version", ("--version",)),
        ("vpo process, one up-to-date video", ("process", library.root)),
    ):
        ours, theirs = in_turn(
            options.runs or _RUNS,
            lambda words=words: run([*vpo_command(), *words], environ).seconds,  # type: ignore[misc]
            lambda: run([sys.executable, "-c", "pass"], environ).seconds,
        )
        more_ms = (median(ours) - median(theirs)) * 1000
        peer = f"python -c pass, {platform.python_version()}"
        rows.append(Row(what, ours, peer, theirs, note=f"{more_ms:+.0f} ms"))
    return rows
