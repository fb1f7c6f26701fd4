"""The state database damaged, gone, unwritable or held: a clear message or a fresh start, never a wrong verdict."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess

import pytest

from tests.support.filesystems import PAGE, mount_disk, with_own_mounts
from tests.support.library import read_tree
from tests.support.rights import bound_by_modes
from tests.support.waiting import wait_for
from vpo_tasks.media.probe import ProbePool


def complies(world) -> bool:
    with ProbePool(1) as probes:
        return all(
            [track.language for track in probes.probe(str(path)).of_type("audio")] == ["eng"]
            for path in world.media.glob("*.mkv")
        )


@pytest.fixture
def recorded(world):
    """Three videos recorded as up to date, one of which has been replaced by a messy one since."""
    world.add("a.mkv", "b.mkv", "c.mkv")
    assert world.vpo("process", world.media).returncode == 0
    world.add("b.mkv")
    return world


def cut(path, part: float) -> None:
    with open(path, "r+b") as stream:
        stream.truncate(int(os.path.getsize(path) * part))


def flip(path, seed: int) -> None:
    dice = random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(dice.randint(1, 40)):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.write_bytes(data)


DAMAGES = {
    "garbage": lambda path: path.write_bytes(b"garbage" * 5000),
    "empty": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
    "cut to a half": lambda path: cut(path, 0.5),
    "cut in the header": lambda path: cut(path, 0.004),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    **{f"bit flips {seed}": (lambda path, seed=seed: flip(path, seed)) for seed in range(12)},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_database_is_a_clear_message_or_a_right_run(recorded, damage):
    damage(recorded.home / "state.db")
    done = recorded.vpo("process", "--json", recorded.media)
    assert done.returncode in (0, 4), done.stderr
    assert "Traceback" not in done.stderr
    if done.returncode == 4:
        assert "state.db" in done.stderr
        shutil.rmtree(recorded.home)
        done = recorded.vpo("process", "--json", recorded.media)
    assert done.returncode == 0, done.stderr
    assert complies(recorded)
    assert recorded.leftovers() == []


def test_a_cut_log_of_a_killed_run_forgets_but_never_lies(recorded, tmp_path):
    database = recorded.home / "state.db"
    connection = sqlite3.connect(database)  # keeps the log from being folded in when the run ends
    connection.execute("SELECT count(*) FROM videos").fetchone()
    assert recorded.vpo("process", recorded.media).returncode == 0
    saved = {name: (recorded.home / name).read_bytes() for name in ("state.db", "state.db-wal")}
    connection.close()
    recorded.add("a.mkv")
    for number, part in enumerate((0.0, 0.3, 0.6, 0.9)):
        for name, data in saved.items():
            (recorded.home / name).write_bytes(
                data[: int(len(data) * part)] if name.endswith("wal") else data
            )
        (recorded.home / "state.db-shm").unlink(missing_ok=True)
        done = recorded.vpo("process", recorded.media)
        assert done.returncode == 0, (number, done.stderr)
        assert complies(recorded)


def test_a_read_only_state_folder_is_a_clear_message(recorded):
    for path in (*recorded.home.rglob("*"), recorded.home):
        path.chmod(0o500 if path.is_dir() else 0o400)
    through = bound_by_modes()
    done = recorded.vpo("process", recorded.media, through=through)
    recorded.home.chmod(0o700)
    assert done.returncode == 4, done.stderr
    assert str(recorded.home) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_held_for_a_while_is_waited_for(recorded):
    holder = sqlite3.connect(recorded.home / "state.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    run = recorded.start("process", "--json", recorded.media)
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(timeout=3.0)  # it waits, and does not give up
    holder.rollback()
    holder.close()
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert json.loads(out)["summary"]["changed_count"] == 1


@pytest.mark.slow
@pytest.mark.campaign
def test_a_database_held_for_a_minute_is_a_right_run_or_a_clear_message(recorded):
    holder = sqlite3.connect(recorded.home / "state.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    run = recorded.start("process", "--json", recorded.media)
    try:
        out, err = run.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        holder.rollback()
        out, err = run.communicate(timeout=60)
    holder.close()
    assert "Traceback" not in err
    assert run.returncode in (0, 4), err
    if run.returncode == 4:
        assert "state.db" in err
        assert recorded.vpo("process", recorded.media).returncode == 0
    else:
        assert json.loads(out)["summary"]["changed_count"] == 1
    assert complies(recorded)
    assert recorded.leftovers() == []


def test_a_database_of_a_newer_version_is_a_clear_message_and_is_left_alone(recorded):
    database = recorded.home / "state.db"
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    before, videos = database.read_bytes(), read_tree(recorded.media)
    done = recorded.vpo("process", recorded.media)
    assert done.returncode == 4, done.stderr
    assert "newer version" in done.stderr
    assert database.read_bytes() == before
    assert read_tree(recorded.media) == videos


def test_a_state_folder_on_a_full_disk_is_a_clear_message_and_forgets_nothing(recorded, tmp_path):
    saved = tmp_path / "saved"
    shutil.copytree(recorded.home, saved)

    def attempt() -> None:
        size = sum(path.stat().st_size + PAGE for path in saved.rglob("*"))
        mount_disk(recorded.home, size + 40 * PAGE)
        shutil.copytree(saved, recorded.home, dirs_exist_ok=True)
        filler = recorded.home / "filler"
        with filler.open("wb") as stream:
            stream.write(bytes(os.statvfs(recorded.home).f_bavail * PAGE))
        done = recorded.vpo("process", recorded.media)
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 1, 4), done.stderr
        if done.returncode:
            assert "full" in done.stderr or "space" in done.stderr, done.stderr
        filler.unlink()
        assert recorded.vpo("process", recorded.media).returncode == 0
        assert complies(recorded)
        assert recorded.leftovers() == []

    with_own_mounts(attempt)


def test_deleting_the_state_folder_during_a_run_is_safe(recorded):
    recorded.watch_tools(delay=1.0)
    recorded.add("a.mkv", "c.mkv")
    run = recorded.start("process", "-w", "2", recorded.media)
    wait_for(lambda: recorded.tool_runs() >= 2)
    shutil.rmtree(recorded.home)
    _, err = run.communicate(timeout=60)
    assert "Traceback" not in err
    assert recorded.vpo("process", recorded.media).returncode == 0
    assert complies(recorded)
    assert recorded.leftovers() == []
