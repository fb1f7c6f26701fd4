"""`phases`: the change of `remux` spread over six phases, against the same change in one phase."""

from __future__ import annotations

from bench.command import in_turn
from bench.large import ONE_PHASE, SIX_PHASES, Large
from bench.series import Row
from bench.table import Options

_RUNS = 3


def measure(options: Options) -> list[Row]:
    """Return the one row: a file is read and written once, whatever the number of phases."""
    large = Large(options)
    six, one = large.by_vpo("six", SIX_PHASES), large.by_vpo("one", ONE_PHASE)
    ours, theirs = in_turn(options.runs or _RUNS, lambda: six().seconds, lambda: one().seconds)
    return [Row("drop and reorder over 6 phases", ours, "vpo, one phase", theirs)]
