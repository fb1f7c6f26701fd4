"""Makers for the tests of execute: probes without helper processes, plans by hand, an environment in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from tests.support.fake_tools import real_toolbox
from vpo_tasks.disk.space import SpaceLedger
from vpo_tasks.disk.system_calls import Disk, RealDisk
from vpo_tasks.execute.work import Environment, Replacement
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo, StreamCount, Track
from vpo_tasks.media.packet_counts import count_packets
from vpo_tasks.plan.model import Change, Encode, Plan, Step, StepKind, Stream
from vpo_tasks.tools.running import Children
from vpo_tasks.tools.toolbox import Toolbox


class DirectProbes:
    """The real readers, in this process."""

    def probe(self, path: str) -> MediaInfo:
        return read_media(path)

    def count(self, path: str, *, demux: bool = False) -> tuple[StreamCount, ...]:
        return count_packets(path, read_media(path), demux=demux)

    @contextmanager
    def following(self, path: str) -> Iterator[DirectFollower]:
        yield DirectFollower(path)

    def close(self) -> None:
        """Nothing to end."""


class DirectFollower:
    """Follows nobody: it counts when it is asked."""

    def __init__(self, path: str) -> None:
        self.path = path

    def go_on(self, until: int) -> None:
        pass

    def count(self) -> tuple[StreamCount, ...]:
        return DirectProbes().count(self.path)


def plan_for(
    source: MediaInfo,
    *,
    keep: Sequence[int] | None = None,
    change: Callable[[Track], Track] = lambda track: track,
    encode: dict[int, Encode] | None = None,
    keep_mtime: bool = True,
    **result: Any,
) -> Plan:
    """Plan by hand: which tracks in which order, what becomes of each (`change`), fields of the result."""
    by_index = {track.index: track for track in source.tracks}
    chosen = [by_index[i] for i in keep] if keep is not None else list(source.tracks)
    # a file holds its attachments behind its tracks, whatever the order asked for
    chosen.sort(key=lambda track: track.type == "attachment")
    tracks = tuple(msgspec.structs.replace(change(track), index=place) for place, track in enumerate(chosen))
    streams = tuple(Stream(track.index, (encode or {}).get(track.index)) for track in chosen)
    wanted = msgspec.structs.replace(source, tracks=tracks, **result)
    note = Change(policy="p", phase="f", operation="o", what="order", reason="because")
    return Plan(source=source, result=wanted, streams=streams, changes=(note,), keep_mtime=keep_mtime)


def flip_default(track: Track) -> Track:
    return msgspec.structs.replace(track, default=not track.default) if track.type == "audio" else track


def make_environment(
    folder: object, *, toolbox: Toolbox | None = None, disk: Disk | None = None, **rest: Any
) -> Environment:
    return Environment(
        toolbox=toolbox or real_toolbox(),
        children=Children(),
        probes=DirectProbes(),
        ledger=SpaceLedger(0),
        locks_dir=os.path.join(str(folder), "locks"),
        disk=disk or RealDisk(),
        **rest,
    )


def work_for(path: str, plan: Plan, tool: Any = "ffmpeg", **rest: Any) -> Replacement:
    kind: StepKind = "encode" if any(stream.encode for stream in plan.streams) else "remux"
    step = Step(kind=kind, tool=tool, writes_bytes=plan.source.size_bytes)
    return Replacement(path, Identity.of(os.stat(path)), plan, step, **rest)
