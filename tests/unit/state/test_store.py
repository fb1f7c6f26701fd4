"""What is recorded comes back as it was, whatever the path and the inode."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.records import known_videos
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import PolicyStamp, Store
from vpo_tasks.state.up_to_date import RecordedState, head_tail_digest, judge, signed

MEDIA = MediaInfo(
    container="mkv",
    format_name="matroska,webm",
    tags={"title": "x"},
    tracks=(Track(index=0, type="video", codec="h264"),),
)
HUGE = Identity(2**64 - 3, 2**63 + 5, 2**40, 1_700_000_000_123_456_789)


@pytest.fixture
def store(tmp_path):
    with DaemonConnectionPool(str(tmp_path / "state.db")) as pool:
        yield Store(pool)


def record(store, path, digest=b"d", identity=HUGE):
    store.record(path, identity, digest=digest, media=MEDIA, fingerprint=b"f", status="changed")


def test_a_record_with_64_bit_inode_and_odd_name_comes_back(store):
    record(store, b"/m/\xff=\n.mkv")
    known = known_videos(store)[b"/m/\xff=\n.mkv"]
    assert known == RecordedState(signed(HUGE.device), signed(HUGE.inode), HUGE.size, HUGE.mtime_ns, b"d")
    details = store.details(b"/m/\xff=\n.mkv")
    assert details is not None
    assert details.media == MEDIA
    assert details[1:4] == (b"f", "changed", None)


@pytest.mark.parametrize(
    ("tracks", "loads"),
    [
        ((Track(index=0, type="video", codec="h264"),), True),
        ((Track(index=0, type="video", codec="mjpeg"),), False),
        ((Track(index=0, type="video", codec="mjpeg"), Track(index=1, type="video", codec="h264")), False),
    ],
    ids=["film", "picture", "both"],
)
def test_an_older_record_still_loads_unless_it_leaves_open_which_track_is_the_film(store, tracks, loads):
    media = msgspec.structs.replace(MEDIA, tracks=tracks)
    store.record(b"/m/a.mkv", HUGE, digest=b"d", media=media, fingerprint=b"f", status="changed")
    store._pool.execute_write("UPDATE details SET media_version = 3", ())
    assert (store.details(b"/m/a.mkv").media == media) is loads
    assert [path for path, _ in store.stored_media([b"/m/a.mkv"])] == [b"/m/a.mkv"] * loads


def test_only_what_is_below_the_folder_is_returned(store):
    for path in (b"/m/a.mkv", b"/m/b/c.mkv", b"/m0.mkv", b"/m-x/d.mkv", b"/n/e.mkv"):
        record(store, path)
    assert set(known_videos(store, b"/m")) == {b"/m/a.mkv", b"/m/b/c.mkv"}
    assert set(known_videos(store, b"/")) == set(known_videos(store))


def test_forgetting_and_invalidating(store):
    record(store, b"/m/a.mkv")
    record(store, b"/m/b.mkv")
    store.record_target(b"/o/a.mkv", b"/m/a.mkv", HUGE, b"d")
    store.invalidate(b"/m/a.mkv")
    known = store.known_video(b"/m/a.mkv")
    assert known is not None
    assert known.digest is None
    assert store.targets_of(b"/m/a.mkv")[b"/o/a.mkv"].digest is None
    assert store.details(b"/m/a.mkv").media == MEDIA
    store.forget(b"/m/a.mkv")
    assert store.known_video(b"/m/a.mkv") is None
    assert store.targets_of(b"/m/a.mkv") == {}
    store.forget_below(b"/m")
    assert known_videos(store) == {}


def test_targets_come_back_with_their_source(store):
    store.record_target(b"/o/a.mkv", b"/m/a.avi", HUGE, b"d")
    source, known = store.known_targets()[b"/o/a.mkv"]
    assert source == b"/m/a.avi"
    assert known.inode == signed(HUGE.inode)


def test_media_of_another_model_version_is_not_trusted(store, tmp_path):
    record(store, b"/m/a.mkv")
    with DaemonConnectionPool(str(tmp_path / "state.db")) as pool:
        pool.execute_write("UPDATE details SET media_version = media_version + 1")
        assert store.details(b"/m/a.mkv").media is None
        pool.execute_write("UPDATE details SET media_version = media_version - 1, media = x'ff00'")
    assert store.details(b"/m/a.mkv").media is None


def test_policy_stamps_and_other_doit_tasks(store):
    stamp = PolicyStamp("1:2:3", b"digest", "films", "skip")
    store.remember_policy(b"/p.yaml", stamp)
    assert store.policy_stamp(b"/p.yaml") == stamp
    assert store.policy_stamp(b"/q.yaml") is None
    for task in ("/a|x", "/a|y", "/b|x"):
        store.save_doit_value(task, "k", "1")
        store.save_doit_value(task, "k", "2")
    assert store.doit_values("/a|x") == {"k": "2"}
    store.forget_doit("/a|", "/a|x")
    assert store.doit_values("/a|x") == {}
    store.forget_doit("/a|")
    assert store.doit_values("/a|y") == {}
    assert store.doit_values("/b|x") == {"k": "2"}


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (RecordedState(1, 2, 3, 4, b"d"), "up-to-date"),
        (RecordedState(1, 2, 3, 4, b"e"), "replan"),
        (RecordedState(9, 2, 3, 4, b"d"), "same-file"),
        (RecordedState(1, 9, 3, 4, b"d"), "same-file"),
        (RecordedState(1, 2, 9, 4, b"d"), "changed"),
        (RecordedState(1, 2, 3, 9, b"d"), "changed"),
        (RecordedState(9, 9, 9, 9, b"e"), "changed"),
    ],
)
def test_the_verdict_on_a_recorded_video(found, verdict):
    assert judge(RecordedState(1, 2, 3, 4, b"d"), found) == verdict


def test_an_unrecorded_video_is_new_and_a_failed_one_is_planned_again():
    assert judge(None, RecordedState(1, 2, 3, 4, b"d")) == "new"
    assert judge(RecordedState(1, 2, 3, 4, None), RecordedState(1, 2, 3, 4, b"d")) == "replan"


def test_a_new_inode_is_taken_over_for_the_recorded_fingerprint_only(store):
    record(store, b"/m/a.mkv", identity=Identity(1, 2, 3, 4))
    moved = Identity(1, 9, 3, 4)
    assert not store.adopt(b"/m/a.mkv", moved, b"another")
    assert not store.adopt(b"/m/b.mkv", moved, b"f")
    assert store.known_video(b"/m/a.mkv") == RecordedState(1, 2, 3, 4, b"d")
    assert store.adopt(b"/m/a.mkv", moved, b"f")
    assert store.known_video(b"/m/a.mkv") == RecordedState(1, 9, 3, 4, b"d")


def test_the_fingerprint_sees_size_head_and_tail(tmp_path):
    path = tmp_path / "v.mkv"
    seen = set()
    for content in (b"a" * 10_000, b"b" + b"a" * 9_999, b"a" * 9_999 + b"b", b"a" * 10_001, b""):
        path.write_bytes(content)
        seen.add(head_tail_digest(bytes(path)))
    assert len(seen) == 5
    assert head_tail_digest(b"/nowhere") is None
