"""One video: a value in, a value out. Holds no database handle and no terminal."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from typing import NamedTuple

from vpo_tasks.disk.undo_store import Keeping
from vpo_tasks.errors import (
    FileError,
    Interrupted,
    LockedError,
    PlanError,
    ProbeError,
    ReplaceError,
    ToolError,
    ToolMissing,
    VanishedError,
    VerifyError,
)
from vpo_tasks.execute.replace import export_unchanged
from vpo_tasks.execute.work import Environment, Replacement
from vpo_tasks.media.formats import suffix_of
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.plan.compile import turns_matroska
from vpo_tasks.plan.model import Plan
from vpo_tasks.report.result import FileProcessingResult
from vpo_tasks.run.apply_plan import apply_plan, resolve_target
from vpo_tasks.run.estimates import Budget, Estimates, measured
from vpo_tasks.run.jobs import (
    NOTHING_TRIED,
    Attempts,
    Content,
    Seen,
    VideoJob,
    asks_nothing,
    describe_job,
    failed,
    with_done,
)
from vpo_tasks.run.planner import Planner


class ProcessSettings(NamedTuple):
    """What holds for every video of the run."""

    planner: Planner
    estimates: Estimates
    dry_run: bool = False
    break_hardlinks: bool = False
    verify: str = "standard"
    without_hard_links: str = "refuse"
    link: bool = False
    keeping: Keeping | None = None


NOT_AS_PLANNED = "not as planned any more"

_NAME_BYTES = 255
_LOOKS = 3
"""A video that is changed by others again and again is given up, not chased."""


class _Skip(Exception):
    """The video is left alone on purpose; the text is the reason."""


class WorkflowProcessor:
    """Processes videos one at a time in any number of threads. Stateless between videos."""

    def __init__(
        self,
        settings: ProcessSettings,
        environment: Environment,
        progress: Callable[[str, float | None, float | None], None],
        budget: Budget,
    ) -> None:
        self._settings = settings
        self._planner = settings.planner
        self._environment = environment
        self._progress = progress
        self._budget = budget
        self.kill = environment.children.kill_all

    def process(self, job: VideoJob) -> FileProcessingResult:
        """Bring one video in line with the policy and say what came of it.

        Raises Interrupted when the run was ended meanwhile (the video is then as it was), and nothing else.
        """
        return self._told(job, lambda: self._process(job))

    def preview(self, job: VideoJob, content: Content, plan: Plan | None = None) -> FileProcessingResult:
        """Return what a dry run says of a video that holds this. Opens nothing.

        `plan` is what `plan_recorded` returned, if it was asked.
        """
        return self._told(
            job, lambda: self._process_seen(job, self._see(job.path, content, job.attempts, plan))
        )

    def _told(self, job: VideoJob, work: Callable[[], FileProcessingResult]) -> FileProcessingResult:
        """Return what the work comes to; a failure, or a reason to leave the video alone, is a result."""
        started = time.monotonic()
        result = FileProcessingResult(job.path, "failed")
        try:
            result = work()
        except _Skip as skip:
            result = result._replace(status="skipped", reason=str(skip))
        except LockedError:
            result = result._replace(status="skipped", reason="locked")
        except VanishedError:
            result = result._replace(status="skipped", reason="vanished")
        except (FileError, ToolMissing) as error:
            self._check_not_ended()
            result = result._replace(error=str(error), error_kind=error.kind)
        return result._replace(duration_s=time.monotonic() - started)

    def foresee(self, job: VideoJob) -> tuple[float, float] | None:
        """Return what a video whose content is recorded will take, in seconds, and save, in bytes an hour.

        None where only a look at the video can tell. Opens nothing.
        """
        if job.media is None:
            return None
        try:
            plan, step = self._planner.decide(job.path, job.media, job.attempts)
        except (FileError, ToolMissing):
            return None
        expected = self._settings.estimates
        return expected.seconds(plan, step), expected.saved_an_hour(plan, step)

    def complies(self, path: bytes, media: MediaInfo) -> bool:
        """Tell whether the policy asks nothing of a video that holds this, and has nothing to say of it."""
        plan = self.plan_recorded(path, media)
        return plan is not None and asks_nothing(plan)

    def plan_recorded(self, path: bytes, media: MediaInfo) -> Plan | None:
        """Return the plan of a video that holds this and of which nothing was tried; None: there is none."""
        try:
            return self._planner.plan(os.fsdecode(path), media)
        except PlanError:
            return None

    def abort(self) -> None:
        """End the tools and helper processes; `process` raises Interrupted in every thread."""
        self._environment.children.terminate_all()
        self.close()

    def close(self) -> None:
        """End the helper processes."""
        self._environment.probes.close()

    def _process(self, job: VideoJob) -> FileProcessingResult:
        for _ in range(_LOOKS - 1):
            seen = self._look(job.path, job.identity, job.media, job.attempts)
            result = self._process_seen(job, seen)
            # only what was done has renamed the video: by phases that could be done
            renamed = None if self._settings.dry_run or job.target is not None else result.final_path
            if result.status != "failed" or _is_still(renamed or job.path, seen, result):
                return result
            # another run, or its owner, has changed it since it was read: look again, at what is there now
        return self._process_seen(job, self._look(job.path, None, None, job.attempts))

    def _process_seen(self, job: VideoJob, seen: Seen) -> FileProcessingResult:
        _check_expected(job, seen)
        result = describe_job(job, seen)
        if seen.plan.is_empty and (job.target is None or result.status == "failed"):
            return result
        if seen.links > 1 and job.target is None and not self._settings.break_hardlinks:
            raise _Skip("hard-linked")
        destination = self._destination(job, seen.plan)
        if self._settings.dry_run:
            return result._replace(final_path=destination)
        self._begin(job, seen)
        try:
            result = self._carry_out(job, seen, destination, result)
            self._budget.end(job.path, result.bytes_written)
            return result
        except (LockedError, VanishedError):
            raise
        except FileError as error:
            self._check_not_ended()
            attempts = job.attempts.after(error, seen.plan, seen.step)
            if attempts is not None:
                self._budget.end(job.path, 0)
                again = self._look(job.path, seen.identity, seen.media, attempts)
                return self._process_seen(job._replace(attempts=attempts), again)
            phase = next((change.phase for change in seen.plan.changes), None)
            untouched = result._replace(changes=(), bytes_read=0, bytes_written=0)
            return failed(untouched, str(error), error.kind, phase)
        finally:
            self._budget.end(job.path, 0)

    def _begin(self, job: VideoJob, seen: Seen) -> None:
        """Take the work into the run's budget; raise _Skip when it does not fit."""
        expected = self._settings.estimates
        seconds = expected.seconds(seen.plan, seen.step)
        why = self._budget.begin(job.path, seconds, expected.written_bytes(seen.plan, seen.step))
        if why is not None:
            raise _Skip(why)

    def _check_not_ended(self) -> None:
        """Raise Interrupted when the run was ended: then a failure is only the end's echo."""
        if self._environment.children.stopped:
            raise Interrupted

    def _carry_out(
        self, job: VideoJob, seen: Seen, destination: str, result: FileProcessingResult
    ) -> FileProcessingResult:
        environment = self._environment._replace(
            recheck=lambda found: self._recheck(destination, found, job.attempts),
            progress=lambda fraction, speed: self._progress(job.path, fraction, speed),
        )
        may_overwrite = destination in job.made
        if job.target is not None and resolve_target(job.path, destination, environment):
            may_overwrite = True
        if seen.plan.is_empty:
            done = export_unchanged(
                job.path,
                destination,
                environment,
                identity=seen.identity,
                media=seen.media,
                link=self._settings.link,
                may_overwrite=may_overwrite,
            )
        else:
            work = Replacement(
                source=job.path,
                identity=seen.identity,
                plan=seen.plan,
                step=seen.step,
                destination=destination if job.target is not None else None,
                may_overwrite=may_overwrite,
                verify=self._settings.verify,
                without_hard_links=self._settings.without_hard_links,
            )
            started = time.monotonic()
            done, step = apply_plan(work, environment, self._settings.keeping)
            speed = measured(seen.plan, step, done, time.monotonic() - started)
            result = result._replace(step=step.kind, tool=step.tool, measured=speed)
        return with_done(job, result, done)

    def _look(
        self,
        path: str,
        recorded: Identity | None,
        media: MediaInfo | None,
        attempts: Attempts = NOTHING_TRIED,
    ) -> Seen:
        """Inspect (unless the record still holds) and plan one video."""
        identity, links = _identify(path)
        if media is None or recorded is None or not identity.same_video(recorded):
            try:
                media = self._environment.probes.probe(path)
            except ProbeError:
                _identify(path)  # one that is gone meanwhile has not failed
                raise
            again, links = _identify(path)
            if not again.same_video(identity):
                raise _Skip("is being written by another program")
        return self._see(path, Content(identity, links, media), attempts)

    def _see(self, path: str, content: Content, attempts: Attempts, plan: Plan | None = None) -> Seen:
        """Plan a video that holds this; `plan` is what was planned of it already."""
        plan, step = self._planner.decide(path, content.media, attempts, links=content.links, plan=plan)
        rotation = self._environment.rotation
        if rotation is not None and turns_matroska(plan, step) and rotation.find(plan) is None:
            # said before any work: the picture would lie on its side afterwards
            if rotation.in_doubt:
                raise ToolError(path, ["ffmpeg"], 1, "", "did not say what it has", cause="moment")
            hint = "`pip install -U imageio-ffmpeg` brings one"
            raise ToolMissing("an ffmpeg from version 6 on", "keeping the picture turned in Matroska", hint)
        return Seen(*content, plan, step)

    def _recheck(self, path: str, found: MediaInfo, attempts: Attempts) -> None:
        """Plan the output again: what still differs means that the output is not what was planned."""
        plan = self._planner.plan(path, found, attempts)
        if not plan.is_empty:
            left = plan.changes[0]
            raise VerifyError(path, f"{left.what} of {left.label or 'the file'}", left.new, left.old)

    def _destination(self, job: VideoJob, plan: Plan) -> str:
        """Return where the result goes. Raises PlanError when another video would go there too."""
        destination = _final_path(job.target or job.path, plan)
        if destination in {job.target, job.path} and job.target is None:
            return destination
        if len(os.fsencode(os.path.basename(destination))) > _NAME_BYTES:
            raise PlanError(job.path, f"the new name would be longer than {_NAME_BYTES} bytes")
        for rival in job.rivals:
            if self._result_name(job, rival) == os.path.basename(destination):
                why = "has that name already" if rival == destination else f"would become {destination} too"
                raise PlanError(job.path, f"{rival} {why}; rename one of them")
        return destination

    def _result_name(self, job: VideoJob, rival: str) -> str | None:
        """Return the file name another video of the run would end under, None when that cannot be told."""
        try:
            plan = self._look(rival, None, None).plan
        except (FileError, ToolMissing, _Skip):
            return None if job.target is None else os.path.basename(rival)
        return os.path.basename(_final_path(rival, plan))


def _check_expected(job: VideoJob, seen: Seen) -> None:
    if job.expected is None:
        return
    if not seen.identity.same_video(job.identity):
        raise _Skip(f"{NOT_AS_PLANNED}: the video has changed")
    if seen.plan.changes != job.expected:
        raise _Skip(f"{NOT_AS_PLANNED}: other changes would be made")


def _is_still(path: str, seen: Seen, result: FileProcessingResult) -> bool:
    """Tell whether a video that failed is as the work left it. Raise VanishedError when it is gone."""
    now, _ = _identify(path)
    left = result.identity or seen.identity
    return now == left if result.error_kind == ReplaceError.__name__ else now.same_video(left)


def _identify(path: str) -> tuple[Identity, int]:
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise VanishedError(path, "vanished") from error
    except OSError as error:
        raise FileError(path, error.strerror or str(error)) from error
    if not stat.S_ISREG(status.st_mode):
        raise _Skip("not a regular file")
    return Identity.of(status), status.st_nlink


def _final_path(path: str, plan: Plan) -> str:
    """Return where a video that is now at `path` is after its plan: another suffix in another container."""
    suffix = suffix_of(plan.result.container)
    if plan.result.container == plan.source.container or not suffix:
        return path
    stem, old_suffix = os.path.splitext(path)
    return path if old_suffix.lower() == suffix else stem + suffix
