"""The pool: odd files get one clear line each, and no file takes more down than its own request."""

from __future__ import annotations

import fcntl
import gc
import io
import os
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from tests.support.media import AUDIO, VIDEO, need_tool, sample, to_path
from tests.support.waiting import is_running
from vpo_tasks.errors import ProbeError
from vpo_tasks.media.matroska.blocks import count_blocks
from vpo_tasks.media.probe import ProbePool
from vpo_tasks.media.probe_messages import LENGTH_PREFIX, Answer, Request
from vpo_tasks.media.probe_process import ProbeReader

HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nfile://{secret}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile '{secret}'\n"


@pytest.fixture(scope="module")
def pool():
    with ProbePool(2, timeout_s=30) as opened:
        yield opened


def reason(pool, path):
    with pytest.raises(ProbeError) as caught:
        pool.probe(path)
    assert caught.value.path == path
    assert "\n" not in str(caught.value)
    return str(caught.value)


def processes(pool):
    return [child._process for child in pool._children]


def unread_bytes(pipe):
    """Return how much of what was written the other end has not read."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def wait_until(holds):
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_probe_and_count_through_the_pool(pool, tmp_path):
    path = sample(tmp_path, b"\xff=\n.mkv")
    assert pool.probe(path).container == "mkv"
    assert [count.packets for count in pool.count(path)] == [25, 32]
    marks = [count.mark for count in pool.count(path)]
    assert len(set(marks)) == 2
    walked = [msgspec.structs.replace(count, mark="") for count in pool.count(path)]
    assert list(pool.count(path, demux=True)) == walked


LATE_READER = """
import sys, time
for _ in range(20):
    time.sleep(0.1)
sys.path[:] = sys.argv[1:]
from vpo_tasks.media.probe_process import main
main()
"""
ASKER = """
import sys
from vpo_tasks.media.probe import ProbePool
with ProbePool(1, timeout_s=6, command=[sys.executable, "-c", sys.argv[1], *filter(None, sys.path)]) as pool:
    print(pool.probe(sys.argv[2]).container)
"""


def test_time_in_which_everything_was_stopped_is_no_silence(tmp_path):
    path = sample(tmp_path, "a.mkv")
    words = [sys.executable, "-c", ASKER, LATE_READER, path]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    asker = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)

    def readers():
        listed = f"/proc/{asker.pid}/task/{asker.pid}/children"
        with open(listed) as stream:
            return [int(word) for word in stream.read().split()]

    wait_until(readers)
    stopped = [asker.pid, *readers()]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(12)
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    out, err = asker.communicate(timeout=60)
    assert (out.strip(), asker.returncode) == ("mkv", 0), err


PAST_THE_END = 1 << 40


def wipe_clusters(path):
    """Overwrite in place what a count has passed: who reads it again finds nothing."""
    with open(path, "r+b") as stream:
        at = stream.read().index(b"\x1f\x43\xb6\x75")
        length = stream.tell() - at
        stream.seek(at)
        stream.write(bytes(length))


def test_what_a_follower_has_passed_is_not_read_again(pool, tmp_path):
    path = sample(tmp_path, "a.mkv")
    counts = pool.count(path)
    with pool.following(path) as follower:
        follower.go_on(PAST_THE_END)
        wipe_clusters(path)
        assert follower.count() == counts
    with pytest.raises(ProbeError):
        pool.count(path)


def test_follower_of_a_video_that_was_hardly_begun_reads_it_at_the_end(pool, tmp_path):
    path = sample(tmp_path, "a.mkv")
    with pool.following(path) as follower:
        follower.go_on(10)  # not worth a question
        assert follower.count() == pool.count(path)
    with pool.following(path) as follower:
        assert follower.count() == pool.count(path)


def test_follower_whose_process_is_killed_counts_all_the_same(tmp_path):
    path = sample(tmp_path, "a.mkv")
    with ProbePool(1, timeout_s=30) as pool, pool.following(path) as follower:
        follower.go_on(PAST_THE_END)
        processes(pool)[0].kill()
        follower.go_on(2 * PAST_THE_END)
        follower.go_on(3 * PAST_THE_END)
        assert [count.packets for count in follower.count()] == [25, 32]
        assert pool.probe(path).container == "mkv", "the one place in the pool is free again"


def test_what_cannot_be_followed_is_counted_as_ever(pool, tmp_path):
    path = sample(tmp_path, "a.mp4")
    with pool.following(path) as follower:
        follower.go_on(PAST_THE_END)
        assert follower.count() == pool.count(path)


def test_damage_behind_which_only_ffmpeg_finds_its_way_is_left_to_it(pool, tmp_path):
    path = sample(tmp_path, "a.mkv")
    with open(path, "r+b") as stream:
        stream.seek(stream.read().index(b"\x1f\x43\xb6\x75") + 5000)
        stream.write(bytes(3000))
    with pytest.raises(ProbeError):
        count_blocks(path)
    with pool.following(path) as follower:
        follower.go_on(PAST_THE_END)
        assert follower.count() == pool.count(path)


def test_follower_of_a_video_that_is_gone_fails_as_a_count_does(pool, tmp_path):
    with pool.following(to_path(tmp_path, "missing.mkv")) as follower:
        follower.go_on(PAST_THE_END)
        with pytest.raises(ProbeError, match="does not exist"):
            follower.count()


def test_follower_takes_no_process_from_those_who_need_one(tmp_path):
    path, other = sample(tmp_path, "a.mkv"), sample(tmp_path, "b.mkv")
    with ProbePool(1, timeout_s=30) as pool:
        with pool.following(path) as first, pool.following(other) as second:
            first.go_on(PAST_THE_END)
            second.go_on(PAST_THE_END)  # nobody is free: it goes without
            assert len(processes(pool)) == 1
            counts = first.count()
            assert second.count() == pool.count(other)
        assert counts == pool.count(path)


def test_relative_path_is_the_callers(pool, tmp_path, monkeypatch):
    sample(tmp_path, "a.mkv")
    monkeypatch.chdir(tmp_path)
    assert pool.probe("a.mkv").container == "mkv"


def test_odd_files_give_one_clear_line_each(pool, tmp_path):
    (tmp_path / "empty.mkv").touch()
    (tmp_path / "text.mkv").write_text("hello\n" * 100)
    (tmp_path / "folder.mkv").mkdir()
    os.mkfifo(tmp_path / "fifo.mkv")
    (tmp_path / "dangling.mkv").symlink_to("nowhere")
    assert reason(pool, to_path(tmp_path, "empty.mkv")) == "is empty"
    assert reason(pool, to_path(tmp_path, "text.mkv")).startswith("is not a video container")
    assert reason(pool, to_path(tmp_path, "folder.mkv")) == "is a directory"
    assert reason(pool, to_path(tmp_path, "fifo.mkv")) == "is not a regular file"
    assert reason(pool, to_path(tmp_path, "dangling.mkv")) == "does not exist"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(pool, tmp_path):
    path = sample(tmp_path)
    os.chmod(path, 0)
    assert reason(pool, path) == "cannot be read: permission denied"


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.avi"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.999])
def test_truncated_file_says_how_much_is_missing(pool, tmp_path, name, kept):
    path = sample(tmp_path, name)
    size = os.path.getsize(path)
    os.truncate(path, int(size * kept))
    found = reason(pool, path)
    # an MP4 that breaks off in its media data has lost the index behind it as well
    assert found == f"truncated: {size - int(size * kept)} bytes missing" or (
        name == "a.mp4" and found.startswith("truncated: ")
    )


def test_sound_without_picture(pool, tmp_path):
    path = sample(tmp_path, "a.mkv", AUDIO)
    assert reason(pool, path) == "no video stream"


@pytest.mark.parametrize("playlist", [HLS, CONCAT])
def test_playlist_named_mkv_opens_no_other_file(pool, tmp_path, playlist):
    secret = sample(tmp_path, "secret.ts")
    path = to_path(tmp_path, "a.mkv")
    (tmp_path / "a.mkv").write_text(playlist.format(secret=secret))
    assert reason(pool, path).startswith("is not a video container")


@pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")
@pytest.mark.parametrize("playlist", [HLS, CONCAT])
def test_playlist_opens_no_other_file_says_strace(tmp_path, playlist):
    strace = need_tool("strace")
    secret = sample(tmp_path, "secret.ts")
    path = to_path(tmp_path, "a.mkv")
    (tmp_path / "a.mkv").write_text(playlist.format(secret=secret))
    log = to_path(tmp_path, "log")
    code = "import sys\nfrom vpo_tasks.media.av_reader import read_media\nread_media(sys.argv[1])"
    traced = [
        strace,
        "-f",
        "-e",
        "trace=open,openat,connect,stat,newfstatat",
        "-o",
        log,
        sys.executable,
        "-c",
        code,
    ]
    subprocess.run([*traced, path], capture_output=True)
    with open(log) as stream:
        calls = stream.read()
    assert "a.mkv" in calls
    assert "secret" not in calls
    assert "connect(" not in calls


def test_crash_costs_one_request(tmp_path):
    path = sample(tmp_path)
    with ProbePool(1) as pool:
        pool.probe(path)
        (process,) = processes(pool)
        os.kill(process.pid, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as threads:
            asked = threads.submit(pool.probe, path)
            wait_until(lambda: unread_bytes(process.stdin))
            os.kill(process.pid, signal.SIGSEGV)
            os.kill(process.pid, signal.SIGCONT)
            with pytest.raises(ProbeError, match="crashed the probe process .SIGSEGV."):
                asked.result(20)
        assert process.returncode == -signal.SIGSEGV
        assert pool.probe(path).container == "mkv"


def test_hang_costs_one_request(tmp_path):
    path = sample(tmp_path)
    with ProbePool(1, timeout_s=3) as pool:
        pool.probe(path)
        (process,) = processes(pool)
        os.kill(process.pid, signal.SIGSTOP)
        assert reason(pool, path) == "could not be read: no progress in 3 s"
        assert process.returncode == -signal.SIGKILL
        assert pool.probe(path).container == "mkv"


SLOW_READER = """
import sys, time
from vpo_tasks.media.probe_messages import Answer, pack
sys.stdin.buffer.read(1)
for _ in range(8):
    time.sleep(0.5)
    sys.stdout.buffer.write(pack(Answer()))
    sys.stdout.buffer.flush()
sys.stdout.buffer.write(pack(Answer(counts=())))
sys.stdout.buffer.flush()
time.sleep(60)
"""


def test_long_count_that_makes_progress_is_left_alone(tmp_path):
    # eight half seconds: more than the three seconds of silence that would end it
    with ProbePool(1, timeout_s=3, command=[sys.executable, "-c", SLOW_READER]) as pool:
        assert pool.count(to_path(tmp_path, "a.mkv")) == ()


def test_reading_tells_its_progress(tmp_path):
    said = io.BytesIO()
    path = sample(tmp_path, "a.ts")
    final = ProbeReader().answer(Request("count", os.fsencode(path)), said, progress_s=0)
    assert [count.index for count in final.counts] == [0, 1]
    (length,) = LENGTH_PREFIX.unpack(said.getvalue()[: LENGTH_PREFIX.size])
    first = msgspec.msgpack.decode(
        said.getvalue()[LENGTH_PREFIX.size : LENGTH_PREFIX.size + length], type=Answer
    )
    assert not first.is_final


@pytest.mark.parametrize("spoken", ["'hello, this is no message'", "'\\0\\0\\0\\1x'", "''"])
def test_process_that_talks_nonsense_costs_its_request(tmp_path, spoken):
    code = f"import sys; sys.stdin.buffer.read(1); sys.stdout.write({spoken})"
    with ProbePool(1, timeout_s=20, command=[sys.executable, "-c", code]) as pool:
        assert "probe process" in reason(pool, to_path(tmp_path, "a.mkv"))


def test_process_killed_while_idle_costs_nothing(tmp_path):
    path = sample(tmp_path)
    with ProbePool(1) as pool:
        pool.probe(path)
        (process,) = processes(pool)
        process.kill()
        process.wait()
        assert pool.probe(path).container == "mkv"


def test_processes_are_started_when_needed_and_never_more_than_the_size(tmp_path):
    path = sample(tmp_path)
    with ProbePool(2) as pool:
        assert processes(pool) == []
        with ThreadPoolExecutor(8) as threads:
            assert len(list(threads.map(pool.probe, [path] * 60))) == 60
        assert 1 <= len(processes(pool)) <= 2


def test_every_thread_gets_its_own_answer(pool, tmp_path):
    names = [f"{number}.mkv" for number in range(6)]
    for number, name in enumerate(names):
        sample(tmp_path, name, VIDEO, seconds=0.2, tags={"title": name}, seed=number)
    paths = [to_path(tmp_path, name) for name in names] * 20
    with ThreadPoolExecutor(6) as threads:
        titles = [media.tags["title"] for media in threads.map(pool.probe, paths)]
    assert titles == names * 20


@pytest.mark.skipif(sys.platform != "linux", reason="/proc lists the open files")
def test_close_leaves_no_process_and_no_file_open(tmp_path):
    path = sample(tmp_path)
    gc.collect()
    before = sorted(os.listdir("/proc/self/fd"))
    with ProbePool(2, timeout_s=3) as pool:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(pool.probe, [path] * 20))
        children = processes(pool)
        os.kill(children[0].pid, signal.SIGSTOP)
        with ThreadPoolExecutor(2) as threads:
            outcomes = [threads.submit(pool.probe, path) for _ in range(4)]
        assert sum(outcome.exception() is not None for outcome in outcomes) == 1
        children += processes(pool)
    assert all(child.returncode is not None for child in children)
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_close_ends_a_request_in_flight(tmp_path):
    path = sample(tmp_path)
    pool = ProbePool(1)
    pool.probe(path)
    os.kill(processes(pool)[0].pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(pool.probe, path)
        wait_until(lambda: not pool._idle)
        pool.close()
        with pytest.raises(ProbeError):
            asked.result(20)
    assert processes(pool) == []
    assert reason(pool, path) == "probing was ended"


def test_ctrl_c_in_the_terminal_does_not_reach_the_processes(tmp_path):
    path = sample(tmp_path)
    with ProbePool(1) as pool:
        pool.probe(path)
        (process,) = processes(pool)
        assert os.getsid(process.pid) != os.getsid(0)
        os.kill(process.pid, signal.SIGINT)
        pool.probe(path)
        assert processes(pool) == [process]


def test_processes_end_with_the_program(tmp_path):
    path = sample(tmp_path)
    code = (
        "import os, sys\nfrom vpo_tasks.media.probe import ProbePool\npool = ProbePool(1)\npool.probe(sys.argv[1])\n"
        "print(next(iter(pool._children))._process.pid, flush=True)\nos.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=False)
    pid = int(done.stdout)
    wait_until(lambda: not is_running(pid))
    assert not is_running(pid)


def test_a_module_in_the_media_folder_is_not_imported(tmp_path, monkeypatch):
    path = sample(tmp_path)
    (tmp_path / "av.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    with ProbePool(1) as pool:
        assert pool.probe(path).container == "mkv"


def test_many_descriptors_open(tmp_path):
    """select() fails on descriptors from 1024 on; the pool must not."""
    path = sample(tmp_path)
    code = (
        "import os, resource, sys\nfrom vpo_tasks.media.probe import ProbePool\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (2000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))\n"
        "held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1200)]\n"
        "with ProbePool(1) as pool:\n    print(pool.probe(sys.argv[1]).container)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "mkv", done.stderr


def test_damaged_files_never_take_the_pool_down(pool, tmp_path):
    import random

    with open(sample(tmp_path, "a.mkv", seconds=0.2), "rb") as stream:
        data = stream.read()
    good = to_path(tmp_path, "good.mkv")
    shutil.copy(to_path(tmp_path, "a.mkv"), good)
    path = to_path(tmp_path, "bad.mkv")
    for seed in range(60):
        chance = random.Random(seed)
        damaged = bytearray(data)
        for _ in range(6):
            damaged[chance.randrange(1500)] ^= 1 << chance.randrange(8)
        with open(path, "wb") as stream:
            stream.write(damaged)
        for ask in (pool.probe, pool.count):
            try:
                ask(path)
            except ProbeError as error:
                assert str(error)  # noqa: PT017 - both ends are fine, as long as one of them comes
    assert pool.probe(good).container == "mkv"
    assert threading.active_count() < 10
