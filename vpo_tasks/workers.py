"""How many videos may be in hand at once: asked for, capped at half the cores."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import NamedTuple


class WorkerCount(NamedTuple):
    """`workers` is what to use; `warning` says why it is less than `requested`, or is empty."""

    workers: int
    requested: int
    cap: int
    cores: int
    warning: str = ""


def count_cores(override: int | None = None, cgroup_root: str = "/sys/fs/cgroup") -> int:
    """Return the cores this process may really use, at least 1.

    `override` (VPO_CPU_COUNT) wins; else the smallest of the machine's count, the affinity mask and the
    cgroup's CPU quota, rounded up.
    """
    if override is not None:
        return max(1, override)
    counts = [os.cpu_count() or 1]
    if hasattr(os, "sched_getaffinity"):
        counts.append(len(os.sched_getaffinity(0)))
    quota = _cgroup_quota(cgroup_root)
    if quota is not None:
        counts.append(math.ceil(quota))
    return max(1, min(counts))


def get_max_workers(cores: int) -> int:
    """Return the cap: half the cores, at least 1. The tools use threads of their own."""
    return max(1, cores // 2)


def resolve_worker_count(requested: int, cores: int) -> WorkerCount:
    """Return what to use of `requested` (at least 1) on `cores`."""
    cap = get_max_workers(cores)
    if requested <= cap:
        return WorkerCount(requested, requested, cap, cores)
    noun = "core" if cores == 1 else "cores"
    warning = f"{requested} workers asked for, {cap} used: half of {cores} {noun}, at least 1"
    return WorkerCount(cap, requested, cap, cores, warning)


def resolve_threads(asked: int | None, workers: int, cores: int) -> int:
    """Return the threads of each worker's encoder: a share of the cores, or as asked.

    With decoding, which takes half as many again, all workers together use at most half more than there are
    cores; what is asked for is capped at that.
    """
    share = max(1, cores // workers)
    return share if asked is None else max(1, min(asked, share))


def _cgroup_quota(root: str) -> float | None:
    """Return the tightest CPU quota of this process's cgroup and those above it, in cores."""
    quotas: list[float] = []
    for line in _read("/proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            quotas += _quotas_above(root, path, _quota_v2)
        elif "cpu" in controllers.split(","):
            quotas += _quotas_above(os.path.join(root, controllers), path, _quota_v1)
            quotas += _quotas_above(os.path.join(root, "cpu"), path, _quota_v1)
    return min(quotas, default=None)


def _quotas_above(root: str, path: str, read: Callable[[str], float | None]) -> list[float]:
    folder = os.path.normpath(os.path.join(root, path.lstrip("/")))
    found: list[float] = []
    while folder.startswith(root):
        quota = read(folder)
        if quota is not None:
            found.append(quota)
        folder = os.path.dirname(folder)
    return found


def _quota_v2(folder: str) -> float | None:
    quota, _, period = _read(os.path.join(folder, "cpu.max")).strip().partition(" ")
    return _ratio(quota, period)


def _quota_v1(folder: str) -> float | None:
    return _ratio(
        _read(os.path.join(folder, "cpu.cfs_quota_us")).strip(),
        _read(os.path.join(folder, "cpu.cfs_period_us")).strip(),
    )


def _ratio(quota: str, period: str) -> float | None:
    if not quota.isdecimal() or not period.isdecimal() or int(quota) == 0 or int(period) == 0:
        return None  # "max", "-1" or absent: no limit
    return int(quota) / int(period)


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return stream.read(4096)
    except OSError:
        return ""
