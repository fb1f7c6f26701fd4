"""A sample of the campaign (tests/closed_world/campaign.py): each policy over some odd Matroska files."""

from __future__ import annotations

import pytest

from tests.closed_world.campaign import CASES, run_batch, run_seeds
from tests.closed_world.odd_matroska import make_bases
from tests.support.tools import need_tool

pytestmark = pytest.mark.slow
SAMPLE = 6


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    for tool in ("ffmpeg", "mkvmerge", "mkvextract"):
        need_tool(tool)
    return make_bases(tmp_path_factory.mktemp("bases"))


@pytest.mark.parametrize("tools", ["all", "wheel"])
@pytest.mark.parametrize("case", sorted(CASES))
def test_nothing_of_an_odd_file_is_lost_and_no_promise_is_broken(tmp_path, bases, case, tools):
    first = 1 + 1000 * sorted(CASES).index(case)
    assert not run_batch(tmp_path, case, range(first, first + SAMPLE), bases, wheel_only=tools == "wheel")


@pytest.mark.campaign
@pytest.mark.parametrize("tools", ["all", "wheel"])
def test_two_thousand_odd_files(tools):
    assert not run_seeds(range(1, 2001), wheel_only=tools == "wheel")
