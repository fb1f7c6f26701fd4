"""Which encoders an ffmpeg really has, and who would have one that is missing."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable

from vpo_tasks.errors import ToolMissing
from vpo_tasks.plan.encoding import software_encoders

_TIMEOUT_S = 30.0
_LINE = re.compile(rb"^ [VAS][.A-Z]{5} (\S+)", re.MULTILINE)
_FULL_BUILD = "a full ffmpeg has it, such as the one in the Python package imageio-ffmpeg; see vpo doctor"


def ask_encoders(ffmpeg: str) -> frozenset[str]:
    """Return the encoders that `ffmpeg -encoders` lists; none when it does not answer. Costs a process."""
    argv = [ffmpeg, "-nostdin", "-hide_banner", "-encoders"]
    try:
        answer = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    return parse_encoders(answer.stdout)


def parse_encoders(answer: bytes) -> frozenset[str]:
    """Return the names in lines such as ` V....D libx264   libx264 H.264 / AVC (codec h264)`."""
    names = _LINE.findall(answer)
    return frozenset(name.decode("ascii", "replace") for name in names if name != b"=")


def lacking(encoders: frozenset[str], wanted: Iterable[tuple[str, frozenset[str]]]) -> ToolMissing | None:
    """Return the error for the first wanted codec that nothing here encodes.

    `wanted` are codecs, each with the hardware encoders that would do as well.
    """
    for codec, hardware in wanted:
        software = software_encoders(codec)
        if not encoders.intersection({*software, *hardware}):
            names = " or ".join(software)
            return ToolMissing(f"the encoder {names}", f"encoding to {codec}", _FULL_BUILD)
    return None
