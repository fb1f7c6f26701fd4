"""Capabilities of an ffmpeg: listed encoders, hardware encoders that pass a trial, kept rotation."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vpo_tasks.errors import ToolError, is_from_outside
from vpo_tasks.plan.encoding import hardware_encoders, software_encoders_for
from vpo_tasks.plan.model import Encode, Plan
from vpo_tasks.tools.base import Call, ToolInfo
from vpo_tasks.tools.ffmpeg_encoding import VAAPI_WORDS, hardware_kind
from vpo_tasks.tools.quirks import NO_FPS_MODE, ROTATION_LOST
from vpo_tasks.tools.toolbox import UNKNOWN, ask, ask_version, other_ffmpegs

_TIMEOUT_S = 30.0
_LINE = re.compile(rb"^ [VAS][.A-Z]{5} (\S+)", re.MULTILINE)
_VERSION = re.compile(r"^ffmpeg version (\S+)", re.MULTILINE)
TOO_OLD = frozenset({"(too-old)"})
"""In place of encoders; none is called so."""


def ask_encoders(ffmpeg: str) -> frozenset[str]:
    """Return the encoders that `ffmpeg -encoders` lists. Costs a process.

    `TOO_OLD` for a version that cannot be used (quirks.NO_FPS_MODE). Empty when ffmpeg does not answer; do
    not store that, the next try may succeed.
    """
    answer = ask([ffmpeg, "-nostdin", "-encoders"], _TIMEOUT_S)
    if answer is None:
        return frozenset()
    return TOO_OLD if is_too_old(answer.messages) else parse_encoders(answer.output)


def is_too_old(banner: bytes) -> bool:
    """Tell by a banner such as `ffmpeg version 4.4.2-0ubuntu…`."""
    found = _VERSION.search(banner.decode("utf-8", "replace"))
    return found is not None and NO_FPS_MODE.affects(found[1])


def parse_encoders(answer: bytes) -> frozenset[str]:
    """Return the names in lines such as ` V....D libx264   libx264 H.264 / AVC (codec h264)`."""
    names = _LINE.findall(answer)
    return frozenset(name.decode("ascii", "replace") for name in names if name != b"=")


_SOURCE = b"color=c=gray:s=320x240:r=25:d=0.2"
TRIAL_TIMEOUT_S = 30.0


class Hardware:
    """Hardware encoders that work on this machine; each is tried at most once. Thread-safe.

    `run` runs a call and returns its exit status.
    """

    def __init__(self, ffmpeg: str, listed: frozenset[str] | None, run: Callable[[Call], int]) -> None:
        self._ffmpeg = ffmpeg
        self._listed = listed
        self._run = run
        self._lock = threading.Lock()
        self._verdicts: dict[str, bool] = {}

    def works(self, encoder: str) -> bool:
        """Tell whether ffmpeg lists the encoder and a tiny encode with it succeeds."""
        if self._listed is not None and encoder not in self._listed:
            return False
        with self._lock:
            verdict = self._verdicts.get(encoder)
            if verdict is None and (verdict := self._try(encoder)) is not None:
                self._verdicts[encoder] = verdict
            return bool(verdict)

    def choose(self, encode: Encode) -> tuple[str, ...]:
        """Return the encoders to try for an encode, in order: hardware that works, then software.

        Empty when hardware is insisted on and none works.
        """
        hardware = hardware_encoders(encode.codec, encode.hw)
        first = next((name for name in hardware if self.works(name)), None)
        working = () if first is None else (first,)
        if hardware and not encode.hw_fallback and encode.hw != "auto":
            return working
        return (*working, *self._software(encode))

    def _software(self, encode: Encode) -> tuple[str, ...]:
        known = software_encoders_for(encode)
        if self._listed is None:
            return known[:1]
        return tuple(name for name in known if name in self._listed)[:1]

    def _try(self, encoder: str) -> bool | None:
        """Return whether a trial succeeds; None when it was ended from outside."""
        try:
            returncode = self._run(Call(argv=trial_words(self._ffmpeg, encoder), cwd=b"/"))
        except ToolError as error:  # what hangs does not work
            return None if error.cause == "moment" else False
        return None if is_from_outside(returncode) else returncode == 0


def trial_words(ffmpeg: str, encoder: str) -> tuple[bytes, ...]:
    """Return the command line of an encoder's trial: three frames."""
    is_vaapi = hardware_kind(encoder) == "vaapi"
    device = VAAPI_WORDS if is_vaapi else ()
    filters = b"format=nv12,hwupload" if is_vaapi else b"format=nv12"
    return (
        os.fsencode(ffmpeg), b"-nostdin", b"-hide_banner", b"-v", b"error", *device, b"-f", b"lavfi",
        b"-i", _SOURCE, b"-vf", filters, b"-frames:v", b"3", b"-c:v", encoder.encode(), b"-f", b"null", b"-",
    )  # fmt: skip


class Equipment(NamedTuple):
    """An ffmpeg and its hardware encoders."""

    info: ToolInfo
    hardware: Hardware


class Rotation:
    """Finds the ffmpeg that keeps the rotation of pictures in Matroska (quirks.ROTATION_LOST).

    It asks each at most once. Safe from any thread.

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
