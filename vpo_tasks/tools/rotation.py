"""Which ffmpeg writes into Matroska how a picture is turned: those before version 6 leave it out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vpo_tasks.plan.model import Encode, Plan
from vpo_tasks.tools.base import Call, ToolInfo
from vpo_tasks.tools.encoders import TOO_OLD, Hardware, ask_encoders
from vpo_tasks.tools.toolbox import UNKNOWN, ask_version, other_ffmpegs

_FIRST_MAJOR = 6


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
            encoders = ask_encoders(info.path) if _is_new_enough(version) else TOO_OLD
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


def _is_new_enough(version: str) -> bool:
    """Tell by the version: `7.0.2`, `n9.0.2-17-g2a57`; a build from between releases (`N-1234`) is new."""
    if version == UNKNOWN:
        return False
    major = version.lstrip("nv").partition(".")[0]
    return not major.isdecimal() or int(major) >= _FIRST_MAJOR
