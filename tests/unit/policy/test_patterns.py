"""People's regular expressions: right answers, and never a stall."""

from __future__ import annotations

import contextlib
import time

import pytest

from vpo_tasks.policy.patterns import InvalidPattern, PatternTimeout, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("commentary", "Director's COMMENTARY", True),
        ("commentary", "Comment", False),
        ("", "anything", True),
        ("straße", "STRASSE", True),
        ("^alt", "Alternate take", True),
        (r"\bcast\b", "Broadcast", False),
        (r"(?<!no )commentary", "no commentary", False),
        (r"5\.1", "AC3 5.1", True),
        (r"5\.1", "AC3 5x1", False),
        ("director|cast", "The Cast", True),
        (r"[(]x{2}", "(XX", True),
    ],
)
def test_search_ignores_case_and_finds_anywhere(pattern, text, found):
    assert compile_pattern(pattern).search(text) is found


@pytest.mark.parametrize(
    "pattern", ["^(a+)+$", "(a|aa)+$", "^(a|a?)+$", "(?R)", "(a*)*b", "(?:a(?R)?){e<=30}"]
)
def test_pattern_that_backtracks_without_end_answers_or_gives_up_in_time(pattern):
    start = time.monotonic()
    with contextlib.suppress(PatternTimeout):
        compile_pattern(pattern).search("a" * 60 + "!")
    assert time.monotonic() - start < 5, "a stall would last for years"


def test_pattern_that_gives_up_says_which_one_it_was():
    with pytest.raises(PatternTimeout, match="takes too long"):
        compile_pattern("(a|aa)+$").search("a" * 60 + "!")


@pytest.mark.parametrize(
    "pattern",
    [
        "[",
        "(?i",
        "(" * 400 + ")" * 400,
        "a{99999999}",
        "((((a{900}){900}){900}){900})",
        "a" * 1001,
        r"\p{Foo}",
        "*",
    ],
)
def test_pattern_that_cannot_be_compiled_is_refused(pattern):
    with pytest.raises(InvalidPattern):
        compile_pattern(pattern)


def test_pattern_is_compiled_once():
    assert compile_pattern("a.b") is compile_pattern("a.b")
