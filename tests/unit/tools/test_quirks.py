"""Which versions a quirk is of."""

from __future__ import annotations

import pytest

from vpo_tasks.tools.quirks import NO_FPS_MODE, ROTATION_LOST, TRACK_NAMES, Quirk


@pytest.mark.parametrize(
    ("quirk", "version", "affected"),
    [
        (NO_FPS_MODE, "4.4.2-0ubuntu0.22.04.1", True),
        (NO_FPS_MODE, "5.1.6-0+deb12u1", False),
        (ROTATION_LOST, "5.1.6-0+deb12u1", True),
        (ROTATION_LOST, "n5.1", True),
        (ROTATION_LOST, "6.0", False),
        (ROTATION_LOST, "6", False),
        (ROTATION_LOST, "n9.0.2-17-g2a57", False),
        (ROTATION_LOST, "10.0", False),
        (ROTATION_LOST, "N-118000-g2a57", False),
        (TRACK_NAMES, "8.0.1", False),
        (TRACK_NAMES, "8.1", True),
        (TRACK_NAMES, "N-118000-g2a57", True),
    ],
)
def test_a_quirk_knows_its_versions(quirk, version, affected):
    assert quirk.affects(version) == affected


def test_both_ends_count():
    quirk = Quirk("ffmpeg", (5, 1), (7,), "", "")
    assert [quirk.affects(version) for version in ("5.0.9", "5.1", "6.9", "7.0")] == [
        False,
        True,
        True,
        False,
    ]
