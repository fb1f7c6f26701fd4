"""Running commands and timing them in turn, so that a machine's drift hits every side alike.

Imports little: what a child uses at most is counted from what its parent held when it was started.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple


class BenchError(Exception):
    """A benchmark cannot be run, or what it runs does not do its work: its numbers would mean nothing."""


class Ran(NamedTuple):
    """What a command took: wall-clock seconds from start to exit, and the most memory it held, in bytes."""

    seconds: float
    peak_bytes: int


def run(
    argv: Sequence[str], environ: Mapping[str, str], *, cwd: str | None = None, ok: Sequence[int] = (0,)
) -> Ran:
    """Run a command to its end. Its output goes nowhere. Raises BenchError when it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(
        argv,
        env=environ,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in ok:
        raise BenchError(f"exit {process.returncode}: {' '.join(argv)}")
    return Ran(seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def ask(argv: Sequence[str], environ: Mapping[str, str], *, cwd: str | None = None) -> str:
    """Run a command outside any timing and return its stdout. Raises BenchError when it fails."""
    done = subprocess.run(
        argv, env=environ, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BenchError(f"exit {done.returncode}: {' '.join(argv)}\n{done.stderr[-2000:]}")
    return done.stdout


def peak_bytes(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Return the most memory that a command held, as a small parent sees it. Raises BenchError when it fails.

    Linux counts what a process held before `exec` too, that is its parent's memory; this program's own would
    hide what one video takes.
    """
    return int(ask([sys.executable, "-I", "-S", "-c", _PARENT, *argv], environ))


_PARENT = """
import os, resource, sys
null = os.open(os.devnull, os.O_WRONLY)
actions = [(os.POSIX_SPAWN_DUP2, null, 1)]
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=actions)
if os.waitpid(process, 0)[1]:
    sys.exit(1)
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit)
"""


Side = Callable[[], float]
"""One side of a comparison: does its work once and returns seconds (or whatever is compared)."""


def in_turn(runs: int, *sides: Side, warm_up: bool = True) -> list[tuple[float, ...]]:
    """Run the sides A B A B …, `runs` times each, and return each side's values.

    `warm_up` runs all of them once before: compiled modules and the page cache are there for everybody.
    """
    rounds = [tuple(side() for side in sides) for _ in range(runs + warm_up)]
    return list(zip(*rounds[warm_up:], strict=True))


def vpo_command() -> tuple[str, ...]:
    """Return the installed `vpo` of this Python, as a person starts it."""
    script = os.path.join(os.path.dirname(os.path.abspath(sys.executable)), "vpo")
    return (script,) if os.path.exists(script) else (sys.executable, "-m", "vpo_tasks.cli.main")


def environment(scratch: str, **more: str) -> dict[str, str]:
    """Return the variables for every command: a private state folder, compiled modules kept as installed.

    PYTHONDONTWRITEBYTECODE would make every start compile the program anew; the prefix keeps the checkout
    clean.
    """
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    home = os.path.join(scratch, "home")
    cache = os.path.join(scratch, "compiled")
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folders = os.pathsep.join(filter(None, (root, environ.get("PYTHONPATH"))))
    return {**environ, "VPO_HOME": home, "PYTHONPYCACHEPREFIX": cache, "PYTHONPATH": folders, **more}


def find_tool(name: str) -> str | None:
    """Return an executable on PATH or next to this Python (pip installs some there)."""
    return shutil.which(name) or shutil.which(name, path=os.path.dirname(os.path.abspath(sys.executable)))


def need_tool(name: str) -> str:
    """Return an executable. Raises BenchError when there is none."""
    path = find_tool(name)
    if path is None:
        raise BenchError(f"{name} is not installed, and this benchmark compares with it")
    return path


def version_of(name: str, path: str, option: str = "--version") -> str:
    """Return `name version` from the first line of what a tool says of itself."""
    lines = ask([path, option], os.environ).splitlines() or [""]
    number = next((word for word in lines[0].split() if any(c.isdigit() for c in word)), "")
    return f"{name} {number.strip('(),').lstrip('v')}".strip()
