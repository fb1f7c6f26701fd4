"""What stands around the code agrees with it: metadata, developer's tasks, hooks, the workflow."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points, metadata
from pathlib import Path

import pytest
import yaml

from vpo_tasks import __version__

ROOT = Path(__file__).parents[2]
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]


def test_python_m_vpo_tasks_gives_the_exit_code_of_the_command():
    def vpo(*words):
        command = [sys.executable, "-m", "vpo_tasks", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert vpo("-V").stdout == f"vpo {__version__}\n"
    wrong = vpo("no-such-command")
    assert wrong.returncode == 2
    assert "No such command 'no-such-command'" in wrong.stderr


def test_the_version_stands_once():
    text = (ROOT / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in text
    assert 'path = "vpo_tasks/__init__.py"' in text
    assert re.search(r"^version\b", text, re.MULTILINE) is None
    assert metadata("vpo-tasks")["Version"] == __version__


def test_the_metadata_names_the_licence_and_every_python_that_ci_runs():
    about = metadata("vpo-tasks")
    assert about["License-Expression"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    classifiers = about.get_all("Classifier")
    named = [name.rpartition(" ")[2] for name in classifiers if re.search(r"Python :: 3\.\d+$", name)]
    assert named == PYTHONS
    assert about["Requires-Python"] == f">={PYTHONS[0]}"
    assert about["Keywords"]
    assert next(iter(entry_points(group="console_scripts", name="vpo"))).load()


def test_the_developers_tasks_are_listed_and_leave_nothing_behind():
    before = set(os.listdir(ROOT / "dev")) | {"__pycache__"}
    command = [sys.executable, "-m", "doit", "-f", str(ROOT / "dev" / "dodo.py"), "list"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert re.findall(r"^(\w+)", done.stdout, re.MULTILINE) == ["bench", "docs", "lint", "test", "types"]
    assert done.returncode == 0
    assert set(os.listdir(ROOT / "dev")) <= before


@pytest.mark.parametrize(("words", "code", "said"), [((), 0, "makespan"), (("nosuch",), 1, "nosuch")])
def test_the_bench_task_passes_on_what_is_typed_and_fails_with_it(words, code, said):
    command = [sys.executable, "-m", "doit", "-f", str(ROOT / "dev" / "dodo.py"), "bench", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_the_developers_tasks_name_files_that_are_there():
    text = (ROOT / "dev" / "dodo.py").read_text()
    named = re.findall(r'"(tests/[^"]+)"', text)
    assert len(named) == 4
    assert not [name for name in named if not (ROOT / name).exists()]


def test_hooks_run_what_ci_runs_as_lint_and_types():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    commands = {" ".join(hook["entry"].split()[:2]) for hook in hooks}
    assert commands == {"ruff check", "ruff format", "mypy", "lint-imports"}
    ci = (ROOT / ".ci" / "run").read_text().replace('"', "")
    assert not [command for command in commands if f"/bin/{command}" not in ci]


def workflow_jobs():
    text = (ROOT / ".github" / "workflows" / "ci.yaml").read_text()
    document = yaml.safe_load(text)
    assert {"push", "pull_request"} <= set(document[True])  # YAML 1.1 reads `on` so
    return document["jobs"]


def commands_of(job):
    return [step["run"] for step in job["steps"] if "run" in step]


def test_the_workflow_runs_all_of_ci_on_linux_with_every_python():
    job = workflow_jobs()["linux"]
    assert job["runs-on"].startswith("ubuntu-")
    assert commands_of(job)[-1] == ".ci/run"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    (pythons,) = (step["with"]["python-version"] for step in job["steps"] if "with" in step)
    assert sorted(pythons.split()) == PYTHONS


def test_the_workflow_runs_the_unit_tests_on_macos_with_every_python():
    job = workflow_jobs()["macos"]
    assert job["runs-on"].startswith("macos-")
    assert job["strategy"]["matrix"]["python"] == PYTHONS
    assert commands_of(job)[-1].endswith("tests/unit")


def test_the_changelog_sorts_what_it_tells_and_repeats_nothing():
    newest = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
    assert newest.startswith("[Unreleased]")
    assert re.findall(r"^### (.+)$", newest, re.MULTILINE) == ["Added", "Changed", "Fixed", "Security"]
    lines = re.findall(r"^- .+$", newest, re.MULTILINE)
    assert len(lines) == len(set(lines)) > 50
