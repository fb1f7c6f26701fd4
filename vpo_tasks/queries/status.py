"""Where a library stands: how much complies, what a run would do and why, what failed. No video is opened."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from vpo_tasks.errors import ToolMissing
from vpo_tasks.library.bulk_check import Stale
from vpo_tasks.report.summary import STEP_WORDS
from vpo_tasks.report.text import count_noun, escape, human_bytes
from vpo_tasks.run.opening import make_controller
from vpo_tasks.state.failures import Failures

if TYPE_CHECKING:
    from vpo_tasks.library.bulk_check import Stale
    from vpo_tasks.report.result import FileProcessingResult
    from vpo_tasks.run.batch import BatchController
    from vpo_tasks.run.context import RunContext


def reason_due(phase: str | None, error: str) -> str:
    """Return why a video fails, so that the same trouble in two videos reads the same: numbers left out."""
    prefix = f"phase {phase}: " if phase else ""
    return prefix + re.sub(r"\d+", "…", " ".join(error.split()))


def look_ahead(run: RunContext) -> dict[bytes, str | None]:
    """Return why each recorded video is to do, by path; None: the policy in force asks nothing of it.

    Of a video that is not in the answer only a look into it can tell.
    """
    recorded = [item for item in run.survey.stale if item.verdict == "replan"]
    if not recorded:
        return {}
    controller = make_controller(run)
    try:
        controller.processor()
        return _plan_all(recorded, controller)
    except ToolMissing as error:  # a run would end here
        return {item.found.path: f"cannot be planned: {error}" for item in recorded}
    finally:
        controller.close()


def _plan_all(items: list[Stale], controller: BatchController) -> dict[bytes, str | None]:
    from vpo_tasks.run.dry_run import preview  # planning: only where something is to plan

    whys: dict[bytes, str | None] = {}
    goes_to: dict[bytes, bytes] = {}

    def tell(result: FileProcessingResult) -> None:
        path = os.fsencode(result.path)
        whys[path] = _why(result)
        if result.final_path is not None:
            goes_to[path] = os.fsencode(result.final_path)

    # a dry run looks into the rivals for a name; here what is recorded of them decides, below
    alone = [item._replace(rivals=()) for item in items]
    for recorded in controller.recorded(alone):
        if recorded.media is not None and not preview(recorded, recorded.media, controller, tell):
            whys[recorded.stale.found.path] = None
    for item in items:
        path = item.found.path
        if item.rivals and goes_to.get(path, path) != path and _is_contested(item, goes_to):
            whys[path] = "would fail: another video has or would get the same name"
    return whys


def _is_contested(item: Stale, goes_to: dict[bytes, bytes]) -> bool:
    name = os.path.basename(goes_to[item.found.path])
    return any(os.path.basename(goes_to.get(rival, rival)) == name for rival in item.rivals)


def _why(result: FileProcessingResult) -> str | None:
    if result.status == "changed":
        phases = list(dict.fromkeys(change.phase for change in result.changes))
        noun = "phase" if len(phases) == 1 else "phases"
        return f"to be changed by {STEP_WORDS.get(result.step, result.step)} ({noun} {', '.join(phases)})"
    if result.status == "failed":
        return f"would fail: {reason_due(result.failed_phase, result.error or 'failed')}"
    if result.status == "skipped":
        return f"would be skipped: {result.reason}"
    if result.final_path not in (None, result.path):
        return "as the policy says, to be copied to the output folder"
    return None


STATUS_FORMAT = 1
_SHOWN_REASONS = 20

_WHY_TO_DO = {
    "new": "never looked at",
    "changed": "changed since they were looked at",
    "same-file": "changed since they were looked at",
    "replan": "not known to be as the policy says now",
    "up-to-date": "as the policy says, but what was made of them is missing",
}
_AGAIN = "failed, and are tried again"


class Share(NamedTuple):
    """A part of a library: how many videos, and their bytes."""

    videos: int = 0
    size_bytes: int = 0


class Group(NamedTuple):
    """Videos that have something in common, as a person would say it; `paths` in path order."""

    what: str
    share: Share
    paths: tuple[str, ...]


class LibraryStatus(NamedTuple):
    """Where a library stands. `to_do` and `failed` are groups, the largest first; `hard_linked` are to do.

    `unsearched` are folders that cannot be searched, with the reason: there may be more videos.
    """

    folders: tuple[str, ...]
    policies: tuple[str, ...]
    total: Share
    complying: Share
    to_do: tuple[Group, ...]
    failed: tuple[Group, ...]
    hard_linked: int
    odd: int
    unsearched: dict[str, str]
    left_out: Mapping[str, int]
    absent: dict[str, int]


def take_status(run: RunContext) -> LibraryStatus:
    """Return where the library of an open run stands."""
    survey = run.survey
    waiting = _waiting(run) if survey.stale else []
    to_do = _grouped(waiting)
    failed = _grouped((_reason(item), item) for item in survey.failed_before)
    total = Share(len(run.discovery.videos), sum(found.size for found in run.discovery.videos))
    rest = [group.share for group in (*to_do, *failed)]
    return LibraryStatus(
        folders=tuple(os.fsdecode(path) for path in run.discovery.searched),
        policies=run.policies.names,
        total=total,
        complying=Share(
            total.videos - sum(share.videos for share in rest),
            total.size_bytes - sum(share.size_bytes for share in rest),
        ),
        to_do=to_do,
        failed=failed,
        hard_linked=sum(item.found.links > 1 for _, item in waiting),
        odd=len(run.discovery.odd),
        unsearched={os.fsdecode(odd.path): odd.reason for odd in sorted(run.discovery.odd) if odd.failed},
        left_out=run.left_out,
        absent={os.fsdecode(path): count for path, count in survey.absent.items()},
    )


def _waiting(run: RunContext) -> list[tuple[str, Stale]]:
    """Return what is to do, each with why; what complies by its record, though not recorded so, is not."""
    whys = look_ahead(run)
    failures = Failures(run.pool).all()
    waiting = []
    for item in run.survey.stale:
        path = item.found.path
        why = whys.get(path, _WHY_TO_DO[item.verdict])
        if why is not None:
            waiting.append((_AGAIN if path in failures else why, item))
    return waiting


def _grouped(items: Iterable[tuple[str, Stale]]) -> tuple[Group, ...]:
    members: dict[str, list[Stale]] = defaultdict(list)
    for what, item in items:
        members[what].append(item)
    groups = [
        Group(
            what,
            Share(len(items), sum(item.found.size for item in items)),
            tuple(os.fsdecode(item.found.path) for item in items),
        )
        for what, items in members.items()
    ]
    return tuple(sorted(groups, key=lambda group: (-group.share.videos, group.what)))


def _reason(item: Stale) -> str:
    failure = item.failure
    return "failed" if failure is None else reason_due(failure.phase, failure.error)


def status_lines(status: LibraryStatus, verbose: bool) -> list[str]:
    """Return the lines for a person; `verbose` names the videos to do and failed."""
    lines = [f"{', '.join(map(escape, status.folders))}: {_amount(status.total)}"]
    to_do = _sum(status.to_do)
    failed = _sum(status.failed)
    policy = " and ".join(map(escape, status.policies))
    lines.append(f"  as the policy says  {_amount(status.complying)} (policy {policy})")
    lines.append(f"  to do               {_amount(to_do)}")
    lines += _group_lines(status.to_do, verbose)
    if status.hard_linked:
        lines.append(f"    of these hard-linked: {status.hard_linked:,}")
    if failed.videos:
        lines.append(f"  failed              {_amount(failed)}")
        lines += _group_lines(status.failed, verbose)
    if status.odd > len(status.unsearched):
        lines.append(f"  named like a video, but none: {status.odd - len(status.unsearched):,}")
    lines += [f"  {escape(folder)}: {escape(reason)}" for folder, reason in status.unsearched.items()]
    for folder, count in status.absent.items():
        recorded = count_noun(count, "recorded video")
        lines.append(f"  {escape(folder)}: none of {recorded} is there; is the disk mounted?")
    if status.left_out:
        listed = ", ".join(f"{count:,} {kind}" for kind, count in status.left_out.items())
        lines.append(f"  not looked at: {listed}")
    return lines


def _group_lines(groups: tuple[Group, ...], verbose: bool) -> list[str]:
    lines = []
    shown = groups if verbose else groups[:_SHOWN_REASONS]
    for group in shown:
        lines.append(f"    {group.share.videos:,}: {escape(group.what)}")
        if verbose:
            lines += [f"      {escape(path)}" for path in group.paths]
    if len(groups) > len(shown):
        lines.append(f"    … and {len(groups) - len(shown):,} more reasons (-v lists them all)")
    return lines


def status_document(status: LibraryStatus) -> dict[str, Any]:
    """Return the JSON document."""
    return {
        "format": STATUS_FORMAT,
        "folders": list(status.folders),
        "policies": list(status.policies),
        "videos": status.total.videos,
        "size_bytes": status.total.size_bytes,
        "complying": status.complying._asdict(),
        "to_do": {**_sum(status.to_do)._asdict(), "reasons": _reasons(status.to_do)},
        "failed": {**_sum(status.failed)._asdict(), "reasons": _reasons(status.failed)},
        "hard_linked": status.hard_linked,
        "odd": status.odd,
        "unsearched": status.unsearched,
        "left_out": dict(status.left_out),
        "absent": status.absent,
    }


def _reasons(groups: tuple[Group, ...]) -> list[dict[str, Any]]:
    return [{"reason": group.what, **group.share._asdict(), "files": list(group.paths)} for group in groups]


def _sum(groups: tuple[Group, ...]) -> Share:
    return Share(sum(group.share.videos for group in groups), sum(group.share.size_bytes for group in groups))


def _amount(share: Share) -> str:
    return f"{count_noun(share.videos, 'video')}, {human_bytes(share.size_bytes)}"
