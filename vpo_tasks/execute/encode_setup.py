"""The setup of a plan's encodes on this machine: working encoders, threads, HDR metadata."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from vpo_tasks.errors import ToolError
from vpo_tasks.execute.work import Environment, Replacement
from vpo_tasks.tools.base import Call, ParsedLine, ToolInfo
from vpo_tasks.tools.encoders import Hardware
from vpo_tasks.tools.ffmpeg import opening
from vpo_tasks.tools.ffmpeg_encoding import EncodeSetup, Mastering, hardware_kind

SHOW_WORDS = (b"-frames:v", b"1", b"-vf", b"showinfo", b"-v", b"info", b"-f", b"null", b"-")

_NUMBER = r"\s*([\d.]+)"
_DISPLAY = re.compile(
    rf"has_primaries:1 has_luminance:1 r\({_NUMBER},?{_NUMBER}\) g\({_NUMBER},?{_NUMBER}\) "
    rf"b\({_NUMBER},?{_NUMBER}\) wp\({_NUMBER},?{_NUMBER}\) "
    rf"min_luminance={_NUMBER}, max_luminance={_NUMBER}"
)
_LIGHT = re.compile(r"MaxCLL=(\d+), MaxFALL=(\d+)")
_CHROMATICITY_UNIT = 50_000
_LUMINANCE_UNIT = 10_000


def parse_mastering(text: str) -> Mastering:
    """Return what FFmpeg's `showinfo` says of a frame's mastering display and light levels.

    Parts that the frame does not have are empty (SMPTE ST 2086, CTA-861.3).
    """
    display, light = _DISPLAY.search(text), _LIGHT.search(text)
    x265 = svt = ""
    if display is not None:
        red, green, blue, white = ((float(display[at]), float(display[at + 1])) for at in (1, 3, 5, 7))
        lowest, highest = float(display[9]), float(display[10])
        points = (("G", green), ("B", blue), ("R", red), ("WP", white))
        x265 = "".join(f"{name}({_scaled(x)},{_scaled(y)})" for name, (x, y) in points)
        x265 += f"L({round(highest * _LUMINANCE_UNIT)},{round(lowest * _LUMINANCE_UNIT)})"
        svt = "".join(f"{name}({x:.4f},{y:.4f})" for name, (x, y) in points)
        svt += f"L({highest:.4f},{lowest:.4f})"
    return Mastering(x265, svt, f"{light[1]},{light[2]}" if light else "")


def _scaled(coordinate: float) -> int:
    return round(coordinate * _CHROMATICITY_UNIT)


def encode_setups(
    work: Replacement, environment: Environment, info: ToolInfo, scratch: bytes, fds: tuple[int, ...]
) -> Iterator[EncodeSetup]:
    """Yield the setups to try for the plan's encodes: the preferred one, then one without hardware.

    Raises ToolError when the policy insists on hardware that does not work here.
    """
    encodes = {place: s.encode for place, s in enumerate(work.plan.streams) if s.encode is not None}
    if not encodes:
        yield EncodeSetup()
        return
    hardware = environment.hardware or _listed_only(info)
    choices: dict[int, tuple[str, ...]] = {}
    for place, encode in encodes.items():
        if work.plan.result.tracks[place].type == "subtitle":
            continue
        choices[place] = hardware.choose(encode)
        if not choices[place]:
            why = f"{encode.codec} cannot be encoded by {encode.hw} here, and hw_fallback is off"
            # what hardware there is, and whether others have it in hand, is in no record of the circumstances
            raise ToolError(work.source, [info.path], 1, "", why, cause="moment")
    first = EncodeSetup(
        {place: names[0] for place, names in choices.items()},
        threads=environment.threads,
        mastering=_mastering(work, environment, info, fds),
        scratch=scratch,
    )
    yield first
    if any(hardware_kind(name) for name in first.encoders.values()) and all(
        len(names) > 1 or not hardware_kind(names[0]) for names in choices.values()
    ):
        yield first._replace(encoders={place: names[-1] for place, names in choices.items()})


def _listed_only(info: ToolInfo) -> Hardware:
    """Return a Hardware for which no encoder works: none was tried."""
    return Hardware(info.path, None, lambda _call: 1)


def _mastering(
    work: Replacement, environment: Environment, info: ToolInfo, fds: tuple[int, ...]
) -> Mastering:
    """Read the static metadata of an HDR10 source; nothing where it has none or does not decode."""
    source = next((s.source for s in work.plan.streams if s.encode and s.encode.hdr == "hdr10"), None)
    if source is None:
        return Mastering()
    lines: list[str] = []

    def listen(line: bytes) -> ParsedLine | None:
        lines.append(line.decode("utf-8", "replace"))
        return None

    path = os.fsencode(work.source)
    argv = (*opening(info, work.plan.source, path), b"-map", b"0:%d" % source, *SHOW_WORDS)
    call = Call(argv=argv, cwd=os.path.dirname(path), fds=fds)
    run = environment.children.run(
        call, video=work.source, stall_timeout_s=environment.stall_timeout_s, parse_line=listen
    )
    failure = ToolError(work.source, [os.fsdecode(word) for word in argv], run.returncode, run.stderr_tail)
    if run.returncode and failure.cause == "moment":
        raise failure  # what it did not come to say would be lost
    return parse_mastering("\n".join(lines))
