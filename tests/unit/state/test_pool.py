"""The database under threads, damage and other programs."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from tests.support.filesystems import with_own_mounts
from tests.support.tools import need_tool
from vpo_tasks.errors import StateError
from vpo_tasks.state.pool import DaemonConnectionPool


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state" / "state.db")


def test_it_is_in_wal_mode_and_private_to_the_user(path):
    with DaemonConnectionPool(path) as pool:
        assert pool.execute_read("PRAGMA journal_mode") == [("wal",)]
    assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700


def test_writes_from_many_threads_all_arrive(path):
    with DaemonConnectionPool(path) as pool:

        def write(worker: int) -> None:
            for number in range(50):
                pool.execute_write("INSERT INTO doit VALUES (?, ?, '')", (f"t{worker}", str(number)))
                assert (
                    len(pool.execute_read("SELECT * FROM doit WHERE task = ?", (f"t{worker}",))) == number + 1
                )

        threads = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert pool.execute_read("SELECT count(*) FROM doit") == [(400,)]


def test_a_transaction_that_raises_leaves_nothing(path):
    with DaemonConnectionPool(path) as pool:
        with pytest.raises(ZeroDivisionError), pool.transaction() as connection:
            connection.execute("INSERT INTO doit VALUES ('t', 'k', 'v')")
            pool.execute_write("INSERT INTO doit VALUES ('t', 'k2', 'v')")
            1 / 0
        assert pool.execute_read("SELECT * FROM doit") == []
        pool.execute_write("INSERT INTO doit VALUES ('t', 'k', 'v')")
        assert len(pool.execute_read("SELECT * FROM doit")) == 1


def test_readers_cannot_write(path):
    with DaemonConnectionPool(path) as pool, pytest.raises(StateError, match="readonly"):
        pool.execute_read("INSERT INTO doit VALUES ('t', 'k', 'v')")


@pytest.mark.parametrize("garbage", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_file_is_a_state_error_that_says_what_to_do(path, garbage):
    os.makedirs(os.path.dirname(path))
    with open(path, "wb") as stream:
        stream.write(garbage)
    with pytest.raises(StateError, match="state.db: .*move it away") as caught:
        DaemonConnectionPool(path)
    assert caught.value.exit_code == 4
    with open(path, "rb") as stream:
        assert stream.read() == garbage


def test_a_newer_schema_is_refused(path):
    DaemonConnectionPool(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StateError, match="newer version"):
        DaemonConnectionPool(path)


def test_a_database_held_by_another_program_is_a_state_error(path):
    with DaemonConnectionPool(path, timeout_s=0.05) as pool:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="in use by another program"):
            pool.execute_write("INSERT INTO doit VALUES ('t', 'k', 'v')")
        other.rollback()
        other.close()
        assert pool.execute_write("INSERT INTO doit VALUES ('t', 'k', 'v')") == 1


def test_a_folder_that_cannot_be_made_is_a_state_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="VPO_HOME names another"):
        DaemonConnectionPool(str(tmp_path / "file" / "state.db"))


def test_what_was_committed_survives_sigkill(path):
    script = (
        "import sys, os, signal\n"
        "from vpo_tasks.state.pool import DaemonConnectionPool\n"
        "pool = DaemonConnectionPool(sys.argv[1])\n"
        "for n in range(10): pool.execute_write('INSERT INTO doit VALUES (?, ?, ?)', ('t', str(n), ''))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, path], check=False)
    assert run.returncode == -signal.SIGKILL
    with DaemonConnectionPool(path) as pool:
        assert pool.execute_read("SELECT count(*) FROM doit") == [(10,)]


def everything_in(folder) -> dict[str, bytes]:
    return {
        os.path.join(at, name): open(os.path.join(at, name), "rb").read()
        for at, _, names in os.walk(folder)
        for name in names
    }


def test_read_only_sees_what_is_recorded_and_leaves_no_trace(path, tmp_path):
    with DaemonConnectionPool(path) as pool:
        pool.execute_write("INSERT INTO doit VALUES ('t', 'k', 'v')")
    before = everything_in(tmp_path)
    with DaemonConnectionPool(path, read_only=True) as pool:
        assert pool.execute_read("SELECT task FROM doit") == [("t",)]
        pool.execute_write("INSERT INTO doit VALUES ('t2', 'k', 'v')")
        assert pool.execute_read("SELECT task FROM doit") == [("t",)]
        assert everything_in(tmp_path) == before
    assert everything_in(tmp_path) == before


def test_read_only_sees_what_a_killed_run_left_in_the_log(path, tmp_path):
    with DaemonConnectionPool(path) as pool:
        pool.execute_write("INSERT INTO doit VALUES ('t', 'k', 'v')")
        assert os.path.getsize(path + "-wal") > 0
        before = everything_in(tmp_path)
        with DaemonConnectionPool(path, read_only=True) as reader:
            assert reader.execute_read("SELECT task FROM doit") == [("t",)]
        assert everything_in(tmp_path) == before


def test_read_only_sees_nothing_of_a_change_that_was_killed_without_a_log(path, tmp_path):
    with DaemonConnectionPool(path) as pool:
        pool.execute_write("INSERT INTO doit VALUES ('t', 'k', 'v')")
    script = (
        "import sys, os, signal, sqlite3\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('PRAGMA journal_mode=DELETE')\n"
        "connection.execute('PRAGMA cache_size=1')\n"  # what does not fit is written before the commit
        "connection.execute('BEGIN')\n"
        "connection.execute('UPDATE doit SET value = ?', ('w',))\n"
        "for n in range(99): connection.execute('INSERT INTO needs VALUES (?, ?)', (n, 'x' * 9000))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, path], check=False)
    assert os.path.getsize(path + "-journal") > 0
    before = everything_in(tmp_path)
    with DaemonConnectionPool(path, read_only=True) as reader:
        assert reader.execute_read("SELECT task, key, value FROM doit") == [("t", "k", "v")]
    assert everything_in(tmp_path) == before


def test_read_only_without_a_database_makes_none(path, tmp_path):
    with DaemonConnectionPool(path, read_only=True) as pool:
        assert pool.execute_read("SELECT * FROM doit") == []
    assert everything_in(tmp_path) == {}
    assert not os.path.exists(os.path.dirname(path))


def on_a_full_disk(folder, block_bytes: int, work) -> None:
    """Have `work` done with a small ext4 whose blocks have a size, for each of some bytes left on it."""
    mkfs = need_tool("mkfs.ext4")
    with_own_mounts(lambda: _fill(folder, mkfs, block_bytes, work))


def _fill(folder, mkfs, block_bytes, work):
    image, disk = folder / "image", folder / "disk"
    disk.mkdir()
    for left in (0, 16, 40, 64, 128, 160, 200, 300):
        image.write_bytes(b"")
        os.truncate(image, 8 << 20)
        plain = ["-b", str(block_bytes), "-I", "128", "-m", "0", "-O", "^has_journal"]
        subprocess.run([mkfs, "-q", "-F", *plain, str(image)], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["mount", "-o", "loop", str(image), str(disk)], check=True)
        try:
            status = os.statvfs(disk)
            with contextlib.suppress(OSError), open(disk / "filler", "wb") as file:
                file.write(bytes(max(0, status.f_bavail * status.f_frsize - left * 1024)))
            work(disk)
        finally:
            subprocess.run(["umount", str(disk)], check=True)


_USE = """
import sys
from tests.support.filesystems import with_own_mounts
from tests.support.tools import need_tool
from vpo_tasks.errors import StateError
from vpo_tasks.state.pool import DaemonConnectionPool
try:
    with DaemonConnectionPool(sys.argv[1]) as pool:
        for number in range(400):
            pool.execute_write("INSERT INTO doit VALUES ('t', ?, ?)", (str(number), "x" * 900))
            pool.execute_read("SELECT count(*) FROM doit")
except StateError as error:
    sys.exit(4)
"""


@pytest.mark.parametrize("block_bytes", [1024, 4096])
def test_a_full_disk_below_the_database_ends_in_a_word_and_not_in_a_signal(tmp_path, block_bytes):
    codes = []

    def use(disk):
        run = subprocess.run([sys.executable, "-c", _USE, str(disk / "vpo" / "state.db")], check=False)
        codes.append(run.returncode)
        (disk / "filler").unlink()  # there is room again
        with DaemonConnectionPool(str(disk / "vpo" / "state.db")) as pool:
            pool.execute_write("INSERT INTO doit VALUES ('t', 'k', 'v')")

    def attempt(disk):
        use(disk)
        assert set(codes) <= {0, 4}
        assert codes[0] == 4

    on_a_full_disk(tmp_path, block_bytes, attempt)


def test_where_blocks_are_small_nothing_is_mapped_and_two_programs_share_it(path, monkeypatch):
    with DaemonConnectionPool(path) as pool:
        pool.execute_write("INSERT INTO doit VALUES ('t', 'k', 'v')")
    real = os.statvfs
    small = os.statvfs_result((1024, 1024, *real(os.path.dirname(path))[2:]))
    monkeypatch.setattr(os, "statvfs", lambda _path: small)
    with DaemonConnectionPool(path) as pool, DaemonConnectionPool(path) as other:
        assert pool.execute_read("PRAGMA journal_mode") == [("delete",)]
        assert pool.execute_read("SELECT count(*) FROM doit") == [(1,)]
        pool.execute_write("INSERT INTO doit VALUES ('t', 'k2', 'v')")
        other.execute_write("INSERT INTO doit VALUES ('t', 'k3', 'v')")
        assert pool.execute_read("SELECT count(*) FROM doit") == [(3,)]
        assert not [name for name in os.listdir(os.path.dirname(path)) if name.endswith(("-shm", "-wal"))]


def test_a_snapshot_of_a_log_maps_nothing_either(path):
    with DaemonConnectionPool(path) as pool:
        pool.execute_write("INSERT INTO doit VALUES ('t', 'k', 'v')")
        with DaemonConnectionPool(path, read_only=True) as reader:
            assert reader.execute_read("SELECT task FROM doit") == [("t",)]
            assert "immutable=1" in reader._read_uri
