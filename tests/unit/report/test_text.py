from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpo_tasks.report.text import (
    display_width,
    escape,
    escape_lines,
    human_bytes,
    human_duration,
    shorten,
    truncate,
)

any_text = st.text(st.characters(exclude_categories=()))


@given(any_text)
def test_escaped_text_is_one_printable_line_and_escaping_again_changes_nothing(text):
    shown = escape(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    assert escape(shown) == shown
    shown.encode("utf-8")


@given(any_text)
def test_printable_characters_survive_in_order(text):
    position = 0
    shown = escape(text)
    for char in text:
        if char.isprintable():
            position = shown.index(char, position) + 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünï 日本.mkv", "plain ünï 日本.mkv"),
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("two\nlines\r", "two\\x0alines\\x0d"),
        ("rtl\u202egnp.exe", "rtl\\u202egnp.exe"),
        (b"caf\xe9.mkv".decode("utf-8", "surrogateescape"), "caf\\xe9.mkv"),
        ("\ud800", "\\ud800"),
        ("\u2028", "\\u2028"),
        ("\U000e0001", "\\U000e0001"),
        ("\x9b31m", "\\x9b31m"),
    ],
)
def test_what_could_steer_a_terminal_is_spelled_out(text, shown):
    assert escape(text) == shown


def test_lines_stay_lines_when_escaped_line_by_line():
    assert escape_lines("a\r\nb\tc\n") == "a\nb\\x09c\n"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (12 * 1024**3, "12 GiB"),
        (-2048, "-2.0 KiB"),
        (5000 * 1024**5, "5000 PiB"),
    ],
)
def test_bytes_are_shown_in_units_of_1024(count, shown):
    assert human_bytes(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0 ms"),
        (0.042, "42 ms"),
        (0.0999, "0.1 s"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
        (273600, "3 d 4 h"),
    ],
)
def test_durations_are_shown_in_two_units(seconds, shown):
    assert human_duration(seconds) == shown


@given(st.text(st.characters(exclude_categories=["C", "Z"])), st.integers(0, 50))
def test_shortened_text_never_takes_more_columns_than_asked(text, width):
    assert display_width(shorten(text, width)) <= width
    assert display_width(truncate(text, width)) <= width


def test_shortening_counts_wide_characters_twice_and_keeps_the_extension():
    assert display_width("日本.mkv") == 8
    assert shorten("日本語日本語日本語.mkv", 13) == "日本語日….mkv"
    assert shorten("short.mkv", 20) == "short.mkv"
    assert truncate("日本語", 4) == "日…"
