"""The tests themselves on a machine with Python and nothing else: what cannot run there is said, and nothing fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tools import PACKAGES, left_out

ROOT = Path(__file__).parents[2]
NEEDY = """
import pytest
from tests.support.fake_tools import require_tool
from tests.support.tools import need_tool

def test_of_a_tool(mkvtoolnix): pass
def test_of_another(): need_tool("mkvpropedit")
def test_of_a_command(): need_tool("strace")
def test_of_the_wheel(): require_tool("ffmpeg")
def test_of_something_else(): pytest.skip("root reads everything")
"""


def pytest_on_a_bare_path(folder, *words, **environ):
    (folder / "bin").mkdir()
    (folder / "test_needy.py").write_text(NEEDY)
    words = ("-q", "-p", "tests.conftest", "-p", "no:cacheprovider", *words)
    named = {"VPO_REQUIRE_TOOLS", "PYTEST_ADDOPTS"}
    plain = {name: value for name, value in os.environ.items() if name not in named}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *words, folder / "test_needy.py"],
        cwd=ROOT,
        env={**plain, "PATH": str(folder / "bin"), **environ},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("words", [(), ("-n", "2")], ids=["one-process", "on-cores"])
def test_what_is_left_out_is_one_line_with_the_packages(tmp_path, words):
    done = pytest_on_a_bare_path(tmp_path, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 4 skipped" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if "left out:" in line]
    assert line == (
        "3 tests left out: mkvmerge missing (Debian: mkvtoolnix), mkvpropedit missing (Debian: mkvtoolnix), "
        "strace missing (Debian: strace)"
    )


def test_where_the_tools_were_promised_each_of_them_is_a_failure(tmp_path):
    done = pytest_on_a_bare_path(tmp_path, VPO_REQUIRE_TOOLS="1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 failed, 1 passed, 1 skipped, 1 error" in done.stdout
    assert "strace missing (Debian: strace), and VPO_REQUIRE_TOOLS=1 says it must be there" in done.stdout
    assert "left out:" not in done.stdout


def test_nothing_left_out_is_no_line():
    assert left_out(["Skipped: root reads everything"]) == ""
    assert left_out(["Skipped: gcc missing (Debian: gcc)"]) == "1 test left out: gcc missing (Debian: gcc)"


def test_every_command_has_its_package():
    assert list(PACKAGES) == sorted(PACKAGES)
    assert all(PACKAGES.values())
