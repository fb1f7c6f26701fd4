"""A sample of the kill campaign (tests/faults/kill.py)."""

from __future__ import annotations

import pytest

from tests.faults.kill import Campaign


@pytest.mark.slow
def test_twenty_kills_lose_nothing_and_leave_nothing(tmp_path):
    tally = Campaign(tmp_path, files=12, seed=20).run(kills=20)
    assert tally.kills == 20
    assert tally.lost == ()
    assert tally.left_behind == ()
    assert tally.differing == ()
