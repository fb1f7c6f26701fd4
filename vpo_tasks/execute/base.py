"""What a tool is. A new tool is one new file that says only what differs, and one line in `tools.py`."""

from __future__ import annotations

from typing import Protocol

import msgspec

from vpo_tasks.plan.model import Plan


class ToolInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that was found. `path` is absolute; `origin` is `PATH` or the wheel it came in."""

    name: str
    path: str
    version: str
    origin: str


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One process to run. `argv[0]` is absolute. `ok_codes` succeed; `warn_codes` succeed once verified.

    `fds` are inherited by the process (the lock, a source opened by descriptor); `cwd` is the output's folder,
    so that the output is named by a plain relative name.
    """

    argv: tuple[bytes, ...]
    cwd: bytes
    ok_codes: tuple[int, ...] = (0,)
    warn_codes: tuple[int, ...] = ()
    fds: tuple[int, ...] = ()


class Tool(Protocol):
    """The part of a tool that differs: how a plan becomes an argument list. Pure: it touches no file."""

    name: str

    def calls(self, plan: Plan, info: ToolInfo, source: bytes, output: bytes) -> tuple[Call, ...]:
        """Return the processes that make `output` (a path) from `source` (an absolute path) as `plan` says.

        The last call writes the output; earlier ones are analysis passes.
        """
        ...
