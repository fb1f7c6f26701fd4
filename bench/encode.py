"""`encode`: H.264 to HEVC with filter, order and flags in one pass, against the same ffmpeg call, bare."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence

from bench.command import BenchError, ask, environment, in_turn, need_tool, version_of, vpo_command
from bench.series import Row
from bench.table import Options
from vpo_tasks.media.synthetic import SampleTrack, make_sample

_RUNS = 3
_SECONDS = 60
_SIZE = (1280, 720)
_SMALL = (256, 144)

_POLICY = """
schema_version: 13
name: encode
config: {audio_languages: [eng], subtitle_languages: [eng], on_error: fail}
phases:
  - name: clean
    keep_audio: {languages: [eng]}
    track_order: [video, audio_main, subtitle_main]
    default_flags: {}
  - name: encode
    transcode:
      video: {to: hevc, crf: 28, preset: ultrafast, hw: none, keep_if_larger: true}
"""

# a line an argument: none of them holds a line feed
_LOGGING = """#!/bin/sh
# the source is named by a descriptor that is inherited
name() {{ case "$1" in file:/proc/self/fd/*) echo "file:$(readlink "${{1#file:}}")";; *) echo "$1";; esac; }}
case "$*" in *-progress*) for word; do name "$word"; done > {log};; esac
exec {ffmpeg} "$@"
"""


def measure(options: Options) -> list[Row]:
    """Return one row: the whole command against its own ffmpeg call, run again on the same video.

    `--files` is the seconds of video; under ten seconds the picture is small, for tests.
    """
    seconds = options.files or _SECONDS
    stage = _Stage(options.scratch, seconds)
    stage.by_vpo()  # once before, so that there are arguments to repeat
    ours, theirs = in_turn(options.runs or _RUNS, stage.by_vpo, stage.by_ffmpeg, warm_up=False)
    peer = f"{version_of('ffmpeg', need_tool('ffmpeg'), '-version')}, the same arguments"
    width, height = stage.size
    what = f"{seconds} s of {width}x{height}, H.264 to HEVC, filter, order, flags"
    return [Row(what, ours, peer, theirs)]


class _Stage:
    """One video, its copy for every run, and what ffmpeg was asked to do with it."""

    def __init__(self, scratch: str, seconds: int) -> None:
        self.size = _SIZE if seconds >= 10 else _SMALL
        self._template = os.path.join(scratch, "template.mkv")
        self._media = os.path.join(scratch, "media")
        self._bare = os.path.join(scratch, "bare")
        self._log = os.path.join(scratch, "arguments")
        self._ffmpeg = need_tool("ffmpeg")
        tools = os.path.join(scratch, "tools")
        os.makedirs(tools)
        script = os.path.join(tools, "ffmpeg")
        with open(script, "w", encoding="utf-8") as stream:
            stream.write(_LOGGING.format(log=self._log, ffmpeg=self._ffmpeg))
        os.chmod(script, 0o755)
        self._environ = environment(scratch, PATH=f"{tools}{os.pathsep}{os.environ['PATH']}")
        sound = [SampleTrack("audio", "ac3", language=each) for each in ("ger", "eng")]
        make_sample(
            self._template, [SampleTrack("video", "h264"), *sound], seconds=float(seconds), size=self.size
        )

    def by_vpo(self) -> float:
        self._set()
        command = [*vpo_command(), "process", self._media]
        started = time.perf_counter()
        ask(command, self._environ)
        seconds = time.perf_counter() - started
        if "up to date" not in ask(command, self._environ):
            raise BenchError("the video was not encoded")
        return seconds

    def by_ffmpeg(self) -> float:
        self._set()
        os.makedirs(self._bare, exist_ok=True)
        with open(self._log, encoding="utf-8") as stream:
            arguments = stream.read().splitlines()
        return _run_bare([self._ffmpeg, *arguments], self._bare)

    def _set(self) -> None:
        shutil.rmtree(self._media, ignore_errors=True)
        os.makedirs(self._media)
        with open(os.path.join(self._media, "policy.yaml"), "w", encoding="utf-8") as stream:
            stream.write(_POLICY)
        shutil.copyfile(self._template, os.path.join(self._media, "film.mkv"))


def _run_bare(argv: Sequence[str], folder: str) -> float:
    started = time.perf_counter()
    done = subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"exit {done.returncode}: {' '.join(argv)}")
    return time.perf_counter() - started
