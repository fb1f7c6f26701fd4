"""After a policy edit: what complies by its record is recorded so, and goes no further."""

from __future__ import annotations

import os

from tests.support.records import known_videos
from tests.support.tracks import video
from vpo_tasks.run.opening import make_controller
from vpo_tasks.run.order import without_compliant

RIGHT, WRONG = video("a1 aac eng"), video("a1 aac eng, a2 aac fre")


def left_after(recorded, **options):
    """Return the names left, those recorded as compliant now, and how many were counted."""
    with recorded.open(**options) as run:
        controller = make_controller(run)
        try:
            left = without_compliant(run, controller).survey.stale
        finally:
            controller.close()
        complying = [path for path, known in known_videos(run.store).items() if known.digest == run.digest]
        counted = controller.batch_result(0, 0).unchanged_count
    return (
        [os.path.basename(item.found.path) for item in left],
        list(map(os.path.basename, complying)),
        counted,
    )


def test_only_what_does_not_comply_or_is_not_known_goes_on(recorded):
    recorded.add("new.mkv")
    recorded.add("right.mkv", RIGHT)
    recorded.add("wrong.mkv", WRONG)
    assert left_after(recorded) == ([b"new.mkv", b"wrong.mkv"], [b"right.mkv"], 1)


def test_a_video_that_has_changed_is_not_judged_by_its_record(recorded):
    path = recorded.add("right.mkv", RIGHT)
    path.write_bytes(b"something else")
    assert left_after(recorded) == ([b"right.mkv"], [], 0)


def test_what_must_be_made_elsewhere_or_done_again_goes_on(recorded, tmp_path):
    recorded.add("right.mkv", RIGHT)
    assert left_after(recorded, force=True) == ([b"right.mkv"], [], 0)
    assert left_after(recorded, output=str(tmp_path / "out")) == ([b"right.mkv"], [], 0)


def test_a_video_of_which_there_is_something_to_say_goes_on(recorded):
    """A plan that fails, or only warns, is no compliance."""
    recorded.write_policy(
        "schema_version: 13\nphases:\n  - name: sound\n    keep_audio: {languages: [jpn], fallback: {mode: error}}\n"
    )
    recorded.add("right.mkv", RIGHT)
    assert left_after(recorded) == ([b"right.mkv"], [], 0)


def test_a_dry_run_counts_and_records_nothing(recorded):
    recorded.add("right.mkv", RIGHT)
    assert left_after(recorded, dry_run=True) == ([], [], 1)
