"""A plan in words, one line a change, and as JSON values. Names stand as they are; the report escapes."""

from __future__ import annotations

from vpo_tasks.plan.model import Change, Plan, Step, Value


def describe_change(change: Change) -> str:
    """Return one line: `audio 2 (fre ac3 5.1 "VFF"): remove — fre is not one of eng, und`."""
    return f"{change.label or 'file'}: {_deed(change)} — {change.reason}"


def describe_plan(plan: Plan, step: Step | None = None) -> list[str]:
    """Return lines that say what would happen: changes, what cannot be done, warnings, and the step."""
    lines = [describe_change(change) for change in plan.changes]
    for failure in plan.failures:
        rule = f" (rule {failure.rule})" if failure.rule and failure.rule not in failure.reason else ""
        lines.append(f"phase {failure.phase} fails: {failure.operation}{rule} — {failure.reason}")
    lines += [f"warning: {warning}" for warning in plan.warnings]
    if step is not None and step.kind != "none":
        tool = f" by {step.tool}" if step.tool else ""
        lines.append(f"{step.kind}{tool} — {step.why}")
    return lines


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
    if what == "codec":
        return f"encode {old} to {new}"
    if what == "size":
        return f"scale {old} to {new}"
    if what == "order":
        return f"reorder tracks {old} to {new}"
    if what == "container":
        return f"convert {old} to {new}"
    if what == "timestamp":
        return f"set the modification time to {new}"
    name = f"tag {what[4:]}" if what.startswith("tag:") else what
    if new is None:
        return f'clear the {name} "{old}"'
    return f'set the {name} to "{new}"' + (f' (was "{old}")' if old is not None else "")
