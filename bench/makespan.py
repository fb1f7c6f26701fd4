"""`makespan`: videos of very different length on four workers, against the least that is possible."""

from __future__ import annotations

import json
import os
import random
import shutil
import time

from bench.command import BenchError, ask, environment, need_tool, vpo_command
from bench.series import Row
from bench.table import Options
from vpo_tasks.media.synthetic import SampleTrack, make_sample

_FILES = 40
_RUNS = 2
_WORKERS = 4
# films take minutes: the program's own start, a second at most, is not what is measured here
_MEAN_WAIT_S = 6.0
_SPREAD = 0.9
_SECONDS_OF_VIDEO = 16.0
"""Of the video that takes longest: enough for the shortest, of a few frames, to be as much smaller."""

_POLICY = """
schema_version: 13
name: drop
phases:
  - name: audio
    keep_audio: {languages: [eng]}
"""

# the name says how long: `17-2.35s.mkv`
_TOOL = """#!/bin/sh
case "$*" in *--version*) exec {mkvmerge} "$@";; esac
for last; do :; done
wait=${{last##*-}}
sleep "${{wait%s.mkv}}"
exec {mkvmerge} "$@"
"""


def measure(options: Options) -> list[Row]:
    """Return one row for each order: the default one, and by name for comparison.

    The least possible is the longest video alone, or an equal share of all of them for every worker, by what
    each video took in the same run: so it is the order that is measured, not the machine's other load.
    """
    files = options.files or _FILES
    stage = _Stage(options.scratch, files)
    what = f"{files} videos of {min(stage.waits):.2f} to {max(stage.waits):.2f} s, {_WORKERS} workers"
    rows = []
    for name, words in (("the longest first", ()), ("by name", ("--order", "path"))):
        taken = [stage.by_vpo(*words) for _ in range(options.runs or _RUNS)]
        ours, bounds = zip(*taken, strict=True)
        rows.append(Row(f"{what}, {name}", ours, "the lower bound", bounds))
    return rows


class _Stage:
    """A library whose videos are as large as they take long; a fresh copy for every run."""

    def __init__(self, scratch: str, files: int) -> None:
        self._media = os.path.join(scratch, "media")
        self._templates = os.path.join(scratch, "templates")
        os.makedirs(self._templates)
        tools = os.path.join(scratch, "tools")
        os.makedirs(tools)
        tool = os.path.join(tools, "mkvmerge")
        with open(tool, "w", encoding="utf-8") as stream:
            stream.write(_TOOL.format(mkvmerge=need_tool("mkvmerge")))
        os.chmod(tool, 0o755)
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        self._environ = environment(scratch, PATH=path, VPO_CPU_COUNT="16")
        chance = random.Random(4)
        self.waits = [round(chance.lognormvariate(0, _SPREAD) * _MEAN_WAIT_S / 1.5, 2) for _ in range(files)]
        tracks = [SampleTrack("video"), *(SampleTrack("audio", language=each) for each in ("eng", "ger"))]
        for number, wait in enumerate(self.waits):
            seconds = max(0.3, wait / max(self.waits) * _SECONDS_OF_VIDEO)
            make_sample(os.path.join(self._templates, f"{number:02}-{wait}s.mkv"), tracks, seconds=seconds)

    def by_vpo(self, *words: str) -> tuple[float, float]:
        """Return how long the run took, and the least that its videos could have taken."""
        shutil.rmtree(self._media, ignore_errors=True)
        shutil.copytree(self._templates, self._media)
        with open(os.path.join(self._media, "policy.yaml"), "w", encoding="utf-8") as stream:
            stream.write(_POLICY)
        command = [*vpo_command(), "process", "--json", "--workers", str(_WORKERS), *words, self._media]
        started = time.perf_counter()
        report = json.loads(ask(command, self._environ))
        seconds = time.perf_counter() - started
        if report["summary"]["changed_count"] != len(self.waits):
            raise BenchError("the library was not processed")
        each = [result["duration_seconds"] for result in report["results"]]
        return seconds, max(*each, sum(each) / _WORKERS)
