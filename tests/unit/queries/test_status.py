"""Where a library stands, by its records."""

from __future__ import annotations

import pytest

from tests.support.tracks import video
from vpo_tasks.queries.status import look_ahead, reason_due, status_document, status_lines, take_status
from vpo_tasks.state.failures import Failures

RIGHT, WRONG = video("a1 aac eng"), video("a1 aac eng, a2 aac fre")


@pytest.fixture
def status(recorded):
    def taken(**options):
        with recorded.open(dry_run=True, **options) as run:
            return take_status(run)

    return taken


def reasons(groups):
    return {group.what: [path.rpartition("/")[2] for path in group.paths] for group in groups}


def test_each_video_complies_is_to_do_with_a_reason_or_has_failed(recorded, status):
    recorded.add("right.mkv", RIGHT, digest=recorded.digest())
    recorded.add("right too.mkv", RIGHT)  # the record does not say so, but the plan does
    recorded.add("wrong.mkv", WRONG)
    recorded.add("new.mkv")
    found = status()
    assert found.total.videos == 4
    assert found.complying == (2, 200)
    assert reasons(found.to_do) == {
        "never looked at": ["new.mkv"],
        "to be changed by a stream copy (phase sound)": ["wrong.mkv"],
    }
    assert found.failed == ()


def test_a_failure_that_stands_has_failed_and_one_that_does_not_is_tried_again(recorded, status):
    path = recorded.add("a.mkv", WRONG)
    recorded.add("b.mkv", WRONG)
    with recorded.open() as run:
        item = run.survey.stale[0]
        Failures(run.pool).remember(
            item.found.path, item.identity, digest=run.digest, circumstances=run.memory.circumstances(),
            kind="ToolError", phase="sound", error="broke at byte 17",
        )  # fmt: skip
    found = status()
    assert reasons(found.failed) == {"phase sound: broke at byte …": ["a.mkv"]}
    assert found.complying.videos == 0
    path.write_bytes(b"another")
    assert reasons(status().to_do)["failed, and are tried again"] == ["a.mkv"]


def test_two_videos_that_would_get_one_name_are_to_fail(recorded, status):
    recorded.write_policy("schema_version: 13\nphases:\n  - {name: box, container: {target: mkv}}\n")
    recorded.add("a.mkv", RIGHT)
    recorded.add("a.mp4", video("a1 aac eng", "mp4"))
    recorded.add("b.mp4", video("a1 aac eng", "mp4"))
    found = reasons(status().to_do)
    assert found["would fail: another video has or would get the same name"] == ["a.mp4"]
    assert ["b.mp4"] in found.values()


def test_only_recorded_videos_are_planned(recorded):
    recorded.add("new.mkv")
    with recorded.open(dry_run=True) as run:
        assert look_ahead(run) == {}


def test_numbers_do_not_tell_two_reasons_apart():
    assert reason_due(None, "at  byte 12\nof 40") == reason_due(None, "at byte 7 of 9")
    assert reason_due("one", "x") != reason_due("two", "x")


def test_lines_and_document_say_the_same(recorded, status):
    for number in range(25):
        recorded.add(f"{number:02}.mkv")
    found = status()
    lines = status_lines(found, verbose=False)
    assert any(line.startswith("  to do") and "25 videos" in line for line in lines)
    assert not any("07.mkv" in line for line in lines)
    assert any("07.mkv" in line for line in status_lines(found, verbose=True))
    document = status_document(found)
    assert document["to_do"]["videos"] == 25
    assert document["to_do"]["reasons"][0]["reason"] == "never looked at"
    assert len(document["to_do"]["reasons"][0]["files"]) == 25
    assert document["complying"] == {"videos": 0, "size_bytes": 0}


def test_more_reasons_than_a_screen_holds_are_counted(status, recorded):
    for letter in "abcdefghijklmnopqrstuvwxyz":
        path = recorded.add(f"{letter}.mkv")
        with recorded.open() as run:
            item = next(item for item in run.survey.stale if item.found.path == bytes(path))
            Failures(run.pool).remember(
                item.found.path, item.identity, digest=run.digest, circumstances=run.memory.circumstances(),
                kind="ToolError", phase=None, error=f"broke {letter}",
            )  # fmt: skip
    found = status()
    assert "    … and 6 more reasons (-v lists them all)" in status_lines(found, verbose=False)
    assert not any("more reasons" in line for line in status_lines(found, verbose=True))
