"""Which policies a run is under, and what an up-to-date run need not read."""

from __future__ import annotations

import os

import pytest

from vpo_tasks.errors import PolicyError, UsageError
from vpo_tasks.run.policies import PolicySet, find_policy
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store

TEXT = """schema_version: 13
config: {{on_error: {mode}}}
phases:
  - name: one
    audio_actions: {{clear_all_titles: true}}
  - name: two
    default_flags: {{}}
    on_error: fail
"""


@pytest.fixture
def store(tmp_path):
    with DaemonConnectionPool(str(tmp_path / "state" / "state.db")) as pool:
        yield Store(pool)


def write(folder, name="policy.yaml", mode="continue", extra=""):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEXT.format(mode=mode) + extra)
    return str(path)


def test_the_nearest_policy_above_wins_and_then_the_configured_one(tmp_path):
    top = write(tmp_path / "media")
    near = write(tmp_path / "media" / "films")
    deep = tmp_path / "media" / "films" / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "x.mkv").write_bytes(b"")
    assert find_policy([str(deep)], None) == near
    assert find_policy([str(deep / "x.mkv")], "/other.yaml") == near
    assert find_policy([str(tmp_path / "media")], None) == top
    assert find_policy([str(tmp_path)], "/other.yaml") == "/other.yaml"
    with pytest.raises(UsageError, match="vpo init"):
        find_policy([str(tmp_path)], None)


def test_a_mistyped_path_is_what_is_missing_and_not_the_policy(tmp_path):
    with pytest.raises(UsageError, match="moveis: No such file or directory"):
        find_policy([str(tmp_path), str(tmp_path / "moveis")], None)


def test_paths_under_different_policies_need_a_named_one(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b")
    with pytest.raises(UsageError, match="different policies"):
        find_policy([str(tmp_path / "a"), str(tmp_path / "b")], None)


def test_a_link_to_a_folder_finds_the_policy_above_the_real_one(tmp_path):
    expected = write(tmp_path / "real")
    (tmp_path / "real" / "films").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "films")
    assert find_policy([str(tmp_path / "link")], None) == expected


def test_an_unchanged_file_is_answered_from_its_stamp_and_a_changed_one_is_read(tmp_path, store):
    path = write(tmp_path)
    first = PolicySet([path], store)
    assert store.policy_stamp(os.fsencode(path)) is not None
    os.chmod(path, 0o000 if os.geteuid() else 0o644)  # another ctime: it is read again
    os.chmod(path, 0o644)
    assert PolicySet([path], store).digest == first.digest
    write(tmp_path, extra="# a comment\n")
    assert PolicySet([path], store).digest == first.digest
    write(tmp_path, extra="  - name: three\n    video_actions: {clear_all_titles: true}\n")
    assert PolicySet([path], store).digest != first.digest


def test_selected_phases_and_the_order_of_policies_are_part_of_the_digest(tmp_path, store):
    one = write(tmp_path, "one.yaml")
    two = write(tmp_path, "two.yaml", extra="  - name: three\n    audio_actions: {clear_all_default: true}\n")
    digests = {
        PolicySet([one], store).digest,
        PolicySet([two], store).digest,
        PolicySet([one, two], store).digest,
        PolicySet([two, one], store).digest,
        PolicySet([one], store, phases=("one",)).digest,
    }
    assert len(digests) == 5


def test_unknown_phases_and_phases_of_several_policies_are_usage_errors(tmp_path, store):
    path = write(tmp_path)
    assert PolicySet([path], store, phases=("two , one",)).phases == ("two", "one")
    with pytest.raises(UsageError, match="no phase three"):
        PolicySet([path], store, phases=("three",))
    with pytest.raises(UsageError, match="several policies"):
        PolicySet([path, path], store, phases=("one",))


def test_the_strictest_mode_governs_unless_the_command_line_says_otherwise(tmp_path, store):
    skip, continues = write(tmp_path, "a.yaml", "skip"), write(tmp_path, "b.yaml", "continue")
    fails = write(tmp_path, "c.yaml", "fail")
    assert PolicySet([continues], store).on_error == "continue"
    assert PolicySet([continues, skip], store).on_error == "skip"
    assert PolicySet([skip, fails, continues], store).on_error == "fail"
    overridden = PolicySet([fails], store, on_error="continue")
    assert overridden.on_error == "continue"
    assert overridden.models[0].config.on_error == "continue"
    assert [phase.on_error for phase in overridden.models[0].phases] == [None, None]


def test_a_fifo_is_not_waited_for(tmp_path, store):
    os.mkfifo(tmp_path / "policy.yaml")
    with pytest.raises(UsageError, match=r"policy\.yaml: is a FIFO, not a file"):
        PolicySet([str(tmp_path / "policy.yaml")], store)


def test_a_missing_policy_is_a_usage_error_and_a_wrong_one_names_its_lines(tmp_path, store):
    with pytest.raises(UsageError, match="nowhere.yaml"):
        PolicySet([str(tmp_path / "nowhere.yaml")], store)
    path = write(tmp_path, extra="  - name: three\n    keep_audoi: {}\n")
    with pytest.raises(PolicyError, match="keep_audio"):
        PolicySet([path], store)
