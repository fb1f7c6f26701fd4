"""The bulk check: what a run has to look at, and what it need not."""

from __future__ import annotations

import os

import pytest

from vpo_tasks.library.bulk_check import survey
from vpo_tasks.library.discover import discover
from vpo_tasks.media.identity import Identity
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store
from vpo_tasks.state.up_to_date import head_tail_digest

DIGEST = b"digest in force!"


@pytest.fixture
def store(tmp_path):
    with DaemonConnectionPool(str(tmp_path / "state" / "state.db")) as pool:
        yield Store(pool)


@pytest.fixture
def media(tmp_path):
    folder = tmp_path / "media"
    folder.mkdir()
    for name in ("a.mkv", "b.mkv", "c.mkv"):
        (folder / name).write_bytes(name.encode() * 3000)
    return folder


def record(store, path, *, digest=DIGEST, **changed):
    identity = Identity.of(os.stat(path))._replace(**changed)
    name = os.fsencode(path)
    store.record(
        name, identity, digest=digest, media=None, fingerprint=head_tail_digest(name), status="unchanged"
    )


def look(store, folder, **options):
    found = discover([os.fsencode(folder)], ("mkv", "avi", "mp4"))
    seen = survey(found, store, DIGEST, **options)
    return seen, {os.path.basename(os.fsdecode(item.found.path)): item.verdict for item in seen.stale}


def test_what_is_recorded_and_compliant_is_not_stale(store, media):
    record(store, media / "a.mkv")
    record(store, media / "b.mkv", digest=None)
    seen, verdicts = look(store, media)
    assert (seen.total, seen.up_to_date) == (3, 1)
    assert verdicts == {"b.mkv": "replan", "c.mkv": "new"}
    assert [item.found.path for item in seen.stale] == sorted(item.found.path for item in seen.stale)


def test_another_policy_makes_everything_planned_again(store, media):
    for name in ("a.mkv", "b.mkv", "c.mkv"):
        record(store, media / name, digest=b"older digest")
    assert set(look(store, media)[1].values()) == {"replan"}


def test_a_remount_with_other_device_numbers_costs_a_fingerprint_once(store, media):
    record(store, media / "a.mkv", device=4711)
    record(store, media / "b.mkv", inode=2**64 - 7)
    record(store, media / "c.mkv", device=4711, digest=b"older digest")
    seen, verdicts = look(store, media)
    assert verdicts == {"c.mkv": "replan"}
    assert seen.up_to_date == 2
    known = store.known_video(os.fsencode(media / "a.mkv"))
    assert known.device == os.stat(media / "a.mkv").st_dev


def test_other_content_of_the_same_size_and_time_on_another_device_is_changed(store, media):
    record(store, media / "a.mkv", device=4711)
    before = os.stat(media / "a.mkv")
    (media / "a.mkv").write_bytes(b"x.mkv" * 3000)
    os.utime(media / "a.mkv", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert look(store, media)[1]["a.mkv"] == "changed"


def test_a_grown_or_touched_video_is_changed(store, media):
    record(store, media / "a.mkv")
    record(store, media / "b.mkv")
    with open(media / "a.mkv", "ab") as stream:
        stream.write(b"more")
    os.utime(media / "b.mkv", ns=(1, 1))
    verdicts = look(store, media)[1]
    assert (verdicts["a.mkv"], verdicts["b.mkv"]) == ("changed", "changed")


def test_force_trusts_nothing(store, media):
    record(store, media / "a.mkv")
    assert len(look(store, media, force=True)[1]) == 3


def test_videos_that_differ_by_extension_only_are_rivals(store, media):
    (media / "a.avi").write_bytes(b"1")
    (media / "a.mp4").write_bytes(b"2")
    seen, _ = look(store, media)
    rivals = {
        os.path.basename(item.found.path): [os.path.basename(r) for r in item.rivals] for item in seen.stale
    }
    assert rivals[b"a.avi"] == [b"a.mkv", b"a.mp4"]
    assert rivals[b"b.mkv"] == []


def test_with_an_output_folder_only_a_target_as_it_was_made_is_up_to_date(store, media, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    output = os.fsencode(out)
    for name in ("a.mkv", "b.mkv", "c.mkv"):
        record(store, media / name, digest=None)
        (out / name).write_bytes(b"made")
        store.record_target(
            os.fsencode(out / name), os.fsencode(media / name), Identity.of(os.stat(out / name)), DIGEST
        )
    assert look(store, media, output=output)[1] == {}
    (out / "a.mkv").unlink()
    (out / "b.mkv").write_bytes(b"scribbled")
    os.utime(media / "c.mkv", ns=(1, 1))
    assert set(look(store, media, output=output)[1]) == {"a.mkv", "b.mkv", "c.mkv"}
    assert set(look(store, media, output=os.fsencode(tmp_path / "elsewhere"))[1]) == {
        "a.mkv",
        "b.mkv",
        "c.mkv",
    }
