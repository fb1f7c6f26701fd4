"""`noop`: a second run over N finished videos, the whole process from start to exit."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from importlib.metadata import version

from bench import ninja
from bench.command import (
    BenchError,
    Side,
    ask,
    environment,
    find_tool,
    in_turn,
    need_tool,
    peak_bytes,
    run,
    version_of,
    vpo_command,
)
from bench.library import Library, make_library, video_paths
from bench.series import Row
from bench.table import Options

_FILES = 50_000
_RUNS = 7
_MOST_DOIT_FILES = 10_000
"""Plain doit keeps its whole state in memory and in one file; beyond this it only takes longer."""

_DODO = """
DOIT_CONFIG = {{"check_file_uptodate": "timestamp", "verbosity": 0}}

def task_video():
    for path in open({listing!r}).read().splitlines():
        yield {{"name": path, "actions": [lambda: None], "file_dep": [path]}}
"""


def measure(options: Options) -> list[Row]:
    """Return a row for each peer, and one for the memory a video takes."""
    environ = environment(options.scratch)
    files, runs = options.files or _FILES, options.runs or _RUNS
    library = make_library(options.scratch, files, environ)
    check_finished(library)
    if options.cold:
        return _cold(options, library, runs)
    peers = {"find -printf": _find(library), **_ninjas(options, library), **_doit(options, library)}
    ours, *theirs = in_turn(runs, _process(library), *peers.values())
    what = f"second run, {files:,} videos"
    per_video = f"{sorted(ours)[len(ours) // 2] / files * 1e6:.2f} µs a video"
    rows = [Row(what, ours, name, times, note=per_video) for name, times in zip(peers, theirs, strict=True)]
    return [*rows, _memory(options, library, runs)]


def _cold(options: Options, library: Library, runs: int) -> list[Row]:
    """Return the row against `find` when nothing of the library is in memory; the programs themselves are."""
    scratch = os.path.join(options.scratch, "one")
    one = make_library(scratch, 1, environment(scratch))
    ours, theirs = in_turn(
        runs, _from_disk(_process(library), _process(one)), _from_disk(_find(library), _find(one))
    )
    return [Row(f"second run, {library.files:,} videos, cold cache", ours, "find -printf", theirs)]


def _from_disk(side: Side, program: Side) -> Side:
    """Return a side before which all caches are dropped, and the program is run elsewhere."""

    def work() -> float:
        _drop_caches()
        program()
        return side()

    return work


def _drop_caches() -> None:
    """Raises BenchError where nobody may."""
    os.sync()  # only what is written already can be dropped
    try:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as stream:
            stream.write("3")
    except OSError as error:
        raise BenchError(f"--cold needs root on Linux, to drop the caches: {error.strerror}") from error


def process_command(library: Library, *words: str) -> list[str]:
    """Return the command line of a run over the library."""
    return [*vpo_command(), "process", *words, library.root]


def check_finished(library: Library) -> None:
    """Raise BenchError unless a run finds every video up to date: else the times were of something else."""
    summary = json.loads(ask(process_command(library, "--json"), library.environ))["summary"]
    if summary["up_to_date_count"] != library.files or summary["total_files"] != library.files:
        raise BenchError(f"a run over the finished library says {summary}")


def _process(library: Library) -> Side:
    return lambda: run(process_command(library), library.environ).seconds


def _find(library: Library) -> Side:
    command = [need_tool("find"), library.root, "-type", "f", "-printf", "%D %i %s %T@ %p\\n"]
    return lambda: run(command, library.environ).seconds


def _ninjas(options: Options, library: Library) -> dict[str, Side]:
    path = find_tool("ninja")
    if path is None:
        print("ninja is not installed (pip install ninja): its rows are left out", file=sys.stderr)
        return {}
    name, sides = version_of("ninja", path), dict[str, Side]()
    for kind, make in (("in place", ninja.make_in_place), ("to a target", ninja.make_with_targets)):
        folder = os.path.join(options.scratch, f"ninja {kind}")
        make(path, folder, video_paths(library.root, library.files))
        command = [path, "-C", folder]
        sides[f"{name}, an edge a video, {kind}"] = partial(_seconds, command, library)
    return sides


def _doit(options: Options, library: Library) -> dict[str, Side]:
    if library.files > _MOST_DOIT_FILES:
        return {}
    folder = os.path.join(options.scratch, "doit")
    os.makedirs(folder)
    listing = os.path.join(folder, "videos")
    with open(listing, "w", encoding="utf-8") as stream:
        stream.write("\n".join(video_paths(library.root, library.files)))
    with open(os.path.join(folder, "dodo.py"), "w", encoding="utf-8") as stream:
        stream.write(_DODO.format(listing=listing))
    command = [sys.executable, "-m", "doit", "--file", os.path.join(folder, "dodo.py"), "--dir", folder]
    ask(command, library.environ)
    return {f"doit {version('doit')}, timestamp checker": partial(_seconds, command, library)}


def _seconds(command: list[str], library: Library) -> float:
    return run(command, library.environ).seconds


def _memory(options: Options, library: Library, runs: int) -> Row:
    """Return the peak over the library, against the peak over one video."""
    scratch = os.path.join(options.scratch, "one")
    one = make_library(scratch, 1, environment(scratch))
    many_mib, one_mib = in_turn(min(runs, 3), *(partial(_peak_mib, each) for each in (library, one)))
    more_kb = (max(many_mib) - min(one_mib)) * 2**20 / library.files / 1000
    what = f"most memory held, {library.files:,} videos"
    return Row(what, many_mib, "vpo, one video", one_mib, "MiB", f"{more_kb:.2f} kB a video more")


def _peak_mib(library: Library) -> float:
    return peak_bytes(process_command(library, "--quiet"), library.environ) / 2**20
