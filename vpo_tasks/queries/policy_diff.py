"""What an edit of a policy would do to the library as it is recorded. No video is opened."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from vpo_tasks.errors import FileError, ToolMissing
from vpo_tasks.plan.describe import change_as_dict, describe_change
from vpo_tasks.plan.evaluate import prepare
from vpo_tasks.plan.losses import losses_of
from vpo_tasks.plan.model import Change, Plan, Step
from vpo_tasks.report.text import count_noun, escape, human_bytes, human_duration
from vpo_tasks.run.estimates import Estimates
from vpo_tasks.run.jobs import NOTHING_TRIED, Attempts
from vpo_tasks.run.planner import Planner
from vpo_tasks.run.policies import Capabilities, PolicySet, find_capabilities
from vpo_tasks.state.measurements import Measurements
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import CatalogueEntry, Store, read_catalogue
from vpo_tasks.tools.toolbox import find_tools

DIFF_FORMAT = 1


class Replanned(NamedTuple):
    """One video for which the policies differ. `added` asks the new one for only, `dropped` the old one."""

    path: str
    changes: tuple[Change, ...]
    added: tuple[Change, ...]
    dropped: tuple[Change, ...]
    losses: tuple[str, ...]
    new_losses: tuple[str, ...]
    bytes_written: int
    step: str


class Difference(NamedTuple):
    """Both policies over a library. Counters count videos; `by_rule` is by phase and rule (or operation)."""

    videos: int
    unknown: int
    changed_by_old: int
    changed_by_new: int
    unplannable: dict[str, str]
    bytes_written: int
    steps: Counter[str]
    by_kind: Counter[str]
    by_rule: Counter[str]
    losses: Counter[str]
    new_losses: Counter[str]
    differing: tuple[Replanned, ...]
    expected_s: float = 0.0
    """How long one worker would take for what the new policy asks, by what this machine has taught."""


class Side(NamedTuple):
    """One policy, ready to plan as a run here would. `digest` is recorded where nothing is to do."""

    planner: Planner
    digest: bytes

    @classmethod
    def of(cls, policies: PolicySet, capabilities: Capabilities, tools: frozenset[str]) -> Side:
        planner = Planner(prepare(policies.models), tools, capabilities.encoders)
        return cls(planner, capabilities.digest)


class _Comparison:
    """Old and new policy, and what both would do, counted."""

    def __init__(self, old: Side, new: Side, estimates: Estimates) -> None:
        self.estimates = estimates
        self.expected_s = 0.0
        self.old = old
        self.new = new
        self.videos = self.unknown = self.changed_by_old = self.changed_by_new = self.bytes_written = 0
        self.unplannable: dict[str, str] = {}
        self.steps: Counter[str] = Counter()
        self.by_kind: Counter[str] = Counter()
        self.by_rule: Counter[str] = Counter()
        self.losses: Counter[str] = Counter()
        self.new_losses: Counter[str] = Counter()
        self.differing: list[Replanned] = []

    def take_in(self, entry: CatalogueEntry, larger: frozenset[str] | None) -> None:
        self.videos += 1
        media = entry.media
        if media is None:
            self.unknown += 1
            return
        path = os.fsdecode(entry.path)
        attempts = NOTHING_TRIED if larger is None else Attempts(larger)
        try:
            old = None
            if entry.digest != self.old.digest:  # else it is known that the old policy asks nothing
                old = self.old.planner.plan(path, media, attempts)
            new, step = self.new.planner.decide(path, media, attempts)
            if (old is None or old.is_empty) and new.is_empty:
                self._note_failures(path, new)
                return
        except (FileError, ToolMissing) as error:
            self.unplannable[path] = str(error)
            return
        self._note_failures(path, new)
        self.expected_s += self.estimates.seconds(new, step)
        self._count(path, old, new, step)

    def _note_failures(self, path: str, plan: Plan) -> None:
        if plan.failures:
            failure = plan.failures[0]
            self.unplannable[path] = f"phase {failure.phase}: {failure.operation}: {failure.reason}"

    def _count(self, path: str, old: Plan | None, new: Plan, step: Step) -> None:
        before = () if old is None else old.changes
        self.changed_by_old += bool(before)
        losses = losses_of(new)
        if not new.is_empty:
            self.changed_by_new += 1
            self.bytes_written += step.writes_bytes
            self.steps[step.kind] += 1
            self.by_kind.update({_kind(change) for change in new.changes})
            self.by_rule.update({_rule(change) for change in new.changes})
            self.losses.update(losses)
        added, dropped = _without(new.changes, before), _without(before, new.changes)
        if added or dropped:
            lost_anyway = () if old is None else losses_of(old)
            worse = tuple(loss for loss in losses if loss not in lost_anyway)
            self.new_losses.update(worse)
            self.differing.append(
                Replanned(path, new.changes, added, dropped, losses, worse, step.writes_bytes, step.kind)
            )

    def difference(self) -> Difference:
        return Difference(
            self.videos, self.unknown, self.changed_by_old, self.changed_by_new, self.unplannable,
            self.bytes_written, self.steps, self.by_kind, self.by_rule, self.losses, self.new_losses,
            tuple(self.differing), self.expected_s,
        )  # fmt: skip


def compare_policies(old: str, new: str, pool: DaemonConnectionPool, place: bytes) -> Difference:
    """Plan every recorded video at or below `place` with both policies, as runs with them would.

    Raises PolicyError for a policy that is none, ToolMissing where a run with the new one would not begin.
    """
    store, measurements = Store(pool), Measurements(pool)
    # nothing is carried out, so that any arguments may stand there
    sets = PolicySet([old], store, any_arguments=True), PolicySet([new], store, any_arguments=True)
    before, after = (find_capabilities(policies, store, measurements) for policies in sets)
    after.require()
    tools = find_tools()
    if after.ffmpeg is not None:
        tools = tools.with_ffmpeg(after.ffmpeg)
    sides = Side.of(sets[0], before, tools.names), Side.of(sets[1], after, tools.names)
    comparison = _Comparison(*sides, Estimates(measurements.speeds()))
    larger = measurements.larger_between(place, place.rstrip(b"/") + b"0")
    for entry in read_catalogue(pool, place):
        comparison.take_in(entry, larger.get(entry.path))
    return comparison.difference()


def _without(changes: tuple[Change, ...], others: tuple[Change, ...]) -> tuple[Change, ...]:
    if not others:
        return changes
    keys = {_key(change) for change in others}
    return tuple(change for change in changes if _key(change) not in keys)


def _key(change: Change) -> tuple[object, ...]:
    return change.what, change.track, change.old, change.new, change.label if change.track is None else None


def _kind(change: Change) -> str:
    return "tag" if change.what.startswith("tag:") else change.what


def _rule(change: Change) -> str:
    return f"{change.phase}: {change.rule or change.operation}"


def difference_lines(found: Difference, *, list_videos: bool) -> list[str]:
    """Return the lines for a person."""
    if not found.videos:
        return ["nothing is recorded there: `vpo process` looks at the videos first"]
    added = sum(bool(item.added) for item in found.differing)
    dropped = sum(bool(item.dropped) for item in found.differing)
    counted = count_noun(found.videos, "recorded video")
    lines = [f"{counted}: the old policy changes {found.changed_by_old:,}, the new {found.changed_by_new:,}"]
    lines.append(
        f"  the two differ on {count_noun(len(found.differing), 'video')}: the new one asks for more on "
        f"{added:,}, for something no longer on {dropped:,}"
    )
    if found.changed_by_new:
        steps = ", ".join(f"{count:,} {kind}" for kind, count in found.steps.most_common())
        lines.append(f"  the new policy writes about {human_bytes(found.bytes_written)} ({steps})")
        lines.append(f"  and takes one worker about {human_duration(found.expected_s)}")
        lines += _table("changes of each kind, in videos", found.by_kind)
        lines += _table("asked for by", found.by_rule)
    if found.losses:
        lines.append("  would lose")
        for loss, count in found.losses.most_common():
            fresh = found.new_losses[loss]
            detail = "" if fresh == count else f", {fresh:,} of them not with the old policy"
            lines.append(f"    {escape(loss)}: {count_noun(count, 'video')}{detail}")
    if found.unplannable:
        lines.append(f"  the new policy fails on {count_noun(len(found.unplannable), 'video')}")
    if found.unknown:
        lines.append(f"  nothing is known of the tracks of {count_noun(found.unknown, 'video')}")
    return [*lines, *(_listing(found) if list_videos else ())]


def _table(title: str, counter: Counter[str]) -> list[str]:
    return [f"  {title}", *(f"    {count:>7,}  {escape(what)}" for what, count in counter.most_common())]


def _listing(found: Difference) -> list[str]:
    lines = []
    for item in found.differing:
        lines.append(escape(item.path))
        lines += [f"  + {escape(describe_change(change))}" for change in item.added]
        lines += [f"  - {escape(describe_change(change))}" for change in item.dropped]
        lines += [f"  warning: loses {escape(loss)}" for loss in item.losses]
    lines += [f"{escape(path)}\n  fails: {escape(reason)}" for path, reason in found.unplannable.items()]
    return lines


def difference_document(found: Difference, *, list_videos: bool) -> dict[str, Any]:
    """Return the JSON document; with `list_videos` every video that the policies treat differently."""
    document: dict[str, Any] = {
        "format": DIFF_FORMAT,
        "videos": found.videos,
        "unknown": found.unknown,
        "changed_by_old": found.changed_by_old,
        "changed_by_new": found.changed_by_new,
        "differing": len(found.differing),
        "failing": len(found.unplannable),
        "bytes_written": found.bytes_written,
        "expected_seconds": round(found.expected_s, 1),
        "steps": dict(found.steps),
        "by_kind": dict(found.by_kind),
        "by_rule": dict(found.by_rule),
        "losses": dict(found.losses),
        "new_losses": dict(found.new_losses),
    }
    if list_videos:
        document["files"] = [_as_dict(item) for item in found.differing]
        document["failures"] = found.unplannable
    return document


def _as_dict(item: Replanned) -> dict[str, Any]:
    def listed(changes: Sequence[Change]) -> list[dict[str, Any]]:
        return [change_as_dict(change) for change in changes]

    return {
        "file": item.path,
        "step": item.step,
        "bytes_written": item.bytes_written,
        "added": listed(item.added),
        "dropped": listed(item.dropped),
        "losses": list(item.losses),
        "new_losses": list(item.new_losses),
    }
