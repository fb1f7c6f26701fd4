"""The interface of a tool. What a new one needs: CONTRIBUTING.md, "How to add"."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

import msgspec

from vpo_tasks.plan.model import Plan

KEPT_OUTPUT_BYTES = 64 << 20


class ToolInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that was found. `path` is absolute; `origin` is `PATH` or the wheel it came in.

    `version` is empty until `Toolbox.with_versions` fills it in: that costs a process.
    """

    name: str
    path: str
    version: str
    origin: str


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One process to run. `argv[0]` is absolute. `ok_codes` succeed; `warn_codes` succeed once verified.

    `fds` are inherited by the process (the lock); `cwd` is the folder it runs in: the output's, where the
    output is named by a plain relative name. `inputs` are small texts the tool wants as files:
    (position in argv, content); each becomes an anonymous file, whose path is appended to the argument at
    that position. `results` likewise are (position in argv, place of an earlier call of the same step that
    `keeps_output`).
    """

    argv: tuple[bytes, ...]
    cwd: bytes
    ok_codes: tuple[int, ...] = (0,)
    warn_codes: tuple[int, ...] = ()
    fds: tuple[int, ...] = ()
    inputs: tuple[tuple[int, bytes], ...] = ()
    results: tuple[tuple[int, int], ...] = ()
    keeps_output: bool = False
    """Its standard output is a result (at most `KEPT_OUTPUT_BYTES`), not lines to be parsed."""


class ParsedLine(NamedTuple):
    """What one line of a tool's output says. Progress is a position in seconds or a fraction of 1."""

    kind: Literal["progress", "warning", "error"]
    text: str = ""
    position_s: float | None = None
    fraction: float | None = None


class Tool(Protocol):
    """The part of a tool that differs: how a plan becomes an argument list. Pure: it touches no file."""

    name: str

    def calls(self, plan: Plan, info: ToolInfo, source: bytes, output: bytes) -> tuple[Call, ...]:
        """Return the processes that make `output` (a path) from `source` (an absolute path) as `plan` says.

        The last call writes the output; earlier ones analyse the source or take pictures out of it.
        """
        ...

    def parse_line(self, line: bytes) -> ParsedLine | None:
        """Return what a line of its standard output or error means, None for a line without meaning."""
        ...
