"""Why a video would be processed or not."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.support.recorded_library import ENGLISH_ONLY
from tests.support.tracks import video
from vpo_tasks.queries.why import explain, explanation_document, explanation_lines
from vpo_tasks.state.failures import Failures

RIGHT, WRONG = video("a1 aac eng"), video("a1 aac eng, a2 aac fre")


@pytest.fixture
def why(recorded):
    def explained(path, **options):
        with recorded.open(path, dry_run=True, **options) as run:
            return explain(run)

    return explained


def test_a_video_as_recorded_is_up_to_date(recorded, why):
    path = recorded.add("a.mkv", RIGHT, digest=recorded.digest())
    found = why(path)
    assert (found.verdict, found.complies) == ("up-to-date", True)
    assert found.reason.startswith("device, inode, size and time are as recorded")
    assert found.result.status == "unchanged"
    assert explanation_document(found)["up_to_date"] is True


def test_a_copy_is_recognised_by_its_fingerprint(recorded, why):
    path = recorded.add("a.mkv", RIGHT, digest=recorded.digest())
    before = path.stat()
    path.rename(path.with_suffix(".old"))
    path.write_bytes(path.with_suffix(".old").read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    found = why(path)
    assert found.verdict == "up-to-date"
    assert found.complies


def test_under_another_policy_it_says_what_that_asks_for(recorded, why):
    path = recorded.add("a.mkv", WRONG, digest=b"of another policy")
    found = why(path)
    assert (found.verdict, found.complies) == ("replan", False)
    assert "the policy means something else" in found.reason
    assert [change.what for change in found.result.changes] == ["removed"]
    assert any("the policy asks for 1 change" in line for line in explanation_lines(found))


def test_what_was_not_compliant_is_told_from_another_policy(recorded, why):
    assert "was not compliant" in why(recorded.add("a.mkv", WRONG)).reason


def test_a_change_is_named_by_what_differs(recorded, why):
    path = recorded.add("a.mkv", RIGHT, digest=recorded.digest())
    os.utime(path, ns=(1, 1))
    found = why(path)
    assert found.verdict == "changed"
    assert found.reason == "the video is not as recorded: time differs"
    path.write_bytes(b"other size")
    assert why(path).reason == "the video is not as recorded: size, time differ"


def test_a_failure_that_stands_says_when_it_is_tried_again_and_then_what_has_changed(recorded, why):
    path = recorded.add("a.mkv", WRONG)
    with recorded.open(path) as run:
        item = run.survey.stale[0]
        Failures(run.pool).remember(
            item.found.path,
            item.identity,
            digest=run.digest,
            circumstances=run.memory.circumstances(),
            kind="ToolError",
            phase="sound",
            error="broke",
        )
    found = why(path)
    assert (found.verdict, found.differing) == ("failed-before", ())
    assert any("--retry-failed" in when for when in found.again_when)
    assert any("phase sound: broke" in line for line in explanation_lines(found))
    recorded.write_policy(ENGLISH_ONLY.replace("[eng]", "[eng, ger]"))
    later = why(path)
    assert (later.verdict, later.differing) == ("replan", ("the policy",))
    assert explanation_document(later)["failure"]["changed_since"] == ["the policy"]


def test_what_a_run_over_the_folder_leaves_out_says_by_what(recorded, why):
    path = recorded.add("a.mkv", WRONG)
    (recorded.media / ".vpoignore").write_text("a.mkv\n")
    found = why(path)
    assert (found.left_out, found.library) == ("ignored", str(recorded.media))
    assert any("left out:  by a .vpoignore" in line for line in explanation_lines(found))
    assert "you name it" in found.again_when[0]


def test_with_an_output_folder_what_is_missing_there_is_to_be_made(recorded, why, tmp_path):
    path = recorded.add("a.mkv", RIGHT, digest=recorded.digest())
    found = why(path, output=str(tmp_path / "out"))
    assert found.verdict == "target"
    assert found.reason.startswith("what was made of it in the output folder is missing")


def test_another_video_that_has_the_name_is_a_rival_in_what_is_said(recorded, why, templates):
    recorded.write_policy("schema_version: 13\nphases:\n  - {name: box, container: {target: mkv}}\n")
    path = recorded.add("a.mp4", video("a1 aac eng", "mp4"))
    (recorded.media / "a.txt").write_bytes(b"no video")
    assert why(path).result.status == "changed"
    shutil.copy(templates.right(), recorded.media / "a.mkv")
    found = why(path).result
    assert found.status == "failed"
    assert f"{recorded.media}/a.mkv has that name already" in found.error


def test_what_is_no_video_says_so(recorded, why):
    path = recorded.media / "a.mkv"
    os.mkfifo(path)
    found = why(path)
    assert (found.verdict, found.reason) == ("no-video", "not a regular file but a FIFO")
    assert explanation_document(found)["seen"] is None
    assert len(explanation_lines(found)) == 2
