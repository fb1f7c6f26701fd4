"""A finished ninja build over the same videos, made without building: the log is written as ninja would.

Every edge has the same command, so one real edge tells the hash that ninja (any version) logs for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from bench.command import BenchError, ask

_RULE = "rule nothing\n  command = :\n"


def make_in_place(ninja: str, folder: str, videos: Iterable[str]) -> None:
    """One edge a video with nothing but its output: ninja looks at each video once, as we do."""
    _make(ninja, folder, ((video, None) for video in videos))


def make_with_targets(ninja: str, folder: str, videos: Iterable[str]) -> None:
    """One edge from each video to a target: ninja looks at both. The classic way of Make."""
    targets = os.path.join(folder, "targets")
    os.makedirs(targets)
    pairs = []
    for number, video in enumerate(videos):
        target = os.path.join(targets, str(number // 1000), f"{number % 1000}.done")
        if number % 1000 == 0:
            os.mkdir(os.path.dirname(target))
        with open(target, "wb"):
            pairs.append((target, video))
    _make(ninja, folder, pairs)


def _make(ninja: str, folder: str, pairs: Iterable[tuple[str, str | None]]) -> None:
    os.makedirs(folder, exist_ok=True)
    header, command_hash = _learn_log(ninja, folder)
    with (
        open(os.path.join(folder, "build.ninja"), "w", encoding="utf-8") as build,
        open(os.path.join(folder, ".ninja_log"), "w", encoding="utf-8") as log,
    ):
        build.write(_RULE)
        log.write(header)
        for output, source in pairs:
            build.write(f"build {_escape(output)}: nothing{f' {_escape(source)}' if source else ''}\n")
            log.write(f"0\t1\t{os.stat(output).st_mtime_ns}\t{output}\t{command_hash}\n")
    if "no work to do" not in ask([ninja, "-C", folder], os.environ):
        raise BenchError("ninja finds work in a finished build")


def _learn_log(ninja: str, folder: str) -> tuple[str, str]:
    """Return the log's first line and the hash of the one command, from a real build of one edge."""
    one = os.path.join(folder, "one")
    os.makedirs(one)
    with open(os.path.join(one, "build.ninja"), "w", encoding="utf-8") as build:
        build.write(f"{_RULE}build out: nothing\n")
    ask([ninja, "-C", one], os.environ)
    with open(os.path.join(one, ".ninja_log"), encoding="utf-8") as log:
        header, entry = log.read().splitlines(keepends=True)
    return header, entry.split("\t")[-1].strip()


def _escape(path: str) -> str:
    return path.replace("$", "$$").replace(" ", "$ ").replace(":", "$:")
