"""Every benchmark at a tiny size: rows come out, in both forms. Times are printed, never asserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.table import BENCHMARKS
from tests.support.tools import need_tool

ROOT = Path(__file__).parents[2]
TINY = {
    "start": (),
    "noop": ("--files", "45"),
    "replan": ("--files", "101"),
    "plan": (),
    "probe": ("--files", "4"),
    "parallel": ("--files", "2"),
    "remux": ("--size", "8"),
    "header": ("--files", "3"),
    "phases": ("--size", "8"),
    "encode": ("--files", "1"),
    "makespan": ("--files", "5"),
}
NEEDS = {
    "noop": ("find",),
    "probe": ("ffprobe",),
    "parallel": ("mkvmerge", "xargs"),
    "remux": ("mkvmerge",),
    "header": ("mkvmerge", "mkvpropedit"),
    "phases": ("mkvmerge",),
    "encode": ("ffmpeg",),
    "makespan": ("mkvmerge",),
}


def bench(scratch, *words):
    return subprocess.run(
        [sys.executable, "-m", "bench", *words],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def need(name):
    for tool in NEEDS.get(name, ()):
        need_tool(tool)


@pytest.mark.parametrize("name", [benchmark.name for benchmark in BENCHMARKS])
def test_a_benchmark_prints_its_rows_as_json_and_leaves_nothing_behind(name, tmp_path):
    need(name)
    done = bench(tmp_path, name, *TINY[name], "--runs", "1", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["benchmark"] == name
    assert document["rows"]
    for row in document["rows"]:
        assert row["what"]
        assert row["peer"]
        assert row["runs"] == len(row["ours"]["values"]) == len(row["theirs"]["values"]) == 1
        assert row["ours"]["median"] > 0
        assert row["theirs"]["median"] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_table_has_a_line_a_row(tmp_path):
    done = bench(tmp_path, "start", "--runs", "2")
    assert done.returncode == 0, done.stderr
    title, empty, *table = done.stdout.splitlines()
    assert "cores" in title
    assert empty == ""
    assert len(table) == 4
    assert len({line.count("|") for line in table}) == 1
    assert "vpo --version" in table[2]


def test_the_list_names_every_benchmark(tmp_path):
    done = bench(tmp_path, "--list")
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(TINY)


def test_a_cold_library_is_measured_where_caches_may_be_dropped_and_else_it_is_said(tmp_path):
    need("noop")
    done = bench(tmp_path, "noop", "--cold", "--files", "5", "--runs", "1", "--json")
    if os.access("/proc/sys/vm/drop_caches", os.W_OK):
        assert done.returncode == 0, done.stderr
        (row,) = json.loads(done.stdout)["rows"]
        assert (row["peer"], row["runs"]) == ("find -printf", 1)
    else:
        assert done.returncode == 1
        assert "--cold needs root on Linux" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nothing",), 1, "no benchmark nothing"),
        ((), 2, "which benchmark"),
        (("noop", "--files", "0"), 2, "--files"),
    ],
)
def test_what_cannot_be_measured_is_said(tmp_path, words, code, said):
    done = bench(tmp_path, *words)
    assert done.returncode == code
    assert said in done.stderr
    assert done.stdout == ""
