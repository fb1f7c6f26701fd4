"""Fixtures that every kind of test may use."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.support.library import Templates, World


@pytest.fixture(scope="session")
def templates(tmp_path_factory) -> Templates:
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def world(tmp_path, templates) -> World:
    return World(tmp_path, templates)


@pytest.fixture
def mkvtoolnix() -> None:
    """Needs mkvmerge: fails where the tools must be there (VPO_REQUIRE_TOOLS=1), else skips."""
    if shutil.which("mkvmerge") is None:
        if os.environ.get("VPO_REQUIRE_TOOLS") == "1":
            pytest.fail("mkvmerge is not installed, and VPO_REQUIRE_TOOLS=1 says it must be")
        pytest.skip("mkvmerge is not installed")
