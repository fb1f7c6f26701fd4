"""Why a video would be processed or not: what is seen, what is recorded, what the policy asks for.

Writes nothing, and opens the video only when the record of it does not hold.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any, NamedTuple

from vpo_tasks.library.discover import Found
from vpo_tasks.library.ignore import why_left_out
from vpo_tasks.media.identity import Identity
from vpo_tasks.report.document import file_as_dict
from vpo_tasks.report.result import FileProcessingResult
from vpo_tasks.report.summary import file_lines, phases_left_out
from vpo_tasks.report.text import count_noun, escape
from vpo_tasks.run.context import RunContext
from vpo_tasks.run.failure_memory import what_differs
from vpo_tasks.state.failures import Failure, Failures, as_kept
from vpo_tasks.state.store import Details
from vpo_tasks.state.up_to_date import RecordedState

WHY_FORMAT = 1

_CHANGED = "its size, its modification time or (with another content) its inode changes"
_POLICY = (
    "the policy's meaning changes and then asks for something; a comment or another order does not count"
)
_FORCE = "you run `vpo process --force`, or `doit forget` its task"
_FAILED = "the video, the policy, a tool (path or time) or a setting changes"
_RETRY = "you run `vpo process --retry-failed`"
_NAMED = "you name it: `vpo process` leaves out no file that is named"
_LEFT_OUT_BY = {
    "ignored": "by a .vpoignore",
    "excluded": "by [discovery] exclude",
    "stopped": "for want of a .vpoignore that can be used (`vpo status` says why)",
}


class Explanation(NamedTuple):
    """All there is to say. `verdict` is that of the bulk check, or `failed-before`, `target`, `no-video`.

    `result` is what a dry run says of the video now, None for what is no video.
    """

    path: str
    policies: tuple[str, ...]
    verdict: str
    reason: str
    seen: Identity | None
    record: RecordedState | None
    recorded_as: str
    details: Details | None
    complies: bool
    failure: Failure | None
    differing: tuple[str, ...]
    result: FileProcessingResult | None
    again_when: tuple[str, ...]
    targets: tuple[str, ...]
    library: str = ""
    left_out: str | None = None
    """As what a run over the folder `library` leaves it out."""


def explain(run: RunContext) -> Explanation:
    """Explain the one video of a run that was opened for it, read-only."""
    if not run.discovery.videos:
        return _no_video(run)
    found = run.discovery.videos[0]
    seen = found.identity
    recorded_as = run.survey.recorded_as.get(found.path, found.path)
    record = run.store.known_video(recorded_as)
    details = run.store.details(recorded_as)
    failure = Failures(run.pool).of([found.path]).get(found.path)
    verdict = _verdict(run)
    library = _library_of(run, found.path)
    left_out = why_left_out(found.path, library, run.config.discovery)
    return Explanation(
        path=os.fsdecode(found.path),
        policies=run.policies.paths,
        verdict=verdict,
        reason=_reason(verdict, record, seen, has_output=run.output is not None),
        seen=seen,
        record=record,
        recorded_as=os.fsdecode(recorded_as),
        details=details,
        complies=record is not None and record.digest == run.digest,
        failure=failure,
        differing=tuple(_differing(run, failure, seen)) if failure is not None else (),
        result=_dry_result(run, found, details if _same_content(record, seen) else None),
        again_when=_again_when(verdict) if left_out is None else (_NAMED,),
        targets=tuple(os.fsdecode(target) for target in sorted(run.store.targets_of(found.path))),
        library=os.fsdecode(library),
        left_out=left_out,
    )


def _library_of(run: RunContext, path: bytes) -> bytes:
    """Return the folder that a person would run over: that of the policy, if the file is in it."""
    folder = os.path.dirname(os.fsencode(run.policies.paths[0]))
    return folder if path.startswith(folder.rstrip(b"/") + b"/") else os.path.dirname(path)


def _no_video(run: RunContext) -> Explanation:
    odd = run.discovery.odd[0]
    return Explanation(
        os.fsdecode(odd.path), run.policies.paths, "no-video", odd.reason, None, None,
        os.fsdecode(odd.path), None, False, None, (), None, (), (),
    )  # fmt: skip


def _verdict(run: RunContext) -> str:
    survey = run.survey
    if survey.failed_before:
        return "failed-before"
    if not survey.stale:
        return "up-to-date"
    verdict = survey.stale[0].verdict
    return "target" if run.output is not None and verdict in ("up-to-date", "replan") else verdict


def _same_content(record: RecordedState | None, seen: Identity) -> bool:
    return record is not None and record.has_content_of(RecordedState.of(seen, None))


def _reason(verdict: str, record: RecordedState | None, seen: Identity, *, has_output: bool) -> str:
    if verdict == "failed-before":
        return "it failed before, and nothing that matters has changed since"
    if record is None:
        return "nothing is recorded of it: it was never looked at, or its record was forgotten"
    if verdict == "target":
        return "what was made of it in the output folder is missing, has changed, or is of another policy"
    if verdict == "up-to-date" and has_output:
        return "it is as recorded, and what the policy in force made of it is in the output folder"
    if verdict == "up-to-date":
        if record[:2] == RecordedState.of(seen, None)[:2]:
            how = "device, inode, size and time are as recorded"
        else:
            how = "size, time and fingerprint are as recorded (device or inode are not: a remount or a copy)"
        return f"{how}, and it was found or made compliant with the policy in force"
    if verdict == "replan":
        if record.digest is None:
            return "the video is as recorded, but it was not compliant when it was last looked at"
        return "the video is as recorded, but the policy means something else than it did then"
    names = ("device", "inode", "size", "time")
    here = RecordedState.of(seen, None)
    differ = [name for name, old, new in zip(names, record[:4], here[:4], strict=True) if old != new]
    return f"the video is not as recorded: {', '.join(differ)} differ{'s' if len(differ) == 1 else ''}"


def _differing(run: RunContext, failure: Failure, seen: Identity) -> list[str]:
    """Return what has changed since the failure."""
    changed = [] if failure.identity == as_kept(seen) else ["the video"]
    if failure.digest != run.digest:
        changed.append("the policy")
    return changed + what_differs(failure.circumstances, run.memory.circumstances())


def _dry_result(run: RunContext, found: Found, details: Details | None) -> FileProcessingResult:
    # function-local: tools, planning and probing
    from vpo_tasks.run.environment import make_processor
    from vpo_tasks.run.jobs import Attempts, VideoJob

    processor = make_processor(run, stop=threading.Event(), progress=lambda *_: None)
    identity = found.identity
    media = details.media if details is not None else None
    place = run.survey.recorded_as.get(found.path, found.path)
    larger = run.measurements.larger([place]).get(place, frozenset()) if media is not None else frozenset()
    try:
        job = VideoJob(os.fsdecode(found.path), identity, media, attempts=Attempts(larger=larger))
        return processor.process(job._replace(rivals=_rivals(run, job.path)))
    finally:
        processor.close()


def _rivals(run: RunContext, path: str) -> tuple[str, ...]:
    """Return the videos beside it that differ by the extension only: a conversion may want their name."""
    folder, name = os.path.split(path)
    stem = os.path.splitext(name)[0]
    pairs = ((other, os.path.splitext(other)) for other in sorted(os.listdir(folder)) if other != name)
    extensions = run.config.discovery.extensions
    return tuple(
        os.path.join(folder, other)
        for other, (root, extension) in pairs
        if root == stem and extension.lower().lstrip(".") in extensions
    )


def _again_when(verdict: str) -> tuple[str, ...]:
    if verdict == "failed-before":
        return (_FAILED, _RETRY)
    if verdict == "up-to-date":
        return (_CHANGED, _POLICY, _FORCE)
    return ("the next run comes by",)


def explanation_lines(explanation: Explanation) -> list[str]:
    """Return the lines for a person."""
    told = explanation
    state = {"up-to-date": "up to date", "failed-before": "failed before", "no-video": "not a video"}
    lines = [
        escape(told.path),
        f"  {state.get(told.verdict, 'to do')} ({told.verdict}): {escape(told.reason)}",
    ]
    if told.seen is None:
        return lines
    if told.left_out is not None:
        how = _LEFT_OUT_BY.get(told.left_out, f"as {told.left_out}")
        lines.append(f"  left out:  {how}, by a run over {escape(told.library)}")
    lines.append(f"  seen:      {_identity_text(*told.seen[:4])}")
    if told.record is not None:
        lines.append(f"  recorded:  {_identity_text(*told.record[:4])}")
    if told.recorded_as != told.path:
        lines.append(f"    under its old name {escape(told.recorded_as)}")
    if told.details is not None:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(told.details.updated_at))
        error = f": {escape(told.details.error)}" if told.details.error else ""
        lines.append(f"  last time: {escape(told.details.status)} at {when}{error}")
    lines += _failure_lines(told)
    lines.append(f"  policy:    {', '.join(map(escape, told.policies))}")
    if told.result is not None:
        lines += _result_lines(told.result)
    lines += [f"  made of it: {escape(target)}" for target in told.targets]
    lines.append("  it runs again when")
    lines += [f"    - {reason}" for reason in told.again_when]
    return lines


def _failure_lines(told: Explanation) -> list[str]:
    if told.failure is None:
        return []
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(told.failure.failed_at))
    phase = f"phase {told.failure.phase}: " if told.failure.phase else ""
    lines = [f"  failed:    at {when}: {escape(phase + told.failure.error)}"]
    if told.differing:
        lines.append(f"    changed since: {escape(', '.join(told.differing))}")
    return lines


def _result_lines(result: FileProcessingResult) -> list[str]:
    if result.status == "unchanged":
        warnings = [f"  warning: {escape(text)}" for text in result.warnings]
        return ["  the policy asks for nothing", *phases_left_out(result), *warnings]
    lines = file_lines(result, verbose=True, dry_run=True)
    intro = (
        f"  the policy asks for {count_noun(len(result.changes), 'change')}" if result.changes else "  now"
    )
    return [intro, *(f"    {line}" for line in lines)]


def _identity_text(device: int, inode: int, size: int, mtime_ns: int) -> str:
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(mtime_ns // 1_000_000_000))
    return f"{size:,} bytes, changed {stamp}.{mtime_ns % 1_000_000_000:09}, device {device}, inode {inode}"


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """Return the JSON document."""
    told = explanation
    return {
        "format": WHY_FORMAT,
        "file": told.path,
        "policies": list(told.policies),
        "up_to_date": told.verdict == "up-to-date",
        "verdict": told.verdict,
        "rule": told.reason,
        "left_out": told.left_out,
        "seen": None if told.seen is None else told.seen._asdict(),
        "recorded": _record_dict(told),
        "failure": None
        if told.failure is None
        else {
            "error": told.failure.error,
            "error_kind": told.failure.kind,
            "phase": told.failure.phase,
            "failed_at": told.failure.failed_at,
            "changed_since": list(told.differing),
        },
        "result": None if told.result is None else file_as_dict(told.result),
        "targets": list(told.targets),
        "again_when": list(told.again_when),
    }


def _record_dict(told: Explanation) -> dict[str, Any] | None:
    if told.record is None:
        return None
    known = {name: value for name, value in told.record._asdict().items() if name != "digest"}
    details = told.details
    return {
        **known,
        "file": told.recorded_as,
        "complies": told.complies,
        "status": None if details is None else details.status,
        "error": None if details is None else details.error,
        "updated_at": None if details is None else details.updated_at,
    }
