"""`probe`: the first inspection of N small videos, page cache warm, against one ffprobe a video."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median

from bench.command import environment, in_turn, need_tool, run, version_of
from bench.series import Row
from bench.table import Options
from vpo_tasks.media.probe import ProbePool
from vpo_tasks.media.synthetic import SampleTrack, make_sample

_FILES = 200
_RUNS = 5
_KINDS = (".mkv", ".mp4")


def measure(options: Options) -> list[Row]:
    """Return a row for each number of workers; the helper processes' start and end are part of the time."""
    files = options.files or _FILES
    ffprobe = need_tool("ffprobe")
    peer = f"{version_of('ffprobe', ffprobe, '-version')}, a process a video"
    paths = _make_videos(options.scratch, files)
    environ = environment(options.scratch)
    command = [ffprobe, "-v", "error", "-show_streams", "-show_format", "-of", "json"]
    rows = []
    for workers in sorted({1, os.cpu_count() or 1}):
        ours, theirs = in_turn(
            options.runs or _RUNS,
            partial(_probe_all, workers, paths),
            partial(_with_threads, workers, lambda path: run([*command, path], environ), paths),
        )
        mine, other = (median(values) / files * 1000 for values in (ours, theirs))
        note = f"{mine:.2f} against {other:.2f} ms a video, {other / mine:.1f} times faster"
        what = f"inspect {files:,} videos, {workers} worker{'s' * (workers > 1)}"
        rows.append(Row(what, ours, peer, theirs, note=note))
    return rows


def _make_videos(folder: str, files: int) -> list[str]:
    """Make a video of each kind and copy them; reading them once more leaves them in the page cache."""
    tracks = [SampleTrack("video", default=True), SampleTrack("audio", language="eng", default=True)]
    tracks += [SampleTrack("audio", language="ger"), SampleTrack("subtitle", language="eng")]
    templates = [os.path.join(folder, f"template{kind}") for kind in _KINDS]
    for template in templates:
        make_sample(template, tracks)
    paths = []
    for number in range(files):
        template = templates[number % len(templates)]
        paths.append(os.path.join(folder, f"{number}{os.path.splitext(template)[1]}"))
        shutil.copyfile(template, paths[-1])
    return paths


def _probe_all(workers: int, paths: Sequence[str]) -> float:
    started = time.perf_counter()
    with ProbePool(workers) as probes:
        _with_threads(workers, probes.probe, paths)
    return time.perf_counter() - started


def _with_threads(workers: int, work: Callable[[str], object], paths: Sequence[str]) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as threads:
        for result in threads.map(work, paths):
            del result
    return time.perf_counter() - started
