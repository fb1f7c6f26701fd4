"""Which failures of earlier runs stand: the same video, policy, tools and settings would fail again."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vpo_tasks import __version__
from vpo_tasks.media.identity import Identity
from vpo_tasks.programs import on_path
from vpo_tasks.report.result import FileProcessingResult
from vpo_tasks.state.failures import Failure, Failures, as_kept

if TYPE_CHECKING:
    from vpo_tasks.config import VPOConfig
    from vpo_tasks.library.bulk_check import Stale

LASTING = frozenset({"ProbeError", "PlanError", "ToolError", "ToolMissing", "VerifyError", "InternalError"})
"""Kinds of failure that lie in the video, the policy or a tool. A full disk or a race may be over soon."""
_STALLS = frozenset({"ToolStalled", "SilentError"})
"""Kinds that lie in the video or in a disk that hung for a while: they last when they come twice."""
_ONCE = "\na second try=not made yet"

_TOOLS = ("ffmpeg", "mkvmerge")
_LIBRARIES = ("av", "imageio_ffmpeg")


def describe_circumstances(config: VPOConfig, **settings: object) -> str:
    """Return what a failure may depend on beside video and policy, one `name=value` a line.

    Tools and libraries are known by path and time; none of them is started or imported.
    """
    facts = {f"tool {name}": _stamp(on_path(name)) for name in _TOOLS}
    facts |= {f"library {name}": _stamp(_origin(name)) for name in _LIBRARIES}
    facts |= {f"setting {name}": str(value) for name, value in config.safety._asdict().items()}
    facts |= {f"setting {name}": str(value) for name, value in settings.items()}
    facts["setting stall_timeout"] = str(config.processing.stall_timeout_s)
    facts["vpo"] = __version__
    return (
        "\n".join(f"{name}={value}" for name, value in sorted(facts.items()))
        .encode("utf-8", "backslashreplace")
        .decode()
    )


def what_differs(old: str, new: str) -> list[str]:
    """Return the names of the circumstances in which two descriptions differ."""
    before, after = (dict(line.partition("=")[::2] for line in text.splitlines()) for text in (old, new))
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def _stamp(path: str | None) -> str:
    if path is None:
        return "none"
    try:
        return f"{path} {os.stat(path).st_mtime_ns}"
    except OSError:
        return path


def _origin(name: str) -> str | None:
    import importlib.util  # only where work is to be done

    spec = importlib.util.find_spec(name)
    return spec.origin if spec is not None else None


class FailureMemory:
    """Remembers failures for one run's policy and circumstances. Safe from any thread."""

    def __init__(self, failures: Failures, digest: bytes, circumstances: Callable[[], str]) -> None:
        self._failures = failures
        self._digest = digest
        self._ask = circumstances
        self._circumstances: str | None = None

    def circumstances(self) -> str:
        """Return the circumstances of this run, found out when first needed."""
        if self._circumstances is None:
            self._circumstances = self._ask()
        return self._circumstances

    def recall(self, stale: Sequence[Stale]) -> list[Stale]:
        """Return the same videos, with the failure that stands on those that would fail again."""
        if not stale:
            return []
        remembered = self._failures.all()
        if not remembered:
            return list(stale)
        recalled = []
        for item in stale:
            failure = remembered.get(item.found.path)
            standing = failure is not None and self.stands(failure, item.identity)
            recalled.append(item._replace(failure=failure) if standing else item)
        return recalled

    def stands(self, failure: Failure, identity: Identity) -> bool:
        """Tell whether trying again would be the same again."""
        return (
            failure.identity == as_kept(identity)
            and failure.digest == self._digest
            and failure.circumstances == self.circumstances()
        )

    def note(
        self, path: bytes, identity: Identity, result: FileProcessingResult, rivals: Sequence[bytes] = ()
    ) -> None:
        """Remember a failure that will last; forget it of a video that did not fail.

        With rivals for its name a failure may be theirs as much as the video's, and is not remembered.
        """
        kind = result.error_kind
        if result.status == "failed" and kind in LASTING | _STALLS and not rivals:
            now = _as_it_is_now(path, identity)
            first = kind in _STALLS and not self._stalled_before(path, now)
            self._failures.remember(
                path,
                now,
                digest=self._digest,
                circumstances=self.circumstances() + (_ONCE if first else ""),
                kind=kind,
                phase=result.failed_phase,
                error=result.error or "failed",
            )
        elif result.status != "skipped":
            self._failures.clear(path)

    def _stalled_before(self, path: bytes, identity: Identity) -> bool:
        """Tell whether the same video has held somebody up before, under the same circumstances."""
        failure = self._failures.of([path]).get(path)
        return (
            failure is not None
            and failure.kind in _STALLS
            and failure.identity == as_kept(identity)
            and failure.digest == self._digest
            and failure.circumstances.removesuffix(_ONCE) == self.circumstances()
        )


def _as_it_is_now(path: bytes, identity: Identity) -> Identity:
    """Return the identity with the ctime of now: a replacement that was given up has moved it."""
    try:
        now = Identity.of(os.stat(path))
    except OSError:
        return identity
    return now if now.same_video(identity) else identity


def as_result(item: Stale) -> FileProcessingResult:
    """Return the result of a video whose failure stands."""
    failure = item.failure
    if failure is None:
        raise ValueError(f"{item.found.path!r} has not failed before")
    return FileProcessingResult(
        os.fsdecode(item.found.path),
        "failed",
        error=failure.error,
        error_kind=failure.kind,
        failed_phase=failure.phase,
        size_before=item.found.size,
        size_after=item.found.size,
        failed_before=True,
    )
