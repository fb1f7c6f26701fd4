"""Every encoder in its own words, word for word."""

from __future__ import annotations

import itertools
import re

import pytest

from vpo_tasks.execute.encode_setup import parse_mastering
from vpo_tasks.media.model import Track
from vpo_tasks.plan.model import Encode
from vpo_tasks.tools.encoders import Hardware, is_too_old, parse_encoders
from vpo_tasks.tools.ffmpeg_encoding import (
    EncodeSetup,
    Encoding,
    Mastering,
    decoder_threads,
    encode_words,
    input_words,
)
from vpo_tasks.workers import resolve_threads, resolve_worker_count

VIDEO = Track(index=0, type="video", codec="h264", width=1920, height=1080)
SURROUND = Track(index=1, type="audio", codec="dts", channels=6, channel_layout="5.1(side)")
TIMES = "-fps_mode:0 passthrough -enc_time_base:0 1:90000"
CRF = Encode(codec="x", crf=23, preset="slow")
CONSTRAINED = Encode(codec="x", crf=23, preset="slow", min_rate=1_000_000, max_rate=4_000_000)
RATE = Encode(codec="x", bitrate=3_000_000, preset="slow")
ROWS = [
    ("libx264", CRF, "-crf:0 23 -preset:0 slow -threads:0 4"),
    ("libx264", CONSTRAINED, "-crf:0 23 -preset:0 slow -minrate:0 1000000 -maxrate:0 4000000 -bufsize:0 8000000 -threads:0 4"),
    ("libx264", RATE, "-preset:0 slow -b:0 3000000 -threads:0 4"),
    ("libx264", Encode(codec="x", crf=18, preset="fast", tune="film"), "-crf:0 18 -preset:0 fast -tune:0 film -threads:0 4"),
    ("libx265", CRF, "-crf:0 23 -preset:0 slow -x265-params:0 log-level=warning:pools=4:frame-threads=2"),
    ("libx265", CONSTRAINED, "-crf:0 23 -preset:0 slow -minrate:0 1000000 -maxrate:0 4000000 -bufsize:0 8000000 -x265-params:0 log-level=warning:pools=4:frame-threads=2"),
    ("libx265", RATE, "-preset:0 slow -b:0 3000000 -x265-params:0 log-level=warning:pools=4:frame-threads=2"),
    ("libvpx-vp9", CRF, "-crf:0 23 -b:0 0 -deadline:0 good -cpu-used:0 1 -row-mt:0 1 -threads:0 4"),
    ("libvpx-vp9", CONSTRAINED, "-crf:0 23 -b:0 4000000 -minrate:0 1000000 -maxrate:0 4000000 -bufsize:0 8000000 -deadline:0 good -cpu-used:0 1 -row-mt:0 1 -threads:0 4"),
    ("libvpx-vp9", RATE, "-b:0 3000000 -deadline:0 good -cpu-used:0 1 -row-mt:0 1 -threads:0 4"),
    ("libaom-av1", CRF, "-crf:0 23 -b:0 0 -cpu-used:0 3 -row-mt:0 1 -threads:0 4"),
    ("libaom-av1", RATE, "-b:0 3000000 -cpu-used:0 3 -row-mt:0 1 -threads:0 4"),
    ("libsvtav1", CRF, "-crf:0 23 -preset:0 5 -svtav1-params:0 lp=3"),
    ("libsvtav1", CONSTRAINED, "-crf:0 23 -preset:0 5 -svtav1-params:0 lp=3:mbr=4000"),
    ("libsvtav1", RATE, "-b:0 3000000 -preset:0 5 -svtav1-params:0 lp=3"),
    ("hevc_nvenc", CRF, "-rc:0 vbr -cq:0 23 -b:0 0"),
    ("hevc_qsv", CRF, "-global_quality:0 23"),
    ("h264_vaapi", CRF, "-rc_mode:0 CQP -qp:0 23"),
    ("hevc_videotoolbox", CRF, "-q:0 54"),
    ("h264_nvenc", RATE, "-b:0 3000000"),
]  # fmt: skip
FILTERS = {"nvenc": " -filter:0 format=nv12", "qsv": " -filter:0 format=nv12", "vaapi": " -filter:0 format=nv12,hwupload",
           "videotoolbox": " -filter:0 format=nv12"}  # fmt: skip


def words(encode, encoder, found=VIDEO, *, setup=None, analysis=0):
    item = Encoding(0, encode, encoder, found, setup or EncodeSetup(threads=4), analysis)
    return b" ".join(encode_words(item)).decode()


@pytest.mark.parametrize(("encoder", "encode", "expected"), ROWS)
def test_video_encoders(encoder, encode, expected):
    filters = FILTERS.get(encoder.rpartition("_")[2], "")
    assert words(encode, encoder) == f"-c:0 {encoder} {expected} {TIMES}{filters}"


@pytest.mark.parametrize(
    ("encoder", "expected"),
    [
        ("libx264", "-pass:0 1 -passlogfile:0 2pass"),
        ("libvpx-vp9", "-pass:0 1 -passlogfile:0 2pass"),
        ("libaom-av1", "-pass:0 1 -passlogfile:0 2pass"),
        ("libx265", "frame-threads=2:pass=1:stats=2pass.log"),
    ],
)
def test_the_first_of_two_passes(encoder, expected):
    assert expected in words(RATE, encoder, analysis=1)


def test_scaling_comes_before_what_the_encoder_wants():
    encode = Encode(codec="hevc", crf=20, width=1280, height=534, scale_algorithm="bicubic", hdr="hlg")
    filters = words(encode, "libx265").rpartition("-filter:0 ")[2]
    assert filters == (
        "scale=1280:534:flags=bicubic,"
        "setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc,format=yuv420p10le"
    )


SHOWN = """
[Parsed_showinfo_0 @ 0x1] side data - Mastering display metadata: has_primaries:1 has_luminance:1 r(0.6800,0.3200)
 g(0.2650,0.6900) b(0.1500 0.0600) wp(0.3127, 0.3290) min_luminance=0.005000, max_luminance=1000.000000
[Parsed_showinfo_0 @ 0x1] side data - Content light level metadata: MaxCLL=1000, MaxFALL=400
""".replace("\n g", " g")


def test_hdr10_metadata_is_told_to_the_encoders_that_forget_it():
    mastering = parse_mastering(SHOWN)
    assert mastering == Mastering(
        "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)",
        "G(0.2650,0.6900)B(0.1500,0.0600)R(0.6800,0.3200)WP(0.3127,0.3290)L(1000.0000,0.0050)",
        "1000,400",
    )
    setup = EncodeSetup(mastering=mastering)
    encode = Encode(codec="hevc", crf=20, hdr="hdr10")
    assert f"master-display={mastering.x265_display}:max-cll=1000,400" in words(
        encode, "libx265", setup=setup
    )
    assert f"mastering-display={mastering.svt_display}:content-light=1000,400" in words(
        encode, "libsvtav1", setup=setup
    )


@pytest.mark.parametrize("text", ["", "has_primaries:0 has_luminance:0 r(", "MaxCLL=x"])
def test_a_frame_without_hdr10_metadata(text):
    assert parse_mastering(text) == Mastering()


@pytest.mark.parametrize(
    ("codec", "channels", "expected"),
    [
        ("aac", 2, "-b:0 192000 -ac:0 2 -filter:0 pan=stereo|FL=0.3432*FL+0.2426*FC+0.2426*SL+0.1716*LFE|FR=0.3432*FR+0.2426*FC+0.2426*SR+0.1716*LFE"),
        ("aac", None, "-b:0 192000 -filter:0 aformat=channel_layouts=5.1"),
        ("ac3", None, "-b:0 192000"),
        ("ac3", 4, "-b:0 192000 -ac:0 4"),
    ],
)  # fmt: skip
def test_audio(codec, channels, expected):
    encode = Encode(codec=codec, bitrate=192_000, channels=channels)
    assert words(encode, codec, SURROUND) == f"-c:0 {codec} {expected}"


def test_decoding_by_hardware_is_hinted_where_a_kind_is_named():
    named, auto = Encode(codec="hevc", hw="nvenc"), Encode(codec="hevc", hw="auto")
    assert input_words({0: "hevc_nvenc"}, {0: named}) == [b"-hwaccel", b"cuda"]
    assert input_words({0: "hevc_nvenc"}, {0: auto}) == []
    assert input_words({0: "hevc_vaapi"}, {0: auto}) == [b"-vaapi_device", b"/dev/dri/renderD128"]


LISTED = frozenset({"libx265", "hevc_nvenc", "hevc_qsv", "libsvtav1"})


@pytest.mark.parametrize(
    ("hw", "fallback", "works", "expected"),
    [
        ("none", True, {"hevc_nvenc"}, ("libx265",)),
        ("auto", True, {"hevc_nvenc", "hevc_qsv"}, ("hevc_nvenc", "libx265")),
        ("auto", True, {"hevc_qsv"}, ("hevc_qsv", "libx265")),
        ("auto", True, set(), ("libx265",)),
        ("qsv", True, {"hevc_nvenc"}, ("libx265",)),
        ("qsv", False, {"hevc_nvenc"}, ()),
        ("qsv", False, {"hevc_qsv"}, ("hevc_qsv",)),
        ("vaapi", True, {"hevc_vaapi"}, ("libx265",)),
    ],
)
def test_which_encoders_are_tried(hw, fallback, works, expected):
    tried = []

    def run(call):
        name = call.argv[call.argv.index(b"-c:v") + 1].decode()
        tried.append(name)
        return 0 if name in works else 1

    hardware = Hardware("/bin/ffmpeg", LISTED, run)
    encode = Encode(codec="hevc", hw=hw, hw_fallback=fallback)
    assert hardware.choose(encode) == expected
    assert hardware.choose(encode) == expected
    assert len(tried) == len(set(tried))  # never twice


def test_svt_stands_in_for_a_missing_libaom():
    assert Hardware("/bin/ffmpeg", LISTED, lambda _call: 1).choose(Encode(codec="av1")) == ("libsvtav1",)


def test_what_ffmpeg_lists():
    answer = b"Encoders:\n V..... = Video\n ------\n V....D libx264              libx264 H.264\n A..X.D dca    DCA\n S..... srt  SubRip\n"
    assert parse_encoders(answer) == {"libx264", "dca", "srt"}


def _threads_of(encoder: str, words: list[bytes]) -> int:
    text = b" ".join(words).decode()
    if encoder == "libx265":
        assert int(re.search(r"frame-threads=(\d+)", text)[1]) <= int(re.search(r"pools=(\d+)", text)[1])
        return int(re.search(r"pools=(\d+)", text)[1])
    if encoder == "libsvtav1":  # a level: SVT-AV1 3 doubles with each, older ones count threads
        return 1 << int(re.search(r"lp=(\d+)", text)[1]) - 1
    return int(re.search(r"-threads:0 (\d+)", text)[1])


@pytest.mark.parametrize(
    ("encoder", "codec"),
    [
        ("libx264", "h264"), ("libx265", "hevc"), ("libvpx-vp9", "vp9"), ("libaom-av1", "av1"), ("libsvtav1", "av1"),
    ],
)  # fmt: skip
def test_encoders_and_decoders_of_all_workers_stay_within_half_more_than_the_cores(encoder, codec):
    for cores, asked in itertools.product(range(1, 65), range(1, 33)):
        workers = resolve_worker_count(asked, cores).workers
        threads = resolve_threads(None, workers, cores)
        item = Encoding(0, Encode(codec=codec, crf=30), encoder, VIDEO, EncodeSetup(threads=threads))
        used = _threads_of(encoder, list(encode_words(item))) + decoder_threads(threads)
        # one core still takes one thread to decode and one to encode
        assert workers * used <= max(1.5 * cores, 2), (cores, workers)


@pytest.mark.parametrize(
    ("banner", "old"),
    [
        (b"ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright (c) 2000-2021", True),
        (b"ffmpeg version n5.0.3 Copyright", True),
        (b"ffmpeg version 5.1.6-0+deb12u1 Copyright", False),
        (b"ffmpeg version 7.0.2-static Copyright", False),
        (b"ffmpeg version n9.0.2-17-g2a57 Copyright", False),
        (b"ffmpeg version N-118000-g2a57 Copyright", False),
        (b"", False),
    ],
)
def test_which_ffmpeg_is_too_old_to_encode(banner, old):
    assert is_too_old(banner) == old
