"""Encoding (policy-format 9.6, T)."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.tracks import effects, plan, policy, video
from vpo_tasks.plan.evaluate import check_convergence, evaluate
from vpo_tasks.plan.model import Context
from vpo_tasks.policy.model import (
    AudioTranscode,
    Container,
    Phase,
    SkipIf,
    TrackActions,
    Transcode,
    VideoTranscode,
)

CAN = Context(can_encode=True)
CANNOT = Context(can_encode=False)
NUMBERS = {"2.1": 3, "4.0": 4, "3.1": 4, "7.1": 8}
ROWS = [
    ("T1 hvc1", {"to": "hevc"}, None, "v0 hvc1 D", ""),
    ("T1 h265", {"to": "hevc"}, None, "v0 h265 D", ""),
    ("T2", {"to": "hevc", "max_resolution": "720p"}, None, "v0 hevc 1920x800", "v0:codec=hevc v0:size=1280x532"),
    ("T3", {"to": "hevc", "max_height": 500}, None, "v0 hevc 1000x750", "v0:codec=hevc v0:size=666x500"),
    ("T4", {"to": "av1", "skip_if": SkipIf(codec_matches=("x265",), resolution_within="1080p")}, ("flac",), "v0 hevc 1920x1080, a1 mp3", ""),
    ("T5", {"to": "hevc", "skip_if": SkipIf(bitrate_under=10_000_000)}, None, "v0 h264 10000000bps", "v0:codec=hevc"),
    ("T5 below", {"to": "hevc", "skip_if": SkipIf(bitrate_under=10_000_000)}, None, "v0 h264 9999999bps", ""),
    ("T8", None, ("flac",), "v0, a1 aac", ""),
    ("T9", {"to": "h264"}, (), "v0 h264, a1 dts", "a1:codec=aac"),
    ("T10", {"to": "hevc"}, None, "v0 h264, a1, s2, s3, s4, t5 ttf, t6 ttf", "v0:codec=hevc"),
    ("a second video track is copied", {"to": "hevc"}, None, "v0 h264, v1 h264", "v0:codec=hevc"),
    ("a cover in front is not the film", {"to": "hevc"}, None, "v0 mjpeg 600x900 D still, v1 h264 320x180", "v1:codec=hevc"),
    ("a cover behind is copied", {"to": "hevc"}, None, "v0 h264, v1 png 3000x3000 D still", "v0:codec=hevc"),
    ("a cover's size asks for nothing", {"to": "h264", "max_resolution": "480p"}, None, "v0 mjpeg 4000x6000 still, v1 320x180", ""),
    ("a lone cover is no film", {"to": "hevc"}, (), "v0 mjpeg still D, a1 dts", ""),
    ("scaled below the other, it stays the film", {"to": "h264", "max_resolution": "720p"}, None, "v0 1440x1080, v1 1920x1080", "v1+D v1:codec=h264 v1:size=1280x720"),
    ("an unknown codec triggers nothing", {"to": "hevc"}, None, "v0 none", ""),
    ("never upscales", {"to": "hevc", "max_resolution": "1080p"}, None, "v0 hevc 640x480", ""),
    ("no video, no operation", {"to": "hevc"}, (), "t0 ttf, a1 dts", ""),
    ("DTS-HD is preserved by default", None, ("dts-hd",), "v0, a1 dts profile=dts-hd_ma", ""),
]  # fmt: skip


def transcode(video_fields, preserve):
    return Transcode(
        video=VideoTranscode(**video_fields) if video_fields else None,
        audio=AudioTranscode(preserve=preserve) if preserve is not None else None,
    )


@pytest.mark.parametrize(
    ("fields", "preserve", "tracks", "expected"), [pytest.param(*r[1:], id=r[0]) for r in ROWS]
)
def test_transcode(fields, preserve, tracks, expected):
    asked = policy(transcode=transcode(fields, preserve))
    planned = evaluate([asked], video(tracks), CAN)
    assert (effects(planned), planned.failures) == (expected, ())
    check_convergence([asked], planned, CAN)


def test_what_one_phase_scales_and_the_next_encodes_again_is_scaled_in_the_one_encode():
    small = {"to": "hevc", "max_resolution": "480p"}
    planned = plan(
        "v0 mpeg4 1920x1080 D",
        Phase(name="small", transcode=transcode(small, None)),
        Phase(name="plain", transcode=transcode({"to": "h264"}, None)),
        context=CAN,
    )
    (stream,) = planned.streams
    picture = planned.result.tracks[0]
    assert (stream.encode.codec, stream.encode.width, stream.encode.height) == ("h264", 852, 480)
    assert (picture.width, picture.height) == (852, 480)
    assert stream.encode.scale_algorithm == "lanczos"


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_resolution": "720p"}, "1920x1080 is larger than 720p"),
        ({"max_width": 800}, "1920x1080 is more than 800 pixels wide"),
        ({"max_height": 600}, "1920x1080 is more than 600 pixels high"),
        ({"max_width": 800, "max_height": 600}, "1920x1080 is larger than 800x600"),
    ],
)
def test_scaling_names_the_limit_and_encoding_the_codec(limits, reason):
    planned = plan("v0 h264 1920x1080 D", context=CAN, transcode=transcode({"to": "hevc", **limits}, None))
    assert [(change.what, change.reason) for change in planned.changes] == [
        ("codec", "h264 is not hevc"),
        ("size", reason),
    ]


def test_t6_without_a_crf_the_codec_s_default_counts():
    planned = plan("v0 h264", context=CAN, transcode=transcode({"to": "av1", "max_bitrate": 4_000_000}, None))
    encode = planned.streams[0].encode
    assert (encode.codec, encode.crf, encode.max_rate) == ("av1", 30, None)


def test_t7_preserved_audio_is_copied_and_the_rest_encoded():
    asked = Transcode(audio=AudioTranscode(preserve=("dts",), to="ac3", bitrate=448_000))
    planned = plan("v0, a1 dts, a2 truehd 8ch, a3 aac 2ch", context=CAN, transcode=asked)
    encodes = {stream.source: stream.encode for stream in planned.streams if stream.encode}
    assert {index: (e.codec, e.bitrate) for index, e in encodes.items()} == {
        2: ("ac3", 448_000),
        3: ("ac3", 448_000),
    }
    assert planned.result.tracks[2].channels == 6  # the encoder takes no more


@pytest.mark.parametrize(("tracks", "fails"), [("v0 h264", True), ("v0 hevc", False), ("t0 ttf", False)])
def test_an_encode_that_is_not_available_yet_fails_only_where_it_is_needed(tracks, fails):
    planned = plan(tracks, context=CANNOT, transcode=Transcode(video=VideoTranscode(to="hevc")))
    reasons = [failure.reason for failure in planned.failures]
    assert reasons == (["needs transcode, not available yet"] if fails else [])


@pytest.mark.parametrize(
    ("hw", "fallback", "encoders", "reason"),
    [
        ("none", True, {"libx265"}, None),
        ("none", True, {"hevc_nvenc"}, "the encoder libx265 is missing"),
        ("auto", True, {"hevc_nvenc"}, None),
        ("nvenc", False, {"libx265"}, "the encoder hevc_nvenc is missing"),
        ("nvenc", True, {"libx265"}, None),
    ],
)
def test_a_missing_encoder_fails_the_phase(hw, fallback, encoders, reason):
    context = Context(can_encode=True, encoders=frozenset(encoders))
    asked = transcode({"to": "hevc", "hw": hw, "hw_fallback": fallback}, None)
    planned = plan("v0 h264", context=context, transcode=asked)
    assert [failure.reason for failure in planned.failures] == ([reason] if reason else [])


@pytest.mark.parametrize(("to", "doc_type"), [("av1", "webm"), ("hevc", "matroska")])
def test_a_webm_stays_one_only_with_codecs_it_may_hold(to, doc_type):
    media = msgspec.structs.replace(video("v0 vp8, a1 opus"), doc_type="webm")
    planned = plan(media, context=CAN, transcode=transcode({"to": to}, None))
    assert planned.result.doc_type == doc_type


def of_range(**fields):
    media = video("v0 hevc 1920x1080 D")
    return msgspec.structs.replace(media, tracks=(msgspec.structs.replace(media.tracks[0], **fields),))


@pytest.mark.parametrize(
    ("fields", "hdr", "said"),
    [
        ({"dolby_vision": "8.1", "color_transfer": "smpte2084"}, "hdr10", "what is left is HDR10"),
        ({"dolby_vision": "7.6"}, "hdr10", "what is left is HDR10"),
        ({"dolby_vision": "8.4", "color_transfer": "arib-std-b67"}, "hlg", "what is left is HLG"),
        ({"dolby_vision": "8.2", "color_transfer": "bt709"}, None, "what is left is standard range"),
        ({"hdr10_plus": True, "color_transfer": "smpte2084"}, "hdr10", "HDR10+ does not survive"),
        ({"title": "Dolby Vision"}, "hdr10", "Dolby Vision does not survive"),
    ],
)
def test_dynamic_metadata_that_an_encode_loses_is_named_and_gone_in_the_result(fields, hdr, said):
    asked = policy(transcode=transcode({"to": "av1"}, None))
    planned = evaluate([asked], of_range(**fields), CAN)
    assert planned.streams[0].encode.hdr == hdr
    assert any(said in text for text in planned.warnings)
    made = planned.result.tracks[0]
    assert (made.dolby_vision, made.hdr10_plus) == (None, False)
    check_convergence([asked], planned, CAN)


def test_a_copy_keeps_dynamic_metadata_and_says_nothing():
    planned = evaluate(
        [policy(transcode=transcode({"to": "hevc"}, None), container=Container(target="mp4"))],
        of_range(dolby_vision="8.1", hdr10_plus=True, color_transfer="smpte2084"),
        CAN,
    )
    assert planned.warnings == ()
    assert (planned.result.tracks[0].dolby_vision, planned.result.tracks[0].hdr10_plus) == ("8.1", True)


def test_dolby_vision_that_nothing_else_can_show_is_left_as_it_is():
    planned = evaluate([policy(transcode=transcode({"to": "av1"}, None))], of_range(dolby_vision="5"), CAN)
    assert planned.is_empty
    assert "its colours would be false" in planned.warnings[0]


@pytest.mark.parametrize(
    ("to", "pixels", "expected"),
    [
        ("hevc", "yuv420p", "v0:codec=hevc v0:size=852x478"),
        ("h264", None, "v0:codec=h264 v0:size=852x478"),
        ("hevc", "yuv444p", "v0:codec=hevc"),
        ("vp9", "yuv420p", "v0:codec=vp9"),
        ("av1", "yuv420p", "v0:codec=av1"),
    ],
)
def test_an_odd_size_is_cut_where_the_codec_has_even_sizes_only(to, pixels, expected):
    media = video("v0 mpeg4 853x479 D")
    track = msgspec.structs.replace(media.tracks[0], pixel_format=pixels)
    media = msgspec.structs.replace(media, tracks=(track,))
    asked = policy(transcode=transcode({"to": to}, None))
    planned = evaluate([asked], media, CAN)
    assert effects(planned) == expected
    assert ("853x479 is cut to 852x478" in " ".join(planned.warnings)) == ("size" in expected)
    check_convergence([asked], planned, CAN)


def test_an_odd_size_is_no_reason_to_encode():
    planned = plan("v0 hevc 853x479 D", context=CAN, transcode=transcode({"to": "hevc"}, None))
    assert planned.changes == ()


@pytest.mark.parametrize(
    ("codec", "layout", "channels"),
    [("opus", "2.1", 6), ("opus", "4.0", 5), ("opus", "7.1", 8), ("flac", "3.1", 6), ("aac", "2.1", 3)],
)
def test_sound_whose_layout_the_codec_has_not_gets_the_next_larger_one(codec, layout, channels):
    media = video(f"v0 D, a1 dts {NUMBERS[layout]}ch D")
    sound = msgspec.structs.replace(media.tracks[1], channel_layout=layout)
    media = msgspec.structs.replace(media, tracks=(media.tracks[0], sound))
    planned = plan(media, context=CAN, transcode=Transcode(audio=AudioTranscode(preserve=(), to=codec)))
    assert planned.result.tracks[1].channels == channels


@pytest.mark.parametrize(("channels", "rate"), [(1, 192_000), (2, 273_000), (6, 671_000), (8, 671_000)])
def test_dts_gets_the_rate_that_its_encoder_needs(channels, rate):
    planned = plan(
        f"v0 D, a1 truehd {channels}ch D", context=CAN,
        transcode=Transcode(audio=AudioTranscode(preserve=(), to="dts", bitrate=192_000)),
    )  # fmt: skip
    assert planned.streams[1].encode.bitrate == rate


@pytest.mark.parametrize(
    ("container", "fields", "audio", "reason"),
    [
        ("avi", {"to": "hevc"}, None, "avi cannot hold hevc"),
        ("asf", {"to": "hevc"}, None, "asf cannot hold hevc"),
        ("flv", {"to": "vp9"}, None, "flv cannot hold vp9"),
        ("mpegts", {"to": "av1"}, None, "mpegts cannot hold av1"),
        ("mov", None, "opus", "mov cannot hold opus"),
        ("mp4", None, "pcm_s16le", "mp4 cannot hold pcm_s16le"),
        ("avi", {"to": "h264"}, None, "avi cannot hold h264"),
        ("mkv", {"to": "hevc"}, "opus", None),
    ],
)
def test_what_the_container_cannot_hold_is_said_before_hours_of_encoding(container, fields, audio, reason):
    asked = Transcode(
        video=VideoTranscode(**fields) if fields else None,
        audio=AudioTranscode(preserve=(), to=audio) if audio else None,
    )
    media = video('v0 mpeg4 D, a1 ac3 D "x"', container=container)
    titles = Phase(name="titles", audio_actions=TrackActions(clear_all_titles=True))
    planned = plan(media, Phase(name="small", transcode=asked), titles, context=CAN)
    reasons = [failure.reason for failure in planned.failures]
    hint = "; convert it too (container: target: mkv)"
    assert reasons == ([reason + hint] if reason else [])
    assert [change.phase for change in planned.changes if change.what == "title"] == ["titles"]
    assert any(stream.encode for stream in planned.streams) == (reason is None)


def test_a_container_that_a_later_phase_changes_does_not_stand_in_an_encode_s_way():
    planned = plan(
        video("v0 mpeg4 D, a1 mp3 D", container="avi"),
        Phase(name="small", transcode=Transcode(video=VideoTranscode(to="hevc"))),
        Phase(name="mkv", container=Container(target="mkv")),
        context=CAN,
    )
    assert (effects(planned), planned.failures) == ("container=mkv v0:codec=hevc", ())
