"""What a policy may give to ffmpeg unasked: options of encoders, and nothing that names a file."""

from __future__ import annotations

import pytest

from vpo_tasks.policy.ffmpeg_args import find_unsafe


@pytest.mark.parametrize(
    "words",
    [
        ["-qp", "0"],
        ["-movflags", "+faststart"],
        [
            "-x265-params",
            "aq-mode=3:no-sao=1:deblock=-1,-1:psy_rd=2.0:master-display=G(1,2)B(3,4)R(5,6)WP(7,8)L(9,1)",
        ],
        ["-x264-params", "me=umh:subme=10:ref=6", "-pix_fmt", "yuv420p10le", "-profile:v", "high10"],
        ["-x264opts", "no-scenecut:keyint=240"],
        ["-svtav1-params", "tune=0:enable-overlays=1:film-grain=8"],
        ["-aom-params", "enable-cdef=0:aq-mode=1"],
        ["-vf", "yadif=1,hqdn3d=4:3:6:4.5,scale=1280:-2:flags=lanczos"],
        ["-filter:v:0", "crop=iw/2:ih/2"],
        ["-force_key_frames", "expr:gte(t,n_forced*2)", "-aspect", "16/9", "-b:v", "3M", "-g:0", "250"],
        ["-flags", "+cgop", "-enable-cdef", "0", "-tag:v", "hvc1", "-rc-lookahead", "32"],
    ],
)
def test_options_of_encoders_are_given_to_ffmpeg(words):
    assert list(find_unsafe(words)) == []


@pytest.mark.parametrize(
    ("words", "places"),
    [
        (["/etc/cron.d/x"], [0]),
        (["out.mkv"], [0]),
        (["-"], [0]),
        (["file:out.mkv"], [0]),
        (["-crf", "20", "http://example.org/x"], [2]),
        (["-f", "matroska", "/dev/null", "-map", "0:a"], [0, 2, 3]),
        (["-i", "/etc/shadow"], [0]),
        (["-y"], [0]),
        (["-filter_script", "x"], [0]),
        (["-/filter:v", "x"], [0]),
        (["-passlogfile", "x"], [0]),
        (["-pass", "1"], [0]),
        (["-stats", "x"], [0]),
        (["-vstats_file", "x"], [0]),
        (["-report"], [0]),
        (["-dump_attachment:t", "x"], [0]),
        (["-attach", "/etc/passwd"], [0]),
        (["-init_hw_device", "opencl=x"], [0]),
        (["-fpre", "x"], [0]),
        (["-load_plugins", "x"], [0]),
        (["-filter_complex", "movie=x"], [0]),
        (["-vf", "movie=x.mkv"], [1]),
        (["-vf", "scale=640:-2,subtitles=x.srt"], [1]),
        (["-vf", "ass=x"], [1]),
        (["-vf", "metadata=print:file=x"], [1]),
        (["-vf", "sendcmd=f=x"], [1]),
        (["-vf", "scale=/w=x"], [1]),
        (["-vf", "scale=w=1: /h=x"], [1]),
        (["-vf", "scale=w='1:h=2'"], [1]),
        (["-vf", "scale=w=1\\:h=2"], [1]),
        (["-vf", "scale@a=1:1"], [1]),
        (["-vf", "[in]scale=1:1"], [1]),
        (["-vf:v", "libvmaf=log_path=x"], [1]),
        (["-flags", "+pass1"], [1]),
        (["-x264-params", "stats=x"], [1]),
        (["-x264-params", "pass=1"], [1]),
        (["-x264-params", "cqm=x"], [1]),
        (["-x264-params", "st\\ats=x"], [1]),
        (["-x264-params", "'stats'=x"], [1]),
        (["-x264opts", "me=umh:dump-yuv=x"], [1]),
        (["-x265-params", "crf=20:csv=x"], [1]),
        (["-x265-params", "analysis_save=x"], [1]),
        (["-x265-params", "qpfile=x"], [1]),
        (["-x265-params", "scaling-list=x"], [1]),
        (["-x265-params", "aq-mode=/etc/x"], [1]),
        (["-svtav1-params", "stats=x"], [1]),
        (["-aom-params", "film-grain-table=x"], [1]),
        (["-aom-params", "vmaf-model-path=x"], [1]),
        (["-preset", "/etc/x"], [1]),
        (["-crf"], [0]),
    ],
)
def test_what_writes_or_reads_a_file_is_not(words, places):
    assert [place for place, _ in find_unsafe(words)] == places
