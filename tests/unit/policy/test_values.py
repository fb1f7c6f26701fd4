"""Sizes, durations, rates and names as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpo_tasks.policy import values as v

GOOD = [
    (v.parse_size, "1B", 1),
    (v.parse_size, "700MB", 700 * 1024**2),
    (v.parse_size, "4.5 gb", 4831838208),
    (v.parse_size, " 1TB ", 1024**4),
    (v.parse_size, "1.5B", 1),
    (v.parse_size, "0.1KB", 102),
    (v.parse_duration, "90s", 90.0),
    (v.parse_duration, "1.5h", 5400.0),
    (v.parse_duration, "1h30m", 5400.0),
    (v.parse_duration, "45m", 2700.0),
    (v.parse_duration, "0.1s", 0.1),
    (v.parse_rate, "192k", 192_000),
    (v.parse_rate, "2.5M", 2_500_000),
    (v.parse_rate, "3000000", 3_000_000),
    (v.parse_rate, "0.0015k", 1),
    (v.parse_synthesis_rate, "640K", 640_000),
    (v.parse_synthesis_rate, "1.5", 1),
    (v.parse_mapping_rate, "32k", 32_000),
    (v.parse_mapping_rate, "1536k", 1_536_000),
    (v.parse_mapping_rate, "1.5m", 1_500_000),
    (v.parse_mapping_rate, "1.536M", 1_536_000),
    (v.parse_skip_resolution, "4K", "2160p"),
    (v.parse_skip_resolution, "1080P", "1080p"),
    (v.parse_scale_resolution, "8k", "8k"),
    (v.parse_container, "matroska,webm", "mkv"),
    (v.parse_container, "webm", "mkv"),
    (v.parse_container, "mov,mp4,m4a,3gp", "mp4"),
    (v.parse_container, "QuickTime", "mov"),
    (v.parse_container, "AVI", "avi"),
    (v.parse_container, "FLV", "flv"),
]


@pytest.mark.parametrize(("parse", "text", "value"), GOOD)
def test_text_has_its_value(parse, text, value):
    assert parse(text) == value


BAD = [
    *[(v.parse_size, text) for text in ("5", "5 PB", "-1MB", "1e3MB", "MB", "", "1.MB", "1,5GB", "٣MB")],
    *[
        (v.parse_duration, text)
        for text in ("30", "1h 30m", "1h30", "30m10s", "1.5h30m", "1H", "-1s", "", "1d")
    ],
    *[(v.parse_rate, text) for text in ("-3M", "1e6", "3.5", "k", "192kb", "0", "0.0001k", "", "1g")],
    *[(v.parse_synthesis_rate, text) for text in ("-1", "0", "1e3", "x")],
    *[(v.parse_mapping_rate, text) for text in ("256", "31k", "1.6m", "1.5k", "1537k", "-32k", "xk")],
    *[(v.parse_skip_resolution, text) for text in ("8k", "1080", "", "hd")],
    *[(v.parse_scale_resolution, text) for text in ("2160p", "1080", "")],
]


@pytest.mark.parametrize(("parse", "text"), BAD)
def test_text_without_a_value_is_refused(parse, text):
    with pytest.raises(ValueError, match=r"^is "):
        parse(text)


@given(st.integers(0, 10**14))
def test_sizes_are_written_as_they_are_read(size):
    assert v.parse_size(v.format_size(size)) == size


@given(st.decimals(0, 10**6, places=3).map(float))
def test_durations_are_written_as_they_are_read(duration_s):
    assert v.parse_duration(v.format_duration(duration_s)) == duration_s


@given(st.integers(1, 10**9))
def test_rates_are_written_as_they_are_read(rate):
    assert v.parse_rate(v.format_rate(rate)) == rate
    assert v.parse_synthesis_rate(v.format_rate(rate)) == rate


@given(st.integers(*v.MAPPING_RATES))
def test_mapping_rates_are_written_as_they_are_read(rate):
    assert v.parse_mapping_rate(v.format_mapping_rate(rate)) == rate
