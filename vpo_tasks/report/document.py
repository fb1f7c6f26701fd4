"""A run as one JSON document, described by docs/results.schema.json.

Names that are not UTF-8 are kept exactly: JSON carries their surrogate escapes (`\\udcff` is the byte ff), so
`os.fsencode(document["results"][0]["file"])` is the name on disk.
"""

from __future__ import annotations

import json
from typing import Any

from vpo_tasks.report.result import BatchResult, FileProcessingResult
from vpo_tasks.report.summary import byte_totals, skip_reasons

RUN_FORMAT = 1
"""Raised when a reader of older documents would misread a new one; new keys do not raise it."""


def batch_as_json(batch: BatchResult) -> str:
    """Return the document as ASCII text: safe in any locale and on any terminal. No final line feed."""
    return json.dumps(batch_as_dict(batch), indent=2, allow_nan=False)


def batch_as_dict(batch: BatchResult) -> dict[str, Any]:
    """Return the document. A video that was up to date is counted in `summary` and not listed."""
    read, written, saved = byte_totals(batch.results)
    return {
        "format": RUN_FORMAT,
        "policy": batch.policies[0] if len(batch.policies) == 1 else None,
        "policies": list(batch.policies),
        "dry_run": batch.dry_run,
        "workers": batch.workers,
        "on_error": batch.on_error,
        "summary": {
            "total_files": batch.total_files,
            "success_count": batch.success_count,
            "fail_count": batch.fail_count,
            "failed_before_count": batch.failed_before_count,
            "skipped_count": batch.skipped_count,
            "up_to_date_count": batch.up_to_date_count,
            "changed_count": batch.changed_count,
            "unchanged_count": batch.unchanged_count,
            "not_started_count": batch.not_started_count,
            "total_duration_seconds": round(batch.total_duration_seconds, 3),
            "stopped_early": batch.stopped_early,
            "interrupted": batch.interrupted,
            "skip_reasons": skip_reasons(batch.results),
            "left_out": dict(batch.left_out),
            "bytes_read": read,
            "bytes_written": written,
            "bytes_saved": saved,
        },
        "notes": list(batch.notes),
        "results": [file_as_dict(result) for result in batch.results],
    }


def file_as_dict(result: FileProcessingResult) -> dict[str, Any]:
    """Return one entry of `results`."""
    changes: list[dict[str, Any]] = []
    if result.changes:
        from vpo_tasks.plan.describe import change_as_dict  # imports msgspec: not on an up-to-date run

        changes = [change_as_dict(change) for change in result.changes]
    return {
        "file": result.path,
        "final_file": result.final_path,
        "status": result.status,
        "reason": result.reason or None,
        "error": result.error,
        "error_kind": result.error_kind,
        "failed_phase": result.failed_phase,
        "failed_before": result.failed_before,
        "step": result.step,
        "tool": result.tool,
        "changes": changes,
        "warnings": list(result.warnings),
        "phases_left_out": list(result.phases_left_out),
        "duration_seconds": round(result.duration_s, 3),
        "bytes_read": result.bytes_read,
        "bytes_written": result.bytes_written,
        "size_before": result.size_before,
        "size_after": result.size_after,
    }
