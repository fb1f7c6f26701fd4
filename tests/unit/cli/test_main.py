from __future__ import annotations

import pytest

from tests.support.commands import RAISED
from vpo_tasks import __version__
from vpo_tasks.cli.main import COMMANDS, Command, main

TABLE = {
    name: Command("tests.support.commands", name.replace("-", "_"), f"Help of {name}.")
    for name in ("end", "give", "shout")
}

EXIT_CODES = {
    "ok": 0,
    "usage": 2,
    "policy": 2,
    "config": 2,
    "tool": 3,
    "file": 1,
    "state": 4,
    "interrupted": 130,
    "ctrl-c": 130,
    "exit": 1,
    "click-exit": 1,
    "bug": 70,
    "unreadable": 70,
}


@pytest.fixture(autouse=True)
def home(fs, monkeypatch):
    monkeypatch.setenv("VPO_HOME", "/user/home")
    return "/user/home"


@pytest.mark.parametrize("how", RAISED)
def test_each_end_has_its_exit_code(how):
    assert main(["end", how], TABLE) == EXIT_CODES[how]


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 130])
def test_a_command_may_return_its_exit_code(code):
    assert main(["give", str(code)], TABLE) == code


@pytest.mark.parametrize(
    "argv", [["nothing-of-ours"], ["--nothing"], ["end"], ["end", "ok", "more"], ["give", "x"]]
)
def test_a_wrong_command_line_is_a_usage_error_with_a_hint(argv, capsys):
    assert main(argv, TABLE) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--help" in err
    assert err.splitlines()[-1].startswith("error: ")


def test_no_command_shows_the_help(capsys):
    main([], TABLE)
    out, err = capsys.readouterr()
    assert "Help of end." in out + err
    assert "error" not in out + err


def test_every_issue_of_a_policy_is_a_line_that_starts_with_its_place(capsys):
    main(["end", "policy"], TABLE)
    assert capsys.readouterr().err.splitlines() == ["p.yaml:3:5: phases: first", "p.yaml:9:1: second"]


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ("usage", "error: no videos in /media"),
        ("tool", "error: mkvmerge is missing, needed for remuxing; install mkvtoolnix"),
        ("file", "error: /media/a\\x1b.mkv: truncated"),
        ("state", "error: /home/state.db: is no database"),
    ],
)
def test_an_expected_error_is_one_line(how, line, capsys):
    main(["end", how], TABLE)
    assert capsys.readouterr().err == line + "\n"


def test_a_bug_is_one_line_and_its_traceback_is_appended_to_the_log(home, capsys):
    for _ in range(2):
        main(["end", "bug"], TABLE)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "KeyError" in lines[0]
    assert f"{home}/vpo.log" in lines[0]
    with open(f"{home}/vpo.log") as stream:
        log = stream.read()
    assert log.count("Traceback (most recent call last)") == 2
    assert f"vpo {__version__}, Python" in log


def test_a_bug_without_a_place_for_the_log_shows_its_traceback(fs, monkeypatch, capsys):
    fs.create_file("/file")
    monkeypatch.setenv("VPO_HOME", "/file/home")
    assert main(["end", "bug"], TABLE) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_all_commands_without_importing_one(flag, capsys):
    table = {name: Command("no.such.module", name, entry.short_help) for name, entry in COMMANDS.items()}
    assert main([flag], table) == 0
    out = capsys.readouterr().out
    for name, entry in COMMANDS.items():
        assert f"  {name} " in out
        assert entry.short_help in out


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_takes_both_spellings_of_help(flag, capsys):
    assert main(["end", flag], TABLE) == 0
    assert "Usage: vpo end" in capsys.readouterr().out


def test_version_is_one_line(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"vpo {__version__}\n"
