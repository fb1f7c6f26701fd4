"""Run after run in one process: memory, descriptors, threads and child processes stay what they were."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

RUNS = 20
DRIVER = """
import gc, io, json, os, sys, threading
from vpo_tasks.config import load_config
from vpo_tasks.report.console import Console
from vpo_tasks.run.context import RunOptions
from vpo_tasks.run.opening import open_run
from vpo_tasks.doit_plugin.runner import run_batch

media, runs = sys.argv[1], int(sys.argv[2])
seen = []
for number in range(runs):
    for name in os.listdir(media):  # looked at every time, and planned anew
        os.utime(os.path.join(media, name))
    console = Console(io.StringIO(), io.StringIO(), quiet=True)
    with open_run([media], RunOptions(workers=2), load_config(), console) as run:
        result, code = run_batch(run)
    assert code == 0 and result.unchanged_count == 6, (code, result)
    gc.collect()
    with open("/proc/self/statm") as stream:
        pages = int(stream.read().split()[1])
    with open(f"/proc/self/task/{os.getpid()}/children") as stream:
        children = len(stream.read().split())
    seen.append([pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/fd")), threading.active_count(), children])
print(json.dumps(seen))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_twenty_runs_leave_nothing_behind(world):
    for number in range(6):
        world.add(f"{number}.mkv", kind="right")
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, world.media, str(RUNS)],
        env=world.environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    settled, last = seen[4], seen[-1]
    assert last[1:] == settled[1:], "descriptors, threads, child processes"
    assert last[2:] == [1, 0]
    assert last[0] - settled[0] < 2 << 20, "bytes of memory"
