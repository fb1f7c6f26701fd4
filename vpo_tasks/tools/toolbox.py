"""The external tools, and what each is used for."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from vpo_tasks.errors import ToolMissing
from vpo_tasks.programs import WHEEL, find_ffmpegs, on_path
from vpo_tasks.tools.base import Tool, ToolInfo
from vpo_tasks.tools.ffmpeg import FFMPEG
from vpo_tasks.tools.mkvmerge import MKVMERGE

_TIMES = 2


class ToolAnswer(NamedTuple):
    """What a tool wrote to standard output and standard error."""

    output: bytes
    messages: bytes


def ask(argv: Sequence[str], timeout_s: float) -> ToolAnswer | None:
    """Return what a tool answers with an exit status of 0.

    None when it cannot be started, fails or hangs; do not store that, the next try may succeed.
    """
    for _ in range(_TIMES):
        try:
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False
            )
        except (OSError, MemoryError):
            continue
        except subprocess.TimeoutExpired:
            return None
        if done.returncode == 0:
            return ToolAnswer(done.stdout, done.stderr)
    return None


_TIMEOUT_S = 20.0
UNKNOWN = "unknown"
"""The version of a tool that does not say it."""


class Usage(NamedTuple):
    """A tool that may be found, and what is lost without it."""

    name: str
    version_option: str
    used_for: str
    without_it: str
    tool: Tool


TABLE: tuple[Usage, ...] = (
    Usage(
        "ffmpeg", "-version", "stream copies and conversions of every container, encoding",
        "only Matroska can be processed", FFMPEG,
    ),
    Usage(
        "mkvmerge", "--version", "stream copies from Matroska to Matroska, and of AVI with packed B-frames",
        "ffmpeg copies Matroska files too, but keeps fewer of their details; such AVI is not copied at all",
        MKVMERGE,
    ),
)  # fmt: skip


class Toolbox(msgspec.Struct, frozen=True):
    """The tools that were found, by name."""

    tools: Mapping[str, ToolInfo]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.tools)

    def info(self, name: str, needed_for: str) -> ToolInfo:
        """Return the tool. Raises ToolMissing."""
        if name not in self.tools:
            raise ToolMissing(name, needed_for, "see vpo doctor")
        return self.tools[name]

    def with_ffmpeg(self, path: str) -> Toolbox:
        """Return the same tools with the ffmpeg at `path`, if it is another than the one that was found."""
        found = self.tools.get("ffmpeg")
        if found is not None and found.path == path:
            return self
        return Toolbox({**self.tools, "ffmpeg": _info("ffmpeg", path, WHEEL)})

    def with_versions(self) -> Toolbox:
        """Return the same tools with `version` filled in, at the cost of a process each."""
        return Toolbox({name: ask_version(info) for name, info in self.tools.items()})


def find_tools(path_env: str | None = None) -> Toolbox:
    """Find every tool of the table: on PATH first, ffmpeg also in the wheel. Starts no process."""
    found: dict[str, ToolInfo] = {}
    for usage in TABLE:
        if usage.name == "ffmpeg":
            path, origin = next(find_ffmpegs(path_env), (None, ""))
        else:
            path, origin = on_path(usage.name, path_env), "PATH"
        if path is not None:
            found[usage.name] = _info(usage.name, path, origin)
    return Toolbox(found)


def tool_named(name: str) -> Tool:
    """Return the tool that carries out a step. Raises KeyError for one that is not in the table."""
    return {usage.name: usage.tool for usage in TABLE}[name]


@lru_cache
def with_version(info: ToolInfo) -> ToolInfo:
    """Return what `ask_version` does; a tool is asked once a run."""
    return ask_version(info)


def ask_version(info: ToolInfo) -> ToolInfo:
    """Return the tool with its version, `unknown` when it does not say."""
    option = next(usage.version_option for usage in TABLE if usage.name == info.name)
    answer = ask([info.path, option], _TIMEOUT_S)
    version = UNKNOWN if answer is None else parse_version(answer.output.decode("utf-8", "replace"))
    return msgspec.structs.replace(info, version=version)


def parse_version(answer: str) -> str:
    """Return the version in `ffmpeg version 5.1.6-0+deb12u1 …` or `mkvmerge v74.0.0 ('…') 64-bit`."""
    match = re.match(r"\w+ (?:version )?v?(\S+)", answer)
    return match[1] if match else UNKNOWN


def other_ffmpegs() -> tuple[ToolInfo, ...]:
    """Return the ffmpeg on PATH and the one in the wheel, as far as there are any."""
    return tuple(_info("ffmpeg", path, origin) for path, origin in find_ffmpegs())


def _info(name: str, path: str, origin: str) -> ToolInfo:
    return ToolInfo(name=name, path=path, version="", origin=origin)
