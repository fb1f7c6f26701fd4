"""Policies and a video → the plan: every phase simulated in order, the net difference kept (policy-format 2).

Pure. Raises PlanError only; whatever else a policy cannot have on this video is a failure inside the plan.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from vpo_tasks.errors import PlanError
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.plan.compile import HEADER_EDITED, lost_data
from vpo_tasks.plan.containers import can_rewrite, fit_container, holds_encoded, is_changed, say_webm_no_more
from vpo_tasks.plan.diff import build_plan, structural_cause
from vpo_tasks.plan.draft import Draft
from vpo_tasks.plan.encoding import told_codec
from vpo_tasks.plan.model import Context, PhaseOutcome, Plan, PlanFailure
from vpo_tasks.plan.operations import PhaseState, run_operations
from vpo_tasks.plan.phase_conditions import closed_gate
from vpo_tasks.plan.prepared import Policies, Prepared, PreparedPhase, prepare
from vpo_tasks.policy.patterns import PatternTimeout

__all__ = ["Policies", "Prepared", "check_convergence", "evaluate", "of_result", "prepare"]

_NOTHING_KNOWN = Context()
_MORE_RUNS = 4

Cached = TypeVar("Cached")


def evaluate(policies: Policies, media: MediaInfo, context: Context = _NOTHING_KNOWN) -> Plan:
    """Return the least that has to be done to bring a video in line with the policies, in their order.

    Raise PlanError when a pattern in a policy takes too long on one of the video's titles.
    """
    prepared = prepare(policies)
    try:
        simulation = _simulate(prepared, media, context)
    except PatternTimeout as error:
        raise PlanError(context.path, str(error)) from error
    simulation.finish(prepared)
    return build_plan(simulation.draft, tuple(simulation.outcomes), tuple(simulation.failures))


def _simulate(prepared: Prepared, media: MediaInfo, context: Context) -> _Simulation:
    """Return the policies carried out. A phase that encodes what the container cannot hold has failed."""
    while True:
        simulation = _Simulation(Draft(media), context)
        simulation.run(prepared)
        if not simulation.stopped and is_changed(simulation.draft):
            _come_to_rest(simulation, prepared)
        misfit = _misfit(simulation.draft) if simulation.draft.encodes else {}
        failed = context.failed_encodes or {}
        if misfit.keys() <= failed.keys():
            return simulation
        context = msgspec.structs.replace(context, failed_encodes={**failed, **misfit})


def _misfit(draft: Draft) -> dict[tuple[str, str], str]:
    """Return the first phase (and policy) that encodes what the container cannot hold, with the reason."""
    for track in draft.tracks:
        encode = draft.encodes.get(track.index)
        if encode is None or holds_encoded(draft.container, encode.codec):
            continue
        cause = draft.causes.get((track.index, "codec")) or draft.causes.get((track.index, "created"))
        if cause is not None:
            reason = f"{draft.container} cannot hold {encode.codec}; convert it too (container: target: mkv)"
            return {(cause.policy, cause.phase): reason}
    return {}


def _come_to_rest(first: _Simulation, prepared: Prepared) -> None:
    """Simulate what further runs would do, so that one run does it all.

    An early phase may depend on what a later one sets (an order on languages) or takes out of its way. A
    further run finds what the container holds of all that, so the draft is settled before each. What never
    comes to rest stays as the first run leaves it: `check_convergence` then says who disagrees.
    """
    trial, idle = first.draft.copy(), first.idle
    if _takes_away(trial):
        idle = {}
    for _ in range(_MORE_RUNS):
        before = trial.copy()
        again = _Simulation(trial, first.context, idle)
        again.run(prepared)
        if again.stopped:
            return
        if trial.causes is not before.causes and _takes_away(trial):
            idle = {}
        if trial.causes is before.causes or trial.video == before.video:
            first.draft.adopt(before)
            first.resolve(again)
            return


def _takes_away(draft: Draft) -> bool:
    """Settle the draft. Return whether its container does not hold all that it was."""
    video = draft.video
    fit_container(draft)
    return draft.video != video


class _Simulation:
    """Policies being carried out on a draft.

    `idle` says, of each stage that changes nothing when it runs again, how many edits had been made by then:
    while none has followed that the stage reads, it would change nothing now. A stage of several operations
    reads its own edits too, because a later one may have made work for an earlier one.
    """

    __slots__ = ("context", "draft", "failures", "idle", "outcomes", "stopped")

    def __init__(self, draft: Draft, context: Context, idle: dict[PreparedPhase, int] | None = None) -> None:
        self.draft = draft
        self.context = context
        self.idle = {} if idle is None else idle
        self.outcomes: list[PhaseOutcome] = []
        self.failures: list[PlanFailure] = []
        self.stopped = False

    def run(self, prepared: Prepared) -> None:
        """Simulate every policy, in order."""
        selected = self.context.phases
        for stages in prepared.policies:
            known: dict[str, PhaseOutcome] = {}
            for stage in stages:
                if self.stopped or (selected is not None and stage.name not in selected):
                    outcome = stage.pending
                else:
                    outcome = self._run_stage(stage, known)
                known[stage.name] = outcome
                self.outcomes.append(outcome)

    def _run_stage(self, stage: PreparedPhase, known: dict[str, PhaseOutcome]) -> PhaseOutcome:
        """Simulate one phase. Failing, it leaves no trace."""
        draft = self.draft
        if stage.has_gate:
            why = closed_gate(stage.phase, draft, known)
            if why is not None:
                return PhaseOutcome(policy=stage.policy, phase=stage.name, outcome="skipped", reason=why)
        since = self.idle.get(stage)
        if since is not None:
            later = draft.edited[since:]
            if not later or (stage.reads is not None and stage.reads.isdisjoint(later)):
                return stage.completed
        before = draft.copy()
        work = PhaseState(stage.phase, stage.terms, stage.titles, stage.scope, draft, self.context)
        run_operations(work, stage.operations)
        if work.failures:
            return self._failed(stage, work.failures, before)
        if stage.reads is not None or (draft.causes is before.causes and not stage.is_timed):
            # what a phase says of the file's time is no edit, but it counts each time it is said
            self.idle[stage] = len(draft.edited) if len(stage.operations) == 1 else len(before.edited)
        if draft.causes is before.causes or draft.video == before.video:
            return stage.completed
        return stage.modified

    def _failed(self, stage: PreparedPhase, failures: list[PlanFailure], before: Draft) -> PhaseOutcome:
        """Note the failures of a phase, and return to the draft `before` it: half a phase is never done."""
        before.warnings = self.draft.warnings
        self.draft.adopt(before)
        self.stopped = stage.scope.on_error != "continue"
        self.failures += failures
        return PhaseOutcome(
            policy=stage.policy, phase=stage.name, outcome="failed", reason=failures[0].reason
        )

    def resolve(self, last: _Simulation) -> None:
        """Keep the failures that are left at the last; say so of those that other phases have resolved."""
        if not self.failures and not last.failures:
            return
        left = {(failure.policy, failure.phase) for failure in last.failures}
        for failure in self.failures:
            if (failure.policy, failure.phase) not in left:
                self.draft.warn(f"phase {failure.phase} failed before later phases: {failure.reason}")
        self.failures = last.failures
        self.outcomes = [
            after if "failed" in (before.outcome, after.outcome) else before
            for before, after in zip(self.outcomes, last.outcomes, strict=True)
        ]

    def finish(self, prepared: Prepared) -> None:
        """Bring the draft to what its container can hold; refuse what no tool can write."""
        draft = self.draft
        fit_container(draft)
        _say_stale_titles(draft)
        say_webm_no_more(draft)
        reason = _unwritable(draft) if is_changed(draft) else ""
        if not reason:
            return
        cause = structural_cause(draft)
        warnings = draft.warnings
        draft.adopt(Draft(draft.source))
        draft.warnings = warnings
        self.failures.append(
            PlanFailure(
                policy=cause.policy,
                phase=cause.phase,
                operation=cause.operation,
                reason=reason,
                on_error=prepared.modes.get((cause.policy, cause.phase), "continue"),
                rule=cause.rule,
            )
        )


def _say_stale_titles(draft: Draft) -> None:
    """Say which titles tell a codec that is no longer in the track; nobody asked to change them."""
    codecs = {track.index: track.codec for track in draft.source.tracks}
    for track in draft.tracks:
        old = codecs.get(track.index) if track.index in draft.encodes else None
        word = told_codec(track.title, old) if old and old != track.codec else ""
        if word:
            draft.warn(f"the title {track.title!r} tells {word}, but {track.codec} will be in the track")


def _unwritable(draft: Draft) -> str:
    """Return why no tool can write the draft without losing something of the video, or nothing."""
    name = draft.container
    if name == draft.source.container and not can_rewrite(name):
        return f"{name} files cannot be written in place; convert it first (container: target: mkv)"
    closed = [track for track in draft.tracks if track.encrypted]
    if closed:
        return f"its {closed[0].type} is encrypted: a copy would lose what is needed to decrypt it"
    data = "" if _is_in_header(draft) else lost_data(draft.of_type("other"))
    if data:
        return data
    misfit = _misfit(draft)
    if misfit:  # the encode of an operation that does not ask whether it has failed
        return next(iter(misfit.values()))
    copied = (track for track in draft.of_type("video") if track.index not in draft.encodes)
    if any(track.undated for track in copied) and not _can_copy_undated(draft):
        return (
            "its pictures are stored out of order and without their times, as in AVI; have the video encoded "
            "too (transcode), or convert to mkv without encoding anything"
        )
    return ""


def _is_in_header(draft: Draft) -> bool:
    """Tell whether all that differs stands in a header that is edited in place: no track moves or changes."""
    same = [track.index for track in draft.tracks] == [track.index for track in draft.source.tracks]
    return (
        draft.container == draft.source.container
        and draft.container in HEADER_EDITED
        and (same and not draft.encodes)
    )


def _can_copy_undated(draft: Draft) -> bool:
    """Tell whether a tool copies such pictures: any within AVI, but only mkvmerge into Matroska."""
    if draft.container == draft.source.container == "avi":
        return True
    return draft.container == "mkv" and not draft.encodes


def check_convergence(policies: Policies, plan: Plan, context: Context = _NOTHING_KNOWN) -> None:
    """Raise PlanError, naming the rules that disagree, when the plan's result would be planned again.

    A plan that failures stopped promises nothing, so it is not held to this.
    """
    if plan.is_empty or any(failure.on_error != "continue" for failure in plan.failures):
        return
    again = evaluate(policies, plan.result, of_result(context, plan))
    if again.is_empty:
        return
    sides = dict.fromkeys(
        f"{change.policy}: {change.phase}: {change.rule or change.operation} ({change.what})"
        for change in (*again.changes, *plan.changes)
        if any((change.what, change.policy) == (other.what, other.policy) for other in again.changes)
    )
    detail = f"the policy never comes to rest on this video; these disagree: {'; '.join(sides)}"
    raise PlanError(context.path, detail)


def of_result(context: Context, plan: Plan) -> Context:
    """Return the context for the plan's result: its time, and what is known of tracks by new indexes."""
    places = {stream.source: place for place, stream in reversed(list(enumerate(plan.streams)))}
    return msgspec.structs.replace(
        context,
        mtime_s=context.mtime_s if plan.mtime_s is None else plan.mtime_s,
        analyses=_renumbered(context.analyses, places),
        originals=_renumbered(context.originals, places),
    )


def _renumbered(known: dict[int, Cached] | None, places: dict[int, int]) -> dict[int, Cached] | None:
    if known is None:
        return None
    return {places[index]: value for index, value in known.items() if index in places}
