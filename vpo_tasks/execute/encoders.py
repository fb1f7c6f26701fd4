"""Which encoders an ffmpeg really has."""

from __future__ import annotations

import re
import subprocess

_TIMEOUT_S = 30.0
_LINE = re.compile(rb"^ [VAS][.A-Z]{5} (\S+)", re.MULTILINE)
_VERSION = re.compile(rb"^ffmpeg version n?(\d+)\.(\d+)", re.MULTILINE)
_OLDEST = (5, 1)
"""Older ones do not know `-fps_mode`, without which frames are doubled and left out."""


def ask_encoders(ffmpeg: str) -> frozenset[str]:
    """Return the encoders that `ffmpeg -encoders` lists; none when it does not answer. Costs a process.

    None either when it is too old to be told what a plan wants.
    """
    argv = [ffmpeg, "-nostdin", "-encoders"]
    try:
        answer = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    if is_too_old(answer.stderr):
        return frozenset()
    return parse_encoders(answer.stdout)


def is_too_old(banner: bytes) -> bool:
    """Tell by `ffmpeg version 4.4.2-0ubuntu…`; a build from between releases (`N-1234`) is taken for new."""
    found = _VERSION.search(banner)
    return found is not None and (int(found[1]), int(found[2])) < _OLDEST


def parse_encoders(answer: bytes) -> frozenset[str]:
    """Return the names in lines such as ` V....D libx264   libx264 H.264 / AVC (codec h264)`."""
    names = _LINE.findall(answer)
    return frozenset(name.decode("ascii", "replace") for name in names if name != b"=")
