"""Every command, policy and configuration in the README and in docs/ is put to use."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vpo_tasks.config import load_config
from vpo_tasks.policy.load import load_policy

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKING = sorted({*PAGES, *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("bench/*.md")})
SET_UP = [
    "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/vpo demo",
    "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest",
]
KNOWN = {"vpo", "doit", "cd"}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def examples(language: str, needle: str = "") -> list[object]:
    return [
        pytest.param(block, id=f"{page.name}-{number}")
        for page in PAGES
        for number, block in enumerate(blocks(page, language), 1)
        if needle in block
    ]


def commands(page: Path) -> list[str]:
    return [line.strip() for block in blocks(page, "sh") for line in block.splitlines() if line.strip()]


class Sandbox:
    """The docs' /media/movies and /tmp as folders of their own, with `vpo` and `doit` on PATH."""

    def __init__(self, root: Path, templates) -> None:
        self.root = root
        (root / "movies").mkdir()
        (root / "bin").mkdir()
        shutil.copy(templates.messy(), root / "movies" / "Film.mkv")
        shutil.copy(templates.right(".mp4"), root / "movies" / "Other.mp4")
        for name, module in (("vpo", "vpo_tasks.cli.main"), ("doit", "doit")):
            self._write_command(name, f'exec {shlex.quote(sys.executable)} -m {module} "$@"')
        if shutil.which("cp") is None:  # a plain machine for the tests, not for who follows the page
            copy = "import shutil, sys; shutil.copyfile(*sys.argv[1:])"
            self._write_command("cp", f'exec {shlex.quote(sys.executable)} -ISc "{copy}" "$@"')

    def _write_command(self, name: str, line: str) -> None:
        script = self.root / "bin" / name
        script.write_text(f"#!/bin/sh\n{line}\n")
        script.chmod(0o755)

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        here = shlex.quote(str(self.root))
        line = line.replace("/media/", f"{here}/").replace("/tmp/run.json", f"{here}/run.json")
        env = {
            **os.environ,
            "PATH": f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "VPO_HOME": str(self.root / "home"),
            "VPO_CPU_COUNT": "8",
        }
        return subprocess.run(
            ["/bin/sh", "-c", line], cwd=self.root, env=env, capture_output=True, text=True, timeout=120
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_works_in_the_order_given(page, tmp_path, templates):
    sandbox = Sandbox(tmp_path, templates)
    lines = commands(page)
    unknown = [line for line in lines if re.split(r"\W", line)[0] not in KNOWN]
    assert not unknown
    policy = next(iter(blocks(ROOT / "README.md", "yaml")))
    if not any("vpo init" in line for line in lines[:1]):
        (tmp_path / "movies" / "policy.yaml").write_text(policy)
    for line in lines:
        done = sandbox.run(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def test_the_pages_do_show_commands():
    assert sum(len(commands(page)) for page in PAGES) > 25


def test_the_readme_sets_everything_up_with_exactly_two_commands_that_ci_runs():
    indented = re.findall(
        r"^    (\S.*)$", (ROOT / "README.md").read_text().split("## Every day")[0], re.MULTILINE
    )
    assert indented == SET_UP
    ci = (ROOT / ".ci" / "run").read_text().replace(" --quiet", "")
    for command in SET_UP:
        for part in command.split(" && "):
            assert part in ci


@pytest.mark.parametrize("text", examples("yaml", "schema_version"))
def test_every_policy_loads(text, tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    assert load_policy(str(path)).phases


@pytest.mark.parametrize("text", examples("toml"))
def test_every_configuration_loads(text, tmp_path):
    (tmp_path / "config.toml").write_text(text)
    config = load_config({"VPO_HOME": str(tmp_path)})
    assert config.processing.workers == 2
    assert "mkv" in config.discovery.extensions


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 70, 130])
def test_every_exit_code_is_explained(code):
    assert f"\n| {code} |" in (ROOT / "docs" / "errors.md").read_text()
