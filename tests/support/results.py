"""Results of runs: a realistic one, and hypothesis strategies for any."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st

from vpo_tasks.plan.model import Change
from vpo_tasks.report.result import BatchResult, FileProcessingResult

CHANGE = Change(
    policy="movies",
    phase="tidy",
    operation="keep_audio",
    what="removed",
    reason="fre is not one of eng, und",
    track=2,
    label="audio 2 (fre ac3 5.1)",
)
CHANGED = FileProcessingResult(
    "/media/a.mkv",
    "changed",
    "/media/a.mkv",
    changes=(CHANGE,),
    step="remux",
    tool="mkvmerge",
    duration_s=2.5,
    bytes_read=4 << 30,
    bytes_written=3 << 30,
    size_before=4 << 30,
    size_after=3 << 30,
    compliant=True,
)
FAILED = FileProcessingResult(
    "/media/b.mkv", "failed", failed_phase="tidy", error="truncated: 7 bytes missing", error_kind="ProbeError"
)
SKIPPED = FileProcessingResult("/media/c.mkv", "skipped", reason="hard-linked")
UNCHANGED = FileProcessingResult("/media/d.mkv", "unchanged", "/media/d.mkv", compliant=True)


def make_batch(
    *results: FileProcessingResult, up_to_date: int = 0, not_started: int = 0, **fields
) -> BatchResult:
    counts = Counter(result.status for result in results)
    succeeded = counts["changed"] + counts["unchanged"] + up_to_date
    values = {
        "total_files": len(results) + up_to_date + not_started,
        "success_count": succeeded,
        "fail_count": counts["failed"],
        "skipped_count": counts["skipped"],
        "results": results,
        "total_duration_seconds": 12.0,
        "stopped_early": False,
        "up_to_date_count": up_to_date,
        "changed_count": counts["changed"],
        "unchanged_count": counts["unchanged"],
        "not_started_count": not_started,
        "policies": ("movies",),
        "workers": 2,
    }
    return BatchResult(**{**values, **fields})


any_text = st.text(st.characters(exclude_categories=()), max_size=20)
_counts = st.integers(0, 1 << 50)
_values = (
    st.none() | any_text | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)

changes = st.builds(
    Change,
    policy=any_text,
    phase=any_text,
    operation=any_text,
    what=st.sampled_from(
        [
            "default",
            "forced",
            "title",
            "language",
            "removed",
            "order",
            "container",
            "tag:x",
            "codec",
            "created",
        ]
    ),
    reason=any_text,
    rule=st.none() | any_text,
    track=st.none() | st.integers(0, 50),
    label=st.none() | any_text,
    old=_values,
    new=_values,
)

file_results = st.builds(
    FileProcessingResult,
    path=any_text.map("/".__add__),
    status=st.sampled_from(["changed", "unchanged", "skipped", "failed"]),
    final_path=st.none() | any_text,
    changes=st.lists(changes, max_size=3).map(tuple),
    step=st.sampled_from(["none", "header-edit", "remux", "encode"]),
    tool=st.none() | st.sampled_from(["ffmpeg", "mkvmerge"]),
    reason=any_text,
    error=any_text,
    failed_phase=st.none() | any_text,
    error_kind=st.none() | any_text,
    warnings=st.lists(any_text, max_size=2).map(tuple),
    duration_s=st.floats(0, 1e6),
    bytes_read=_counts,
    bytes_written=_counts,
    size_before=_counts,
    size_after=_counts,
)

batches = st.builds(
    lambda results, up_to_date, not_started, dry_run, stopped, interrupted: make_batch(
        *results,
        up_to_date=up_to_date,
        not_started=not_started,
        dry_run=dry_run,
        stopped_early=stopped,
        interrupted=interrupted,
    ),
    st.lists(file_results, max_size=4),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
