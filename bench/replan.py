"""`replan`: a dry run over a finished library after a policy edit, against a run with nothing to do.

Every video is planned anew from its stored MediaInfo; none is opened.
"""

from __future__ import annotations

import json
import os
from statistics import median

from bench.command import BenchError, Side, ask, environment, in_turn, run
from bench.library import EDITS, ODD_EVERY, Library, make_library, write_policy
from bench.noop import check_finished, process_command
from bench.series import Row
from bench.table import Options

_FILES = 10_000
_RUNS = 5


def measure(options: Options) -> list[Row]:
    """Return a row for each edit: microseconds a video, of the edit's dry run and of the run with no edit."""
    environ = environment(options.scratch)
    library = make_library(options.scratch, options.files or _FILES, environ)
    check_finished(library)
    # a file beside the recorded one: what a dry run reads of it is kept nowhere, so each run reads it anew
    edited = os.path.join(options.scratch, "edited.yaml")
    rows = []
    for part, languages in EDITS.items():
        write_policy(edited, languages)
        dry_run = process_command(library, "--dry-run", "--policy", edited)
        _check_edit(library, part, [*dry_run, "--json"])
        ours, theirs = in_turn(
            options.runs or _RUNS, _per_video(library, dry_run), _per_video(library, process_command(library))
        )
        what = f"dry run, {library.files:,} videos, edit affects {part}"
        note = f"{median(ours) - median(theirs):+.0f} µs a video over noop"
        rows.append(Row(what, ours, "vpo, nothing edited", theirs, "µs/video", note))
    return rows


def _check_edit(library: Library, part: str, command: list[str]) -> None:
    """Raise BenchError unless the edit makes a run plan every video and change just that part of them."""
    summary = json.loads(ask(command, library.environ))["summary"]
    affected = {"none": 0, "1 %": -(-library.files // ODD_EVERY), "all": library.files}[part]
    found = summary["changed_count"], summary["unchanged_count"], summary["up_to_date_count"]
    if found != (affected, library.files - affected, 0):
        raise BenchError(f"the edit that affects {part} gives {summary}")


def _per_video(library: Library, command: list[str]) -> Side:
    return lambda: run(command, library.environ).seconds / library.files * 1e6
