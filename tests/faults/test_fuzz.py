"""A sample of the fuzz campaign (tests/faults/fuzz.py); `-m campaign` runs all of it."""

from __future__ import annotations

import pytest

from tests.faults.fuzz import KINDS

SAMPLE = {"policy": 200, "config": 200, "journal": 25, "media": 25}


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_of_the_seeds_raises_only_the_errors_of_the_design(tmp_path, kind):
    tally = KINDS[kind](tmp_path, range(1, 1 + SAMPLE[kind]))
    assert tally.wrong == ()
    assert sum(tally.outcomes.values()) == SAMPLE[kind]


@pytest.mark.parametrize("seed", [338])
def test_a_seed_that_once_found_a_bug_raises_only_the_errors_of_the_design(tmp_path, seed):
    tally = KINDS["media"](tmp_path, range(seed, seed + 1))
    assert tally.wrong == ()


@pytest.mark.slow
@pytest.mark.campaign
@pytest.mark.parametrize("kind", KINDS)
def test_two_thousand_seeds_raise_only_the_errors_of_the_design(tmp_path, kind):
    tally = KINDS[kind](tmp_path, range(1, 2001))
    assert tally.wrong == ()
    assert len(tally.outcomes) > 1, "all seeds came to the same: they test nothing"
