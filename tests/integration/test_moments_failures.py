"""What ended a tool from outside, or what the machine had run out of, is no failure of the video."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys

import pytest

from tests.support.media import need_tool
from vpo_tasks.errors import ProbeError, SilentError, ToolError, UnreadableError
from vpo_tasks.media.probe import ProbePool
from vpo_tasks.state.measurements import Measurements
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.tools.base import Call
from vpo_tasks.tools.encoders import TOO_OLD, Hardware, ask_encoders
from vpo_tasks.tools.running import Children

ENCODE = (
    "schema_version: 13\nphases:\n"
    "  - {name: f, transcode: {video: {to: h264, preset: ultrafast, hw: none, keep_if_larger: true}}}\n"
)


def fail_once(world, tool: str, at: str, how: str) -> None:
    """Put a tool in front of the real one that does `how` the first time its command line holds `at`."""
    real, once = need_tool(tool), world.root / f"once-{tool}"
    script = world.bin / tool
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *{at}*) [ -e {once} ] || {{ touch {once}; {how}; }};; esac\nexec {real} "$@"\n'
    )
    script.chmod(0o755)


def summary(world, code: int) -> dict:
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("tool", "how"),
    [
        ("mkvmerge", "kill -KILL $$"), ("mkvmerge", "kill -TERM $$"), ("mkvmerge", "exit 137"),
        ("mkvmerge", 'echo "terminate called after throwing an instance of std::bad_alloc" >&2; kill -ABRT $$'),
        ("ffmpeg", "kill -KILL $$"), ("ffmpeg", "kill -XCPU $$"), ("ffmpeg", "exit 143"),
        ("ffmpeg", "echo 'Exiting normally, received signal 15.' >&2; exit 255"),
        ("ffmpeg", "echo 'a.mkv: Cannot allocate memory' >&2; exit 1"),
        ("ffmpeg", "echo 'a.part: Too many open files' >&2; exit 1"),
        ("ffmpeg", "echo 'av_interleaved_write_frame(): No space left on device' >&2; exit 228"),
    ],
)  # fmt: skip
def test_a_video_whose_tool_was_ended_from_outside_is_done_by_the_next_run(world, tool, how):
    world.add("a.mkv")
    if tool == "ffmpeg":
        world.write_policy(ENCODE)
    fail_once(world, tool, ".part", how)
    first = summary(world, 1)
    assert first["results"][0]["error_kind"] == "ToolEnded"
    second = summary(world, 0)
    assert (second["summary"]["changed_count"], second["summary"]["failed_before_count"]) == (1, 0)


@pytest.mark.parametrize("how", ["kill -SEGV $$", "exit 1", "exit 183"])
def test_a_crash_over_the_video_is_remembered(world, how):
    world.add("a.mkv")
    world.write_policy(ENCODE)
    fail_once(world, "ffmpeg", ".part", how)
    assert summary(world, 1)["results"][0]["error_kind"] == "ToolError"
    assert summary(world, 1)["summary"]["failed_before_count"] == 1


def test_a_tool_that_cannot_be_started_says_nothing_of_the_video(tmp_path):
    folder = os.fsencode(tmp_path)
    with pytest.raises(ToolError) as caught:
        Children().run(Call(argv=(b"/nowhere/tool",), cwd=folder), video="v", stall_timeout_s=5)
    assert caught.value.kind == "ToolEnded"


def test_a_video_over_which_a_tool_hangs_twice_is_not_tried_a_third_time(world):
    world.add("a.mkv")
    world.write_policy(ENCODE)
    world.configure('[processing]\nstall_timeout = "1s"\n')
    real = need_tool("ffmpeg")
    (world.bin / "ffmpeg").write_text(
        f'#!/bin/sh\ncase "$*" in *.part*) exec sleep 60;; esac\nexec {real} "$@"\n'
    )
    (world.bin / "ffmpeg").chmod(0o755)
    runs = [summary(world, 1) for _ in range(3)]
    assert [run["summary"]["failed_before_count"] for run in runs] == [0, 0, 1]
    assert runs[0]["results"][0]["error_kind"] == "ToolStalled"
    told = world.vpo("why", world.media / "a.mkv")
    assert "no progress for 1 s" in told.stdout


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", UnreadableError),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", UnreadableError),
        ("raise MemoryError", UnreadableError),
        ("import time; time.sleep(60)", SilentError),
    ],
)
def test_a_probe_that_is_ended_from_outside_says_nothing_of_the_video(tmp_path, code, kind):
    command = (sys.executable, "-c", f"import sys; sys.stdin.buffer.read(4); {code}")
    with ProbePool(1, 1.0, command) as pool, pytest.raises(kind):
        pool.probe(str(tmp_path / "a.mkv"))


def test_a_probe_that_crashes_over_a_video_blames_the_video(tmp_path):
    code = f"import os, sys; sys.stdin.buffer.read(4); os.kill(os.getpid(), {int(signal.SIGSEGV)})"
    with (
        ProbePool(1, 5.0, (sys.executable, "-c", code)) as pool,
        pytest.raises(ProbeError, match="SIGSEGV"),
    ):
        pool.probe(str(tmp_path / "a.mkv"))


@pytest.mark.parametrize("how", ["kill -KILL $$", "exit 1", "exit 0"])
def test_an_ffmpeg_that_did_not_name_its_encoders_is_asked_again_by_the_next_run(world, tmp_path, how):
    world.add("a.mkv")
    script = tmp_path / "ffmpeg"
    script.write_text(f"#!/bin/sh\n{how}\n")
    script.chmod(0o755)
    status = script.stat()
    assert ask_encoders(str(script)) == frozenset()
    from vpo_tasks.run.policies import _encoders_of

    with DaemonConnectionPool(str(tmp_path / "state.db")) as pool:
        lessons = Measurements(pool)
        key = os.fsencode(script), status.st_mtime_ns, status.st_size
        assert _encoders_of(str(script), lessons) == frozenset()
        assert lessons.encoders(*key) is None
        lessons.remember_encoders(*key, frozenset())  # as an older version kept it
        assert lessons.encoders(*key) is None
        lessons.remember_encoders(*key, TOO_OLD)
        assert lessons.encoders(*key) == TOO_OLD


def test_encoders_are_asked_for_again_when_the_first_answer_is_cut_short(world):
    fail_once(world, "ffmpeg", "-encoders", "kill -KILL $$")
    assert ask_encoders(str(world.bin / "ffmpeg")) == ask_encoders(str(need_tool("ffmpeg")))


def test_descriptors_that_had_run_out_leave_no_trace(world):
    world.add("a.mkv")
    world.write_policy(ENCODE)
    for limit in (10, 12, 14, 16, 20):
        through = ("bash", "-c", f'ulimit -n {limit}; exec "$@"', "bash")
        world.vpo("process", "--json", world.media, through=through)
    assert summary(world, 0)["summary"]["failed_before_count"] == 0


def test_a_hardware_trial_that_was_ended_from_outside_is_made_again():
    answers = iter([-9, 0])
    hardware = Hardware("ffmpeg", frozenset({"hevc_nvenc"}), lambda _call: next(answers))
    assert [hardware.works("hevc_nvenc") for _ in range(3)] == [False, True, True]


def test_hardware_that_is_not_there_now_is_no_failure_for_ever(world):
    world.add("a.mkv")
    world.write_policy(ENCODE.replace("hw: none", "hw: nvenc, hw_fallback: false"))
    done = world.vpo("process", "--json", world.media)
    if done.returncode == 3 or not shutil.which("ffmpeg"):
        pytest.skip("this ffmpeg lists no nvenc")
    assert json.loads(done.stdout)["results"][0]["error_kind"] == "ToolEnded"
    assert summary(world, 1)["summary"]["failed_before_count"] == 0
