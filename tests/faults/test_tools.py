"""Tools that lie, die, hang or flood: each is caught, the original stays, nothing is left behind."""

from __future__ import annotations

import os
import resource
import signal
import threading
from pathlib import Path

import pytest

from tests.support.execute import flip_default, make_environment, plan_for, work_for
from tests.support.fake_tools import fake_tool
from tests.support.faults import in_a_process_that_may_die
from tests.support.waiting import is_running, wait_for
from vpo_tasks.errors import FileError, Interrupted, ToolError, VerifyError
from vpo_tasks.execute.replace import carry_out
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleTrack, make_sample

HONEST = "subprocess.run([real] + sys.argv[1:], check=True)\n"


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "library" / "film.mkv"
    path.parent.mkdir()
    tracks = [
        SampleTrack("video", "mpeg4"),
        SampleTrack("audio", "ac3", "eng"),
        SampleTrack("audio", "ac3", "fre"),
    ]
    make_sample(str(path), tracks, seconds=1)
    return path


def attempt(film: Path, body: str, stall_timeout_s: float = 60.0) -> None:
    tool = fake_tool(str(film.parent.parent), body)
    plan = plan_for(read_media(str(film)), change=flip_default)
    environment = make_environment(film.parent.parent, toolbox=tool, stall_timeout_s=stall_timeout_s)
    carry_out(work_for(str(film), plan), environment)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param("pass\n", FileError, id="writes-nothing"),
        pytest.param("open(output, 'w').close()\n", VerifyError, id="empty"),
        pytest.param(
            HONEST + "os.truncate(output, os.path.getsize(output) * 2 // 3)\n", FileError, id="truncated"
        ),
        pytest.param(
            "a = sys.argv[1:]; i = a.index('0:2'); del a[i-1:i+1]\n"
            "a = [w for k, w in enumerate(a) if not (w.endswith(':2') or a[k-1].endswith(':2'))]\n"
            "subprocess.run([real] + a, check=True)\n",
            VerifyError,
            id="track-missing",
        ),
        pytest.param(
            "a = sys.argv[1:]; a[-1:-1] = ['-metadata:s:1', 'language=ger']\nsubprocess.run([real] + a, check=True)\n",
            VerifyError,
            id="wrong-language",
        ),
        pytest.param(
            "a = sys.argv[1:]; a[-1:-1] = ['-t', '0.5']\nsubprocess.run([real] + a, check=True)\n",
            VerifyError,
            id="half-the-packets",
        ),
        pytest.param("open(output, 'wb').write(b'x' * 5000)\n", FileError, id="garbage"),
        pytest.param(
            HONEST + "print('[error] disk trouble', file=sys.stderr)\n", ToolError, id="says-error-exits-0"
        ),
        pytest.param(HONEST + "sys.exit(1)\n", ToolError, id="exit-1"),
        pytest.param("sys.exit(2)\n", ToolError, id="exit-2"),
        pytest.param(HONEST + "os.kill(os.getpid(), signal.SIGKILL)\n", ToolError, id="killed"),
        pytest.param("raise SystemExit(255)\n", ToolError, id="ended-like-ctrl-c"),
    ],
)
def test_tool_that_lies_or_dies_costs_its_own_output_only(
    film: Path, body: str, error: type[FileError]
) -> None:
    before = film.read_bytes()
    with pytest.raises(error) as caught:
        attempt(film, body)
    assert "\n" not in str(caught.value)
    assert film.read_bytes() == before
    assert os.listdir(film.parent) == ["film.mkv"]


def test_honest_tool_through_the_same_road_succeeds(film: Path) -> None:
    attempt(film, HONEST)
    assert [track.default for track in read_media(str(film)).of_type("audio")] == [True, True]


def test_hanging_tool_is_ended_after_the_stall_timeout(film: Path) -> None:
    before = film.read_bytes()
    with pytest.raises(ToolError, match="no progress"):
        attempt(film, "time.sleep(600)\n", stall_timeout_s=0.5)
    assert film.read_bytes() == before
    assert os.listdir(film.parent) == ["film.mkv"]


def test_tool_that_gets_on_slowly_is_not_taken_for_hanging(film: Path) -> None:
    body = "for n in range(20):\n    print(f'out_time_us={n}', flush=True); time.sleep(0.1)\n" + HONEST
    before = film.read_bytes()
    attempt(film, body, stall_timeout_s=1.0)
    assert film.read_bytes() != before, "it was let to its end, and its work was taken"
    assert os.listdir(film.parent) == ["film.mkv"]


@pytest.mark.parametrize("end", [b"\n", b""], ids=["in-lines", "one-line"])
def test_flood_of_a_gigabyte_on_stderr_does_not_grow_memory(film: Path, end: bytes) -> None:
    flood = (
        f"line = b'noise 78 ' * 13888 + {end!r}\nsent = 0\n"
        f"while sent < 1_000_000_000:\n    sent += os.write(2, line)\n"
        f"open({str(film.parent.parent / 'sent')!r}, 'w').write(str(sent))\n"
    )
    before = film.read_bytes()

    def measure() -> None:
        # a process of its own begins with the memory that is in use, not with the most that ever was
        most_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(ToolError) as caught:
            attempt(film, flood + "sys.exit(1)\n")
        assert len(caught.value.stderr_tail) < 1 << 20
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most_kb < 30_000

    assert in_a_process_that_may_die(measure) == 0
    assert int((film.parent.parent / "sent").read_text()) >= 1_000_000_000
    assert film.read_bytes() == before
    assert os.listdir(film.parent) == ["film.mkv"]


def test_grandchild_that_holds_the_pipes_neither_hangs_us_nor_survives(film: Path, tmp_path: Path) -> None:
    body = (
        f"p = subprocess.Popen([sys.executable, '-ISc', 'import time; time.sleep(600)'])\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(p.pid))\n"
        + HONEST
    )
    attempt(film, body)
    pid = int((tmp_path / "pid").read_text())
    assert not is_running(pid)


def test_termination_ends_tool_and_grandchild_and_leaves_the_original(film: Path, tmp_path: Path) -> None:
    before = film.read_bytes()
    body = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"p = subprocess.Popen([sys.executable, '-ISc', 'import time; time.sleep(600)'])\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(p.pid))\n"
        f"open({str(tmp_path / 'ready')!r}, 'w').close()\ntime.sleep(600)\n"
    )
    plan = plan_for(read_media(str(film)), change=flip_default)
    environment = make_environment(tmp_path, toolbox=fake_tool(str(tmp_path), body))
    caught: list[BaseException] = []

    def run() -> None:
        try:
            carry_out(work_for(str(film), plan), environment)
        except Interrupted as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for((tmp_path / "ready").exists)
    environment.children.terminate_all(grace_s=0.3)
    thread.join(timeout=30)
    assert [type(error) for error in caught] == [Interrupted]
    assert film.read_bytes() == before
    assert os.listdir(film.parent) == ["film.mkv"]
    assert not is_running(int((tmp_path / "pid").read_text()))
    with pytest.raises(Interrupted):
        carry_out(work_for(str(film), plan), environment)


def test_source_replaced_during_the_work_survives(film: Path) -> None:
    foreign_file = film.parent.parent / "foreign file.mkv"
    make_sample(str(foreign_file), [SampleTrack("video", "mpeg4")], seconds=0.5, seed=9)
    expected = foreign_file.read_bytes()
    with pytest.raises(FileError, match="somebody else"):
        attempt(film, HONEST + f"os.rename({str(foreign_file)!r}, {str(film)!r})\n")
    assert film.read_bytes() == expected
    assert os.listdir(film.parent) == ["film.mkv"]


def test_orphaned_tool_keeps_its_video_locked(film: Path, tmp_path: Path) -> None:
    body = f"open({str(tmp_path / 'ready')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    plan = plan_for(read_media(str(film)), change=flip_default)
    environment = make_environment(tmp_path, toolbox=fake_tool(str(tmp_path), body))
    runner = os.fork()
    if runner == 0:
        carry_out(work_for(str(film), plan), environment)
        os._exit(0)
    wait_for(lambda: (tmp_path / "ready").exists() and (tmp_path / "ready").read_text())
    os.kill(runner, signal.SIGKILL)
    os.waitpid(runner, 0)
    with pytest.raises(FileError, match="another run"):
        carry_out(work_for(str(film), plan), make_environment(tmp_path))
    from vpo_tasks.execute.recover import recover_all

    private = [os.fsencode(path) for path in film.parent.glob(".vpo-*")]
    assert [note.outcome for note in recover_all(private, make_environment(tmp_path))] == ["in-hand"]
    tool = int((tmp_path / "ready").read_text())
    os.kill(tool, signal.SIGKILL)
    wait_for(lambda: not is_running(tool))
    assert [note.outcome for note in recover_all(private, make_environment(tmp_path))] == ["undone"]
    assert os.listdir(film.parent) == ["film.mkv"]
