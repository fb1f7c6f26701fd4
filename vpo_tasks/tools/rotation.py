"""The ffmpeg that keeps the rotation of pictures in Matroska (quirks.ROTATION_LOST)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vpo_tasks.plan.model import Encode, Plan
from vpo_tasks.tools.base import Call, ToolInfo
from vpo_tasks.tools.encoders import TOO_OLD, Hardware, ask_encoders
from vpo_tasks.tools.quirks import ROTATION_LOST
from vpo_tasks.tools.toolbox import UNKNOWN, ask_version, other_ffmpegs


class Equipment(NamedTuple):
    """An ffmpeg, and the judge of its hardware encoders."""

    info: ToolInfo
    hardware: Hardware


class Rotation:
    """Finds the ffmpeg for turned pictures, asking each at most once. Safe from any thread.

    `run` runs a call and returns its exit status, as for `Hardware`. `candidates` replaces the search.
    """

    def __init__(
        self, used: ToolInfo | None, run: Callable[[Call], int], candidates: Sequence[ToolInfo] | None = None
    ) -> None:
        self._used = used
        self._run = run
        self._candidates = candidates
        self._lock = threading.Lock()
        self._found: list[Equipment] | None = None
        self.in_doubt = False
        """Some ffmpeg has not answered, which it may do in a moment."""

    def find(self, plan: Plan) -> Equipment | None:
        """Return the first ffmpeg that keeps the rotation and has what the plan's encodes need."""
        with self._lock:
            found = self._found
            if found is None:
                found = self._look()
                self._found = None if self.in_doubt else found
        encodes = [
            stream.encode
            for stream, track in zip(plan.streams, plan.result.tracks, strict=True)
            if stream.encode is not None and track.type != "subtitle"
        ]
        return next((equipment for equipment in found if _can_encode(equipment, encodes)), None)

    def _look(self) -> list[Equipment]:
        self.in_doubt = False
        found = []
        for info in self._all():
            version = ask_version(info).version
            encoders = TOO_OLD
            if version != UNKNOWN and not ROTATION_LOST.affects(version):
                encoders = ask_encoders(info.path)
            self.in_doubt = self.in_doubt or version == UNKNOWN or not encoders
            if encoders and encoders != TOO_OLD:
                found.append(Equipment(info, Hardware(info.path, encoders, self._run)))
        return found

    def _all(self) -> Sequence[ToolInfo]:
        if self._candidates is not None:
            return self._candidates
        used = () if self._used is None else (self._used,)
        known = {info.path for info in used}
        return (*used, *(info for info in other_ffmpegs() if info.path not in known))


def _can_encode(equipment: Equipment, encodes: Sequence[Encode]) -> bool:
    return all(equipment.hardware.choose(encode) for encode in encodes)
