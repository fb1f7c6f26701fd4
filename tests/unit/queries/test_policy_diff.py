"""Two policies over what is recorded: which videos they treat differently, and what that costs."""

from __future__ import annotations

import os

import pytest

from tests.support.recorded_library import ENGLISH_ONLY
from tests.support.tracks import video
from vpo_tasks.queries.policy_diff import compare_policies, difference_document, difference_lines
from vpo_tasks.run.policies import PolicySet
from vpo_tasks.state.store import Store

GERMAN_TOO = ENGLISH_ONLY.replace("[eng]", "[eng, ger]")
TITLES = ENGLISH_ONLY + "    audio_actions: {clear_all_titles: true}\n"
FAILING = ENGLISH_ONLY.replace("[eng]", "[jpn]").replace("keep_all", "error")


@pytest.fixture
def compare(recorded):
    """Compare two texts over the library."""

    def compared(old, new):
        paths = []
        for name, text in (("old.yaml", old), ("new.yaml", new)):
            (recorded.media / name).write_text(text)
            paths.append(str(recorded.media / name))
        with recorded.pool() as pool:
            return compare_policies(paths[0], paths[1], pool, os.fsencode(recorded.media))

    return compared


def test_only_videos_that_the_two_treat_differently_are_listed(recorded, compare):
    recorded.add("english.mkv", video("a1 aac eng"))
    recorded.add("french.mkv", video("a1 aac eng, a2 aac fre"))
    recorded.add("german.mkv", video("a1 aac eng, a2 aac ger, a3 aac fre"))
    found = compare(ENGLISH_ONLY, GERMAN_TOO)
    assert (found.videos, found.changed_by_old, found.changed_by_new) == (3, 2, 2)
    (german,) = found.differing
    assert german.path.endswith("german.mkv")
    assert [(change.what, change.track) for change in german.dropped] == [("removed", 2)]
    assert german.added == ()
    assert [change.track for change in german.changes] == [3]


def test_what_the_new_one_asks_for_more_is_counted_by_kind_and_rule(recorded, compare):
    recorded.add("a.mkv", video('a1 aac eng "Stereo"', size_bytes=1000))
    recorded.add("b.mkv", video('a1 aac eng "Stereo", a2 aac fre "VF"', size_bytes=1000))
    found = compare(ENGLISH_ONLY, TITLES)
    assert (found.changed_by_old, found.changed_by_new, len(found.differing)) == (1, 2, 2)
    assert found.by_kind == {"title": 2, "removed": 1}
    assert found.by_rule["sound: audio_actions"] == 2
    assert found.new_losses == {}


def test_a_video_that_complies_by_its_record_is_not_planned_with_the_old_policy(recorded, compare):
    (recorded.media / "old.yaml").write_text(ENGLISH_ONLY)
    with recorded.pool() as pool:
        digest = PolicySet([str(recorded.media / "old.yaml")], Store(pool)).digest
    recorded.add("a.mkv", video("a1 aac eng, a2 aac fre"), digest=digest)
    assert compare(ENGLISH_ONLY, GERMAN_TOO).changed_by_old == 0
    recorded.add("a.mkv", video("a1 aac eng, a2 aac fre"), digest=b"of another policy")
    assert compare(ENGLISH_ONLY, GERMAN_TOO).changed_by_old == 1


def test_videos_of_which_nothing_is_known_or_that_the_new_policy_refuses_are_counted(recorded, compare):
    recorded.add("a.mkv", video("a1 aac eng"))
    b = recorded.add("b.mkv", video("a1 aac eng"))
    with recorded.pool() as pool:
        pool.execute_write("UPDATE details SET media = NULL WHERE path = ?", (os.fsencode(b),))
    found = compare(ENGLISH_ONLY, FAILING)
    assert (found.videos, found.unknown) == (2, 1)
    ((path, reason),) = found.unplannable.items()
    assert path.endswith("a.mkv")
    assert reason.startswith("phase sound: keep_audio: ")
    lines = "\n".join(difference_lines(found, list_videos=True))
    assert "the new policy fails on 1 video\n" in lines
    assert f"{path}\n  fails: {reason}" in lines


def test_videos_outside_the_place_are_not_compared(recorded, compare):
    recorded.add("a.mkv", video("a1 aac eng"))
    with recorded.pool() as pool:
        pool.execute_write("UPDATE details SET path = CAST('/elsewhere/a.mkv' AS BLOB)")
    found = compare(ENGLISH_ONLY, TITLES)
    assert found.videos == 0
    assert "nothing is recorded there" in difference_lines(found, list_videos=False)[0]


def test_the_document_names_the_videos_only_when_asked(recorded, compare):
    recorded.add("a.mkv", video("a1 aac eng, a2 aac fre"))
    found = compare(GERMAN_TOO.replace("ger]", "ger, fre]"), ENGLISH_ONLY)
    short = difference_document(found, list_videos=False)
    assert (short["differing"], short["changed_by_new"], short["steps"]) == (1, 1, {"remux": 1})
    assert "files" not in short
    (file,) = difference_document(found, list_videos=True)["files"]
    assert [change["what"] for change in file["added"]] == ["removed"]
    assert file["dropped"] == []
