"""What a plan takes away for good is said, and nothing else is."""

from __future__ import annotations

import msgspec
import pytest

from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.plan.losses import is_lossless, losses_of
from vpo_tasks.plan.model import Encode, Plan, Stream

VIDEO = Track(index=0, type="video", codec="h264")


def make(*tracks, kept, encoded=()):
    source = MediaInfo(container="mkv", format_name="matroska", tracks=(VIDEO, *tracks))
    codecs = dict(encoded)
    streams = [Stream(0)] + [
        Stream(index, Encode(codec=codecs[index]) if index in codecs else None) for index in kept
    ]
    result = tuple(
        Track(
            index=place,
            type=source.tracks[stream.source].type,
            codec=codecs.get(stream.source, source.tracks[stream.source].codec),
        )
        for place, stream in enumerate(streams)
    )
    return Plan(
        source=source,
        result=MediaInfo(container="mkv", format_name="matroska", tracks=result),
        streams=tuple(streams),
    )


def audio(index, language, codec="aac", profile=None):
    return Track(index=index, type="audio", codec=codec, language=language, profile=profile)


def subtitle(index, language):
    return Track(index=index, type="subtitle", codec="subrip", language=language)


def test_a_track_of_a_language_that_stays_is_no_loss():
    plan = make(audio(1, "eng"), audio(2, "eng"), audio(3, "fre"), kept=(1, 3))
    assert losses_of(plan) == ()


def test_last_tracks_are_told_apart_by_type():
    plan = make(audio(1, "eng"), audio(2, None), subtitle(3, "eng"), subtitle(4, "fre"), kept=(1, 3))
    assert losses_of(plan) == ("the last audio track in und", "the last subtitle track in fre")


def test_all_subtitles():
    assert losses_of(make(audio(1, "eng"), subtitle(2, "eng"), kept=(1,))) == (
        "the last subtitle track in eng",
        "all subtitles",
    )


def test_lossless_audio_is_lost_by_removal_or_by_encoding_but_not_to_another_lossless_codec():
    tracks = (audio(1, "eng", "truehd"), audio(2, "eng"))
    assert losses_of(make(*tracks, kept=(2,))) == ("all lossless audio",)
    assert losses_of(make(*tracks, kept=(1, 2), encoded={1: "aac"})) == ("all lossless audio",)
    assert losses_of(make(*tracks, kept=(1, 2), encoded={1: "flac"})) == ()


@pytest.mark.parametrize(
    ("codec", "profile", "lossless"),
    [
        ("flac", None, True),
        ("pcm_s16le", None, True),
        ("truehd", None, True),
        ("mlp", None, True),
        ("dts", "dts-hd ma", True),
        ("dts", "dts-hd ma + dts:x", True),
        ("dts", "dts-hd hra", False),
        ("dts", None, False),
        ("aac", "lc", False),
        ("eac3", None, False),
    ],
)
def test_which_audio_is_lossless(codec, profile, lossless):
    assert is_lossless(audio(1, "eng", codec, profile)) is lossless


def test_dynamic_metadata_is_lost_by_an_encode_and_by_nothing_else():
    picture = msgspec.structs.replace(VIDEO, dolby_vision="8.1", hdr10_plus=True)
    media = MediaInfo(container="mkv", format_name="matroska", tracks=(picture,))
    encoded = Plan(source=media, result=media, streams=(Stream(0, Encode(codec="av1")),))
    assert losses_of(encoded) == ("Dolby Vision", "the dynamic metadata of HDR10+")
    assert losses_of(Plan(source=media, result=media, streams=(Stream(0),))) == ()
