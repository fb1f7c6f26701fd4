"""Making a `.part` and reading it back: by a tool, by copying, by linking. No video's name is touched."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from vpo_tasks.errors import ReplaceError, ToolError, VerifyError
from vpo_tasks.execute import fsops
from vpo_tasks.execute.arranging import arrangements
from vpo_tasks.execute.base import Call, Heard, Tool, ToolInfo
from vpo_tasks.execute.beginning import Beginning, pictures_missing
from vpo_tasks.execute.dolby_vision import drop_configurations
from vpo_tasks.execute.ffmpeg import FFMPEG
from vpo_tasks.execute.journal import Mode, Record
from vpo_tasks.execute.locks import VideoLock
from vpo_tasks.execute.private import Private
from vpo_tasks.execute.proof import prove_content
from vpo_tasks.execute.run_tool import ToolRun
from vpo_tasks.execute.tools import tool_named
from vpo_tasks.execute.verify import (
    verify_chapters,
    verify_counts,
    verify_headers,
    verify_media,
    verify_size,
)
from vpo_tasks.execute.weigh import refuse_larger
from vpo_tasks.execute.work import Follower, Kit, Work
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo, StreamCount
from vpo_tasks.plan.compile import turns_matroska
from vpo_tasks.plan.model import Plan


class Job(NamedTuple):
    """One replacement, with everything that is known before its first write."""

    work: Work
    kit: Kit
    lock: VideoLock
    mode: Mode
    source: bytes
    target: bytes
    names: Private
    record: Record
    older: Identity | None = None
    """What has the target's name and may be replaced."""


class Made(NamedTuple):
    """A `.part` that was verified."""

    media: MediaInfo
    counts: tuple[StreamCount, ...]
    warnings: tuple[str, ...]
    bytes_written: int | None = None
    """None: as many as it is long."""


def make_by_tool(job: Job) -> Made:
    """Run the step's tool and verify what it wrote. Raises ToolError, VerifyError, ProbeError or OSError."""
    with job.kit.probes.following(job.work.source) as follower:
        said = _run_step(job, follower)
        check_unchanged(job)  # else the comparison would blame the tool
        before = follower.count() if said.missed is None else None
    refuse_larger(job.work, job.kit, job.names.part, job.lock.fds)
    made = _verify_part(job, said.missed, before)
    lost = _copy_attributes(job)
    return made._replace(warnings=(*said.warnings, *made.warnings, *lost))


def make_by_link(job: Job) -> Made:
    """Make the `.part` another name of the source."""
    fsops.link_content(job.kit.disk, job.source, job.names.part)
    return Made(job.work.plan.result, (), (), 0)


def make_by_copy(job: Job) -> Made:
    """Copy the source, by reflink where the filesystem can, and read the copy back. Raises VerifyError."""
    part = job.names.part
    written, digest = fsops.copy_content(job.kit.disk, job.source, part)
    found = os.stat(part).st_size
    if found != job.record.old.size:
        raise VerifyError(job.work.source, "size of the copy", job.record.old.size, found)
    if digest is not None and fsops.content_digest(part) != digest:
        raise VerifyError(job.work.source, "content of the copy", digest[:16], "another digest")
    return Made(job.work.plan.result, (), tuple(_copy_attributes(job)), written)


def check_unchanged(job: Job) -> None:
    """Raise ReplaceError when the source is not the file the work began with."""
    status = fsops.stat_or_none(job.source)
    if status is None:
        raise newcomer(job)
    found, old = Identity.of(status), job.record.old
    part = fsops.stat_or_none(job.names.part)
    if part is not None and os.path.samestat(status, part):
        # our own link to it moved its ctime
        old = old._replace(ctime_ns=found.ctime_ns)
    if found != old:
        raise newcomer(job)


def newcomer(job: Job) -> ReplaceError:
    """Return the error for a source that somebody replaced or wrote to while we had it in hand."""
    return ReplaceError(job.work.source, "the video was changed by somebody else meanwhile; left as it is")


def wanted_mtime_ns(plan: Plan, old: Identity) -> int | None:
    """Return the modification time that the plan asks for, None for the time of writing."""
    if plan.mtime_s is not None:
        return int(plan.mtime_s * 1e9)
    return old.mtime_ns if plan.keep_mtime else None


def _copy_attributes(job: Job) -> list[str]:
    mtime_ns = wanted_mtime_ns(job.work.plan, job.record.old)
    return fsops.copy_attributes(job.kit.disk, job.source, job.names.part, mtime_ns=mtime_ns)


class _Said(NamedTuple):
    """What the tools of a step warned of, and what a decoder missed at the beginning, to be looked into."""

    warnings: tuple[str, ...]
    missed: ToolError | None


def _run_step(job: Job, follower: Follower) -> _Said:
    """Run the step's tool, once more without hardware if that fails. Raises ToolError."""
    step = job.work.step
    name = step.tool if step.tool in ("mkvmerge", "ffmpeg") else "ffmpeg"
    info, kit = job.kit.toolbox.info(name, "this step"), job.kit
    equipment = (
        kit.turner.find(job.work.plan)
        if kit.turner is not None and turns_matroska(job.work.plan, job.work.step)
        else None
    )
    if equipment is not None:
        info, kit = equipment.info, kit._replace(hardware=equipment.hardware)
    if name != "ffmpeg" or step.kind != "encode":
        return _run_calls(job, tool_named(name), info, follower)
    with tempfile.TemporaryDirectory(prefix="vpo-") as scratch:
        failed: ToolError | None = None
        for arrangement in arrangements(job.work, kit, info, os.fsencode(scratch), job.lock.fds):
            try:
                said = _run_calls(job, FFMPEG.arranged(arrangement), info, follower)
            except ToolError as error:
                if job.kit.children.stopped:
                    raise
                failed = failed or error
            else:
                if failed is None:
                    return said
                return said._replace(warnings=(f"{failed}; encoded by the processor instead", *said.warnings))
        assert failed is not None
        raise failed


def _run_calls(job: Job, tool: Tool, info: ToolInfo, follower: Follower) -> _Said:
    """Run the processes of a step, each with the results of those before. Raises ToolError."""
    results: list[bytes] = []
    warnings: list[str] = []
    missed: ToolError | None = None
    calls = tool.calls(job.work.plan, info, job.source, job.names.part)
    parts = sum(not call.keeps_output for call in calls)
    for call in calls:
        inputs = (*call.inputs, *((position, results[place]) for position, place in call.results))
        ready = msgspec.structs.replace(call, inputs=inputs, fds=(*call.fds, *job.lock.fds))
        before = sum(not done.keeps_output for done in calls[: len(results)])
        beginning = Beginning(tool.hear, job.work.plan)
        run = _run(job, beginning, ready, _Part(before, parts), follower)
        if beginning.missed is not None:
            missed = _tool_error(job, ready, run, beginning.missed)
        results.append(run.output)
        warnings += [f"{tool.name}: {text}" for text in run.warnings]
    return _Said(tuple(dict.fromkeys(warnings)), missed)


class _Part(NamedTuple):
    """Which of how many long processes of a step runs."""

    number: int
    of: int

    def done(self, fraction: float) -> float:
        return (self.number + min(1.0, fraction)) / self.of


def _run(
    job: Job, hear: Callable[[bytes], Heard | None], call: Call, part: _Part, follower: Follower
) -> ToolRun:
    duration_s = job.work.plan.source.duration_s or 0.0
    started = time.monotonic()

    def report(heard: Heard) -> None:
        if heard.fraction is not None:
            job.kit.progress(part.done(heard.fraction), None)
        elif heard.position_s is not None and duration_s > 0:
            elapsed_s = time.monotonic() - started
            speed = heard.position_s / elapsed_s if elapsed_s > 0 else None
            job.kit.progress(part.done(heard.position_s / duration_s), speed)

    run = job.kit.children.run(
        call,
        video=job.work.source,
        stall_timeout_s=job.kit.stall_timeout_s,
        hear=hear,
        progress=report,
        watch_output=job.names.part,
        # a copy reads at least as much as it writes: so far the source is in memory
        grown=follower.go_on if job.work.plan.source.container == "mkv" else None,
    )
    if run.errors or run.returncode not in call.ok_codes + call.warn_codes:
        raise _tool_error(job, call, run, *run.errors[:1])
    return run


def _tool_error(job: Job, call: Call, run: ToolRun, why: str = "") -> ToolError:
    argv = [os.fsdecode(word) for word in call.argv]
    return ToolError(job.work.source, argv, run.returncode, run.stderr_tail, why)


def _without_stale_dolby_vision(job: Job, found: MediaInfo) -> MediaInfo:
    """Return what is in the `.part` once no encoded track claims to be Dolby Vision. Raises ProbeError."""
    plan = job.work.plan
    stale = [
        place
        for place, (stream, track) in enumerate(zip(plan.streams, found.tracks, strict=False))
        if stream.encode is not None and track.dolby_vision
    ]
    if not stale or found.container not in ("mkv", "mp4", "mov"):
        return found
    drop_configurations(job.kit.disk, job.names.part, found.container, stale)
    return job.kit.probes.probe(os.fsdecode(job.names.part))


def _encodes_pictures(plan: Plan) -> bool:
    pairs = zip(plan.streams, plan.result.tracks, strict=True)
    return any(stream.encode is not None and track.type == "video" for stream, track in pairs)


def _verify_part(job: Job, missed: ToolError | None, before: tuple[StreamCount, ...] | None) -> Made:
    """Read the `.part` and compare it with the plan and the source. Raises VerifyError or ProbeError.

    `missed` is raised unless the source begins with pictures that nobody can decode; `before` are the
    source's packets, if they are counted already.
    """
    video, plan, part = job.work.source, job.work.plan, job.names.part
    if fsops.stat_or_none(part) is None:
        raise ReplaceError(video, "the tool said success and wrote nothing")
    verify_size(video, plan, os.stat(part).st_size)
    found = _without_stale_dolby_vision(job, job.kit.probes.probe(os.fsdecode(part)))
    warnings: tuple[str, ...] = ()
    if missed is not None:
        before = job.kit.probes.count(video, demux=True)
        hidden = pictures_missing(plan, before)
        if not hidden:
            raise missed
        if _encodes_pictures(plan):
            text = "pictures are missing or damaged: they need ones from before the beginning"
            warnings = (f"the first {hidden} {text}",)
    made = compare(job.work, job.kit, part, found, job.lock.fds, before=before)
    return made._replace(warnings=(*made.warnings, *warnings))


def compare(
    work: Work,
    kit: Kit,
    path: bytes,
    found: MediaInfo,
    fds: tuple[int, ...],
    *,
    before: tuple[StreamCount, ...] | None = None,
) -> Made:
    """Compare a video, and what a probe found in it, with the plan and the source.

    `fds` are the lock's, for the tools that read; `before` are the source's packets, if they are counted
    already. Raises VerifyError, ToolError or ProbeError.
    """
    video, plan = work.source, work.plan
    warnings = verify_media(video, plan, found)
    verify_headers(video, plan, found)
    counts = kit.probes.count(os.fsdecode(path))
    if work.verify == "full":
        warnings = [*warnings, *prove_content(work, kit, path, found, fds)]
    before = kit.probes.count(video) if before is None else before
    shift_s = verify_counts(video, plan, before, counts, found)
    verify_chapters(video, plan, found, shift_s)
    kit.recheck(found)
    return Made(found, counts, tuple(warnings))
