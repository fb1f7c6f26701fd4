"""`vpo doctor` on this machine."""

from __future__ import annotations

import json

import pytest

from vpo_tasks.cli.main import main
from vpo_tasks.state.pool import DaemonConnectionPool


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VPO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_this_machine_can_process_videos_with_what_the_package_brings(monkeypatch, capsys, home):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert main(["doctor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["can_process"]
    tools = {tool["name"]: tool for tool in document["tools"]}
    assert tools["ffmpeg"]["origin"] == "imageio-ffmpeg"
    assert tools["ffmpeg"]["version"] not in ("", "unknown")
    assert tools["mkvmerge"]["path"] is None
    assert not home.exists()


def test_a_healthy_database_is_counted_and_not_touched(home, capsys):
    with DaemonConnectionPool(str(home / "state.db")) as pool:
        pool.execute_write("INSERT INTO videos VALUES (?, 1, 2, 3, 4, NULL)", (b"/m/a.mkv",))
    before = {entry.name: entry.read_bytes() for entry in home.iterdir()}
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "healthy, 1 video," in said
    assert said.endswith("\nReady.\n")
    assert {entry.name: entry.read_bytes() for entry in home.iterdir()} == before


def test_a_damaged_database_is_named_and_is_an_error(home, capsys):
    home.mkdir()
    (home / "state.db").write_bytes(b"this is no database, whatever it says" * 100)
    assert main(["doctor"]) == 4
    said = capsys.readouterr().out
    assert "is damaged" in said
    assert "Not ready: the state cannot be kept" in said.splitlines()[-1]


def test_a_broken_configuration_is_an_error_with_its_line(home, capsys):
    home.mkdir()
    (home / "config.toml").write_text("[processing]\nworkers = 0\n")
    assert main(["doctor"]) == 2
    assert "config.toml:2" in capsys.readouterr().err
