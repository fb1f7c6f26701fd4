"""Fixtures that every kind of test may use, and the line about what could not run here."""

from __future__ import annotations

import pytest

from tests.support.library import Templates, World
from tests.support.recorded_library import RecordedLibrary
from tests.support.tools import left_out, need_tool


def pytest_addoption(parser) -> None:
    parser.addoption("--every", type=int, default=1, metavar="N", help="a sample: run every Nth test only")


@pytest.hookimpl(trylast=True)  # of what -m and -k have left
def pytest_collection_modifyitems(config, items) -> None:
    step = config.getoption("every")
    if step > 1:
        config.hook.pytest_deselected(items=[item for place, item in enumerate(items) if place % step])
        items[:] = items[::step]


@pytest.fixture(scope="session")
def templates(tmp_path_factory) -> Templates:
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def world(tmp_path, templates) -> World:
    return World(tmp_path, templates)


@pytest.fixture
def recorded(tmp_path) -> RecordedLibrary:
    return RecordedLibrary(tmp_path)


@pytest.fixture
def mkvtoolnix() -> None:
    """Needs mkvmerge: fails where the tools must be there (VPO_REQUIRE_TOOLS=1), else is left out."""
    need_tool("mkvmerge")


def pytest_terminal_summary(terminalreporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    line = left_out(report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple))
    if line:
        terminalreporter.write_line(line)
