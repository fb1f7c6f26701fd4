"""From what is in a video to what to do with it: one way for run, dry run, forecast and policy diff."""

from __future__ import annotations

from typing import NamedTuple

from vpo_tasks.errors import PlanError
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.plan.compile import compile_step, is_metadata_only, lost_by_a_copy
from vpo_tasks.plan.evaluate import Prepared, check_convergence, evaluate
from vpo_tasks.plan.model import Context, Plan, Step
from vpo_tasks.run.jobs import NOTHING_TRIED, Attempts


class Planner(NamedTuple):
    """What decides about plans and holds for every video: policies, phases, tools, encoders. Pure.

    `header_edits` says whether Matroska headers may be edited in place.
    """

    policies: Prepared
    tools: frozenset[str]
    encoders: frozenset[str] | None
    phases: tuple[str, ...] | None = None
    header_edits: bool = True

    def plan(self, path: str, media: MediaInfo, attempts: Attempts = NOTHING_TRIED) -> Plan:
        """Return what the policies ask of a video. Raises PlanError."""
        return evaluate(self.policies, media, self._context(path, attempts))

    def decide(
        self, path: str, media: MediaInfo, attempts: Attempts, *, links: int = 1, plan: Plan | None = None
    ) -> tuple[Plan, Step]:
        """Return the plan and the cheapest step for it. `plan` is what the method `plan` returned, if known.

        Raises PlanError, also when the policies would never be content, and ToolMissing.
        """
        context = self._context(path, attempts)
        if plan is None:
            plan = evaluate(self.policies, media, context)
        if not plan.is_empty:
            check_convergence(self.policies, plan, context)
        step = compile_step(plan, self.tools, header_edits=self.header_edits and links == 1)
        lost = lost_by_a_copy(plan) if step.kind == "remux" and is_metadata_only(plan) else ""
        if lost:
            raise PlanError(path, lost)
        return plan, step

    def _context(self, path: str, attempts: Attempts) -> Context:
        """Return what evaluation may know of a video beside its content: the same for every command."""
        return Context(
            path=path,
            phases=self.phases,
            can_encode=True,
            encoders=self.encoders,
            larger=attempts.larger,
            failed_encodes=dict(attempts.failed),
        )
