"""A code that nobody knows in a list by which tracks would go: nothing goes, unless it is meant."""

from __future__ import annotations

from typing import Literal

import pytest

from tests.support.tracks import effects, plan
from vpo_tasks.policy.model import Config, KeepAudio, KeepSubtitles, Phase, TrackActions

SUBTITLES = Phase(name="p", keep_subtitles=KeepSubtitles(languages=("egn", "und")))
AUDIO = Phase(name="p", keep_audio=KeepAudio(languages=("egn", "jpn")))


@pytest.mark.parametrize(
    ("phase", "tracks", "removed"),
    [
        (SUBTITLES, "a1 eng D, s2 eng, s3 und", "s2-"),
        (AUDIO, "a1 eng D, a2 jpn", "a1-"),
    ],
)
def test_a_list_with_a_slip_removes_nothing(phase, tracks, removed):
    planned = plan(tracks, phase)
    assert planned.changes == ()
    (failure,) = planned.failures
    assert failure.on_error == "continue"
    assert "'egn' is no language that anybody knows (did you mean eng?)" in failure.reason
    meant = plan(tracks, phase, config=Config(extra_languages=("egn",)))
    assert (effects(meant), meant.failures) == (removed, ())


@pytest.mark.parametrize(
    "tracks", ["a1 eng D, s2 und", "a1 eng D", "a1 eng D, s2 eng, s3 egn", "a1 egn D, s2 eng"]
)
def test_where_nothing_would_go_or_a_track_has_the_code_it_is_no_failure(tracks):
    assert plan(tracks, SUBTITLES).failures == ()


@pytest.mark.parametrize(
    "codes", [("eng", "qaa"), ("en", "qtz"), ("deu", "mul", "zxx", "mis"), ("cmn",), ("scr",)]
)
def test_known_codes_remove_as_ever(codes):
    planned = plan("a1 eng D, s2 fre", Phase(name="p", keep_subtitles=KeepSubtitles(languages=codes)))
    assert (effects(planned), planned.failures) == ("s2-", ())


def test_all_subtitles_are_removed_whatever_the_list_says():
    asked = KeepSubtitles(languages=("egn",), remove_all=True)
    planned = plan("a1 eng D, s2 fre", Phase(name="p", keep_subtitles=asked))
    assert (effects(planned), planned.failures) == ("s2-", ())


def test_the_mode_of_the_phase_decides_about_the_rest():
    after = Phase(name="q", audio_actions=TrackActions(clear_all_titles=True))
    cases: list[tuple[Literal["continue", "skip"], str]] = [("continue", "a1:title=None"), ("skip", "")]
    for mode, expected in cases:
        planned = plan('a1 eng D "x", s2 eng', SUBTITLES, after, config=Config(on_error=mode))
        assert (effects(planned), len(planned.failures)) == (expected, 1)
