"""What carrying out a step takes and gives: values, and the few things with side effects it is handed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple, Protocol

from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.disk.space import SpaceLedger
from vpo_tasks.disk.system_calls import Disk, RealDisk
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo, StreamCount
from vpo_tasks.plan.model import Plan, Step
from vpo_tasks.tools.encoders import Hardware, Rotation
from vpo_tasks.tools.running import Children
from vpo_tasks.tools.toolbox import Toolbox


class Probes(Protocol):
    """Reading videos, behind a Protocol because it happens in other processes (media/probe.py)."""

    def probe(self, path: str) -> MediaInfo:
        """Return what is in the video. Raises ProbeError."""
        ...

    def count(self, path: str, *, demux: bool = False) -> tuple[StreamCount, ...]:
        """Return packets and timestamps of every stream; `demux` reads each packet. Raises ProbeError."""
        ...

    def following(self, path: str) -> AbstractContextManager[Follower]:
        """Return what counts a Matroska file while a tool reads it; meanwhile nothing else may be asked."""
        ...

    def close(self) -> None:
        """End the processes."""


class Follower(Protocol):
    """A count that goes along with a tool, so that a file larger than the memory is read once."""

    def go_on(self, until: int) -> None:
        """Count up to an offset in bytes that the tool has passed. Never raises."""
        ...

    def count(self) -> tuple[StreamCount, ...]:
        """Return what `Probes.count` does, as of the whole file. Raises ProbeError."""
        ...


class Replacement(NamedTuple):
    """One video to be brought in line. `source` is its real path, `identity` what it was when planned.

    `destination` None is in place (renamed when the container changes), else the path of the target; then
    the source is left alone, and an older target is replaced only if the caller knows it to be ours.
    """

    source: str
    identity: Identity
    plan: Plan
    step: Step
    destination: str | None = None
    may_overwrite: bool = False
    verify: str = "standard"
    without_hard_links: str = "refuse"
    keep: str | None = None
    """The run under whose name the original is kept for undo; None keeps none."""


def _no_recheck(_media: MediaInfo) -> None:
    pass


def _no_progress(_fraction: float | None, _speed: float | None = None) -> None:
    pass


class Environment(NamedTuple):
    """What the work is done with. `recheck` plans the probed output again and raises when it is refused.

    `progress` is called with the part that is done, 0 to 1, and the speed in seconds of video a second, from
    the thread that does the work. `threads` is how many an encoder may use, `hardware` knows what works.
    """

    toolbox: Toolbox
    children: Children
    probes: Probes
    ledger: SpaceLedger
    locks_dir: str
    stall_timeout_s: float = 600.0
    recheck: Callable[[MediaInfo], None] = _no_recheck
    progress: Callable[[float | None, float | None], None] = _no_progress
    disk: Disk = RealDisk()
    threads: int | None = None
    hardware: Hardware | None = None
    rotation: Rotation | None = None
    """None: the ffmpeg of the toolbox does everything."""


class Done(NamedTuple):
    """Work that is done. `identity` and `media` are those of `final_path`; sizes in bytes."""

    final_path: str
    identity: Identity
    media: MediaInfo
    bytes_read: int
    bytes_written: int
    warnings: tuple[str, ...]
    size_before: int
    size_after: int


class Versions(NamedTuple):
    """A video before and after the work, both open, and the locks for the tools that read them."""

    before: OpenFile
    after: OpenFile
    fds: tuple[int, ...]


Outcome = Literal["in-hand", "undone", "finished", "kept"]


class RecoveryNote(NamedTuple):
    """What became of unfinished work. `path` is the video's; `kept` means that a person must look."""

    path: str
    outcome: Outcome
    detail: str
