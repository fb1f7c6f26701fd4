"""A sample of the race campaign (tests/faults/races.py)."""

from __future__ import annotations

import pytest

from tests.faults.races import foreign_file, two_runs


@pytest.mark.slow
def test_two_runs_at_once_do_nothing_twice_and_lose_nothing(tmp_path, templates):
    assert two_runs(tmp_path / "world", templates, files=20) == []


@pytest.mark.slow
@pytest.mark.parametrize("moment_s", [0.3, 0.5, 0.6, 0.7, 0.9])
def test_a_foreign_file_survives_whenever_it_comes(tmp_path, templates, moment_s):
    assert foreign_file(tmp_path / "world", templates, moment_s) == []
