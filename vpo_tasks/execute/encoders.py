"""Which encoders an ffmpeg really has."""

from __future__ import annotations

import re
import subprocess

_TIMEOUT_S = 30.0
_LINE = re.compile(rb"^ [VAS][.A-Z]{5} (\S+)", re.MULTILINE)


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
