"""A large finished library is found unchanged by the quick check, by the run right after the one that finished it."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from contextlib import closing

import pytest

from tests.support.media import need_tool
from vpo_tasks.library.quick_check import WORTH_IT_BYTES

TRACED = "fork,clone,clone3,vfork,execve,openat"


@pytest.fixture
def large(world):
    """A library whose database is as large as that of thousands of videos."""
    for name in ("own.mkv", "a/1.mkv", "a/2.mkv", "b/1.mkv", "c/deep/1.mkv"):
        world.add(name, kind="right")
    assert world.vpo("process", world.media).returncode == 0
    with closing(sqlite3.connect(world.home / "state.db")) as connection:
        connection.execute("INSERT INTO doit VALUES ('large', 'enough', ?)", ("x" * WORTH_IT_BYTES,))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return world


def summary_of(world):
    """What a run says when it is done."""
    done = world.vpo("process", world.media, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["summary"]


def recorded_digests(world):
    with closing(sqlite3.connect(world.home / "state.db")) as connection:
        return connection.execute("SELECT videos FROM library_digests").fetchall()


def test_the_run_after_the_one_that_finished_the_library_needs_no_second_look(large):
    os.utime(os.path.join(large.media, "a/1.mkv"))
    assert summary_of(large)["unchanged_count"] == 1
    assert recorded_digests(large) == [(5,)]
    summary = summary_of(large)
    assert (summary["up_to_date_count"], summary["total_files"]) == (5, 5)
    assert recorded_digests(large) == [(5,)]


def test_what_happened_since_is_found_and_done(large):
    assert large.vpo("process", large.media).returncode == 0
    assert recorded_digests(large) == [(5,)]
    large.add("b/new.mkv", kind="right")
    os.utime(os.path.join(large.media, "c/deep/1.mkv"))
    summary = summary_of(large)
    assert (summary["up_to_date_count"], summary["unchanged_count"]) == (4, 2)
    os.remove(os.path.join(large.media, "b/new.mkv"))
    summary = summary_of(large)
    assert (summary["up_to_date_count"], summary["total_files"]) == (5, 5)


@pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")
def test_a_finished_library_costs_one_more_process_and_opens_no_video(large, tmp_path):
    assert large.vpo("process", large.media).returncode == 0
    log = tmp_path / "calls"
    through = (need_tool("strace"), "-f", "-o", str(log), "-e", f"trace={TRACED}")
    assert large.vpo("process", large.media, through=through).returncode == 0
    calls = log.read_text()
    assert calls.count("execve(") == 1
    assert sum(" clone" in line or " fork(" in line or " vfork(" in line for line in calls.splitlines()) == 1
    assert ".mkv" not in calls


def test_a_finished_library_with_a_policy_new_in_a_subfolder_stops_all_the_same(large):
    assert large.vpo("process", large.media).returncode == 0
    (large.media / "c" / "policy.yaml").write_bytes((large.media / "policy.yaml").read_bytes())
    done = large.vpo("process", large.media)
    assert (done.returncode, done.stdout) == (2, "")
    assert str(large.media / "c" / "policy.yaml") in done.stderr
    named = large.vpo("process", "-p", large.media / "policy.yaml", large.media)
    assert named.returncode == 0, named.stderr
