"""The command as a process: streams that close, and what starting it loads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.integration import __file__ as here

ROOT = here.rsplit("/tests/", 1)[0]
BOUNDARY = """
import sys
from vpo_tasks.cli.main import Entry, main
table = {name: Entry("tests.support.commands", name.replace("-", "_"), "") for name in ("shout", "show-name")}
sys.exit(main(sys.argv[1:], table))
"""


def run(*argv: str, **settings: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", BOUNDARY, *argv], cwd=ROOT, capture_output=True, **settings)


@pytest.mark.parametrize("command", ["shout", "show-name"], ids=["much to say", "little to say"])
def test_a_reader_that_leaves_early_ends_the_command_quietly(command):
    process = subprocess.Popen(
        [sys.executable, "-c", BOUNDARY, command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=30) == 1


def test_a_terminal_of_another_character_set_is_no_crash():
    done = run("show-name", env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"\\udcff \\u65e5\\u672c\n"


def test_version_and_help_load_nothing_heavy():
    program = (
        "import sys; from vpo_tasks.cli.main import main\n"
        "main(['--version']); main(['--help'])\n"
        "print(sorted({'av', 'doit', 'yaml', 'msgspec', 'sqlite3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_console_loads_nothing_heavy():
    program = (
        "import sys; from vpo_tasks.report import console\n"
        "print(sorted({'av', 'doit', 'yaml', 'msgspec', 'sqlite3', 'click'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_module_runs_as_the_command_does():
    done = subprocess.run([sys.executable, "-m", "vpo_tasks.cli.main", "--version"], capture_output=True)
    assert done.returncode == 0
    assert done.stdout.startswith(b"vpo ")
