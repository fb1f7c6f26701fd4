"""One video's way as values: what it is asked to be, what was seen of it, what came of it. Pure."""

from __future__ import annotations

import os
from typing import NamedTuple

from vpo_tasks.execute.work import Done
from vpo_tasks.media.formats import suffix_of
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.plan.describe import describe_failures
from vpo_tasks.plan.model import Change, Context, Plan, Step
from vpo_tasks.report.result import FileProcessingResult
from vpo_tasks.state.lessons import Learned, Pace
from vpo_tasks.tasks.effort import amount_of, pace_of
from vpo_tasks.tasks.trials import Trials

NOTHING_TRIED = Trials()


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
    trials: Trials = NOTHING_TRIED


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


def context_of(
    path: str, trials: Trials, *, phases: tuple[str, ...] | None, encoders: frozenset[str] | None
) -> Context:
    """Return what evaluation may know of a video beside its content: the same for every command."""
    return Context(
        path=path,
        phases=phases,
        can_encode=True,
        encoders=encoders,
        larger=trials.larger,
        failed_encodes=dict(trials.failed),
    )


def final_path(path: str, plan: Plan) -> str:
    """Return where a video that is now at `path` is after its plan: another suffix in another container."""
    suffix = suffix_of(plan.result.container)
    if plan.result.container == plan.source.container or not suffix:
        return path
    stem, old_suffix = os.path.splitext(path)
    return path if old_suffix.lower() == suffix else stem + suffix


def asks_nothing(plan: Plan) -> bool:
    """Tell whether a plan leaves the video as it is and has nothing to say of it."""
    return plan.is_empty and not plan.failures and not plan.warnings


def describe(job: VideoJob, seen: Seen) -> FileProcessingResult:
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
        larger=job.trials.larger,
    )
    if plan.failures:
        failure = plan.failures[0]
        result = failed(
            result, describe_failures(plan.failures), job.trials.kind or "PlanError", failure.phase
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


def measured(seen: Seen, done: Done, seconds: float) -> tuple[Pace, Learned] | None:
    """Return how fast the step was, None when that says nothing."""
    amount = amount_of(seen.plan, seen.step)
    if seen.step.kind == "none" or amount <= 0 or seconds <= 0:
        return None
    return pace_of(seen.plan, seen.step), Learned(amount, seconds, done.size_before, done.size_after)
