"""Task names: readable, unique, and made of what doit and a shell take."""

from __future__ import annotations

import os
import re

TASK = "process"

# doit refuses `=`, expands `*`, and reads a leading `-` as an option; `%` is the escape itself; control
# characters, what turns the reading direction and bytes that are no UTF-8 would reach the terminal
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069%=*?\[\]\udc80-\udcff]|^-|^_"
)
_ESCAPED = re.compile(rb"%([0-9A-F]{2})")


def task_name(relative: bytes) -> str:
    """Return the name under `process:` for a path relative to the library, or a whole path; percent-encoded
    where needed."""
    text = os.fsdecode(relative)
    return _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in os.fsencode(match[0])), text)


def relative_path(name: str) -> bytes:
    """Return the path a name stands for: the inverse of `task_name`."""
    return _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), os.fsencode(name))


def full_name(relative: bytes) -> str:
    """Return doit's name of a video's task."""
    return f"{TASK}:{task_name(relative)}"
