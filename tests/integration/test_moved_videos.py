"""Videos that are renamed, moved, swapped or gone: records follow them, and nothing is forgotten in haste."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest

from tests.support.fake_tools import remuxer
from vpo_tasks.state.measurements import Measurements
from vpo_tasks.state.pool import DaemonConnectionPool


def process(world, *args, code=0, path=None):
    done = world.vpo("process", "--json", *args, path or world.media)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def counts(report):
    summary = report["summary"]
    return summary["up_to_date_count"], summary["changed_count"], summary["unchanged_count"]


@pytest.fixture
def library(world):
    """Three processed videos, and probing that would be noticed: their content can no longer be read."""
    world.add("a.mkv", "b.mkv", "deep/c.mkv")
    process(world)
    return world


def recorded(world):
    with DaemonConnectionPool(str(world.home / "state.db"), read_only=True) as pool:
        return sorted(
            os.path.relpath(os.fsdecode(row[0]), world.media)
            for row in pool.execute_read("SELECT path FROM videos")
        )


def test_a_renamed_video_keeps_its_record(library):
    (library.media / "a.mkv").rename(library.media / "new name.mkv")
    (library.media / "deep").rename(library.media / "deeper")
    assert counts(process(library, "--dry-run")) == (3, 0, 0)
    assert counts(process(library)) == (3, 0, 0)
    assert recorded(library) == ["b.mkv", "deeper/c.mkv", "new name.mkv"]


def test_a_video_renamed_while_its_tool_starts_is_not_a_failure_to_remember(world):
    world.add("a.mkv")
    old, new = str(world.media / "a.mkv"), str(world.media / "b.mkv")
    renamed = f"if os.path.exists({old!r}):\n    os.rename({old!r}, {new!r})\n"
    world.put_tool(remuxer(), renamed + "os.execv(real, [real, *words])\n")
    (result,) = process(world)["results"]
    assert (result["status"], result["reason"]) == ("skipped", "vanished")
    assert counts(process(world)) == (0, 1, 0)


def test_two_videos_that_change_places_keep_their_records(library):
    a, b, spare = (library.media / name for name in ("a.mkv", "b.mkv", "spare"))
    b.write_bytes(b.read_bytes() + b"")
    os.utime(b, (5, 5))
    process(library)
    a.rename(spare)
    b.rename(a)
    spare.rename(b)
    assert counts(process(library)) == (3, 0, 0)


def test_a_chain_of_renames_keeps_every_record(library):
    (library.media / "b.mkv").rename(library.media / "c.mkv")
    (library.media / "a.mkv").rename(library.media / "b.mkv")
    assert counts(process(library)) == (3, 0, 0)


def test_another_video_under_an_old_name_is_new(library):
    (library.media / "a.mkv").rename(library.media / "z.mkv")
    library.add("a.mkv")
    report = process(library)
    assert counts(report) == (3, 1, 0)
    assert [os.path.basename(result["file"]) for result in report["results"]] == ["a.mkv"]


def test_a_video_moved_between_runs_over_two_libraries_keeps_its_record(library):
    other = library.root / "other"
    other.mkdir()
    shutil.copy(library.media / "policy.yaml", other)
    (library.media / "a.mkv").rename(other / "a.mkv")
    assert counts(process(library)) == (2, 0, 0)
    assert counts(process(library, path=other)) == (1, 0, 0)


def test_a_video_moved_across_filesystems_is_known_by_its_fingerprint(library):
    """A copy whose original is gone is what a move to another filesystem is; only device and inode differ."""
    shutil.copy2(library.media / "a.mkv", library.media / "deep" / "moved.mkv")
    (library.media / "a.mkv").unlink()
    os.utime(library.media / "deep" / "moved.mkv")
    assert counts(process(library)) == (3, 0, 0)


def test_a_copy_is_another_video(library):
    shutil.copy2(library.media / "a.mkv", library.media / "copy.mkv")
    assert counts(process(library)) == (3, 0, 1)


def test_a_second_hard_link_is_another_video(library):
    os.link(library.media / "a.mkv", library.media / "link.mkv")
    assert counts(process(library)) == (3, 0, 1)


def test_a_renamed_video_is_planned_from_its_record_when_the_policy_changed_too(library):
    (library.media / "a.mkv").rename(library.media / "z.mkv")
    policy = library.media / "policy.yaml"
    policy.write_text(policy.read_text() + "  - name: t\n    audio_actions: {clear_all_titles: true}\n")
    why = json.loads(library.vpo("why", "--json", library.media / "z.mkv").stdout)
    assert why["verdict"] == "replan"
    assert why["recorded"]["file"] == f"{library.media}/a.mkv"
    assert counts(process(library, "-n")) == (0, 0, 3)


def test_a_renamed_video_that_failed_before_is_still_one(world):
    world.write_policy("schema_version: 13\nphases:\n  - name: l\n    keep_audio: {languages: [jpn]}\n")
    world.add("a.mkv")
    assert process(world, code=1)["summary"]["failed_before_count"] == 0
    (world.media / "a.mkv").rename(world.media / "b.mkv")
    assert process(world, code=1)["summary"]["failed_before_count"] == 1


# -- gone ------------------------------------------------------------------------------------------------


def test_a_video_that_is_gone_is_kept_a_while_and_then_forgotten(library):
    (library.media / "a.mkv").unlink()
    assert counts(process(library)) == (2, 0, 0)
    assert "a.mkv" in recorded(library)
    with DaemonConnectionPool(str(library.home / "state.db")) as pool:
        pool.execute_write("UPDATE vanished SET since = ?", (time.time() - 31 * 86400,))
    process(library)
    assert recorded(library) == ["b.mkv", "deep/c.mkv"]


def test_what_was_learned_of_a_forgotten_video_says_nothing_of_another_under_its_name(library):
    path = library.media / "a.mkv"
    with DaemonConnectionPool(str(library.home / "state.db")) as pool:
        Measurements(pool).remember_larger(os.fsencode(path), {"an encode that came out larger"})
    path.unlink()
    process(library, "--accept-missing")
    with DaemonConnectionPool(str(library.home / "state.db")) as pool:
        assert Measurements(pool).larger([os.fsencode(path)]) == {}


def test_a_video_that_comes_back_is_missed_no_more(library):
    path = library.media / "a.mkv"
    path.rename(library.root / "away")
    process(library)
    (library.root / "away").rename(path)
    assert counts(process(library)) == (3, 0, 0)
    library.add("d.mkv")
    process(library)
    with DaemonConnectionPool(str(library.home / "state.db")) as pool:
        assert pool.execute_read("SELECT * FROM vanished") == []


def test_a_library_that_shows_nothing_stops_the_run_and_is_not_forgotten(library):
    for path in library.media.glob("**/*.mkv"):
        path.rename(library.root / path.name)
    done = library.vpo("process", library.media)
    assert done.returncode == 2
    assert "(3 videos) is there: is the disk mounted?" in done.stderr
    assert "--accept-missing" in done.stderr
    assert len(recorded(library)) == 3
    assert library.vpo("process", "-n", library.media).returncode == 2
    status = json.loads(library.vpo("status", "--json", library.media).stdout)
    assert status["absent"] == {str(library.media): 3}
    library.vpo("init", library.media)
    through_doit = library.doit()
    assert through_doit.returncode == 2
    assert "is the disk mounted" in through_doit.stderr
    assert len(recorded(library)) == 3
    assert library.vpo("process", "--accept-missing", library.media).returncode == 0
    assert recorded(library) == []


def test_one_of_two_libraries_not_mounted_stops_the_run_too(library):
    other = library.root / "other"
    other.mkdir()
    done = library.vpo("process", "-p", library.media / "policy.yaml", library.media / "deep", library.media)
    assert done.returncode == 0
    (library.media / "deep" / "c.mkv").rename(other / "c.mkv")
    done = library.vpo("process", "-p", library.media / "policy.yaml", library.media / "deep", other)
    assert done.returncode == 2
    assert str(library.media / "deep") in done.stderr


def test_another_disk_in_its_place_stops_the_run(library):
    """Recorded on another device, and none of the recorded videos there: something else is mounted."""
    with DaemonConnectionPool(str(library.home / "state.db")) as pool:
        pool.execute_write("UPDATE videos SET device = device + 1")
    for path in library.media.glob("**/*.mkv"):
        path.unlink()
    library.add("stray.mkv")
    before = (library.media / "stray.mkv").read_bytes()
    done = library.vpo("process", library.media)
    assert done.returncode == 2
    assert (library.media / "stray.mkv").read_bytes() == before
    assert counts(process(library, "--accept-missing")) == (0, 1, 0)
    assert recorded(library) == ["stray.mkv"]


def test_a_remount_with_another_device_number_is_no_absence(library):
    with DaemonConnectionPool(str(library.home / "state.db")) as pool:
        pool.execute_write("UPDATE videos SET device = device + 1")
    assert counts(process(library)) == (3, 0, 0)


def test_a_part_that_may_be_unmounted_is_kept_for_good(library):
    with DaemonConnectionPool(str(library.home / "state.db")) as pool:
        pool.execute_write(
            "UPDATE videos SET device = device + 1 WHERE path = ?",
            (os.fsencode(library.media / "deep/c.mkv"),),
        )
    (library.media / "deep" / "c.mkv").unlink()
    process(library)
    with DaemonConnectionPool(str(library.home / "state.db")) as pool:
        assert pool.execute_read("SELECT * FROM vanished") == []
    assert "deep/c.mkv" in recorded(library)
    process(library, "--accept-missing")
    assert "deep/c.mkv" not in recorded(library)


def test_a_library_all_left_out_or_not_searched_is_not_absent(library):
    (library.media / ".vpoignore").write_text("*\n")
    done = library.vpo("process", library.media)
    assert done.returncode == 2
    assert "no video found" in done.stderr
    (library.media / ".vpoignore").write_text("/*.mkv\n")
    done = library.vpo("process", "--no-recursive", library.media)
    assert "no video found" in done.stderr


def test_what_is_only_left_out_or_not_searched_is_not_gone(library):
    (library.media / ".vpoignore").write_text("deep/\n")
    process(library, "--no-recursive")
    process(library)
    with DaemonConnectionPool(str(library.home / "state.db")) as pool:
        assert pool.execute_read("SELECT * FROM vanished") == []
