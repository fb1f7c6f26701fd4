"""`vpo undo` on real videos: what comes back is what was there, in every respect."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.support.faults import KILL, FaultyDisk, in_a_process_that_may_die
from tests.support.library import ENGLISH, FRENCH, SUBTITLE, VIDEO, read_tree
from vpo_tasks.disk.undo_store import entries
from vpo_tasks.execute.undo import undo

pytestmark = pytest.mark.usefixtures("mkvtoolnix")

MTIME_NS = 1_500_000_000_123_456_789

CONVERT = """
schema_version: 13
name: convert
phases:
  - name: container
    container: {target: mkv}
"""


def header_video(world, name: str = "flags.mkv") -> Path:
    """A video in which only a default flag is wrong, with room in its header."""
    path = world.media / name
    made = world.templates.get("flags-made.mkv", VIDEO, ENGLISH, SUBTITLE)
    os.spawnlp(os.P_WAIT, "mkvmerge", "mkvmerge", "-q", "-o", str(path), str(made))
    os.utime(path, ns=(MTIME_NS, MTIME_NS))
    return path


def everything(path: Path) -> tuple[object, ...]:
    status = os.stat(path)
    attributes = (
        {name: os.getxattr(path, name) for name in os.listxattr(path)} if hasattr(os, "listxattr") else {}
    )
    return path.read_bytes(), status.st_mtime_ns, status.st_uid, status.st_gid, status.st_mode, attributes


def runs(world) -> list[str]:
    lines = world.vpo("undo", "--list").stdout.splitlines()
    return sorted({line.split()[0] for line in lines if line[:2] == "20"})


def set_attribute(path: Path) -> None:
    try:
        os.setxattr(path, "user.rating", b"5")
    except (OSError, AttributeError):
        pass


def process(world) -> None:
    done = world.vpo("process", world.media)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_run_is_undone_header_edits_and_copies_alike(world):
    flags = header_video(world)
    (copied,) = world.add("sub/copied.mkv")
    for path in (flags, copied):
        path.chmod(0o640)
        os.utime(path, ns=(MTIME_NS, MTIME_NS))
        set_attribute(path)
        if os.geteuid() == 0:
            os.chown(path, 1234, 4321)
    before = {path: everything(path) for path in (flags, copied)}
    inode = flags.stat().st_ino
    process(world)
    assert flags.stat().st_ino == inode  # edited in place
    assert all(everything(path)[0] != before[path][0] for path in before)
    (run,) = runs(world)
    done = world.vpo("undo", run)
    assert done.returncode == 0, done.stderr
    assert {path: everything(path) for path in before} == before
    assert not list(world.media.rglob(".vpo*"))
    assert runs(world) == []
    assert "2 changed" in world.vpo("process", world.media).stdout.lower()


def test_a_conversion_is_undone_with_its_name(world):
    world.write_policy(CONVERT)
    (old,) = world.add("film.mp4")
    os.utime(old, ns=(MTIME_NS, MTIME_NS))
    before = everything(old)
    process(world)
    new = old.with_suffix(".mkv")
    assert new.exists()
    assert not old.exists()
    done = world.vpo("undo", new)
    assert done.returncode == 0, done.stderr
    assert everything(old) == before
    assert old.stat().st_nlink == 1
    assert sorted(read_tree(world.media)) == ["film.mp4", "policy.yaml"]


def test_without_an_argument_the_last_run_is_undone(world):
    first = header_video(world, "first.mkv")
    process(world)
    after = first.read_bytes()
    time.sleep(1.1)  # runs are told apart by the second
    second = header_video(world, "second.mkv")
    before = second.read_bytes()
    process(world)
    assert len(runs(world)) == 2
    assert world.vpo("undo").returncode == 0
    assert second.read_bytes() == before
    assert first.read_bytes() == after


def test_the_last_run_is_the_last_one_also_where_local_time_has_gone_back(world):
    first = header_video(world, "first.mkv")
    assert world.vpo("process", world.media, env={"TZ": "EAST-10"}).returncode == 0
    after = first.read_bytes()
    second = header_video(world, "second.mkv")
    before = second.read_bytes()
    assert world.vpo("process", world.media, env={"TZ": "WEST10"}).returncode == 0
    assert world.vpo("undo").returncode == 0
    assert second.read_bytes() == before
    assert first.read_bytes() == after


def test_two_changes_of_one_video_are_undone_one_after_the_other(world):
    path = header_video(world)
    versions = [everything(path)]
    process(world)
    versions.append(everything(path))
    text = (world.media / "policy.yaml").read_text()
    world.write_policy(text.replace("default_flags: {}", "keep_subtitles: {languages: [ger]}"))
    process(world)
    assert everything(path)[0] not in {data for data, *_ in versions}
    for version in reversed(versions):
        assert world.vpo("undo", path).returncode == 0
        assert everything(path) == version


def test_a_video_that_has_changed_since_is_left_alone(world):
    path = header_video(world)
    process(world)
    with path.open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b"\0")
    now = path.read_bytes()
    done = world.vpo("undo", path)
    assert done.returncode == 1
    assert "changed since" in done.stderr
    assert path.read_bytes() == now
    assert len(runs(world)) == 1


def test_a_replaced_video_that_is_gone_or_has_a_foreign_file_is_left_alone(world):
    (path,) = world.add("copied.mkv")
    process(world)
    shutil.copy(world.templates.right(), path)
    now = path.read_bytes()
    assert world.vpo("undo", path).returncode == 1
    assert path.read_bytes() == now
    path.unlink()
    assert world.vpo("undo", path).returncode == 1
    assert not path.exists()


def test_originals_are_let_go_when_they_are_too_old(world):
    world.configure("[safety]\nkeep_originals = '0'\n")
    world.add("none.mkv")
    header_video(world)
    process(world)
    assert not list(world.media.rglob(".vpo*"))
    world.configure("[safety]\nkeep_originals = '1h'\n")
    world.add("kept.mkv")
    process(world)
    assert len(runs(world)) == 1
    assert list(world.media.rglob(".vpo-undo/*.orig"))
    world.configure("[safety]\nkeep_originals = '0'\n")
    process(world)  # nothing to do, and still what is kept goes
    assert not list(world.media.rglob(".vpo*"))
    assert "nothing can be undone" in world.vpo("undo", "--list").stdout


def test_originals_are_found_without_the_database(world):
    path = header_video(world)
    before = everything(path)
    process(world)
    shutil.rmtree(world.home)
    assert world.vpo("undo", path).returncode == 0
    assert everything(path) == before


def test_kept_originals_are_no_videos_to_find(world):
    world.add("copied.mkv")
    process(world)
    assert list(world.media.rglob(".vpo-undo/*.orig"))
    done = world.vpo("process", world.media)
    assert "hidden" not in done.stdout + done.stderr
    assert "1 up to date" in done.stdout.lower()


def test_what_cannot_be_undone_is_a_usage_error(world):
    world.add("right.mkv", kind="right")
    assert world.vpo("undo").returncode == 2
    assert world.vpo("undo", world.media / "right.mkv").returncode == 2
    assert world.vpo("undo", "20200101-000000-aa").returncode == 2


def test_same_film_in_two_languages_is_listed_with_what_it_was(world):
    world.write_policy(CONVERT)
    world.templates.get("two.mp4", VIDEO, ENGLISH, FRENCH)
    shutil.copy(world.templates.get("two.mp4", VIDEO, ENGLISH, FRENCH), world.media / "two.mp4")
    process(world)
    (line,) = world.vpo("undo", "--list").stdout.splitlines()
    assert line.endswith("two.mkv (was two.mp4)")
    assert "original" in line


def test_an_undo_that_was_killed_is_ended_by_the_next_undo(world):
    world.write_policy(CONVERT)
    old, other = world.add("film.mp4", "other.mp4")
    before = {path: everything(path) for path in (old, other)}
    process(world)
    locks = str(world.home / "locks")
    first = entries(os.fsencode(world.media))[0]
    for at in range(5, 9):  # from the rename of the journal on
        killed = in_a_process_that_may_die(
            lambda at=at, first=first: undo(first, FaultyDisk(at, KILL), locks)
        )
        assert killed != 0
        assert list(world.media.glob(".vpo-*.json"))
        done = world.vpo("undo")
        assert done.returncode == 0, done.stderr
        assert {path: everything(path) for path in before} == before
        assert not list(world.media.rglob(".vpo*"))
        process(world)
        first = entries(os.fsencode(world.media))[0]


def test_an_undo_that_was_killed_and_was_the_only_one_is_ended_without_an_error(world):
    world.write_policy(CONVERT)
    (old,) = world.add("film.mp4")
    before = everything(old)
    process(world)
    (entry,) = entries(os.fsencode(world.media))
    locks = str(world.home / "locks")
    assert in_a_process_that_may_die(lambda: undo(entry, FaultyDisk(5, KILL), locks)) != 0
    done = world.vpo("undo")
    assert done.returncode == 0, done.stderr
    assert everything(old) == before
    assert "the original is back" in done.stdout + done.stderr
