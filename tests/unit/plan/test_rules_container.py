"""Conversion between containers (policy-format 9.6, K)."""

from __future__ import annotations

import pytest

from tests.support.tracks import effects, plan, policy, video
from vpo_tasks.plan.evaluate import check_convergence, evaluate
from vpo_tasks.plan.model import Context, Encode
from vpo_tasks.policy.model import (
    AudioTranscode,
    CodecMapping,
    Container,
    Exists,
    FilterAttachments,
    KeepAudio,
    Rule,
    Rules,
    SetContainerMetadata,
    SetForced,
    TrackActions,
    Transcode,
    VideoTranscode,
)

MP4 = Container(target="mp4")
MP4_SKIP = Container(target="mp4", on_incompatible_codec="skip")
MP4_ENCODE = Container(target="mp4", on_incompatible_codec="transcode")
MAPPED = Container(
    target="mp4",
    on_incompatible_codec="transcode",
    codec_mappings={
        "truehd": CodecMapping(codec="eac3", bitrate=640_000),
        "ass": CodecMapping(codec="mov_text", action="remove"),
    },
)
K4_TRACKS = (
    "v0 h264 D, a1 truehd eng D, a2 vorbis eng, s3 ass eng D, s4 hdmv_pgs_subtitle eng, s5 webvtt eng, t6 ttf"
)


def encodes(planned):
    return {
        stream.source: (stream.encode.codec, stream.encode.bitrate)
        for stream in planned.streams
        if stream.encode
    }


def converges(media, **operations):
    asked = policy(**operations)
    planned = evaluate([asked], media)
    check_convergence([asked], planned)
    return planned


def test_k1_a_video_that_only_needs_another_container_is_converted():
    planned = converges(video("v0 h264 D, a1 aac eng D"), container=MP4)
    assert effects(planned) == "container=mp4"
    assert planned.result.format_name == "mov,mp4,m4a,3gp,3g2,mj2"
    assert planned.result.doc_type is None


def test_k2_a_codec_that_does_not_fit_fails_the_phase():
    planned = plan("v0 h264 D, a1 truehd", container=MP4)
    assert planned.changes == ()
    assert [failure.reason for failure in planned.failures] == ["mp4 cannot hold truehd"]


def test_k3_skip_stays_as_it_is_and_says_so():
    planned = plan("v0 h264 D, a1 truehd", container=MP4_SKIP)
    assert (effects(planned), planned.failures) == ("", ())
    assert planned.warnings == ("stays mkv: mp4 cannot hold truehd",)


def test_k4_what_does_not_fit_is_encoded_or_dropped():
    planned = converges(video(K4_TRACKS), container=MP4_ENCODE)
    # WebVTT is allowed, but no ffmpeg writes it into MP4: it is carried as mov_text
    assert encodes(planned) == {
        1: ("aac", 256_000),
        2: ("aac", 192_000),
        3: ("mov_text", None),
        5: ("mov_text", None),
    }
    assert effects(planned).split() == sorted(
        "container=mp4 a1:codec=aac a2:codec=aac s3:codec=mov_text s4- s5:codec=mov_text t6-".split()
    )


def test_k5_codec_mappings_decide_about_offenders():
    planned = converges(video("v0 h264 D, a1 truehd eng D, s2 ass, s3 subrip D"), container=MAPPED)
    assert encodes(planned) == {1: ("eac3", 640_000), 3: ("mov_text", None)}
    assert "s2-" in effects(planned)


def test_k6_the_target_container_is_left_alone():
    assert effects(plan("v0 D, a1", container=Container(target="mkv"))) == ""


@pytest.mark.parametrize(("profile", "rate"), [("dts-hd_ma", 320_000), ("dts", 256_000)])
def test_the_profile_decides_the_rate_of_dts(profile, rate):
    planned = plan(f"v0 D, a1 dts D profile={profile}", container=MP4_ENCODE)
    assert encodes(planned) == {1: ("aac", rate)}


def test_only_tracks_that_stay_stand_in_the_way():
    planned = plan(
        "v0 h264 D, a1 aac D, t2 ttf", container=MP4, filter_attachments=FilterAttachments(remove_all=True)
    )
    assert (effects(planned), planned.failures) == ("container=mp4 t2-", ())


def test_the_only_video_is_never_dropped():
    planned = plan("v0 theora D, a1 aac D", container=MP4_ENCODE)
    assert planned.changes == ()
    assert [f.reason for f in planned.failures] == ["no video would be left: mp4 cannot hold theora"]


def test_the_only_audio_is_never_dropped():
    asked = Container(
        target="mp4",
        on_incompatible_codec="transcode",
        codec_mappings={"dts": CodecMapping(codec="aac", action="remove")},
    )
    planned = plan("v0 D, a1 dts D", container=asked)
    assert [f.reason for f in planned.failures] == ["no audio would be left: mp4 cannot hold dts"]


def test_mp4_text_becomes_subrip_in_matroska():
    media = video("v0 D, a1 aac D, s2 mov_text eng D", container="mp4")
    planned = converges(media, container=Container(target="mkv"))
    assert planned.streams[2].encode == Encode(codec="subrip")
    assert planned.result.doc_type == "matroska"


@pytest.mark.parametrize(
    ("mode", "dropped", "fails"), [("error", False, True), ("skip", False, False), ("transcode", True, False)]
)
def test_closed_captions_that_matroska_cannot_hold(mode, dropped, fails):
    media = video("v0 D, a1 aac D, s2 eia_608", container="mov")
    planned = plan(media, container=Container(target="mkv", on_incompatible_codec=mode))
    assert ("s2-" in effects(planned), bool(planned.failures)) == (dropped, fails)


def test_a_forced_flag_set_before_the_conversion_is_in_the_mp4():
    force = Rule(name="r", when=Exists(track_type="video"), then=(SetForced(),))
    planned = converges(
        video("v0 D, a1 aac D, s2 mov_text eng D"),
        container=MP4,
        rules=Rules(match="first", items=(force,)),
    )
    assert planned.result.tracks[2].forced


def test_tags_an_mp4_cannot_hold_are_lost_with_a_warning():
    media = video("v0 D, a1 aac D", tags={"title": "Film", "imdb": "tt1", "encoder": "Lavf"})
    planned = converges(media, container=MP4)
    assert planned.result.tags == {"title": "Film"}
    assert effects(planned) == "container=mp4 tag:imdb=None"
    assert "MP4 cannot store the tag imdb" in planned.warnings


def test_a_tag_an_mp4_cannot_hold_is_not_planned_for_ever():
    tag = SetContainerMetadata(field="imdb", value="tt1")
    rule = Rule(name="r", when=Exists(track_type="video"), then=(tag,))
    planned = plan(video("v0 D", container="mp4"), rules=Rules(match="first", items=(rule,)))
    assert effects(planned) == ""
    assert planned.warnings == ("MP4 cannot store the tag imdb",)


def test_metadata_that_is_not_preserved_goes():
    media = video("v0 D, a1 aac D", tags={"title": "Film"})
    planned = converges(media, container=Container(target="mp4", preserve_metadata=False))
    assert effects(planned) == "container=mp4 tag:title=None"


def test_an_avi_becomes_matroska_with_what_earlier_phases_asked_for():
    media = video("v0 mpeg4, a1 mp3", container="avi")
    rule = Rule(name="r", when=Exists(track_type="video"), then=(SetContainerMetadata(field="x", value="y"),))
    planned = converges(media, container=Container(target="mkv"), rules=Rules(match="first", items=(rule,)))
    assert effects(planned) == "container=mkv tag:x=y"


def test_a_container_that_no_tool_writes_is_refused():
    planned = plan(video("v0, a1 eng, a2 fre", container="mpeg"), keep_audio=KeepAudio(languages=("eng",)))
    assert planned.changes == ()
    (failure,) = planned.failures
    assert failure.operation == "keep_audio"
    assert (
        failure.reason == "mpeg files cannot be written in place; convert it first (container: target: mkv)"
    )


@pytest.mark.parametrize("mode", ["error", "skip", "transcode"])
def test_what_the_phase_encodes_anyway_does_not_stand_in_the_way(mode):
    asked = {
        "container": Container(target="mp4", on_incompatible_codec=mode),
        "transcode": Transcode(
            video=VideoTranscode(to="hevc"), audio=AudioTranscode(preserve=(), to="eac3", bitrate=448_000)
        ),
    }
    planned = converges(video("v0 mpeg2video D, a1 truehd eng D"), **asked)
    assert planned.failures == ()
    assert planned.result.container == "mp4"
    assert {s: codec for s, (codec, _) in encodes(planned).items()} == {0: "hevc", 1: "eac3"}
    assert encodes(planned)[1] == ("eac3", 448_000)


@pytest.mark.parametrize(
    ("mode", "expected", "fails"),
    [
        ("error", "", True),  # a phase that fails does nothing
        ("skip", "v0:codec=hevc", False),
        ("transcode", "container=mp4 v0:codec=hevc v1-", False),
    ],
)
def test_a_second_video_track_that_does_not_fit_is_never_dropped_by_the_encode(mode, expected, fails):
    asked = Container(target="mp4", on_incompatible_codec=mode)
    encode = Transcode(video=VideoTranscode(to="hevc"))
    planned = plan("v0 mpeg2video D, v1 theora, a2 aac D", container=asked, transcode=encode)
    assert (effects(planned), bool(planned.failures)) == (expected, fails)


@pytest.mark.parametrize(
    "tracks", ["v0 h264 still D, v1 theora, a2 aac D", "v0 theora, v1 h264 D still, a2 aac D"]
)
def test_a_film_that_does_not_fit_is_not_dropped_for_the_cover_that_does(tracks):
    planned = plan(tracks, container=MP4_ENCODE)
    assert planned.changes == ()
    assert [f.reason for f in planned.failures] == ["no video would be left: mp4 cannot hold theora"]


def test_a_track_that_a_mapping_removes_is_not_encoded_instead():
    mapping = {"vorbis": CodecMapping(codec="aac", action="remove")}
    planned = converges(
        video("v0 mpeg2video D, a1 vorbis eng, a2 aac eng D"),
        container=Container(target="mp4", on_incompatible_codec="transcode", codec_mappings=mapping),
        transcode=Transcode(video=VideoTranscode(to="h264"), audio=AudioTranscode(preserve=(), to="ac3")),
    )
    assert "a1-" in effects(planned)
    assert {s: codec for s, (codec, _) in encodes(planned).items()} == {0: "h264", 2: "ac3"}


def test_an_encode_that_cannot_be_done_leaves_the_container_as_it_was():
    planned = plan(
        "v0 mpeg2video D, a1 aac D",
        context=Context(encoders=frozenset({"aac"})),
        container=MP4_ENCODE,
        transcode=Transcode(video=VideoTranscode(to="hevc", hw="none")),
    )
    assert planned.changes == ()
    assert [failure.operation for failure in planned.failures] == ["transcode"]


def test_a_default_that_mp4_insists_on_is_told_once():
    planned = plan("v0 h264, a1 aac", container=MP4)
    assert effects(planned) == "a1+D container=mp4 v0+D"
    assert planned.warnings == ()
    cleared = plan(
        video("v0 D, a1 aac D", container="mp4"), audio_actions=TrackActions(clear_all_default=True)
    )
    assert effects(cleared) == ""
    cleared = plan(
        video('v0 D "x", a1 aac D', container="mp4"),
        audio_actions=TrackActions(clear_all_default=True),
        video_actions=TrackActions(clear_all_titles=True),
    )
    assert effects(cleared) == "v0:title=None"
    assert cleared.warnings == ("audio 1 (und aac): MP4 always has a default audio track, so it is this one",)


@pytest.mark.parametrize(
    ("container", "to", "sound"),
    [("avi", "hevc", "aac"), ("mov", "h264", "opus"), ("flv", "av1", "aac"), ("mpegts", "h264", "flac")],
)
def test_what_the_container_cannot_hold_is_refused_before_it_is_encoded(container, to, sound):
    asked = Transcode(video=VideoTranscode(to=to), audio=AudioTranscode(preserve=(), to=sound))
    planned = plan(video("v0 mpeg4, a1 mp3", container=container), transcode=asked)
    assert planned.changes == ()
    (failure,) = planned.failures
    assert failure.operation == "transcode"
    assert "convert it too (container: target: mkv)" in failure.reason
    converted = converges(
        video("v0 mpeg4, a1 mp3", container=container), container=Container(target="mkv"), transcode=asked
    )
    assert converted.failures == ()
