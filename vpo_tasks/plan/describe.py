"""A plan in words, one line a change, and as JSON values. Names stand as they are; the report escapes."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from vpo_tasks.plan.model import Change, PlanFailure, Value

_ROLES = MappingProxyType(
    {
        "comment": "a commentary",
        "visual_impaired": "an audio description",
        "hearing_impaired": "one for the hard of hearing",
    }
)


def describe_change(change: Change) -> str:
    """Return one line: `audio 2 (fre ac3 5.1 "VFF"): remove — fre is not one of eng, und`."""
    who = change.label if change.label and change.what != "order" else "file"
    return f"{who}: {_deed(change)} — {change.reason}"


def describe_failures(failures: Sequence[PlanFailure]) -> str:
    """Return why phases fail, one after the other. The first one's phase is said by who shows the text."""
    reasons = []
    for failure in failures:
        phase = "" if failure.phase == failures[0].phase else f"phase {failure.phase}: "
        rule = f" (rule {failure.rule})" if failure.rule and failure.rule not in failure.reason else ""
        reasons.append(f"{phase}{failure.operation}{rule}: {failure.reason}")
    return "; ".join(reasons)


def change_as_dict(change: Change) -> dict[str, Value]:
    """Return a change for JSON; every key is always there."""
    return {
        "policy": change.policy,
        "phase": change.phase,
        "operation": change.operation,
        "rule": change.rule,
        "what": change.what,
        "track": change.track,
        "label": change.label,
        "old": change.old,
        "new": change.new,
        "reason": change.reason,
        "description": describe_change(change),
    }


def _deed(change: Change) -> str:
    """Return what happens, without the track and the reason."""
    what, old, new = change.what, change.old, change.new
    if what == "removed":
        return "remove"
    if what == "created":
        return f"make ({new})"
    if what in ("default", "forced"):
        return f"{'set' if new else 'clear'} the {what} flag"
    if what == "role":
        return f"flag it as {_ROLES.get(str(new), new)}"
    if what == "codec":
        return f"encode {old} to {new}"
    if what == "size":
        return f"scale {old} to {new}"
    if what == "order":
        return f"put the tracks into the order {change.label or new}"
    if what == "container":
        return f"convert {old} to {new}"
    if what == "timestamp":
        return f"set the modification time to {new}"
    name = f"tag {what[4:]}" if what.startswith("tag:") else what
    if new is None:
        return f'clear the {name} "{old}"'
    return f'set the {name} to "{new}"' + (f' (was "{old}")' if old is not None else "")
