"""Which encoders an ffmpeg really has."""

from __future__ import annotations

import re

from vpo_tasks.execute.asking import ask

_TIMEOUT_S = 30.0
_LINE = re.compile(rb"^ [VAS][.A-Z]{5} (\S+)", re.MULTILINE)
_VERSION = re.compile(rb"^ffmpeg version n?(\d+)\.(\d+)", re.MULTILINE)
_OLDEST = (5, 1)
"""Older ones do not know `-fps_mode`, without which frames are doubled and left out."""
TOO_OLD = frozenset({"(too-old)"})
"""In place of encoders; none is called so."""


def ask_encoders(ffmpeg: str) -> frozenset[str]:
    """Return the encoders that `ffmpeg -encoders` lists; none when it does not answer. Costs a process.

    `TOO_OLD` when it is too old to be told what a plan wants. No answer is nothing to be kept: it may be one
    of the moment.
    """
    answer = ask([ffmpeg, "-nostdin", "-encoders"], _TIMEOUT_S)
    if answer is None:
        return frozenset()
    return TOO_OLD if is_too_old(answer.messages) else parse_encoders(answer.output)


def is_too_old(banner: bytes) -> bool:
    """Tell by `ffmpeg version 4.4.2-0ubuntu…`; a build from between releases (`N-1234`) is taken for new."""
    found = _VERSION.search(banner)
    return found is not None and (int(found[1]), int(found[2])) < _OLDEST


def parse_encoders(answer: bytes) -> frozenset[str]:
    """Return the names in lines such as ` V....D libx264   libx264 H.264 / AVC (codec h264)`."""
    names = _LINE.findall(answer)
    return frozenset(name.decode("ascii", "replace") for name in names if name != b"=")
