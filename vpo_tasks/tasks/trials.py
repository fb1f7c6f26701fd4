"""What was learned of a video by trying: encodes that were larger, and phases whose encode failed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from vpo_tasks.errors import FileError, LargerError, ToolError, VerifyError
from vpo_tasks.plan.encoding import encode_key
from vpo_tasks.plan.model import Plan, Step

PhaseName = tuple[str, str]
"""Policy and phase."""


class Trials(NamedTuple):
    """`larger` are encodes not worth it, `failed` the phases held to have failed, with the reason.

    `all_phases` are those that took part in the encode that failed, `untried` those of them not yet suspected
    alone; `kind` is the first error's.
    """

    larger: frozenset[str] = frozenset()
    failed: Mapping[PhaseName, str] = MappingProxyType({})
    all_phases: tuple[PhaseName, ...] = ()
    untried: tuple[PhaseName, ...] = ()
    reason: str = ""
    kind: str = ""

    def after(self, error: FileError, plan: Plan, step: Step) -> Trials | None:
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


def _suspect_next(trials: Trials) -> Trials | None:
    suspects: tuple[PhaseName, ...]
    if trials.untried:
        suspects, untried = trials.untried[-1:], trials.untried[:-1]
    elif len(trials.failed) < len(trials.all_phases):
        suspects, untried = trials.all_phases, ()
    else:
        return None
    return trials._replace(failed=dict.fromkeys(suspects, trials.reason), untried=untried)


def _encoding_phases(plan: Plan) -> tuple[PhaseName, ...]:
    found = [(c.policy, c.phase) for c in plan.changes if c.what in ("codec", "created", "size")]
    return tuple(dict.fromkeys(found))
