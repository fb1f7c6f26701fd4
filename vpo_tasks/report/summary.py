"""What a run came to, as lines for a person: one video at a time, and all of it at the end. Pure.

What is said of changes comes from the plan; it is imported only when there is one, so that a run with nothing
to do stays quick.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vpo_tasks.report.result import BatchResult, FileProcessingResult
from vpo_tasks.report.text import count_noun, escape, human_bytes, human_duration

_SHOWN_FAILURES = 20

STEP_WORDS = {
    "none": "no step",
    "header-edit": "a header edit",
    "remux": "a stream copy",
    "encode": "an encode",
}


def file_lines(result: FileProcessingResult, verbose: bool, *, dry_run: bool = False) -> list[str]:
    """Return what is to be said of one video: its outcome, and in a dry run each change and why, indented.

    `verbose` shows the changes of a real run too, the phase and rule behind each, and what was left as it is.
    """
    name = escape(result.path)
    if result.status == "failed":
        return [f"{name}: {failure_reason(result)}", *_done_all_the_same(result, verbose, dry_run)]
    if result.status == "skipped":
        return [f"{name}: skipped: {escape(result.reason) or 'no reason given'}", *_warnings(result)]
    if result.status == "changed":
        changes = _changes(result, verbose) if verbose or dry_run else []
        said = [*changes, *phases_left_out(result, verbose), *_warnings(result)]
        return [f"{name}: {_what_was_done(result, dry_run)}", *said]
    if _has_own_output(result):
        verb = "would be copied to" if dry_run else "copied to"
        return [f"{name}: as the policy says, {verb} {escape(result.final_path or '')}", *_warnings(result)]
    if not verbose and not result.warnings:
        return []
    state = "up to date" if result.status == "up-to-date" else "already as the policy says"
    return [f"{name}: {state}", *phases_left_out(result, verbose), *_warnings(result)]


def _done_all_the_same(result: FileProcessingResult, verbose: bool, dry_run: bool) -> list[str]:
    """Return what is to be said of a failed video beside its failure: other phases may have changed it."""
    left_out = phases_left_out(result, verbose)
    if not result.changes:
        return [*left_out, *_warnings(result)] if verbose else []
    verb = "it" if dry_run else "it was"
    done = f"  all the same {verb} {_what_was_done(result, dry_run)}"
    changes = _changes(result, verbose) if verbose or dry_run else []
    return [done, *changes, *left_out, *_warnings(result)]


def _has_own_output(result: FileProcessingResult) -> bool:
    return result.final_path not in (None, result.path)


def failure_reason(result: FileProcessingResult) -> str:
    """Return `phase tidy: the reason` as one escaped line."""
    phase = f"phase {escape(result.failed_phase)}: " if result.failed_phase else ""
    return phase + escape(" ".join((result.error or "").split()) or result.error_kind or "failed")


def _what_was_done(result: FileProcessingResult, dry_run: bool) -> str:
    step = STEP_WORDS.get(result.step, result.step)
    tool = f" with {result.tool}" if result.tool else ""
    target = f" to {escape(result.final_path or '')}" if _has_own_output(result) else ""
    size = human_bytes(result.bytes_written)
    if dry_run:
        return f"would be changed{target} by {step}{tool}, about {size} to write"
    return f"changed{target} by {step}{tool}, {size} written in {human_duration(result.duration_s)}"


def _changes(result: FileProcessingResult, verbose: bool) -> list[str]:
    if not result.changes:
        return []
    from vpo_tasks.plan.describe import describe_change

    lines = []
    for change in result.changes:
        rule = f", rule {change.rule}" if change.rule else ""
        where = f" [phase {change.phase}{rule}]" if verbose else ""
        lines.append(f"  {escape(describe_change(change) + where)}")
    return lines


def phases_left_out(result: FileProcessingResult, verbose: bool = True) -> list[str]:
    """Return the phases that were not run and why, if asked."""
    return [f"  phase left out: {escape(phase)}" for phase in result.phases_left_out] if verbose else []


def _warnings(result: FileProcessingResult) -> list[str]:
    return [f"  warning: {escape(warning)}" for warning in result.warnings]


def summary_text(batch: BatchResult, verbose: bool = False) -> str:
    """Return the end of a run: one line when there was nothing to do, else a small table.

    `verbose` lists every failure again, however many there are.
    """
    untouched = batch.unchanged_count + batch.up_to_date_count
    if untouched == batch.total_files and not any(map(_has_own_output, batch.results)):
        return "\n".join([_nothing_to_do(batch), *_left_out(batch, verbose)])
    lines = [
        _headline(batch),
        *_counts(batch, verbose),
        *_left_out(batch, verbose),
        *_bytes(batch),
        *_end(batch),
    ]
    return "\n".join(lines)


def failed_before_text(batch: BatchResult) -> str:
    """Return what a quiet run says of failures that it only counted: nothing else tells of its exit code."""
    count = count_noun(batch.failed_before_count, "video")
    return f"{count} failed before and not tried again; --retry-failed does"


def _left_out(batch: BatchResult, verbose: bool) -> list[str]:
    if not (verbose and batch.left_out):
        return []
    return [f"  not looked at: {', '.join(f'{count:,} {kind}' for kind, count in batch.left_out)}"]


def _nothing_to_do(batch: BatchResult) -> str:
    subject = count_noun(batch.total_files, "video")
    verb = "is" if batch.total_files == 1 else "are"
    parts = []
    if batch.up_to_date_count:
        parts.append(f"{batch.up_to_date_count:,} up to date")
    if batch.unchanged_count:
        parts.append(f"{batch.unchanged_count:,} looked at")
    return f"Nothing to do: {subject} {verb} {_as_asked(batch)} ({'; '.join([*parts, _time(batch)])})."


def _headline(batch: BatchResult) -> str:
    start = "Dry run, nothing touched" if batch.dry_run else "Done"
    if batch.interrupted:
        start = "Interrupted"
    elif batch.stopped_early:
        start = "Stopped early"
    workers = count_noun(batch.workers, "worker")
    return f"{start}: {count_noun(batch.total_files, 'video')} in {_time(batch)} with {workers}"


def _counts(batch: BatchResult, verbose: bool) -> list[str]:
    changed = "would be changed" if batch.dry_run else "changed"
    succeeded = batch.changed_count + batch.unchanged_count
    rows = [
        ("succeeded", succeeded, f"{batch.changed_count:,} {changed}, {batch.unchanged_count:,} unchanged"),
        ("up to date", batch.up_to_date_count, ""),
        ("skipped", batch.skipped_count, _skip_reasons(batch.results)),
        ("failed", batch.fail_count - batch.failed_before_count, _changed_all_the_same(batch)),
        ("failed before", batch.failed_before_count, "not tried again; --retry-failed does"),
        ("not started", batch.not_started_count, ""),
    ]
    column = 15 if batch.failed_before_count else 12
    width = max(len(f"{count:,}") for _, count, _ in rows)
    lines = []
    for word, count, detail in rows:
        if count or word == "succeeded":
            lines.append(f"  {word:<{column}}{count:>{width},}{f'  ({detail})' if detail else ''}")
        if word == "failed" or (verbose and word == "failed before"):
            listed = [item for item in batch.results if item.failed_before == (word != "failed")]
            lines += _failures(listed, batch.fail_count if verbose else _SHOWN_FAILURES)
    return lines


def _changed_all_the_same(batch: BatchResult) -> str:
    count = sum(result.status == "failed" and bool(result.changes) for result in batch.results)
    changed = "would be changed" if batch.dry_run else "changed"
    return f"{count:,} of them {changed} all the same" if count else ""


def _skip_reasons(results: Sequence[FileProcessingResult]) -> str:
    return ", ".join(f"{count:,} {escape(reason)}" for reason, count in skip_reasons(results).items())


def skip_reasons(results: Sequence[FileProcessingResult]) -> dict[str, int]:
    """Return how many videos were skipped for each reason, the most frequent first."""
    counter = Counter(result.reason or "no reason given" for result in results if result.status == "skipped")
    return dict(counter.most_common())


def _failures(results: Sequence[FileProcessingResult], shown: int) -> list[str]:
    failed = [result for result in results if result.status == "failed"]
    lines = [f"    {escape(result.path)}: {failure_reason(result)}" for result in failed[:shown]]
    if len(failed) > shown:
        lines.append(f"    … and {len(failed) - shown:,} more (-v or --json lists them all)")
    return lines


def _bytes(batch: BatchResult) -> list[str]:
    read, written, saved = byte_totals(batch.results)
    if batch.dry_run:
        return [f"  about {human_bytes(written)} to write"] if written or batch.changed_count else []
    if not (read or written or saved):
        return []
    saving = f"saved {human_bytes(saved)}" if saved >= 0 else f"grown by {human_bytes(-saved)}"
    return [f"  read {human_bytes(read)}, written {human_bytes(written)}, {saving}"]


def byte_totals(results: Sequence[FileProcessingResult]) -> tuple[int, int, int]:
    """Return bytes read, bytes written, and by how many bytes the changed videos became smaller.

    Failed videos count only as far as other phases changed them: else what they hold is the estimate of a
    step that left nothing behind.
    """
    results = [result for result in results if result.status != "failed" or result.changes]
    read = sum(result.bytes_read for result in results)
    written = sum(result.bytes_written for result in results)
    saved = sum(
        result.size_before - result.size_after
        for result in results
        if result.changes and result.size_before and result.size_after
    )
    return read, written, saved


def _end(batch: BatchResult) -> list[str]:
    if batch.interrupted:
        return ["Videos not started are as they were; the same command goes on from here."]
    if batch.stopped_early and batch.on_error == "fail":
        return ["Stopped at the first failure (on_error: fail); the same command goes on from here."]
    return []


def _as_asked(batch: BatchResult) -> str:
    if len(batch.policies) < 2:
        return "as the policy says"
    return f"as the policies {' and '.join(map(escape, batch.policies))} say"


def _time(batch: BatchResult) -> str:
    return human_duration(batch.total_duration_seconds)
