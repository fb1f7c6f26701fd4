"""`vpo policy` as a person types it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from vpo_tasks.cli.policy import policy
from vpo_tasks.errors import PolicyError
from vpo_tasks.policy.load import load_policy

GOOD = (
    "schema_version: 13\nname: Films\nphases: [{name: tidy, keep_audio: {languages: [eng]}}, {name: order}]\n"
)
BAD = "schema_version: 13\nphases: [{name: tidy, keep_audoi: {}}]\n"
DOUBTFUL = "schema_version: 13\nphases: [{name: tidy, file_timestamp: {mode: now, fallback: skip}}]\n"
OLD = "schema_version: 12\nphases: [{name: tidy, audio_filter: {languages: [no]}}]\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("good", GOOD), ("bad", BAD), ("doubtful", DOUBTFUL), ("old", OLD)):
        (tmp_path / f"{name}.yaml").write_text(text)
    return lambda *arguments: CliRunner().invoke(policy, arguments)


def test_check_prints_one_line_a_policy(run):
    result = run("check", "good.yaml", "old.yaml")
    assert result.exit_code == 0
    assert result.stdout == "good.yaml: Films: 2 phases (tidy, order)\nold.yaml: old: 1 phase (tidy)\n"
    assert result.stderr == ""


def test_check_tells_every_issue_of_every_file_and_goes_on(run):
    result = run("check", "bad.yaml", "missing.yaml", "good.yaml")
    assert result.exit_code == 2
    assert result.stdout == "good.yaml: Films: 2 phases (tidy, order)\n"
    assert result.stderr.splitlines() == [
        "bad.yaml:2:23: phases[0].keep_audoi: unknown key (did you mean keep_audio?)",
        "missing.yaml: cannot be read: No such file or directory",
    ]


def test_check_warns_without_failing(run):
    result = run("check", "doubtful.yaml")
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: doubtful.yaml:2:")


def test_check_without_a_file_is_a_usage_error(run):
    assert run("check").exit_code == 2


def test_check_shows_no_terminal_codes_of_a_policy(run, tmp_path):
    (tmp_path / "evil.yaml").write_text('schema_version: 13\nname: "\\e[2J"\nphases: [{name: p}]\n')
    result = run("check", "evil.yaml")
    assert "\x1b" not in result.output
    assert result.exit_code == 0


def test_show_prints_version_13_that_loads_as_the_same_policy(run, tmp_path):
    result = run("show", "old.yaml")
    assert result.exit_code == 0
    (tmp_path / "shown.yaml").write_text(result.stdout)
    assert load_policy("shown.yaml") == load_policy("old.yaml")
    assert "schema_version: 13" in result.stdout
    assert "keep_audio" in result.stdout


def test_show_of_a_broken_policy_leaves_the_error_to_the_boundary(run):
    assert isinstance(run("show", "bad.yaml").exception, PolicyError)


def test_schema_prints_one_json_document(run):
    result = run("schema")
    assert json.loads(result.stdout)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
