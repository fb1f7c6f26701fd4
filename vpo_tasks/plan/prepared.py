"""Policies made ready for many videos: what depends on no video is worked out once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Union

from vpo_tasks.plan.draft import Scope
from vpo_tasks.plan.model import OnError, PhaseOutcome
from vpo_tasks.plan.operations import OPERATIONS
from vpo_tasks.plan.rules_flags import Titles, titles_of
from vpo_tasks.policy.match import Terms
from vpo_tasks.policy.model import Phase, Policy

Policies = Union[Sequence[Policy], "Prepared"]


class PreparedPhase:
    """One phase, ready: its operations in canonical order, and the outcomes that say nothing of the video."""

    __slots__ = (
        "completed", "has_gate", "is_timed", "modified", "name", "operations", "pending", "phase",
        "policy", "reads", "scope", "terms", "titles",
    )  # fmt: skip

    def __init__(self, policy: Policy, terms: Terms, titles: Titles, phase: Phase) -> None:
        self.policy = policy.name
        self.name = phase.name
        self.phase = phase
        self.terms = terms
        self.titles = titles
        self.scope = Scope(policy.name, phase.name, phase.on_error or policy.config.on_error)
        self.operations = tuple(operation for operation in OPERATIONS if operation.is_asked(phase))
        reads = [operation.reads for operation in self.operations]
        self.reads = None if None in reads else frozenset[str]().union(*filter(None, reads))
        self.has_gate = bool(phase.depends_on or phase.skip_when or phase.run_if)
        self.is_timed = phase.file_timestamp is not None
        self.pending = PhaseOutcome(policy=policy.name, phase=phase.name, outcome="pending")
        self.completed = PhaseOutcome(policy=policy.name, phase=phase.name, outcome="completed")
        self.modified = PhaseOutcome(policy=policy.name, phase=phase.name, outcome="completed", modified=True)


class Prepared:
    """The stages of every policy, in order, and the error mode of each phase; made by `prepare`."""

    __slots__ = ("modes", "policies")

    def __init__(self, policies: Sequence[Policy]) -> None:
        titles = titles_of(policies)
        self.policies = tuple(_stages(policy, titles) for policy in policies)
        self.modes: Mapping[tuple[str, str], OnError] = {
            (stage.policy, stage.name): stage.scope.on_error for stages in self.policies for stage in stages
        }


def prepare(policies: Policies) -> Prepared:
    """Work out once per run what evaluation needs of the policies alone; `evaluate` takes the result."""
    return policies if isinstance(policies, Prepared) else Prepared(policies)


def _stages(policy: Policy, titles: Titles) -> tuple[PreparedPhase, ...]:
    terms = Terms(policy.config)
    return tuple(PreparedPhase(policy, terms, titles, phase) for phase in policy.phases)
