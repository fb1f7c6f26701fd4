"""What a run and each of its videos came to: the values the summary, the JSON and the database are made from.

Named tuples, so that a run in which everything is up to date imports no msgspec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from vpo_tasks.media.identity import Identity

if TYPE_CHECKING:
    from vpo_tasks.media.model import MediaInfo
    from vpo_tasks.plan.model import Change, OnError, StepKind
    from vpo_tasks.state.measurements import Measured, Speed

Status = Literal["changed", "unchanged", "up-to-date", "skipped", "failed"]


class FileProcessingResult(NamedTuple):
    """How one video ended the run. `path` is the source as discovered (surrogate-escaped), absolute.

    `final_path` is where the compliant video is (another name after avi → mkv; the target with --output).
    In a dry run `changed` means `would be changed`, and `bytes_written` is the estimate.
    """

    path: str
    status: Status
    final_path: str | None = None
    changes: tuple[Change, ...] = ()
    step: StepKind = "none"
    tool: str | None = None
    reason: str = ""
    """Why it was skipped: `hard-linked`, `locked`, `vanished`, …"""
    error: str | None = None
    failed_phase: str | None = None
    error_kind: str | None = None
    """The error's class name, `VerifyError`."""
    stops_batch: bool = False
    failed_before: bool = False
    """It failed in an earlier run and was not tried again: nothing that matters has changed."""
    warnings: tuple[str, ...] = ()
    phases_left_out: tuple[str, ...] = ()
    """Phases that a condition of their own kept from running, and which: `shrink: skip_when: …`."""
    duration_s: float = 0.0
    bytes_read: int = 0
    bytes_written: int = 0
    size_before: int = 0
    size_after: int = 0
    # for the record, not for people
    identity: Identity | None = None
    """Identity of the file at `final_path` (in-place) or of the source (--output) after the work."""
    target_identity: Identity | None = None
    media: MediaInfo | None = None
    """Of the file `identity` names."""
    compliant: bool = False
    """May be recorded as up to date with the policy in force."""
    larger: frozenset[str] = frozenset()
    """Encodes of the video that came out larger, now or before (`plan.encoding.encode_key`)."""
    measured: tuple[Speed, Measured] | None = None
    """How fast the step was, for the estimates of later runs."""


class BatchResult(NamedTuple):
    """One run. Counts cover every discovered video; `results` holds those that were more than up to date."""

    total_files: int
    success_count: int
    fail_count: int
    skipped_count: int
    results: tuple[FileProcessingResult, ...]
    total_duration_seconds: float
    stopped_early: bool
    interrupted: bool = False
    up_to_date_count: int = 0
    changed_count: int = 0
    unchanged_count: int = 0
    not_started_count: int = 0
    failed_before_count: int = 0
    """Of the failed: those that were not tried again."""
    policies: tuple[str, ...] = ()
    dry_run: bool = False
    workers: int = 1
    on_error: OnError = "continue"
    notes: tuple[str, ...] = ()
    """Warnings about the run as a whole, recovery messages included."""
    left_out: tuple[tuple[str, int], ...] = ()
    """How many videos were found and not looked at, by kind: hidden, ignored, excluded, samples, …"""
