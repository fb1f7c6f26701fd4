"""`python -m bench NAME`: one table a benchmark."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence

from bench.command import BenchError
from bench.series import as_document, as_table
from bench.table import BENCHMARKS, Options, find_benchmark


def main(argv: Sequence[str] | None = None) -> int:
    """Run one benchmark and print its rows. Exit 1 when it cannot be run here, 2 for a wrong option."""
    parser = _parser()
    asked = parser.parse_args(argv)
    if asked.list:
        for entry in BENCHMARKS:
            print(f"{entry.name:<10}{entry.summary}")
        return 0
    if asked.name is None:
        parser.error("which benchmark? (--list shows them)")
    try:
        benchmark = find_benchmark(asked.name)
        with tempfile.TemporaryDirectory(prefix="vpo-bench-") as scratch:
            place = os.path.realpath(scratch)
            rows = benchmark.measure(Options(place, asked.files, asked.runs, asked.size, asked.cold))
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if asked.json:
        print(json.dumps(as_document(benchmark.name, machine(), rows), indent=2))
    else:
        print(f"{benchmark.name}: {benchmark.summary} ({machine()})\n\n{as_table(rows)}")
    return 0


def machine() -> str:
    """Return what the numbers depend on."""
    system = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, {system}, Python {platform.python_version()}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure vpo against its peers. TMPDIR says on which disk."
    )
    parser.add_argument("name", nargs="?", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="show the benchmarks")
    parser.add_argument("--files", type=_count, metavar="N", help="how many videos")
    parser.add_argument("--runs", type=_count, metavar="R", help="how often each side is measured")
    parser.add_argument("--size", type=_count, default=1024, metavar="MIB", help="size of the large file")
    parser.add_argument("--cold", action="store_true", help="noop: with nothing of it in memory (root only)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main())
