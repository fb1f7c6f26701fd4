"""Making a `.part` and reading it back: by a tool, by copying, by linking. No video's name is touched."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import msgspec

from vpo_tasks.disk import fsops
from vpo_tasks.disk.folders import OpenFile, Place
from vpo_tasks.disk.fsops import Sidecars
from vpo_tasks.disk.journal import Mode, Record, file_sample_digest, sample_digest
from vpo_tasks.disk.locks import VideoLock
from vpo_tasks.errors import ReplaceError, ToolError, VerifyError
from vpo_tasks.execute.carry_over import carry_over
from vpo_tasks.execute.comparison import Made, compare, count, probe, refuse_larger
from vpo_tasks.execute.dolby_vision import drop_configurations
from vpo_tasks.execute.encode_setup import encode_setups
from vpo_tasks.execute.transaction import foreign_file, wanted_mtime_ns
from vpo_tasks.execute.verify import verify_size
from vpo_tasks.execute.work import Environment, Follower, Replacement, Versions
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo, StreamCount
from vpo_tasks.plan.compile import turns_matroska
from vpo_tasks.plan.model import Plan, Step
from vpo_tasks.tools.base import Call, ParsedLine, Tool, ToolInfo
from vpo_tasks.tools.ffmpeg import FFMPEG, OpenGopParser, pictures_missing
from vpo_tasks.tools.running import ToolRun
from vpo_tasks.tools.toolbox import tool_named, with_version


class Job(NamedTuple):
    """One replacement, with everything that is known before its first write."""

    work: Replacement
    environment: Environment
    lock: VideoLock
    mode: Mode
    source: Place
    file: OpenFile
    """The source, open: what has its name by now may be another file."""
    target: Place
    names: Sidecars
    record: Record
    older: Identity | None = None
    """What has the target's name and may be replaced."""
    own_inodes: bool = False
    """The filesystem shows every hard link as another file; content and size tell what it is."""

    @property
    def fds(self) -> tuple[int, ...]:
        """What a tool inherits: the locks, and the source to be read."""
        return (*self.lock.fds, self.file.fd)

    def versions(self, made: OpenFile) -> Versions:
        return Versions(self.file, made, self.lock.fds)


def make_by_tool(job: Job, new: Place) -> Made:
    """Run the step's tool and verify what it wrote. Raises ToolError, VerifyError, ProbeError or OSError."""
    with job.environment.probes.following(job.file.probe_path) as follower:
        said = _run_step(job, new, follower)
        check_unchanged(job)  # else the comparison would blame the tool
        before = follower.count() if said.missed is None else None
    with _opened_result(job, new) as made_file:
        refuse_larger(job.work, job.environment, job.versions(made_file))
        left = carry_over(job.environment.disk, job.file, made_file, job.work.plan, _tool_of(job.work.step))
        made = _verify(job, made_file, said.missed, before)
        lost = _copy_attributes(job, made_file.fd)
        sampled = file_sample_digest(made_file.fd)
    return made._replace(warnings=(*said.warnings, *left, *made.warnings, *lost), digest=sampled)


def make_by_link(job: Job, new: Place) -> Made:
    """Make the new video another name of the source. Raises ReplaceError when that was another's by then."""
    fsops.link_content(job.environment.disk, job.source, new)
    status = new.status()
    if status is None or Identity.of(status)[2:4] != job.record.old[2:4]:
        raise foreign_file(job.work.source)
    sampled = sample_digest(new)
    if sampled != job.record.old_print:
        raise foreign_file(job.work.source)
    return Made(job.work.plan.result, (), (), 0, sampled)


def make_by_copy(job: Job, new: Place) -> Made:
    """Copy the source, by reflink where the filesystem can, and read the copy back. Raises VerifyError."""
    written, digest = fsops.copy_content(job.environment.disk, job.file.fd, new)
    with _opened_result(job, new) as made:
        found = os.fstat(made.fd).st_size
        if found != job.record.old.size:
            raise VerifyError(job.work.source, "size of the copy", job.record.old.size, found)
        if digest is not None and fsops.content_digest(made.fd) != digest:
            raise VerifyError(job.work.source, "content of the copy", digest[:16], "another digest")
        lost = tuple(_copy_attributes(job, made.fd))
        return Made(job.work.plan.result, (), lost, written, file_sample_digest(made.fd))


@contextmanager
def _opened_result(job: Job, new: Place) -> Iterator[OpenFile]:
    """Open what a tool made: a regular file of ours with one name. Raises ReplaceError or OSError."""
    try:
        fd = job.environment.disk.open_to_edit(new)
    except FileNotFoundError:
        raise ReplaceError(job.work.source, "the tool said success and wrote nothing") from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise ReplaceError(job.work.source, "the tool wrote something that is no plain file")
        yield OpenFile(fd, new.path)
    finally:
        os.close(fd)


def check_unchanged(job: Job, *, linked: bool = False) -> None:
    """Raise ReplaceError when the source is not the file the work began with.

    `linked` says that we have made another link to it, which moved its ctime.
    """
    status = job.source.status()
    if status is None:
        raise foreign_file(job.work.source)
    found, old = Identity.of(status), job.record.old
    if linked:
        old = old._replace(ctime_ns=found.ctime_ns)
    if found != old or not os.path.samestat(status, os.fstat(job.file.fd)):
        raise foreign_file(job.work.source)


def _copy_attributes(job: Job, fd: int) -> list[str]:
    mtime_ns = wanted_mtime_ns(job.work.plan, job.record.old)
    return fsops.copy_attributes(job.environment.disk, job.file.fd, fd, mtime_ns=mtime_ns)


class _ToolMessages(NamedTuple):
    """What the tools of a step warned of, and what a decoder missed at the beginning, to be looked into."""

    warnings: tuple[str, ...]
    missed: ToolError | None


def _run_step(job: Job, new: Place, follower: Follower) -> _ToolMessages:
    """Run the step's tool, once more without hardware if that fails. Raises ToolError."""
    step = job.work.step
    name = _tool_of(step)
    info, environment = job.environment.toolbox.info(name, "this step"), job.environment
    turned = environment.rotation if turns_matroska(job.work.plan, step) else None
    equipment = None if turned is None else turned.find(job.work.plan)
    if equipment is not None:
        info, environment = equipment.info, environment._replace(hardware=equipment.hardware)
    if name != "ffmpeg" or step.kind != "encode":
        return _run_calls(job, new, tool_named(name), info, follower)
    info = with_version(info)
    with tempfile.TemporaryDirectory(prefix="vpo-") as scratch:
        failed: ToolError | None = None
        for setup in encode_setups(job.work, environment, info, os.fsencode(scratch), job.fds):
            try:
                said = _run_calls(job, new, FFMPEG.with_setup(setup), info, follower)
            except ToolError as error:
                if job.environment.children.stopped:
                    raise
                failed = failed or error
            else:
                if failed is None:
                    return said
                return said._replace(warnings=(f"{failed}; encoded by the processor instead", *said.warnings))
        assert failed is not None
        raise failed


def _tool_of(step: Step) -> Literal["mkvmerge", "ffmpeg"]:
    return step.tool or "ffmpeg"


def _run_calls(job: Job, new: Place, tool: Tool, info: ToolInfo, follower: Follower) -> _ToolMessages:
    """Run the processes of a step, each with the results of those before. Raises ToolError."""
    results: list[bytes] = []
    warnings: list[str] = []
    missed: ToolError | None = None
    calls = tool.calls(job.work.plan, info, job.file.tool_path, _tool_output(new))
    parts = sum(not call.keeps_output for call in calls)
    for call in calls:
        inputs = (*call.inputs, *((position, results[place]) for position, place in call.results))
        ready = msgspec.structs.replace(call, inputs=inputs, fds=(*call.fds, *job.fds, new.folder.fd))
        before = sum(not done.keeps_output for done in calls[: len(results)])
        beginning = OpenGopParser(tool.parse_line, job.work.plan)
        run = _run(job, new, ready, _Part(before, parts), beginning, follower=follower)
        if beginning.missed is not None:
            missed = _tool_error(job, ready, run, beginning.missed)
        results.append(run.output)
        warnings += [f"{tool.name}: {text}" for text in run.warnings]
    return _ToolMessages(tuple(dict.fromkeys(warnings)), missed)


def _tool_output(new: Place) -> bytes:
    return os.path.join(new.folder.path_for(), new.name)


class _Part(NamedTuple):
    """Which of how many long processes of a step runs."""

    number: int
    of: int

    def done(self, fraction: float) -> float:
        return (self.number + min(1.0, fraction)) / self.of


def _run(
    job: Job,
    new: Place,
    call: Call,
    part: _Part,
    parse_line: Callable[[bytes], ParsedLine | None],
    *,
    follower: Follower,
) -> ToolRun:
    duration_s = job.work.plan.source.duration_s or 0.0
    started = time.monotonic()

    def report(parsed: ParsedLine) -> None:
        if parsed.fraction is not None:
            job.environment.progress(part.done(parsed.fraction), None)
        elif parsed.position_s is not None and duration_s > 0:
            elapsed_s = time.monotonic() - started
            speed = parsed.position_s / elapsed_s if elapsed_s > 0 else None
            job.environment.progress(part.done(parsed.position_s / duration_s), speed)

    run = job.environment.children.run(
        call,
        video=job.work.source,
        stall_timeout_s=job.environment.stall_timeout_s,
        parse_line=parse_line,
        progress=report,
        watch_output=_tool_output(new),
        # a copy reads at least as much as it writes: so far the source is in memory
        grown=follower.go_on if job.work.plan.source.container == "mkv" else None,
    )
    if run.errors or run.returncode not in call.ok_codes + call.warn_codes:
        raise _tool_error(job, call, run, *run.errors[:1])
    return run


def _tool_error(job: Job, call: Call, run: ToolRun, why: str = "") -> ToolError:
    # what people can read and repeat, instead of the number of our descriptor
    shown = (word.replace(job.file.tool_path, job.file.path) for word in call.argv)
    argv = [os.fsdecode(word) for word in shown]
    return ToolError(job.work.source, argv, run.returncode, run.stderr_tail, why)


def _without_stale_dolby_vision(job: Job, made: OpenFile, found: MediaInfo) -> MediaInfo:
    """Return what is in the new video once no encoded track claims to be Dolby Vision. Raises ProbeError."""
    plan = job.work.plan
    stale = [
        place
        for place, (stream, track) in enumerate(zip(plan.streams, found.tracks, strict=False))
        if stream.encode is not None and track.dolby_vision
    ]
    if not stale or found.container not in ("mkv", "mp4", "mov"):
        return found
    drop_configurations(job.environment.disk, made, found.container, stale)
    return probe(job.environment, made)


def _encodes_pictures(plan: Plan) -> bool:
    pairs = zip(plan.streams, plan.result.tracks, strict=True)
    return any(stream.encode is not None and track.type == "video" for stream, track in pairs)


def _verify(
    job: Job, file: OpenFile, missed: ToolError | None, before: tuple[StreamCount, ...] | None
) -> Made:
    """Read what was made and compare it with the plan and the source. Raises VerifyError or ProbeError.

    `missed` is raised unless the source begins with pictures that nobody can decode; `before` are the
    source's packets, if they are counted already.
    """
    video, plan = job.work.source, job.work.plan
    verify_size(video, plan, os.fstat(file.fd).st_size)
    found = _without_stale_dolby_vision(job, file, probe(job.environment, file))
    warnings: tuple[str, ...] = ()
    if missed is not None:
        before = count(job.environment, job.file, demux=True)
        hidden = pictures_missing(plan, before)
        if not hidden:
            raise missed
        if _encodes_pictures(plan):
            text = "pictures are missing or damaged: they need ones from before the beginning"
            warnings = (f"the first {hidden} {text}",)
    made = compare(job.work, job.environment, job.versions(file), found, before=before)
    return made._replace(warnings=(*made.warnings, *warnings))
