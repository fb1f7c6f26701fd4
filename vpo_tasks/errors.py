"""The error tree and the exit codes.

Errors carry fields; `str()` makes the one line a person reads.

    VpoError
    ├ UsageError, ConfigError, PolicyError     exit 2    before any work
    ├ ToolMissing                              exit 3    before any work
    ├ FileError                                exit 1    this video fails; on_error decides about the batch
    │  ├ ProbeError (UnreadableError, SilentError)  PlanError  LockedError  SpaceError  VanishedError
    │  ├ ToolError  VerifyError  ReplaceError  LargerError
    ├ StateError                               exit 4
    └ Interrupted                              exit 130
"""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from typing import Literal, NamedTuple

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_TOOL_MISSING = 3
EXIT_STATE = 4
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


class Issue(NamedTuple):
    """One thing wrong in a file a person wrote. `line` and `column` count from 1; 0 is unknown."""

    line: int
    column: int
    where: str  # the path inside the document, `phases[1].keep_audio.languages`; "" is the document
    message: str

    def located(self, path: str) -> str:
        """Return `path:line:column: where: message`, leaving out what is unknown."""
        position = f":{self.line}:{self.column}" if self.line else ""
        where = f" {self.where}:" if self.where else ""
        return f"{path}{position}:{where} {self.message}"


class VpoError(Exception):
    """Root of everything the program raises on purpose."""

    exit_code = EXIT_FAILED

    @property
    def kind(self) -> str:
        """What such a failure is called in results and in the record."""
        return type(self).__name__


class UsageError(VpoError):
    """The command line asks for something that cannot be."""

    exit_code = EXIT_USAGE


class IssuesError(VpoError):
    """A file a person wrote cannot be used; all its issues at once."""

    exit_code = EXIT_USAGE

    def __init__(self, path: str, issues: Sequence[Issue]) -> None:
        super().__init__(path, issues)
        self.path = path
        self.issues = tuple(issues)

    def __str__(self) -> str:
        return "\n".join(issue.located(self.path) for issue in self.issues)


class ConfigError(IssuesError):
    """config.toml or a VPO_* variable."""


class PolicyError(IssuesError):
    """A policy file."""


class ToolMissing(VpoError):
    """A tool, or a part of one (an encoder), that the work needs is not there."""

    exit_code = EXIT_TOOL_MISSING

    def __init__(self, tool: str, needed_for: str, hint: str = "") -> None:
        super().__init__(tool, needed_for, hint)
        self.tool = tool
        self.needed_for = needed_for
        self.hint = hint

    def __str__(self) -> str:
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.tool} is missing, needed for {self.needed_for}{hint}"


class FileError(VpoError):
    """One video cannot be handled. `path` is the real path, `detail` the reason in words."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(path, detail)
        self.path = path
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


class ProbeError(FileError):
    """The file could not be read as a video."""


class UnreadableError(ProbeError):
    """The system does not let us read the file, which says nothing of the video and may be over soon."""


class SilentError(ProbeError):
    """The process that reads the video fell silent: the video holds it up, or a disk does for a while."""


class PlanError(FileError):
    """The policy has no valid plan for this video."""


class LockedError(FileError):
    """Another run has the video in hand. An outcome (skipped), not a failure."""


class VanishedError(FileError):
    """The video was there and is not any more. An outcome (skipped), not a failure."""


class SpaceError(FileError):
    """The step can never fit on the filesystem."""


class ReplaceError(FileError):
    """The replacement was given up; the original is untouched."""


class LargerError(FileError):
    """An encode came out larger than what it replaces. An outcome (the track is kept), not a failure.

    `source` is the track's index; sizes in bytes.
    """

    def __init__(self, path: str, source: int, before: int, after: int) -> None:
        super().__init__(path, f"the encoded track has {after} bytes, the original {before}")
        self.source = source
        self.before = before
        self.after = after


class ToolError(FileError):
    """A tool failed, stalled or was ended."""

    def __init__(
        self,
        path: str,
        argv: Sequence[str],
        returncode: int,
        stderr_tail: str,
        why: str = "",
        *,
        cause: ToolCause | None = None,
    ) -> None:
        tool = argv[0].rsplit("/", 1)[-1] if argv else "tool"
        last = next((line for line in reversed(stderr_tail.splitlines()) if line.strip()), "")
        ended = why or (f"was ended by signal {-returncode}" if returncode < 0 else f"exit {returncode}")
        super().__init__(path, f"{tool}: {ended}{': ' + last.strip() if last else ''}")
        self.argv = tuple(argv)
        self.returncode = returncode
        self.stderr_tail = stderr_tail
        self.cause = cause or _cause(returncode, f"{stderr_tail}\n{why}")

    @property
    def kind(self) -> str:
        """`ToolEnded` says nothing of the video, `ToolStalled` perhaps."""
        return {"moment": "ToolEnded", "stall": "ToolStalled"}.get(self.cause, type(self).__name__)


ToolCause = Literal["video", "moment", "stall"]
"""Why a tool failed: over what it was given, over the state of the machine then, or nobody knows."""

CRASHES = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE, signal.SIGSYS, signal.SIGTRAP}
)
"""Signals that a program brings upon itself; all others come from outside, as the OOM killer's does."""

_SHORTAGE = (
    "cannot allocate memory|out of memory|bad_alloc|malloc.{0,20}fail|too many open files|file table overflow"
    "|resource temporarily unavailable|no space left on device|disk quota exceeded|stale file handle"
    "|transport endpoint is not connected|received signal"
)
"""What tools say, in English, when the machine has run out of something, or when they were asked to end."""


def is_from_outside(returncode: int) -> bool:
    """Tell whether an exit status says that a signal from outside ended a process, or one within a shell.

    ffmpeg exits with the last byte of its error's number: as signals only shortages and time-outs look so.
    """
    number = -returncode if returncode < 0 else returncode - 128
    return 0 < number < 32 and number not in CRASHES


def _cause(returncode: int, said: str) -> ToolCause:
    return "moment" if is_from_outside(returncode) or re.search(_SHORTAGE, said, re.IGNORECASE) else "video"


class VerifyError(FileError):
    """The output is not what the plan said, so it was thrown away."""

    def __init__(self, path: str, check: str, expected: object, found: object) -> None:
        super().__init__(path, f"verification failed: {check}: expected {expected}, found {found}")
        self.check = check
        self.expected = expected
        self.found = found


class StateError(VpoError):
    """The state database cannot be used."""

    exit_code = EXIT_STATE

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(path, detail)
        self.path = path
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}"


class Interrupted(VpoError):
    """A person or the system asked the run to end."""

    exit_code = EXIT_INTERRUPTED
