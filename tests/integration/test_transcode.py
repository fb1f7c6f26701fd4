"""Encoding from the command line: one pass for everything, failures and larger results left out, nothing twice."""

from __future__ import annotations

import json
import os
import re
import sys

import pytest

from tests.support.fake_tools import wheel_toolbox
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleTrack, make_sample

T = SampleTrack
POLICY = """
schema_version: 13
name: encode
config: {{audio_languages: [eng, und], on_error: {on_error}}}
phases:
  - name: clean
    keep_audio: {{languages: [eng]}}
  - name: video
    transcode:
      video: {video}
  - name: sound
    depends_on: [{after}]
    transcode:
      audio: {{to: {audio}, preserve: [], bitrate: 64k}}
  - name: flags
    default_flags: {{}}
"""
HEVC = "{to: hevc, preset: ultrafast, crf: 40, hw: none}"
WASTEFUL = '{to: h264, preset: ultrafast, hw: none, target_bitrate: 20M, ffmpeg_args: ["-qp", "0"]}'


def write_policy(world, video=HEVC, *, audio="aac", on_error="continue", after="clean"):
    world.write_policy(POLICY.format(video=video, audio=audio, on_error=on_error, after=after))


def add(world, name="a.mkv", codec="mpeg4", seconds=0.6):
    path = world.media / name
    tracks = [
        T("video", codec),
        T("audio", "ac3", "eng", default=True),
        T("audio", "ac3", "fre"),
        T("subtitle", "subrip", "eng"),
    ]
    make_sample(str(path), tracks, seconds=seconds, size=(128, 96))
    return path


def process(world, *args):
    done = world.vpo("process", "--json", *args, world.media)
    return done, json.loads(done.stdout)


def codecs(path):
    return [track.codec for track in read_media(str(path)).tracks]


def fake_ffmpeg(world, body):
    """Put an ffmpeg in front that runs `body` (Python) before it becomes the real one."""
    real = wheel_toolbox().tools["ffmpeg"].path
    path = world.bin / "ffmpeg"
    log = world.root / "argv.log"
    path.write_text(
        f"#!{sys.executable}\nimport os, sys, time\nreal = {real!r}\nargv = sys.argv[1:]\n"
        # the source is named by a descriptor that is inherited
        "held = '/proc/self/fd/'\nshown = [os.readlink(held + a.split(held)[1]) if held in a else a for a in argv]\n"
        f"if '-encoders' not in argv: open({str(log)!r}, 'a').write(' '.join(shown) + '\\n')\n"
        f"{body}\nos.execv(real, [real, *argv])\n"
    )
    path.chmod(0o755)
    return log


def test_all_phases_are_one_ffmpeg_run_and_the_second_run_has_nothing_to_do(world):
    write_policy(world)
    path = add(world)
    log = fake_ffmpeg(world, "")
    done, report = process(world)
    assert done.returncode == 0, done.stderr
    (result,) = report["results"]
    assert (result["step"], result["tool"]) == ("encode", "ffmpeg")
    assert codecs(path) == ["hevc", "aac", "subrip"]
    makes = [line for line in log.read_text().splitlines() if "libx265" in line]
    assert len(makes) == 1
    assert process(world)[1]["summary"]["up_to_date_count"] == 1


def test_an_encode_that_is_larger_is_left_out_the_rest_is_done_and_it_is_not_tried_again(world):
    write_policy(world, WASTEFUL)
    path = add(world)
    log = fake_ffmpeg(world, "")
    done, report = process(world)
    assert done.returncode == 0, done.stderr + done.stdout
    assert codecs(path) == ["mpeg4", "aac", "subrip"]
    assert any("came out larger" in text for text in report["results"][0]["warnings"])
    tries = log.read_text().count("libx264")
    assert tries == 1
    # neither in the next run, nor when another part of the policy changes, nor by force
    assert process(world)[1]["summary"]["up_to_date_count"] == 1
    write_policy(world, WASTEFUL, audio="ac3")
    process(world)
    assert codecs(path) == ["mpeg4", "ac3", "subrip"]
    process(world, "--force")
    assert log.read_text().count("libx264") == tries
    # nor under another name
    path = path.rename(path.with_name("renamed.mkv"))
    write_policy(world, WASTEFUL, audio="eac3")
    process(world)
    assert codecs(path) == ["mpeg4", "eac3", "subrip"]
    assert log.read_text().count("libx264") == tries
    # other settings are another matter
    write_policy(world, WASTEFUL.replace("20M", "19M"), audio="eac3")
    process(world)
    assert log.read_text().count("libx264") == tries + 1


def test_the_policy_may_keep_what_is_larger(world):
    write_policy(world, WASTEFUL.replace("}", ", keep_if_larger: true}"))
    path = add(world)
    assert process(world)[0].returncode == 0
    assert codecs(path)[0] == "h264"


@pytest.mark.parametrize("after", ["clean", "video"])
def test_a_failing_encode_fails_its_phase_and_those_that_depend_on_it_only(world, after):
    write_policy(world, after=after)
    path = add(world)
    fake_ffmpeg(world, "if 'libx265' in argv: sys.exit('no such thing')")
    done, report = process(world)
    assert done.returncode == 1
    (result,) = report["results"]
    assert (result["status"], result["failed_phase"], result["error_kind"]) == (
        "failed",
        "video",
        "ToolError",
    )
    media = read_media(str(path))
    sound = "aac" if after == "clean" else "ac3"
    assert [track.codec for track in media.tracks] == ["mpeg4", sound, "subrip"]
    assert media.tracks[0].default


@pytest.mark.parametrize(
    ("fails", "phases", "left"),
    [
        (("libx265",), ["video"], ["mpeg4", "aac", "subrip"]),
        (("aac",), ["sound"], ["hevc", "ac3", "subrip"]),
        (("libx265", "aac"), ["video", "sound"], ["mpeg4", "ac3", "subrip"]),
    ],
    ids=["the first", "the second", "both"],
)
def test_of_several_encoding_phases_those_that_fail_are_left_out_and_the_rest_is_done(
    world, fails, phases, left
):
    write_policy(world)
    path = add(world)
    log = fake_ffmpeg(world, f"if set(argv) & set({fails!r}): sys.exit('no such thing')")
    done, report = process(world)
    assert done.returncode == 1
    (result,) = report["results"]
    assert (result["status"], result["failed_phase"]) == ("failed", phases[0])
    assert result["error"].count("no such thing") == len(phases)
    media = read_media(str(path))
    assert codecs(path) == left
    assert [track.language for track in media.of_type("audio")] == ["eng"]  # of the phase before
    assert media.tracks[0].default  # of the phase behind them
    changed = {change["phase"] for change in result["changes"]}
    assert changed == {"clean", "video", "sound", "flags"} - set(phases)
    # the same again does nothing new, and the failure is remembered
    before, tries = path.read_bytes(), len(log.read_text().splitlines())
    (again,) = process(world)[1]["results"]
    assert again["status"] == "failed"
    assert path.read_bytes() == before
    assert len(log.read_text().splitlines()) == tries
    # and once the tool can do it, what was left out is all that is left to do
    (world.bin / "ffmpeg").unlink()
    assert process(world, "--retry-failed")[0].returncode == 0
    assert codecs(path) == ["hevc", "aac", "subrip"]


@pytest.mark.parametrize("mode", ["skip", "fail"])
def test_a_failing_encode_stops_the_video_where_the_policy_says_so(world, mode):
    write_policy(world, on_error=mode)
    path = add(world)
    add(world, "b.mkv")
    fake_ffmpeg(world, "if 'libx265' in argv: sys.exit('no such thing')")
    done, report = process(world, "-w", 1)
    assert done.returncode == 1
    assert codecs(path) == ["mpeg4", "ac3", "subrip"]  # the phase before is done, those after are not
    assert report["summary"]["not_started_count"] == (1 if mode == "fail" else 0)


def test_a_missing_encoder_ends_the_run_before_any_work_and_names_who_has_it(world):
    write_policy(world)
    path = add(world)
    before = path.read_bytes()
    lines = "print(' V....D libx264 x')\n    print(' A....D aac x')"
    fake_ffmpeg(world, f"if '-encoders' in argv:\n    {lines}\n    sys.exit(0)")
    # the wheel's ffmpeg would do, so it must be out of reach
    done = world.vpo("process", world.media, env={"IMAGEIO_FFMPEG_EXE": str(world.bin / "ffmpeg")})
    assert done.returncode == 3, done.stdout + done.stderr
    assert "libx265" in done.stderr
    assert "imageio-ffmpeg" in done.stderr
    assert path.read_bytes() == before


def test_an_ffmpeg_with_less_on_path_gives_way_to_the_one_in_the_wheel(world):
    write_policy(world)
    path = add(world)
    fake_ffmpeg(world, "if '-encoders' in argv:\n    print(' A....D aac x')\n    sys.exit(0)")
    done, _ = process(world)
    assert done.returncode == 0, done.stderr
    assert codecs(path)[0] == "hevc"


def test_an_old_ffmpeg_on_path_gives_way_to_the_one_in_the_wheel(world):
    write_policy(world)
    path = add(world)
    # lists everything, and knows none of the newer options
    banner = "if '-encoders' in argv:\n    print('ffmpeg version 4.4.2-0ubuntu0.22.04.1 x', file=sys.stderr, flush=True)"
    refusal = "if '-fps_mode:0' in argv:\n    sys.exit(\"Unrecognized option 'fps_mode:0'.\")"
    fake_ffmpeg(world, f"{banner}\n{refusal}")
    done, _ = process(world)
    assert done.returncode == 0, done.stderr
    assert codecs(path)[0] == "hevc"


def test_another_ffmpeg_is_another_answer_and_so_another_digest(world):
    synthesis = """
schema_version: 13
name: s
phases:
  - name: made
    audio_synthesis:
      tracks: [{name: small, codec: opus, channels: mono, source: {prefer: [{channels: max}]}}]
"""
    world.write_policy(synthesis)
    path = add(world)
    fake_ffmpeg(world, "if '-encoders' in argv:\n    print(' A....D aac x')\n    sys.exit(0)")
    without = {"IMAGEIO_FFMPEG_EXE": str(world.bin / "ffmpeg")}
    done = world.vpo("process", "--json", world.media, env=without)
    assert json.loads(done.stdout)["summary"]["unchanged_count"] == 1, done.stderr
    assert (
        json.loads(world.vpo("process", "--json", world.media, env=without).stdout)["summary"][
            "up_to_date_count"
        ]
        == 1
    )
    (world.bin / "ffmpeg").unlink()
    done, _ = process(world)
    assert done.returncode == 0, done.stderr
    assert "opus" in codecs(path)


HARDWARE = "{to: hevc, preset: ultrafast, crf: 40, hw: %s, hw_fallback: %s}"
LISTS = """if '-encoders' in argv:
    import subprocess
    print(' V....D hevc_nvenc x'); print(' V....D hevc_qsv x', flush=True)
    sys.exit(subprocess.call([real, *argv]))
"""
AS_HEVC = "argv = [{'hevc_nvenc': 'libx265', 'hevc_qsv': 'libx265'}.get(a, a) for a in argv]\n"
NO_OPTIONS = "import re\nargv = [a for i, a in enumerate(argv) if not re.match('-(rc|cq|hwaccel)', a) and not re.match('-(rc|cq|hwaccel)', argv[i - 1])]\n"


@pytest.mark.parametrize(
    ("hw", "fails", "used"),
    [
        ("auto", "(a for a in argv if a == 'hevc_nvenc')", ["hevc_qsv"]),
        ("nvenc", "(a for a in argv if a == 'hevc_nvenc' and '-i' in argv and 'lavfi' not in argv)", ["hevc_nvenc", "libx265"]),
        ("nvenc", "(a for a in argv if a == 'hevc_nvenc')", ["libx265"]),
    ],
    ids=["auto takes the first that works", "fails in the middle", "fails when tried"],
)  # fmt: skip
def test_hardware_that_is_offered_and_fails_gives_way(world, hw, fails, used):
    write_policy(world, HARDWARE % (hw, "true"))
    path = add(world)
    body = LISTS + f"if any({fails}): sys.exit('No capable devices found')\n" + AS_HEVC + NO_OPTIONS
    body += "argv = ['-x265-params' if a.startswith('-global_quality') else 'log-level=error' if argv[i - 1].startswith('-global_quality') else a for i, a in enumerate(argv)]\n"
    log = fake_ffmpeg(world, body)
    done, _report = process(world)
    assert done.returncode == 0, done.stderr + done.stdout
    assert codecs(path)[0] == "hevc"
    lines = log.read_text().splitlines()
    lines = [line for line in lines if "lavfi" not in line]  # those are the trials
    names = [name for line in lines for name in re.findall(r"hevc_\w+|libx265", line)]
    assert list(dict.fromkeys(names)) == used


def test_hardware_that_is_insisted_on_and_fails_fails_the_phase(world):
    write_policy(world, HARDWARE % ("nvenc", "false"))
    path = add(world)
    fake_ffmpeg(world, LISTS + "if 'hevc_nvenc' in argv: sys.exit('No capable devices found')")
    done, report = process(world)
    assert done.returncode == 1
    assert report["results"][0]["failed_phase"] == "video"
    assert codecs(path)[0] == "mpeg4"


def test_threads_times_workers_stay_within_half_more_than_the_cores(world):
    write_policy(world)
    for name in ("a.mkv", "b.mkv", "c.mkv"):
        add(world, name, seconds=0.3)
    log = fake_ffmpeg(world, "")
    done = world.vpo("process", "-v", "-w", 3, world.media, env={"VPO_CPU_COUNT": "9"})
    assert done.returncode == 0, done.stderr
    made = [line for line in log.read_text().splitlines() if "libx265" in line]
    assert len(made) == 3
    for line in made:
        pools, decoding = int(re.search(r"pools=(\d+)", line)[1]), int(re.search(r"-threads (\d+)", line)[1])
        assert 3 * (pools + decoding) <= 9 * 1.5
    assert "3 threads" in done.stdout + done.stderr
    log.unlink()
    world.vpo("process", "--force", "--threads", 1, "-w", 2, world.media)


def test_a_budget_begins_nothing_that_would_not_be_done(world):
    write_policy(world)
    long = add(world, "long.mkv", seconds=6)
    short = add(world, "short.mkv", seconds=0.4)
    done, report = process(world, "--budget", "4s", "-w", 1)
    assert done.returncode == 0, done.stderr
    assert (codecs(long)[0], codecs(short)[0]) == ("mpeg4", "hevc")
    status = {os.path.basename(r["file"]): (r["status"], r["reason"]) for r in report["results"]}
    assert status["long.mkv"][0] == "skipped"
    assert "budget" in status["long.mkv"][1]
    assert process(world)[1]["summary"]["changed_count"] == 1


def test_max_write_begins_nothing_that_would_write_more(world):
    write_policy(world, HEVC.replace("crf: 40", "target_bitrate: 100k"))
    big = add(world, "big.mkv", seconds=4)
    small = add(world, "small.mkv", seconds=0.3)
    done, _report = process(world, "--max-write", str(big.stat().st_size // 2), "-w", 1)
    assert done.returncode == 0, done.stderr
    assert (codecs(big)[0], codecs(small)[0]) == ("mpeg4", "hevc")


@pytest.mark.parametrize(("order", "first"), [("path", "a.mkv"), ("cost", "b.mkv")])
def test_order(world, order, first):
    write_policy(world)
    add(world, "a.mkv", seconds=0.3)
    add(world, "b.mkv", seconds=1.5)
    log = fake_ffmpeg(world, "")
    process(world, "--order", order, "-w", 1)
    made = [line for line in log.read_text().splitlines() if "libx265" in line]
    assert first in made[0]


def test_gain_takes_first_what_saves_most_in_an_hour(world):
    world.write_policy(
        "schema_version: 13\nname: k\nphases:\n  - name: p\n    keep_audio: {languages: [eng]}\n"
    )
    for name, codec in (("a.mp4", "mpeg4"), ("b.mp4", "mjpeg")):
        tracks = [T("video", codec, default=True), T("audio", "aac", "eng", default=True)]
        make_sample(str(world.media / name), tracks, seconds=0.6, size=(128, 96))
    process(world)  # what is in them is on record then
    write_policy(world, HEVC.replace("crf: 40", "target_bitrate: 50k"))
    log = fake_ffmpeg(world, "")
    process(world, "--order", "gain", "-w", 1)
    made = [line for line in log.read_text().splitlines() if "libx265" in line]
    assert "b.mp4" in made[0]


def test_an_encode_without_progress_fails_its_video_after_the_time_that_is_set(world):
    write_policy(world, on_error="skip")
    path = add(world)
    before = path.read_bytes()
    world.configure('[processing]\nstall_timeout = "1s"')
    fake_ffmpeg(world, "if 'libx265' in argv: time.sleep(600)")
    done, report = process(world)
    assert done.returncode == 1
    (result,) = report["results"]
    assert "no progress for 1 s" in result["error"]
    assert codecs(path) == ["mpeg4", "ac3", "subrip"]
    assert before != path.read_bytes()  # what the phase before asks for is done


def test_what_is_learned_is_kept_for_the_next_run(world):
    import sqlite3

    write_policy(world)
    add(world, "a.mkv")
    process(world)
    rows = sqlite3.connect(world.home / "state.db").execute("SELECT kind, codec, preset, height FROM speeds")
    assert rows.fetchall() == [("encode", "hevc", "ultrafast", 480)]


def test_the_file_s_time_is_kept_or_new_as_the_policy_says(world):
    for mode, kept in (("preserve", True), ("now", False)):
        world.write_policy(
            "schema_version: 13\nname: t\nphases:\n  - name: p\n"
            f"    transcode: {{video: {HEVC}}}\n    file_timestamp: {{mode: {mode}}}\n"
        )
        path = add(world, f"{mode}.mkv")
        os.utime(path, (1_000_000_000, 1_000_000_000))
        done, _ = process(world, "--force")
        assert done.returncode == 0, done.stderr
        assert (path.stat().st_mtime == 1_000_000_000) == kept
