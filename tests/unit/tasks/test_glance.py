"""The first glance at a finished library: a yes only when nothing at all calls for a look."""

from __future__ import annotations

import os

import pytest

from vpo_tasks.config import DiscoveryConfig
from vpo_tasks.media.identity import Identity
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store
from vpo_tasks.tasks.glance import WORTH_IT_BYTES, Question, all_as_recorded

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
def store(tmp_path, root):
    path = str(tmp_path / "state" / "state.db")
    with DaemonConnectionPool(path) as pool:
        opened = Store(pool)
        for name in NAMES:
            if name.endswith(".mkv"):
                record(opened, root / name)
        pool.execute_write("INSERT INTO doit VALUES ('large', 'enough', ?)", ("x" * WORTH_IT_BYTES,))
    with DaemonConnectionPool(path) as pool:
        yield Store(pool)


def record(store, path, digest=DIGEST):
    store.record(
        os.fsencode(path),
        Identity.of(os.stat(path)),
        digest=digest,
        media=None,
        fingerprint=None,
        status="unchanged",
    )


def glance(store, root, *, config=None, read_only=False):
    database = str(root.parent / "state" / "state.db")
    question = Question(database, read_only, DIGEST, config or DiscoveryConfig())
    return all_as_recorded(os.fsencode(root.resolve()), question, store)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_library_as_recorded_is_counted(store, root, read_only):
    assert glance(store, root, read_only=read_only) == VIDEOS


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


@pytest.mark.parametrize("disturb", DISTURBANCES.values(), ids=DISTURBANCES)
def test_whatever_calls_for_a_look_is_a_no(store, root, disturb):
    disturb(root)
    if disturb is DISTURBANCES["a linked video"]:
        # the link leads to a video that is counted already: a yes would be right, and so is a no
        assert glance(store, root) in (None, VIDEOS)
    else:
        assert glance(store, root) is None


def test_a_video_that_does_not_comply_is_a_no(store, root):
    record(store, root / "c/1.mkv", digest=None)
    assert glance(store, root) is None
    record(store, root / "c/1.mkv", digest=b"another digest..")
    assert glance(store, root) is None


def test_exclusions_and_small_or_flat_libraries_are_left_to_the_proper_look(store, root, tmp_path):
    assert glance(store, root, config=DiscoveryConfig()._replace(skip=("samples",))) is None
    assert glance(store, root / "a") is None
    small = str(tmp_path / "small.db")
    DaemonConnectionPool(small).close()
    question = Question(small, False, DIGEST, DiscoveryConfig())
    assert all_as_recorded(os.fsencode(root), question, store) is None


def test_no_process_and_no_descriptor_is_left(store, root):
    glance(store, root)  # opens this thread's connection, which stays
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(3):
        glance(store, root)
        os.utime(root / "own.mkv", ns=(1, 1))
    assert (len(os.listdir("/proc/self/fd")) if before else 0) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
