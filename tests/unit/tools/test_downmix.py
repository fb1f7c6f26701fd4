"""Fewer channels, as a `pan` filter."""

from __future__ import annotations

import re

import pytest

from vpo_tasks.tools.downmix import named_layout, pan_filter


@pytest.mark.parametrize(
    ("layout", "channels"), [("7.1", 6), ("7.1", 2), ("7.1", 1), ("5.1", 2), ("5.1(side)", 1), ("stereo", 1)]
)
def test_no_output_channel_can_clip(layout, channels):
    _, *rows = pan_filter(layout, channels).split("|")
    assert len(rows) == channels
    sums = [sum(map(float, re.findall(r"([\d.]+)\*", row))) for row in rows]
    assert max(sums) == pytest.approx(1.0, abs=0.001)


def test_the_surrounds_have_the_name_that_the_source_gives_them():
    assert "*BL" in pan_filter("5.1", 2)
    assert "*SL" in pan_filter("5.1(side)", 2)
    assert "BL" not in pan_filter("5.1(side)", 2)


@pytest.mark.parametrize(("layout", "channels"), [("quad", 2), (None, 2), ("stereo", 6)])
def test_what_has_no_matrix_is_left_to_ffmpeg(layout, channels):
    assert pan_filter(layout, channels) is None


def test_channels_without_names_get_those_that_ffmpeg_guesses():
    assert named_layout("6 channels") == "pan=5.1|c0=c0|c1=c1|c2=c2|c3=c3|c4=c4|c5=c5"
    assert named_layout("5.1") is None
    assert named_layout("16 channels") is None
