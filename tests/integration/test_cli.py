"""The command as a process: streams that close, and what starting it loads."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from typing import Any

import pytest

from tests.integration import __file__ as here
from tests.support.library import VPO

ROOT = here.rsplit("/tests/", 1)[0]
BOUNDARY = """
import sys
from vpo_tasks.cli.main import Command, main
table = {name: Command("tests.support.commands", name.replace("-", "_"), "") for name in ("shout", "show-name")}
sys.exit(main(sys.argv[1:], table))
"""


def run(*argv: str, **settings: Any) -> subprocess.CompletedProcess[bytes]:
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


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_run_with_streams_closed_does_its_work(world, closed):
    world.add_many(2)
    command = f"exec {shlex.join(VPO)} process {shlex.quote(str(world.media))} {closed}"
    done = subprocess.run(["/bin/sh", "-c", command], env=world.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    again = json.loads(world.vpo("process", "--json", world.media).stdout)
    assert again["summary"]["up_to_date_count"] == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is Linux's")
@pytest.mark.parametrize("command", ["process", "process --json", "plan", "status", "inspect", "doctor"])
def test_an_answer_for_which_there_is_no_room_is_a_failure_that_is_said(world, command):
    (path,) = world.add("a.mkv", kind="right")
    words = [*VPO, *command.split()]
    words += [] if command == "doctor" else [str(path if command == "inspect" else world.media)]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(words, env=world.environ, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "error: standard output: No space left on device\n")


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
