"""The package as others get it: built, installed into an empty environment, and at work there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from vpo_tasks import __version__

ROOT = Path(__file__).parents[2]


def run(*words: object, **more: Any) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=600, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    return folder / f"vpo_tasks-{__version__}.tar.gz"


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory) -> Path:
    """The wheel that is made of the sdist, so that what the sdist lacks shows."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel")
    run(*pip, "--no-deps", "--no-build-isolation", "-w", folder, sdist)
    return folder / f"vpo_tasks-{__version__}-py3-none-any.whl"


@pytest.mark.slow
def test_the_sdist_has_what_a_developer_needs_and_nothing_that_was_made(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "CONTRIBUTING.md", "docs/architecture.md", "dev/dodo.py", ".ci/run"} <= names
    assert "tests/unit/test_house.py" in names
    assert not [name for name in names if re.search(r"(^|/)(\.venv|__pycache__|\.hypothesis)(/|$)", name)]


@pytest.mark.slow
def test_the_wheel_has_the_package_its_templates_and_its_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(f"vpo_tasks-{__version__}.dist-info/METADATA").decode()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"vpo_tasks", f"vpo_tasks-{__version__}.dist-info"}
    inside = {str(path.relative_to(ROOT)) for path in (ROOT / "vpo_tasks").rglob("*") if path.is_file()}
    assert {name for name in inside if "__pycache__" not in name} == {
        name for name in names if name.startswith("vpo_tasks/")
    }
    assert f"vpo_tasks-{__version__}.dist-info/licenses/LICENSE" in names
    assert f"\nVersion: {__version__}\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata


@pytest.mark.slow
def test_the_wheel_works_in_an_empty_environment(wheel, tmp_path):
    home = tmp_path / "env"
    venv.create(home, with_pip=True)
    run(home / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "-q", wheel)
    (tmp_path / "home").mkdir()
    env = {**os.environ, "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path), "PYTHONSAFEPATH": "1"}
    env.pop("PYTHONPATH", None)
    said = run(home / "bin" / "vpo", "demo", env=env, cwd=tmp_path)
    assert "Already Right.mkv" in said
    assert (
        run(home / "bin" / "python", "-m", "vpo_tasks", "-V", env=env, cwd=tmp_path) == f"vpo {__version__}\n"
    )
