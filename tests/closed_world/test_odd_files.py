"""A sample of the campaign (tests/closed_world/campaign.py): each policy over some odd files."""

from __future__ import annotations

import pytest

from tests.closed_world.campaign import cases_of, run_batch, run_seeds
from tests.closed_world.odd_matroska import make_bases
from tests.support.tools import need_tool

pytestmark = pytest.mark.slow
SAMPLE = 4


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    for tool in ("ffmpeg", "mkvmerge", "mkvextract"):
        need_tool(tool)
    return make_bases(tmp_path_factory.mktemp("bases"))


ALL = [(kind, case, "all") for kind in ("mkv", "mp4", "mov") for case in sorted(cases_of(kind))]
"""Edits of the header take no tool: those that do are tried with the wheel's ffmpeg too."""
ALL += [("mkv", case, "wheel") for case in ("attachments", "drop_audio", "encode_video", "order")]


@pytest.mark.parametrize(("kind", "case", "tools"), ALL)
def test_nothing_of_an_odd_file_is_lost_and_no_promise_is_broken(tmp_path, bases, kind, case, tools):
    first = 1 + 1000 * ALL.index((kind, case, tools))
    seeds = range(first, first + SAMPLE)
    assert not run_batch(tmp_path, kind, case, seeds, bases, wheel_only=tools == "wheel")


@pytest.mark.campaign
@pytest.mark.parametrize("tools", ["all", "wheel"])
@pytest.mark.parametrize("kind", ["mkv", "mp4", "mov"])
def test_two_thousand_odd_files(kind, tools):
    assert not run_seeds(kind, range(1, 2001), wheel_only=tools == "wheel")
