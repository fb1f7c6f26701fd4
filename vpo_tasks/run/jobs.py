"""One video's way as values: what is asked, what was seen, what was tried, what came of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from vpo_tasks.errors import FileError, LargerError, ToolError, VerifyError
from vpo_tasks.execute.work import Done
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.plan.describe import describe_failures
from vpo_tasks.plan.encoding import encode_key
from vpo_tasks.plan.model import Change, Plan, Step
from vpo_tasks.report.result import FileProcessingResult

PhaseKey = tuple[str, str]
"""Policy and phase."""


class Attempts(NamedTuple):
    """`larger` are encodes not worth it, `failed` the phases held to have failed, with the reason.

    `all_phases` are those that took part in the encode that failed, `untried` those of them not yet suspected
    alone; `kind` is the first error's.
    """

    larger: frozenset[str] = frozenset()
    failed: Mapping[PhaseKey, str] = MappingProxyType({})
    all_phases: tuple[PhaseKey, ...] = ()
    untried: tuple[PhaseKey, ...] = ()
    reason: str = ""
    kind: str = ""

    def after(self, error: FileError, plan: Plan, step: Step) -> Attempts | None:
        """Return what to hold for known when the plan is made again; None: there is nothing more to try.

        One ffmpeg run does the encodes of all phases, so which one failed shows only when they are left out:
        one at a time first, the last one before the others, then all.
        """
        if isinstance(error, LargerError):
            stream = next(
                s for s in plan.streams if s.source == error.source and s.encode and s.encode.discard_larger
            )
            track = next(track for track in plan.source.tracks if track.index == error.source)
            assert stream.encode is not None
            key = encode_key(track, stream.encode)
            return None if key in self.larger else self._replace(larger=self.larger | {key})
        if step.kind != "encode" or not isinstance(error, (ToolError, VerifyError)):
            return None
        if not self.all_phases:
            phases = _encoding_phases(plan)
            return _suspect_next(
                self._replace(all_phases=phases, untried=phases, reason=str(error), kind=error.kind)
            )
        return _suspect_next(self)


def _suspect_next(attempts: Attempts) -> Attempts | None:
    suspects: tuple[PhaseKey, ...]
    if attempts.untried:
        suspects, untried = attempts.untried[-1:], attempts.untried[:-1]
    elif len(attempts.failed) < len(attempts.all_phases):
        suspects, untried = attempts.all_phases, ()
    else:
        return None
    return attempts._replace(failed=dict.fromkeys(suspects, attempts.reason), untried=untried)


def _encoding_phases(plan: Plan) -> tuple[PhaseKey, ...]:
    found = [(c.policy, c.phase) for c in plan.changes if c.what in ("codec", "created", "size")]
    return tuple(dict.fromkeys(found))


NOTHING_TRIED = Attempts()


class VideoJob(NamedTuple):
    """One video to process. `media` is what is recorded for `identity`, if it is.

    `target` (with --output) is where the video goes if it keeps its container; `made` are targets made from
    it by earlier runs and still as they were made: these may be overwritten.
    """

    path: str
    identity: Identity
    media: MediaInfo | None = None
    target: str | None = None
    rivals: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    expected: tuple[Change, ...] | None = None
    """The changes that a plan being applied holds: these and no others."""
    attempts: Attempts = NOTHING_TRIED


class Content(NamedTuple):
    """What a video holds, and which file it is, under how many names."""

    identity: Identity
    links: int
    media: MediaInfo


class Seen(NamedTuple):
    """A video as it is now, and what the policy asks of it."""

    identity: Identity
    links: int
    media: MediaInfo
    plan: Plan
    step: Step


def asks_nothing(plan: Plan) -> bool:
    """Tell whether a plan leaves the video as it is and has nothing to say of it."""
    return plan.is_empty and not plan.failures and not plan.warnings


def describe_job(job: VideoJob, seen: Seen) -> FileProcessingResult:
    """Return the result of a video for which nothing is done (yet)."""
    plan = seen.plan
    result = FileProcessingResult(
        job.path,
        "changed" if plan.changes else "unchanged",
        final_path=job.path,
        changes=plan.changes,
        step=seen.step.kind,
        tool=seen.step.tool,
        warnings=plan.warnings,
        phases_left_out=tuple(
            f"{phase.phase}: {phase.reason}" for phase in plan.phases if phase.outcome == "skipped"
        ),
        bytes_read=seen.step.reads_bytes,
        bytes_written=seen.step.writes_bytes,
        size_before=seen.identity.size,
        size_after=seen.identity.size,
        identity=seen.identity,
        media=seen.media,
        compliant=not plan.changes,
        larger=job.attempts.larger,
    )
    if plan.failures:
        failure = plan.failures[0]
        result = failed(
            result, describe_failures(plan.failures), job.attempts.kind or "PlanError", failure.phase
        )
        stops = any(item.on_error == "fail" for item in plan.failures)
        return result._replace(stops_batch=stops)
    return result


def failed(result: FileProcessingResult, error: str, kind: str, phase: str | None) -> FileProcessingResult:
    """Return the result of a video that failed."""
    return result._replace(status="failed", error=error, error_kind=kind, failed_phase=phase, compliant=False)


def with_done(job: VideoJob, result: FileProcessingResult, done: Done) -> FileProcessingResult:
    """Return the result of a video for which the work is done."""
    result = result._replace(
        final_path=done.final_path,
        warnings=(*result.warnings, *done.warnings),
        bytes_read=done.bytes_read,
        bytes_written=done.bytes_written,
        size_before=done.size_before,
        size_after=done.size_after,
    )
    if job.target is not None:
        return result._replace(target_identity=done.identity)
    compliant = result.status != "failed"
    return result._replace(identity=done.identity, media=done.media, compliant=compliant)
