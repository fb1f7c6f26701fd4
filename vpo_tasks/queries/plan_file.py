"""Plans as files: what a dry run found, so that exactly that, and nothing else, can be carried out later.

A file holds for each video the identity and the changes that were seen. Whatever is not so any more, be it
the video, the policy or what the policy asks of the video, is refused when the plan is applied.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from vpo_tasks import __version__
from vpo_tasks.errors import UsageError
from vpo_tasks.library.bulk_check import Stale, Survey
from vpo_tasks.plan.model import Change, OnError
from vpo_tasks.report.result import BatchResult, FileProcessingResult
from vpo_tasks.run.context import RunContext, RunOptions
from vpo_tasks.run.opening import open_run
from vpo_tasks.run.processor import NOT_AS_PLANNED
from vpo_tasks.trusted import read_file

if TYPE_CHECKING:
    from vpo_tasks.config import VPOConfig
    from vpo_tasks.report.console import Console

PLAN_FORMAT = 1
_MAX_BYTES = 1 << 30
_OTHER_POLICY = f"{NOT_AS_PLANNED}: the policy means something else"
_GONE = f"{NOT_AS_PLANNED}: the video is not there"
_CHANGED = f"{NOT_AS_PLANNED}: the video has changed"


class PlannedVideo(msgspec.Struct, frozen=True, kw_only=True):
    """One video that would be worked on. `identity` is device, inode, size, mtime_ns."""

    file: str
    identity: tuple[int, int, int, int]
    changes: tuple[Change, ...]
    step: str = "none"
    tool: str | None = None
    bytes_written: int = 0
    target: str | None = None


class PlanFile(msgspec.Struct, frozen=True, kw_only=True):
    """A whole plan. Paths are absolute; `digest` is the meaning of the policies, in hexadecimal."""

    vpo_plan: int
    made_by: str
    paths: tuple[str, ...]
    policies: tuple[str, ...]
    digest: str
    phases: tuple[str, ...] = ()
    on_error: OnError | None = None
    recursive: bool = True
    force: bool = False
    output: str | None = None
    link: bool = False
    videos: tuple[PlannedVideo, ...]


def plan_of(run: RunContext, result: BatchResult) -> PlanFile:
    """Return the plan that a dry run came to."""
    options = run.options
    videos = [
        PlannedVideo(
            file=item.path,
            identity=item.identity[:4],
            changes=item.changes,
            step=item.step,
            tool=item.tool,
            bytes_written=item.bytes_written,
            target=item.final_path if item.final_path != item.path else None,
        )
        for item in result.results
        if item.identity is not None and (item.changes or item.final_path not in (None, item.path))
    ]
    return PlanFile(
        vpo_plan=PLAN_FORMAT,
        made_by=__version__,
        paths=tuple(os.fsdecode(path) for path in run.discovery.searched),
        policies=run.policies.paths,
        digest=run.digest.hex(),
        phases=options.phases,
        on_error=options.on_error,
        recursive=options.recursive,
        force=options.force,
        output=None if run.output is None else os.fsdecode(run.output),
        link=options.link,
        videos=tuple(videos),
    )


def check_place(path: str) -> None:
    """Raise UsageError when writing a plan to `path` would fail, or overwrite what is no plan."""
    real = os.path.realpath(path)  # a link may lead to a plan, or to where one is to be
    if os.path.islink(real):
        raise UsageError(f"{path} is a link that leads nowhere")
    folder = os.path.dirname(real)
    if not os.path.isdir(folder):
        raise UsageError(f"{path}: there is no folder {folder}")
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise UsageError(f"{path} may not be written")
    if os.path.exists(path) and not _is_plan(path):
        raise UsageError(f"{path} is there already and is no plan: name another file")


def _is_plan(path: str) -> bool:
    try:
        return read_file(path, 64, named=True).lstrip().startswith(b'{\n  "vpo_plan"')
    except OSError:
        return False


def write_plan(path: str, plan: PlanFile) -> None:
    """Write a plan. Raise UsageError when it cannot be."""
    check_place(path)
    # json, not msgspec: a name that is no UTF-8 is kept as lone surrogates
    text = json.dumps(msgspec.to_builtins(plan), indent=2)
    try:
        with open(path, "w", encoding="ascii") as stream:
            stream.write(text + "\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def read_plan(path: str) -> PlanFile:
    """Return the plan in a file. Raise UsageError when there is none."""
    try:
        data = read_file(path, _MAX_BYTES, named=True)
        plan = msgspec.convert(json.loads(data), PlanFile)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        raise UsageError(f"{path} is not a plan that `vpo plan -o` wrote: {error}") from error
    if plan.vpo_plan != PLAN_FORMAT:
        raise UsageError(f"{path} was written by another version of vpo ({plan.made_by}): make a new plan")
    if not all(map(_can_be_a_path, _paths_in(plan))):
        raise UsageError(f"{path} is not a plan that `vpo plan -o` wrote: it names what can be no path")
    return plan


def _paths_in(plan: PlanFile) -> Iterator[str]:
    yield from (*plan.paths, *plan.policies, plan.output or "")
    for video in plan.videos:
        yield from (video.file, video.target or "")


def _can_be_a_path(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:  # half of a pair that stands for no byte of a name
        return False


def open_plan(
    plan: PlanFile, config: VPOConfig, console: Console, *, workers: int | None, as_json: bool
) -> RunContext:
    """Return the run that carries out a plan, and nothing else."""
    options = RunOptions(
        policies=plan.policies,
        workers=workers,
        on_error=plan.on_error,
        phases=plan.phases,
        force=plan.force,
        recursive=plan.recursive,
        output=plan.output,
        link=plan.link,
        json=as_json,
        retry_failed=True,  # what failed before is in the plan only if the plan meant to try it
    )
    return restricted(open_run(plan.paths, options, config, console, allow_none=True), plan)


def restricted(run: RunContext, plan: PlanFile) -> RunContext:
    """Return a run with what the plan holds and is still as it was planned; the rest is refused."""
    stale = {item.found.path: item for item in run.survey.stale}
    found = {video.path: video for video in run.discovery.videos}
    kept: list[Stale] = []
    refused: list[FileProcessingResult] = []
    up_to_date = 0
    for video in plan.videos:
        path = os.fsencode(video.file)
        here = found.get(path)
        ends_as = path if video.target is None else os.fsencode(video.target)
        if plan.digest != run.digest.hex():
            refused.append(FileProcessingResult(video.file, "skipped", reason=_OTHER_POLICY))
        elif ends_as in found and ends_as not in stale:
            up_to_date += 1  # done already, as after an interruption
        elif here is None:
            refused.append(FileProcessingResult(video.file, "skipped", reason=_GONE))
        elif (here.device, here.inode, here.size, here.mtime_ns) != video.identity:
            refused.append(FileProcessingResult(video.file, "skipped", reason=_CHANGED))
        elif path in stale:
            kept.append(stale[path]._replace(expected=video.changes))
        else:
            up_to_date += 1
    return run._replace(
        survey=Survey(len(plan.videos), up_to_date, kept),
        discovery=run.discovery._replace(odd=[]),
        refused=tuple(refused),
    )


def has_refused(results: Sequence[FileProcessingResult]) -> bool:
    """Tell whether anything in the plan was not done because it was not as planned any more."""
    return any(result.reason.startswith(NOT_AS_PLANNED) for result in results)
