"""Opening a run: what a crashed one left is settled, told, and no longer taken for compliant."""

from __future__ import annotations

import os

import pytest

from tests.support.tracks import video
from vpo_tasks.disk.folders import open_folder
from vpo_tasks.disk.journal import Record, encode, owner_of, sample_digest
from vpo_tasks.disk.locks import path_key
from vpo_tasks.media.identity import Identity
from vpo_tasks.run.opening import absence_error, recover_output, recover_private
from vpo_tasks.state.store import Store

RIGHT = video("a1 aac eng")


def leave(folder, video_path, kind, data=b""):
    left = folder / f".vpo-{path_key(str(video_path))}-00aa.{kind}"
    left.write_bytes(data)
    return left


@pytest.fixture
def settle(recorded):
    def settled(*left):
        with recorded.pool() as pool:
            return recover_private(
                [bytes(path) for path in left], recorded.config, Store(pool), recorded.console
            )

    return settled


def test_work_that_had_not_begun_is_cleaned_up_and_told(recorded, settle):
    left = leave(recorded.media, recorded.add("a.mkv"), "json")
    (note,) = settle(left)
    assert "was not begun; still to do" in note
    assert not left.exists()
    assert recorded.said.getvalue() == f"recovered: {note}\n"


def test_a_video_whose_change_broke_off_is_named_and_no_longer_taken_for_compliant(recorded, settle):
    path = recorded.add("a.mkv", RIGHT, digest=b"d")
    with open_folder(bytes(recorded.media)) as folder:
        print_of = sample_digest(folder.at(b"a.mkv"))
    intent = Record(
        mode="replace", state="intent", owner=owner_of(recorded.config.locks_path), source=b"a.mkv",
        target=b"a.mkv", old=Identity.of(path.stat()), old_print=print_of,
    )  # fmt: skip
    left = leave(recorded.media, path, "json", encode(intent))
    (note,) = settle(left)
    assert note.startswith(f"{path}: ")
    assert not left.exists()
    with recorded.pool() as pool:
        assert Store(pool).known_video(bytes(path)).digest is None


def test_an_original_without_a_journal_is_kept_and_warned_of(recorded, settle):
    left = leave(recorded.media, recorded.add("a.mkv"), "orig", b"film")
    (note,) = settle(left)
    assert left.read_bytes() == b"film"
    assert recorded.said.getvalue() == f"warning: an interrupted change: {note}\n"


def test_what_may_still_be_in_hand_is_left_alone_and_not_told(recorded, settle):
    left = leave(recorded.media, recorded.add("a.mkv"), "part", b"half")
    assert settle(left) == ()
    assert left.exists()
    assert recorded.said.getvalue() == ""


def test_files_that_are_not_ours_are_not_touched(recorded, settle):
    left = recorded.media / ".vpo-notes.json"
    left.write_bytes(b"")
    assert settle(left) == ()
    assert left.exists()


def test_in_an_output_folder_only_what_no_video_of_the_run_leads_to_is_settled(recorded, tmp_path):
    ours = recorded.add("ours.mkv", RIGHT)
    out = tmp_path / "out"
    out.mkdir()
    kept = leave(out, os.path.realpath(ours), "json")
    gone = leave(out, recorded.media / "deleted since.mkv", "json")
    with recorded.open(dry_run=True, output=str(out)) as run:
        notes = recover_output(
            [bytes(kept), bytes(gone)], run.survey, recorded.config, run.store, recorded.console
        )
    assert len(notes) == 1
    assert (kept.exists(), gone.exists()) == (True, False)


def test_the_error_names_each_folder_and_how_to_go_on():
    text = str(absence_error({b"/m/a": 1, b"/m/b": 2}))
    assert "/m/a (1 video), /m/b (2 videos)" in text
    assert "--accept-missing" in text
