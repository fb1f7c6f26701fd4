"""What can be undone, what of it is asked for, and what undoing leaves behind."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.support.execute import DirectProbes, make_environment, plan_for, work_for
from tests.support.fake_tools import wheel_toolbox
from vpo_tasks.config import SafetyConfig, VPOConfig
from vpo_tasks.disk.undo_store import Keeping, entries
from vpo_tasks.errors import UsageError
from vpo_tasks.media.identity import Identity
from vpo_tasks.report.console import Console
from vpo_tasks.run.apply_plan import apply_plan
from vpo_tasks.run.opening import resolve_interrupted
from vpo_tasks.run.undo import choose, find_entries, prune_originals, undo_all
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store
from vpo_tasks.state.undo_folders import UndoFolders


@pytest.fixture
def config(tmp_path):
    return VPOConfig(str(tmp_path / "state"))


@pytest.fixture
def pool(config):
    with DaemonConnectionPool(config.database_path) as pool:
        yield pool


@pytest.fixture
def folders(pool):
    return UndoFolders(pool)


@pytest.fixture
def store(pool):
    return Store(pool)


@pytest.fixture
def change(tmp_path, config, folders, templates):
    """Change a video in a run; return its path and what it was."""
    environment = make_environment(tmp_path, toolbox=wheel_toolbox())._replace(locks_dir=config.locks_path)

    def changed(name, run):
        path = tmp_path / "media" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            shutil.copy(templates.messy(".mp4"), path)
        before = path.read_bytes()
        tracks = DirectProbes().probe(str(path)).tracks
        plan = plan_for(DirectProbes().probe(str(path)), keep=range(len(tracks) - 1))
        apply_plan(work_for(str(path), plan), environment, Keeping(run, 0))
        folders.note(bytes(path))
        return path, before

    return changed


def names(found):
    return [(os.path.basename(entry.video), entry.record.run) for entry in found]


def test_what_can_be_undone_is_found_newest_first_by_video_folder_or_everywhere(change, folders, tmp_path):
    a, _ = change("a/a.mp4", "one")
    change("b/b.mp4", "two")
    change("a/a.mp4", "three")
    assert names(find_entries(folders)) == [(b"a.mp4", "three"), (b"b.mp4", "two"), (b"a.mp4", "one")]
    assert names(find_entries(folders, str(a))) == [(b"a.mp4", "three"), (b"a.mp4", "one")]
    assert names(find_entries(folders, str(tmp_path / "media" / "b"))) == [(b"b.mp4", "two")]
    assert len(find_entries(folders, str(tmp_path / "media"))) == 3


def test_a_person_asks_for_a_run_a_video_or_what_came_last(change, folders):
    a, _ = change("a.mp4", "one")
    change("b.mp4", "two")
    change("a.mp4", "zero")
    change("b.mp4", "last")
    found = find_entries(folders)
    assert names(choose(found, folders, None)) == [(b"b.mp4", "last")]
    assert names(choose(found, folders, "one")) == [(b"a.mp4", "one")]
    assert names(choose(found, folders, str(a))) == [(b"a.mp4", "zero")]
    with pytest.raises(UsageError, match="no run and no video"):
        choose(found, folders, "three")
    with pytest.raises(UsageError, match="no run and no video"):
        choose(found, folders, str(a.parent))
    with pytest.raises(UsageError, match="nothing to undo"):
        choose([], folders, None)


def test_an_undone_video_is_as_it_was_and_looked_at_again(change, folders, store, config):
    path, before = change("a.mp4", "one")
    identity = Identity.of(path.stat())
    store.record(bytes(path), identity, digest=b"d", media=None, fingerprint=None, status="changed")
    (outcome,) = undo_all(find_entries(folders), store, folders, config.locks_path)
    assert outcome == (str(path), None)
    assert path.read_bytes() == before
    assert store.known_video(bytes(path)) is None
    assert folders.folders() == []


def test_a_video_that_was_changed_since_fails_alone(change, folders, store, config):
    a, _ = change("a.mp4", "one")
    b, before = change("b.mp4", "one")
    a.write_bytes(b"mine now")
    outcomes = {
        item.path: item.error for item in undo_all(find_entries(folders), store, folders, config.locks_path)
    }
    assert outcomes[str(a)]
    assert outcomes[str(b)] is None
    assert (a.read_bytes(), b.read_bytes()) == (b"mine now", before)
    assert folders.folders() == [bytes(a.parent)]


@pytest.mark.parametrize(("keep_s", "kept"), [(3600.0, True), (-3600.0, False)])
def test_what_is_older_than_is_to_be_kept_goes(change, folders, config, keep_s, kept):
    path, _ = change("a.mp4", "one")
    prune_originals(folders, config._replace(safety=SafetyConfig(keep_originals_s=keep_s)))
    assert bool(entries(bytes(path.parent))) is kept
    assert bool(folders.folders()) is kept


def test_what_an_interruption_left_beside_an_original_is_settled_first(
    change, folders, store, config, capsys
):
    path, _ = change("a.mp4", "one")
    assert not resolve_interrupted(folders, None, config, store, Console())
    left = path.parent / ".vpo-0123456789abcdef-00aa.json"
    left.write_bytes(b"")
    (path.parent / ".vpo-other").write_bytes(b"not ours")
    assert resolve_interrupted(folders, str(path), config, store, Console())
    assert not left.exists()
    assert (path.parent / ".vpo-other").exists()
    assert "recovered: " in capsys.readouterr().err
