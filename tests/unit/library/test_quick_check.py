"""The quick check at a finished library: a yes only when nothing at all calls for a look."""

from __future__ import annotations

import os

import pytest

from vpo_tasks.config import DiscoveryConfig, VPOConfig
from vpo_tasks.library.quick_check import WORTH_IT_BYTES, begun_quick_check
from vpo_tasks.media.identity import Identity
from vpo_tasks.state.library_digest import LibraryDigests, digest_folder, digest_library
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store

DIGEST = b"digest in force!"
NAMES = ("own.mkv", "a/1.mkv", "a/2.mkv", "a b/1.mkv", "b/deep/1.mkv", "c/1.mkv", "c/notes.txt")
VIDEOS = 6


@pytest.fixture
def root(tmp_path):
    for name in NAMES:
        path = tmp_path / "media" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "media"


@pytest.fixture
def pool(tmp_path, root):
    path = str(tmp_path / "state" / "state.db")
    with DaemonConnectionPool(path) as opened:
        for name in NAMES:
            if name.endswith(".mkv"):
                record(opened, root / name)
        opened.execute_write("INSERT INTO doit VALUES ('large', 'enough', ?)", ("x" * WORTH_IT_BYTES,))
    with DaemonConnectionPool(path) as opened:
        yield opened


def record(pool, path, digest=DIGEST):
    Store(pool).record(
        os.fsencode(path),
        Identity.of(os.stat(path)),
        digest=digest,
        media=None,
        fingerprint=b"head and tail",
        status="unchanged",
    )


def quick_check(pool, root, *, discovery=None):
    """Return how many videos are there if all are as recorded, else None."""
    config = VPOConfig(str(root.parent / "state"), discovery=discovery or DiscoveryConfig())
    with begun_quick_check([str(root)], config) as begun:
        if begun is None:
            return None
        recorded = LibraryDigests(pool).find(begun.root, DIGEST)
        return recorded.videos if begun.finds(recorded) else None


@pytest.mark.parametrize("read_only", [False, True])
def test_a_library_as_recorded_is_counted_again_and_again(pool, root, read_only):
    path = str(root.parent / "state" / "state.db")
    with DaemonConnectionPool(path, read_only=read_only) as opened:
        assert [quick_check(opened, root) for _ in range(3)] == [VIDEOS] * 3


DISTURBANCES = {
    "touched": lambda root: os.utime(root / "a/2.mkv", ns=(1, 1)),
    "touched in the other half": lambda root: os.utime(root / "c/1.mkv", ns=(1, 1)),
    "touched in the folder itself": lambda root: os.utime(root / "own.mkv", ns=(1, 1)),
    "new": lambda root: (root / "b/deep/new.mkv").write_bytes(b"new"),
    "new in a new folder": lambda root: ((root / "z").mkdir(), (root / "z/new.mkv").write_bytes(b"new")),
    "gone": lambda root: (root / "a/1.mkv").unlink(),
    "a whole folder gone": lambda root: (
        (root / "c/1.mkv").unlink(),
        (root / "c/notes.txt").unlink(),
        (root / "c").rmdir(),
    ),
    "grown": lambda root: (root / "c/1.mkv").write_bytes(b"more than before"),
    "a linked folder": lambda root: (root / "link").symlink_to(root / "a"),
    "a linked video": lambda root: (root / "b/link.mkv").symlink_to(root / "a/1.mkv"),
    "a left-over of ours": lambda root: (root / "b/.vpo-0123456789abcdef.json").write_bytes(b"{}"),
    "an ignore file": lambda root: (root / "b/.vpoignore").write_bytes(b"*"),
    "an odd thing": lambda root: os.mkfifo(root / "b/fifo.mkv"),
}


@pytest.mark.parametrize("is_recorded", [False, True])
@pytest.mark.parametrize("disturb", DISTURBANCES.values(), ids=DISTURBANCES)
def test_whatever_calls_for_a_look_is_a_no(pool, root, disturb, is_recorded):
    if is_recorded:
        assert quick_check(pool, root) == VIDEOS
    disturb(root)
    assert quick_check(pool, root) is None


UNIMPORTANT = {
    "a new subtitle": lambda root: (root / "a/1.srt").write_bytes(b"1"),
    "originals that are kept": lambda root: (root / "a/.vpo-undo").mkdir(),
    "a hidden folder": lambda root: (root / "a/.cache").mkdir(),
    "an empty folder": lambda root: (root / "empty").mkdir(),
    "read by a player": lambda root: os.utime(
        root / "a/1.mkv", ns=(1, (root / "a/1.mkv").stat().st_mtime_ns)
    ),
}


@pytest.mark.parametrize("change", UNIMPORTANT.values(), ids=UNIMPORTANT)
def test_what_concerns_no_video_is_still_a_yes(pool, root, change):
    change(root)
    assert quick_check(pool, root) == VIDEOS


def test_a_video_that_does_not_comply_is_a_no(pool, root):
    assert quick_check(pool, root) == VIDEOS
    record(pool, root / "c/1.mkv", digest=None)
    assert quick_check(pool, root) is None
    record(pool, root / "c/1.mkv", digest=b"another digest..")
    assert quick_check(pool, root) is None


RECORD_CHANGES = {
    "recorded anew": lambda store, path: record(store._pool, os.fsdecode(path), digest=None),
    "made to comply with another policy": lambda store, path: store.comply([path], b"another digest.."),
    "forgotten": lambda store, path: store.forget(path),
    "forgotten with its folder": lambda store, path: store.forget_below(os.path.dirname(path)),
    "invalidated": lambda store, path: store.invalidate(path),
    "adopted": lambda store, path: store.adopt(path, Identity(1, 2, 3, 4), b"head and tail"),
}


@pytest.mark.parametrize("change", RECORD_CHANGES.values(), ids=RECORD_CHANGES)
def test_no_digest_outlives_a_change_of_any_record(pool, root, change):
    before = LibraryDigests(pool).find(os.fsencode(root.resolve()), DIGEST)
    change(Store(pool), os.fsencode(root.resolve() / "b/deep/1.mkv"))
    assert pool.execute_read("SELECT count(*) FROM library_digests") == [(0,)]
    assert LibraryDigests(pool).find(os.fsencode(root.resolve()), DIGEST) != before


def test_a_wide_and_a_deep_library_are_seen_whole(pool, root):
    for number in range(700):  # more folders than shares
        path = root / "wide" / str(number) / "1.mkv"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"1")
        record(pool, path)
    deep = root.joinpath("deep", *"abcdefghijklmnopq", "1.mkv")
    deep.parent.mkdir(parents=True)
    deep.write_bytes(b"1")
    record(pool, deep)
    assert quick_check(pool, root) == VIDEOS + 701
    (root / "wide" / "699" / "1.mkv").write_bytes(b"other")
    assert quick_check(pool, root) is None


def test_exclusions_and_small_libraries_are_left_to_the_proper_look(pool, root, tmp_path):
    assert quick_check(pool, root, discovery=DiscoveryConfig()._replace(skip=("samples",))) is None
    DaemonConnectionPool(str(tmp_path / "small" / "state.db")).close()
    with begun_quick_check([str(root)], VPOConfig(str(tmp_path / "small"))) as begun:
        assert begun is None
    with begun_quick_check([str(root / "a"), str(root / "b")], VPOConfig(str(tmp_path / "state"))) as begun:
        assert begun is None
    with begun_quick_check([str(root / "nowhere")], VPOConfig(str(tmp_path / "state"))) as begun:
        assert begun is None


def test_numbers_beyond_what_sqlite_holds_are_digested_as_stat_says_them(pool):
    high = (1 << 64) - 2  # a device or inode of some FUSE and network filesystems
    videos = {b"/m/a.mkv": (high, high, 5, 6), b"/m/x/b.mkv": (1, 2, 3, 4), b"/m/z.mkv": (1, 2, 3, 4)}
    for path, identity in videos.items():
        Store(pool).record(
            path, Identity(*identity), digest=DIGEST, media=None, fingerprint=None, status="unchanged"
        )
    expected = [
        digest_folder(b"/m", [(b"z.mkv", 1, 2, 3, 4), (b"a.mkv", high, high, 5, 6)]),
        digest_folder(b"/m/x", [(b"b.mkv", 1, 2, 3, 4)]),
    ]
    assert LibraryDigests(pool).find(b"/m", DIGEST) == digest_library(3, expected)


def test_no_process_and_no_descriptor_is_left(pool, root):
    quick_check(pool, root)  # opens this thread's connection, which stays
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(3):
        quick_check(pool, root)
        os.utime(root / "own.mkv", ns=(1, 1))
    assert (len(os.listdir("/proc/self/fd")) if before else 0) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
