"""`parallel`: videos whose tool waits, by 1 to 8 workers, against `xargs -P` over the same tool."""

from __future__ import annotations

import os
import shutil
import sys
from functools import partial
from statistics import median

from bench.command import BenchError, ask, environment, in_turn, need_tool, run, version_of, vpo_command
from bench.series import Row
from bench.table import Options
from vpo_tasks.media.synthetic import SampleTrack, make_sample

_FILES = 64
_RUNS = 3
_WAIT_S = 0.5
_WORKERS = (1, 2, 4, 8)

_POLICY = """
schema_version: 13
name: drop
phases:
  - name: audio
    keep_audio: {languages: [eng]}
"""

_TOOL = """#!/bin/sh
case "$*" in *--version*) exec {mkvmerge} "$@";; esac
sleep {wait}
exec {mkvmerge} "$@"
"""

_BARE = """#!/bin/sh
exec {tool} --quiet --output "$1.out" --audio-tracks 1 "$1"
"""


def measure(options: Options) -> list[Row]:
    """Return two rows for each number of workers: against xargs, and against the ideal."""
    files, runs = options.files or _FILES, options.runs or _RUNS
    tools = os.path.join(options.scratch, "tools")
    os.makedirs(tools)
    tool = _write_script(
        os.path.join(tools, "mkvmerge"), _TOOL.format(mkvmerge=need_tool("mkvmerge"), wait=_WAIT_S)
    )
    bare = _write_script(os.path.join(tools, "bare"), _BARE.format(tool=tool))
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    environ = environment(options.scratch, VPO_CPU_COUNT="16", PATH=path)
    template = os.path.join(options.scratch, "template.mkv")
    languages = ("eng", "ger")
    make_sample(
        template,
        [SampleTrack("video"), *(SampleTrack("audio", language=each) for each in languages)],
        seconds=0.4,
    )
    stage = _Stage(options.scratch, template, files, environ)
    xargs = version_of("xargs", need_tool("xargs")) if sys.platform.startswith("linux") else "xargs"
    stage.by_vpo(_WORKERS[-1])  # the warm-up, where it takes least
    rows = []
    for workers in _WORKERS:
        ours, theirs = in_turn(
            runs,
            partial(stage.by_vpo, workers),
            partial(stage.by_xargs, workers, bare),
            warm_up=False,
        )
        ideal = -(-files // workers) * _WAIT_S
        what = f"{files} videos, the tool waits {_WAIT_S} s, {workers} worker{'s' * (workers > 1)}"
        note = f"{ideal / median(ours):.2f} of ideal ({ideal:g} s); xargs {ideal / median(theirs):.2f}"
        rows.append(Row(what, ours, f"{xargs} -P {workers}", theirs, note=note))
    return rows


class _Stage:
    """A fresh library for every run."""

    def __init__(self, scratch: str, template: str, files: int, environ: dict[str, str]) -> None:
        self._media = os.path.join(scratch, "media")
        self._template = template
        self._files = files
        self._environ = environ

    def by_vpo(self, workers: int) -> float:
        self._set()
        command = [*vpo_command(), "process", "--workers", str(workers), self._media]
        seconds = run(command, self._environ).seconds
        if "up to date" not in ask(command, self._environ):
            raise BenchError("the library was not processed")
        return seconds

    def by_xargs(self, workers: int, bare: str) -> float:
        self._set()
        listing = f"{self._media}.list"
        with open(listing, "w", encoding="utf-8") as stream:
            stream.write("".join(f"{path}\0" for path in self._paths()))
        return run(["xargs", "-0", "-n", "1", "-P", str(workers), "-a", listing, bare], self._environ).seconds

    def _paths(self) -> list[str]:
        return [os.path.join(self._media, f"{number:03}.mkv") for number in range(self._files)]

    def _set(self) -> None:
        shutil.rmtree(self._media, ignore_errors=True)
        os.makedirs(self._media)
        with open(os.path.join(self._media, "policy.yaml"), "w", encoding="utf-8") as stream:
            stream.write(_POLICY)
        for path in self._paths():
            shutil.copyfile(self._template, path)


def _write_script(path: str, text: str) -> str:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(path, 0o755)
    return path
