"""Recorded videos that are not where they were: moved, deleted, or on a disk that is not mounted."""

from __future__ import annotations

import os
import time

import pytest

from tests.support.records import known_videos
from tests.support.tracks import video
from vpo_tasks.library.bulk_check import find_absent, find_moves, is_gone, resolve_vanished
from vpo_tasks.library.discover import discover
from vpo_tasks.media.identity import Identity
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import REMEMBERED_S, Store
from vpo_tasks.state.up_to_date import head_tail_digest

DIGEST = b"digest in force!"


@pytest.fixture
def pool(tmp_path):
    with DaemonConnectionPool(str(tmp_path / "state" / "state.db")) as pool:
        yield pool


@pytest.fixture
def store(pool):
    return Store(pool)


@pytest.fixture
def media(tmp_path):
    (tmp_path / "media").mkdir()
    return tmp_path / "media"


def add(store, path, content=b"one", **changed):
    path.write_bytes(content * 1000)
    name = os.fsencode(path)
    identity = Identity.of(path.stat())._replace(**changed)
    store.record(
        name, identity, digest=DIGEST, media=video(""), fingerprint=head_tail_digest(name), status="unchanged"
    )
    return name


def search(*folders):
    return discover([os.fsencode(folder) for folder in folders], ("mkv", "avi"))


def moved(store, *folders):
    """Return old name, new name and the digest kept of what has moved, as a run's bulk check asks it."""
    videos = search(*folders).videos
    known = known_videos(store)
    found = find_moves(videos, known, store)
    return [(os.path.basename(m.old), os.path.basename(m.new), m.record.digest) for m in found]


def test_a_renamed_video_is_found_by_its_inode(store, media):
    add(store, media / "a.mkv")
    (media / "a.mkv").rename(media / "b.mkv")
    assert moved(store, media) == [(b"a.mkv", b"b.mkv", DIGEST)]


def test_two_videos_that_changed_places_are_both_found(store, media):
    add(store, media / "a.mkv", b"one")
    add(store, media / "b.mkv", b"two")
    (media / "a.mkv").rename(media / "c")
    (media / "b.mkv").rename(media / "a.mkv")
    (media / "c").rename(media / "b.mkv")
    os.utime(media / "a.mkv", ns=(1, 1))
    assert moved(store, media) == [(b"a.mkv", b"b.mkv", DIGEST)]


def test_a_copy_whose_original_is_gone_is_found_by_its_content_and_one_beside_it_is_not(store, media):
    add(store, media / "a.mkv")
    (media / "b.mkv").write_bytes((media / "a.mkv").read_bytes())
    assert moved(store, media) == []
    (media / "a.mkv").unlink()
    assert moved(store, media) == [(b"a.mkv", b"b.mkv", DIGEST)]


def test_other_content_of_the_same_size_has_not_moved(store, media):
    add(store, media / "a.mkv", b"one")
    (media / "b.mkv").write_bytes(b"two" * 1000)
    (media / "a.mkv").unlink()
    assert moved(store, media) == []


def test_under_another_extension_it_is_planned_again(store, media):
    add(store, media / "a.mkv")
    (media / "a.mkv").rename(media / "a.avi")
    assert moved(store, media) == [(b"a.mkv", b"a.avi", None)]


def test_one_record_goes_to_one_video_only(store, media):
    add(store, media / "a.mkv")
    for name in ("b.mkv", "c.mkv"):
        (media / name).write_bytes((media / "a.mkv").read_bytes())
    (media / "a.mkv").unlink()
    assert moved(store, media) == [(b"a.mkv", b"b.mkv", DIGEST)]


def absent(store, *folders):
    discovery = search(*folders)
    recorded = known_videos(store)
    suspects = [found for found in discovery.videos if found.path not in recorded]
    return find_absent(discovery, suspects, {}, store)


def test_an_empty_folder_with_recorded_videos_looks_unmounted(store, media):
    add(store, media / "a.mkv")
    assert absent(store, media) == {}
    (media / "a.mkv").unlink()
    assert absent(store, media) == {os.fsencode(media): 1}


def test_a_folder_of_which_nothing_is_recorded_is_only_empty(store, media):
    assert absent(store, media) == {}


@pytest.mark.parametrize(("device", "looks_unmounted"), [(4711, True), (None, False)])
def test_other_videos_in_place_of_all_recorded_ones_are_another_disk_only_on_another_device(
    store, media, device, looks_unmounted
):
    add(store, media / "a.mkv", **({} if device is None else {"device": device}))
    (media / "a.mkv").unlink()
    (media / "other.mkv").write_bytes(b"x")
    assert bool(absent(store, media)) is looks_unmounted


def test_what_is_there_and_was_not_searched_is_not_gone(store, media):
    hidden = add(store, media / "a.mkv")
    assert not is_gone(hidden)
    assert find_absent(search(media)._replace(videos=[]), [], {}, store) == {}


def test_what_cannot_be_looked_at_is_not_gone(media):
    assert not is_gone(os.fsencode(media / ("x" * 300)))
    assert is_gone(os.fsencode(media / "a.mkv"))
    (media / "file").write_bytes(b"")
    assert is_gone(os.fsencode(media / "file" / "a.mkv"))


def vanish(monkeypatch, store, media, *, days=0.0, **options):
    """Take account of what is missing, so many days from now; return what is still recorded and missed."""
    now = time.time() + days * 86400
    with monkeypatch.context() as patch:
        patch.setattr("vpo_tasks.library.bulk_check.time.time", lambda: now)
        resolve_vanished(search(media), store, **{"unseen": -1, "at_once": False, **options})
    folder = os.fsencode(media)
    return (
        {os.path.basename(path) for path in store.places_below(folder)},
        {os.path.basename(path) for path in store.vanished_below(folder)},
    )


def test_a_vanished_video_is_missed_first_and_forgotten_when_it_does_not_come_back(store, media, monkeypatch):
    add(store, media / "a.mkv")
    add(store, media / "b.mkv", b"two")
    (media / "a.mkv").rename(media / "kept")
    assert vanish(monkeypatch, store, media) == ({b"a.mkv", b"b.mkv"}, {b"a.mkv"})
    (media / "kept").rename(media / "a.mkv")
    assert vanish(monkeypatch, store, media) == ({b"a.mkv", b"b.mkv"}, set())
    (media / "a.mkv").unlink()
    vanish(monkeypatch, store, media)
    later = REMEMBERED_S / 86400 + 1
    assert vanish(monkeypatch, store, media, days=later) == ({b"b.mkv"}, set())


def test_a_video_on_a_device_of_which_nothing_was_found_is_kept_unless_a_person_says_so(
    store, media, monkeypatch
):
    add(store, media / "a.mkv", device=4711)
    add(store, media / "b.mkv", b"two")
    (media / "a.mkv").unlink()
    assert vanish(monkeypatch, store, media, days=1000) == ({b"a.mkv", b"b.mkv"}, set())
    assert vanish(monkeypatch, store, media, at_once=True) == ({b"b.mkv"}, set())


def test_while_as_many_are_missing_as_are_missed_nothing_is_looked_into(store, media, monkeypatch):
    add(store, media / "a.mkv")
    add(store, media / "b.mkv", b"two")
    (media / "a.mkv").unlink()
    assert vanish(monkeypatch, store, media, unseen=0)[1] == set()
    assert vanish(monkeypatch, store, media, unseen=1)[1] == {b"a.mkv"}
