"""The bulk check over real files and a real database: few suspects, many, and videos that a link leads to."""

from __future__ import annotations

import os

import pytest

from vpo_tasks.library.bulk_check import survey
from vpo_tasks.library.discover import discover
from vpo_tasks.media.identity import Identity
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store

OLD, NEW = b"o" * 16, b"n" * 16
MANY = 250


@pytest.fixture
def pool(tmp_path):
    with DaemonConnectionPool(str(tmp_path / "home" / "state.db")) as opened:
        yield opened


@pytest.fixture
def store(pool):
    return Store(pool)


@pytest.fixture
def library(tmp_path, store):
    """MANY videos in a folder, one elsewhere behind a link; all recorded as compliant with OLD."""
    root, elsewhere = tmp_path / "library", tmp_path / "elsewhere"
    for folder in (root, elsewhere):
        folder.mkdir()
    for number in range(MANY):
        (root / f"{number:03}.mkv").write_bytes(b"%d" % number)
    (elsewhere / "far.mkv").write_bytes(b"far")
    (root / "link").symlink_to(elsewhere)
    for path in (*root.glob("*.mkv"), elsewhere / "far.mkv"):
        store.record(
            os.fsencode(path),
            Identity.of(path.stat()),
            digest=OLD,
            media=None,
            fingerprint=None,
            status="unchanged",
        )
    return root


def look(root, store, digest, **options):
    return survey(discover([os.fsencode(root)], ["mkv"]), store, digest, **options)


def test_a_finished_library_is_up_to_date_also_behind_a_link(library, store):
    found = look(library, store, OLD)
    assert (found.total, found.up_to_date, found.stale) == (MANY + 1, MANY + 1, [])


def test_another_policy_makes_every_video_one_to_plan_again_in_path_order(library, store):
    found = look(library, store, NEW)
    assert {item.verdict for item in found.stale} == {"replan"}
    paths = [item.found.path for item in found.stale]
    assert len(paths) == MANY + 1
    assert paths == sorted(paths)


def test_one_touched_video_among_many_is_the_one_that_changed(library, store):
    (library / "007.mkv").write_bytes(b"something longer")
    (library / "new.mkv").write_bytes(b"x")
    found = look(library, store, OLD)
    verdicts = {os.path.basename(item.found.path): item.verdict for item in found.stale}
    assert verdicts == {b"007.mkv": "changed", b"new.mkv": "new"}
    assert found.up_to_date == MANY


def test_force_trusts_no_record(library, store):
    assert len(look(library, store, OLD, force=True).stale) == MANY + 1


def test_a_video_given_by_name_and_found_in_its_folder_counts_once(library, store):
    paths = [os.fsencode(library / "001.mkv"), os.fsencode(library)]
    found = survey(discover(paths, ["mkv"]), store, OLD)
    assert (found.total, found.stale) == (MANY + 1, [])
