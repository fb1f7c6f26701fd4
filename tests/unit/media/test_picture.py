"""Matrices and configuration records as they stand in files."""

from __future__ import annotations

import pytest

from vpo_tasks.media.picture import dolby_vision_profile, orientation

ONE = 1 << 16


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((ONE, 0, 0, ONE), (0, False)),
        ((0, -ONE, ONE, 0), (90, False)),
        ((-ONE, 0, 0, -ONE), (180, False)),
        ((0, ONE, -ONE, 0), (270, False)),
        ((2 * ONE, 0, 0, 2 * ONE), (0, False)),
        ((-ONE, 0, 0, ONE), (0, True)),
        ((ONE, 0, 0, -ONE), (180, True)),
        ((0, -ONE, -ONE, 0), (270, True)),
        ((0, 0, 0, 0), (0, False)),
    ],
)
def test_how_a_matrix_turns_a_picture(matrix, expected):
    assert orientation(matrix) == expected


@pytest.mark.parametrize(
    ("record", "profile"),
    [
        (b"\x01\x00\x10\x35\x10" + bytes(19), "8.1"),
        (b"\x01\x00\x0a\x35\x00" + bytes(19), "5"),
        (b"\x01\x00\x0e\x37\x60" + bytes(19), "7.6"),
        (b"\x01\x00\x10", None),
    ],
)
def test_the_profile_of_dolby_vision(record, profile):
    assert dolby_vision_profile(record) == profile
