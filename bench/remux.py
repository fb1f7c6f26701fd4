"""`remux`: one track of a large file dropped and the rest reordered, verified, against one bare mkvmerge."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.command import need_tool, version_of
from bench.large import ONE_PHASE, Large, Taken
from bench.series import Row
from bench.table import Options

_RUNS = 3


def measure(options: Options) -> list[Row]:
    """Return time against mkvmerge with and without `sync -d`, and bytes moved as parts of the output."""
    large = Large(options)
    sides = (
        large.by_vpo("one", ONE_PHASE),
        large.by_mkvmerge(sync=True),
        large.by_mkvmerge(sync=False),
    )
    rounds = [tuple(side() for side in sides) for _ in range(1 + (options.runs or _RUNS))]
    ours, synced, bare = zip(*rounds[1:], strict=True)
    peer = version_of("mkvmerge", need_tool("mkvmerge"))
    size = f"{ours[0].output_size / 2**20:,.0f} MiB"
    rows = [
        Row(f"drop and reorder, {size}", _seconds(ours), f"{peer} and sync -d", _seconds(synced)),
        Row(f"drop and reorder, {size}", _seconds(ours), peer, _seconds(bare)),
    ]
    return rows + _bytes(ours, bare, peer)


def _bytes(ours: Sequence[Taken], theirs: Sequence[Taken], peer: str) -> list[Row]:
    if any(taken.moved is None for taken in (*ours, *theirs)):
        return []
    rows = []
    for what, field in (("read", "read"), ("written", "written"), ("to disk", "to_disk")):
        mine, other = (
            tuple(getattr(taken.moved, field) / 2**20 for taken in side) for side in (ours, theirs)
        )
        part = median(getattr(taken.moved, field) / taken.output_size for taken in ours)
        rows.append(Row(f"bytes {what}", mine, peer, other, "MiB", f"{part:.3f} times the output"))
    return rows


def _seconds(side: Sequence[Taken]) -> tuple[float, ...]:
    return tuple(taken.seconds for taken in side)
