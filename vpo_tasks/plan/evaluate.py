"""Policies and a video → the plan: every phase simulated in order, the net difference kept (policy-format 2).

Pure. Raises PlanError only; whatever else a policy cannot have on this video is a failure inside the plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar, Union

import msgspec

from vpo_tasks.errors import PlanError
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.plan.containers import can_rewrite, is_changed, settle
from vpo_tasks.plan.diff import build_plan, structural_cause
from vpo_tasks.plan.draft import Draft, Refusal, Scope
from vpo_tasks.plan.gates import closed_gate
from vpo_tasks.plan.model import Context, OnError, PhaseOutcome, Plan, PlanFailure
from vpo_tasks.plan.operations import OPERATIONS, Operation, Work, rule_verdict
from vpo_tasks.policy.match import Terms
from vpo_tasks.policy.model import Phase, Policy
from vpo_tasks.policy.patterns import PatternTimeout

_NOTHING_KNOWN = Context()
_MORE_RUNS = 4

Known = TypeVar("Known")
Policies = Union[Sequence[Policy], "Prepared"]


class Prepared:
    """Policies with what does not depend on the video worked out once; made by `prepare`."""

    __slots__ = ("policies",)

    def __init__(self, policies: Sequence[Policy]) -> None:
        self.policies = tuple(_Ready.of(policy) for policy in policies)


class _Ready(NamedTuple):
    """One policy, ready: its terms, and the operations that each of its phases has."""

    policy: Policy
    terms: Terms
    phases: tuple[tuple[Phase, tuple[Operation, ...]], ...]

    @classmethod
    def of(cls, policy: Policy) -> _Ready:
        phases = [(phase, tuple(op for op in OPERATIONS if op.is_asked(phase))) for phase in policy.phases]
        return cls(policy, Terms(policy.config), tuple(phases))


def prepare(policies: Policies) -> Prepared:
    """Work out once per run what evaluation needs of the policies alone; `evaluate` takes the result."""
    return policies if isinstance(policies, Prepared) else Prepared(policies)


def evaluate(policies: Policies, media: MediaInfo, context: Context = _NOTHING_KNOWN) -> Plan:
    """Return the least that has to be done to bring a video in line with the policies, in their order.

    Raise PlanError when a pattern in a policy takes too long on one of the video's titles.
    """
    prepared = prepare(policies)
    simulation = _Simulation(Draft(media), context)
    try:
        simulation.run(prepared)
        if not simulation.stopped and is_changed(simulation.draft):
            _come_to_rest(simulation, prepared)
    except PatternTimeout as error:
        raise PlanError(context.path, str(error)) from error
    simulation.finish()
    return build_plan(simulation.draft, tuple(simulation.outcomes), tuple(simulation.failures))


def _come_to_rest(first: _Simulation, prepared: Prepared) -> None:
    """Simulate what further runs would do, so that one run does it all.

    An early phase may depend on what a later one sets (an order on languages) or takes out of its way. What
    never comes to rest stays as the first run leaves it: `check_convergence` then says who disagrees.
    """
    trial = first.draft.copy()
    for _ in range(_MORE_RUNS):
        before = trial.copy()
        again = _Simulation(trial, first.context)
        again.run(prepared)
        if again.stopped:
            return
        if trial.video == before.video:
            first.draft.adopt(before)
            first.resolve(again)
            return


class _Simulation:
    """Policies being carried out on a draft. `modes` are the error modes by policy and phase name."""

    __slots__ = ("context", "draft", "failures", "modes", "outcomes", "stopped")

    def __init__(self, draft: Draft, context: Context) -> None:
        self.draft = draft
        self.context = context
        self.outcomes: list[PhaseOutcome] = []
        self.failures: list[PlanFailure] = []
        self.modes: dict[tuple[str, str], OnError] = {}
        self.stopped = False

    def run(self, prepared: Prepared) -> None:
        """Simulate every policy, in order."""
        for ready in prepared.policies:
            self._run_policy(ready)

    def _run_policy(self, ready: _Ready) -> None:
        policy = ready.policy
        known: dict[str, PhaseOutcome] = {}
        for phase, operations in ready.phases:
            selected = self.context.phases is None or phase.name in self.context.phases
            if self.stopped or not selected:
                outcome = PhaseOutcome(policy=policy.name, phase=phase.name, outcome="pending")
            else:
                outcome = self._run_phase(ready, phase, operations, known)
            known[phase.name] = outcome
            self.outcomes.append(outcome)

    def _run_phase(
        self, ready: _Ready, phase: Phase, operations: Sequence[Operation], known: dict[str, PhaseOutcome]
    ) -> PhaseOutcome:
        """Simulate one phase. Failing under `skip` or `fail`, it leaves no trace."""
        draft, policy = self.draft, ready.policy
        why = closed_gate(phase, draft, known)
        if why is not None:
            return PhaseOutcome(policy=policy.name, phase=phase.name, outcome="skipped", reason=why)
        scope = Scope(policy.name, phase.name, phase.on_error or policy.config.on_error)
        self.modes[policy.name, phase.name] = scope.on_error
        before = draft.copy() if scope.on_error != "continue" else None
        video = draft.video
        _run_operations(Work(draft, phase, ready.terms, scope, self.context), operations)
        if scope.failures and before is not None:
            before.warnings = draft.warnings
            draft.adopt(before)
            self.stopped = True
        self.failures += scope.failures
        return PhaseOutcome(
            policy=policy.name,
            phase=phase.name,
            outcome="failed" if scope.failures else "completed",
            reason=scope.failures[0].reason if scope.failures else "",
            modified=draft.video != video,
        )

    def resolve(self, last: _Simulation) -> None:
        """Keep the failures that are left at the last; say so of those that other phases have resolved."""
        left = {(failure.policy, failure.phase) for failure in last.failures}
        for failure in self.failures:
            if (failure.policy, failure.phase) not in left:
                self.draft.warn(f"phase {failure.phase} failed before later phases: {failure.reason}")
        self.failures = last.failures
        self.outcomes = [
            after if "failed" in (before.outcome, after.outcome) else before
            for before, after in zip(self.outcomes, last.outcomes, strict=True)
        ]

    def finish(self) -> None:
        """Bring the draft to what its container can hold; refuse what no tool can write."""
        draft = self.draft
        settle(draft)
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
                on_error=self.modes.get((cause.policy, cause.phase), "continue"),
                rule=cause.rule,
            )
        )


def _unwritable(draft: Draft) -> str:
    """Return why no tool can write the draft without losing something of the video, or nothing."""
    name = draft.container
    if name == draft.source.container and not can_rewrite(name):
        return f"{name} files cannot be written in place; convert it first (container: target: mkv)"
    data = sorted({track.codec for track in draft.of_type("other")})
    if data:
        # camera telemetry and time codes: no tool of ours copies them all, and they are nowhere else
        return (
            f"it has data streams ({', '.join(data)}) that would be lost; to let them go, convert it with "
            "on_incompatible_codec: transcode"
        )
    return ""


def _run_operations(work: Work, operations: Sequence[Operation]) -> None:
    """Run a phase's operations in canonical order; its rules are judged before anything changes."""
    structural = True
    try:
        work.verdict = rule_verdict(work)
    except Refusal as refusal:
        work.scope.fail(refusal)
        structural = False
    for operation in operations:
        if work.scope.failures and work.scope.on_error != "continue":
            return
        if structural or not operation.structural:
            try:
                operation.run(work)
            except Refusal as refusal:
                work.scope.fail(refusal)


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


def _renumbered(known: dict[int, Known] | None, places: dict[int, int]) -> dict[int, Known] | None:
    if known is None:
        return None
    return {places[index]: value for index, value in known.items() if index in places}
