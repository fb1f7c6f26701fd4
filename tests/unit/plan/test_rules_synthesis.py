"""New audio tracks (policy-format 9.6, Y)."""

from __future__ import annotations

import pytest

from tests.support.tracks import plan, policy, video
from vpo_tasks.plan.evaluate import check_convergence, evaluate
from vpo_tasks.plan.model import Context
from vpo_tasks.policy.model import (
    AudioSynthesis,
    Exists,
    PluginMetadata,
    SkipIfExists,
    SourceCriterion,
    SynthesisTrack,
    TrackFilter,
)

CAN = Context(can_encode=True)
CANNOT = Context(can_encode=False)
MAX = SourceCriterion(channels="max")
SPOKEN = SourceCriterion(not_commentary=True)
ENG = SourceCriterion(language=("eng",))
TRUEHD = SourceCriterion(codec=("truehd",))
SURROUND = Exists(track_type="audio", where=TrackFilter(channels=("gte", 6)))
UNLESS = SkipIfExists(codec=("ac3", "eac3"), channels=("gte", 2), language=("en",))


def make(prefer=(MAX,), codec="aac", channels=2, **fields):
    track = SynthesisTrack(name="new", codec=codec, channels=channels, prefer=tuple(prefer), **fields)
    return AudioSynthesis(tracks=(track,))


SOURCES = [
    ("Y1", make((ENG, SPOKEN, TRUEHD, MAX)), "a1 eng ac3 6ch, a2 eng truehd 8ch, a3 jpn truehd 8ch", 2),
    ("Y2", make((SourceCriterion(language=("kor",)),)), "a1 eng 6ch, a2 eng 2ch", 1),
    ("Y3", make(codec="ac3", channels=6), "a1 eng 2ch", None),
    ("Y4", make(skip_if_exists=UNLESS), "a1 eng ac3 2ch", None),
    ("Y5", make(create_if=SURROUND), "a1 2ch", None),
    ("Y6", make((SPOKEN, MAX)), 'a1 eng 8ch "Audio Description", a2 eng 2ch', 2),
    ("an empty skip_if_exists meets any audio", make(skip_if_exists=SkipIfExists()), "a1 6ch", None),
    ("unknown channels count as two", make(), "a1 eng dts", 1),
    ("more than eight channels", make(), "a1 16ch", None),
    ("no audio", make(), "s1 eng", None),
    ("fewest channels", make((SourceCriterion(channels="min"),)), "a1 8ch, a2 6ch", 2),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "tracks", "source"), [pytest.param(*r[1:], id=r[0]) for r in SOURCES])
def test_which_track_it_is_made_from(asked, tracks, source):
    planned = plan(tracks, context=CAN, audio_synthesis=asked)
    made = [stream.source for stream in planned.streams if stream.encode]
    assert made == ([] if source is None else [source])
    assert planned.failures == ()


def test_y1_the_table_s_bit_rate():
    planned = plan("a1 eng truehd 8ch", context=CAN, audio_synthesis=make())
    (encode,) = [stream.encode for stream in planned.streams if stream.encode]
    assert (encode.codec, encode.channels, encode.bitrate) == ("aac", 2, 192_000)


@pytest.mark.parametrize(
    ("position", "order"),
    [(1, [0, "new", 1, 2, 3]), (2, [0, 1, "new", 2, 3]), ("after_source", [0, 1, "new", 2, 3]), ("end", [0, 1, 2, "new", 3]), (9, [0, 1, 2, "new", 3])],
)  # fmt: skip
def test_y7_where_it_stands(position, order):
    planned = plan("v0, a1 dts 6ch, a2 dts 6ch fre, s3", context=CAN, audio_synthesis=make(position=position))
    assert ["new" if stream.encode else stream.source for stream in planned.streams] == order
    assert [track.default for track in planned.result.tracks if track.codec == "aac"] == [False]


def test_w14_a_second_run_makes_no_second_track():
    asked = policy(audio_synthesis=make(title="Stereo", language="deu"))
    planned = evaluate([asked], video("a1 eng dts 6ch"), CAN)
    made = planned.result.tracks[2]
    assert (made.codec, made.channels, made.title, made.language) == ("aac", 2, "Stereo", "ger")
    assert [change.what for change in planned.changes] == ["created"]
    check_convergence([asked], planned, CAN)


def test_not_available_yet_fails_only_where_a_track_would_be_made():
    assert plan("a1 2ch", context=CANNOT, audio_synthesis=make(create_if=SURROUND)).failures == ()
    (failure,) = plan("a1 6ch", context=CANNOT, audio_synthesis=make(create_if=SURROUND)).failures
    assert failure.reason == "needs audio_synthesis, not available yet"


def test_a_missing_encoder_skips_the_track_with_a_warning():
    context = Context(can_encode=True, encoders=frozenset({"aac"}))
    planned = plan("a1 6ch", context=context, audio_synthesis=make(codec="opus"))
    assert planned.warnings == ("new is not made: the encoder libopus is missing",)


def test_a_title_that_the_container_cannot_store_makes_no_second_track_either():
    asked = policy(audio_synthesis=make(title="Stereo", language="jpn"))
    planned = evaluate([asked], video("v0 D, a1 eng dts 6ch D", container="asf"))
    assert [change.what for change in planned.changes] == ["created"]
    assert "ASF cannot store a track title" in planned.warnings[0]
    check_convergence([asked], planned)


NOBODY_KNOWS = PluginMetadata(plugin="radarr", field="edition", operator="exists")


@pytest.mark.parametrize(
    ("tracks", "fails"),
    [
        ("a1 eng 6ch", True),
        ("a1 eng 1ch", False),  # never made larger
        ("a1 eng 6ch, a2 eng aac 2ch", False),  # there already
        ("v0", False),
    ],
)
def test_a_condition_that_nobody_can_judge_fails_only_where_a_track_would_be_made(tracks, fails):
    planned = plan(tracks, audio_synthesis=make(create_if=NOBODY_KNOWS))
    reasons = [failure.reason for failure in planned.failures]
    assert reasons == (["needs plugin_metadata, not available yet"] if fails else [])
