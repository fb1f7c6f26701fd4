"""`vpo init` on real folders, and what it writes put to use."""

from __future__ import annotations

import configparser
import os

import pytest

from vpo_tasks.cli.init import TEMPLATES, read_template
from vpo_tasks.cli.main import main
from vpo_tasks.policy.load import load_policy


def contents(folder):
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


def test_a_fresh_folder_gets_all_three_files(tmp_path, capsys):
    assert main(["init", str(tmp_path)]) == 0
    assert contents(tmp_path) == {name: read_template(name) for name in TEMPLATES}
    out = capsys.readouterr().out
    assert out.count("written") == 3
    assert f"vpo process --dry-run {tmp_path}" in out


def test_this_folder_is_the_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert set(contents(tmp_path)) == set(TEMPLATES)


@pytest.mark.parametrize("kept", TEMPLATES)
def test_what_is_there_is_kept_to_the_byte(tmp_path, kept, capsys):
    (tmp_path / kept).write_bytes(b"mine\n")
    assert main(["init", str(tmp_path)]) == 0
    assert (tmp_path / kept).read_bytes() == b"mine\n"
    assert set(contents(tmp_path)) == set(TEMPLATES)
    out = capsys.readouterr().out
    assert f"kept     {tmp_path / kept}" in out
    assert out.count("written") == 2
    assert ("does not know of vpo yet" in out) == (kept != "policy.yaml")


def test_a_second_run_changes_nothing(tmp_path, capsys):
    main(["init", str(tmp_path)])
    before = contents(tmp_path)
    assert main(["init", str(tmp_path)]) == 0
    assert contents(tmp_path) == before
    assert "does not know" not in capsys.readouterr().out


def test_a_dangling_link_is_not_written_through(tmp_path):
    (tmp_path / "dodo.py").symlink_to(tmp_path / "elsewhere")
    assert main(["init", str(tmp_path)]) == 0
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["missing", "file"])
def test_what_is_no_folder_is_a_usage_error(tmp_path, name, capsys):
    (tmp_path / "file").write_bytes(b"")
    assert main(["init", str(tmp_path / name)]) == 2
    assert "is not a folder" in capsys.readouterr().err
    assert contents(tmp_path) == {"file": b""}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_one_clear_line(tmp_path, capsys):
    tmp_path.chmod(0o500)
    assert main(["init", str(tmp_path)]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_folder_name_that_is_not_utf8_works(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    assert main(["init", os.fsdecode(folder)]) == 0
    assert set(os.listdir(folder)) == {os.fsencode(name) for name in TEMPLATES}


def test_the_policy_loads_as_it_stands_and_changes_only_flags(tmp_path):
    main(["init", str(tmp_path)])
    policy = load_policy(str(tmp_path / "policy.yaml"))
    (phase,) = policy.phases
    assert phase.default_flags is not None
    assert (phase.keep_audio, phase.keep_subtitles, phase.container, phase.track_order) == (None,) * 4


def test_the_policy_loads_with_every_block_uncommented(tmp_path):
    text = read_template("policy.yaml").decode()
    head, phases = text.split("phases:\n")
    lines = [
        line.replace("  # ", "  ", 1) if line.startswith("  # ") else line for line in phases.splitlines()
    ]
    (tmp_path / "policy.yaml").write_text(head + "phases:\n" + "\n".join(lines) + "\n")
    policy = load_policy(str(tmp_path / "policy.yaml"))
    assert [phase.name for phase in policy.phases] == ["languages", "order", "container", "flags"]
    assert policy.phases[0].keep_audio is not None


def test_doit_cfg_chooses_our_plugins():
    config = configparser.ConfigParser()
    config.read_string(read_template("doit.cfg").decode())
    assert dict(config["GLOBAL"]) == {"loader": "vpo", "reporter": "vpo", "backend": "vpo"}
