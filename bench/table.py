"""The benchmarks there are: a new one is one file and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from bench.command import BenchError
from bench.series import Row


class Options(NamedTuple):
    """What a person asked for. None: as the benchmark says. `scratch` is an empty folder, gone afterwards."""

    scratch: str
    files: int | None = None
    runs: int | None = None
    size_mib: int = 1024
    cold: bool = False


class Benchmark(NamedTuple):
    """A line of `--list`. `module` has `measure(options) -> list[Row]` and is imported when asked for."""

    name: str
    module: str
    summary: str

    def measure(self, options: Options) -> list[Row]:
        """Run it. Raises BenchError when it cannot be run."""
        rows: list[Row] = import_module(self.module).measure(options)
        return rows


BENCHMARKS = (
    Benchmark("start", "bench.start", "the command's start, against an empty Python"),
    Benchmark("noop", "bench.noop", "a second run over N finished videos, against ninja, doit and find"),
    Benchmark("replan", "bench.replan", "a dry run after a policy edit, against noop"),
    Benchmark("plan", "bench.plan", "planning one video, against loading what is known of it"),
    Benchmark("probe", "bench.probe", "a first inspection of N videos, against ffprobe"),
    Benchmark("parallel", "bench.parallel", "N videos with a slow tool, against xargs -P"),
    Benchmark("remux", "bench.remux", "drop a track of a large file and reorder, against mkvmerge"),
    Benchmark("header", "bench.header", "a flag changed in N files without a copy, against mkvpropedit"),
    Benchmark("phases", "bench.phases", "the same change over six phases, against one"),
    Benchmark("encode", "bench.encode", "an encode with all the rest in one pass, against the bare ffmpeg"),
    Benchmark("makespan", "bench.makespan", "videos of very different length, against the lower bound"),
)


def find_benchmark(name: str) -> Benchmark:
    """Return a benchmark by name. Raises BenchError when there is none."""
    for benchmark in BENCHMARKS:
        if benchmark.name == name:
            return benchmark
    raise BenchError(f"no benchmark {name}: there are {', '.join(entry.name for entry in BENCHMARKS)}")
