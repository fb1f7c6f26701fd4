"""What the loader makes of doit's options, and whose files it does not run."""

from __future__ import annotations

import os

import pytest
from doit.cmd_run import Run
from doit.cmdparse import DefaultUpdate

from vpo_tasks.doit_plugin import host
from vpo_tasks.doit_plugin.loader import VpoLoader
from vpo_tasks.doit_plugin.session import Library

DODO = "def task_mine():\n    return {'actions': ['true']}\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(host, "_hosts", [])
    (tmp_path / "dodo.py").write_text(DODO)
    return tmp_path


class Opened(Library):
    """A library of which only the answers to the loader are asked."""

    def __init__(self):
        self.asked = {}
        host.set_host(self)

    def clamp(self, requested):
        self.asked["workers"] = requested
        return 1

    def decide_on_error(self, mode):
        self.asked["mode"] = mode
        return mode or "skip"

    def select(self, names):
        self.asked["names"] = names

    def retry_failed(self):
        self.asked["retry"] = True


def options(**given):
    """Options as doit hands them over: defaults, and what the command line says."""
    values = DefaultUpdate()
    values.set_default("continue", False)
    for name, value in {"always": False, "num_process": 4, "par_type": "process"}.items():
        values.set_default(name, value)
    for name, value in {"dodoFile": "dodo.py", "cwdPath": None, "seek_file": False}.items():
        values.set_default(name, value)
    values.update(given)
    for name in given:
        values._non_default_keys.add(name)
    return values


def load(given, names=()):
    loader = VpoLoader()
    loader.setup(given)
    return loader.load_tasks(Run(task_loader=loader), list(names))


def test_a_dodo_file_without_videos_is_doits_alone(here):
    given = options()
    assert [task.name for task in load(given)] == ["mine"]
    assert given["num_process"] == 4


@pytest.mark.parametrize(("given", "mode", "goes_on"), [
    ({}, None, True), ({"continue": True}, "skip", True), ({"continue": False}, "fail", False),
])  # fmt: skip
def test_workers_are_capped_threads_and_continue_is_the_mode_only_if_it_was_said(here, given, mode, goes_on):
    library, values = Opened(), options(**given)
    load(values, ["process:a.mkv"])
    assert library.asked == {"workers": 4, "mode": mode, "names": ["process:a.mkv"]}
    assert (values["num_process"], values["par_type"], values["continue"]) == (1, "thread", goes_on)


def test_no_process_is_one_worker_and_always_tries_what_failed_again(here):
    library = Opened()
    load(options(num_process=0, always=True))
    assert library.asked == {"workers": 1, "mode": None, "retry": True}


def test_a_command_that_runs_nothing_selects_nothing(here):
    library = Opened()
    loader = VpoLoader()
    loader.setup(options())
    command = Run(task_loader=loader)
    command.execute_tasks = False
    assert [task.name for task in loader.load_tasks(command, [])] == ["mine"]
    assert library.asked == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("name", ["dodo.py", "doit.cfg"])
def test_another_users_file_is_not_run_unless_it_is_named(here, capsys, name):
    (here / "doit.cfg").touch()
    os.chown(here / name, 12345, 12345)
    with pytest.raises(SystemExit) as ended:
        load(options())
    assert ended.value.code == 2
    assert f"{here}/{name}" in capsys.readouterr().err
    if name == "dodo.py":
        assert [task.name for task in load(options(dodoFile="dodo.py"))] == ["mine"]
