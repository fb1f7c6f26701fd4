"""A policy in a subfolder is not overruled in silence: the run stops and says what to type."""

from __future__ import annotations

import json
import os

import pytest

from tests.support.library import read_tree

KEEP_ALL = "schema_version: 13\nphases:\n  - name: titles\n    audio_actions: {clear_all_titles: true}\n"


@pytest.fixture
def nested(world):
    """A library whose folder Anime has a policy of its own."""
    world.add("film.mkv", "Anime/a.mkv", "Anime/deep/b.mkv")
    (world.media / "Anime" / "policy.yaml").write_text(KEEP_ALL)
    return world


def assert_stops(world, *command, policy="Anime/policy.yaml", folder="Anime"):
    before = read_tree(world.media)
    done = world.vpo(*command, world.media)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert (
        f"{world.media}/policy.yaml for all, and nearer to some of them {world.media}/{policy};"
        in done.stderr
    )
    assert f"`vpo process {world.media}/{folder}`" in done.stderr
    assert f"`--policy {world.media}/policy.yaml`" in done.stderr
    assert ".vpoignore" in done.stderr
    assert read_tree(world.media) == before


@pytest.mark.parametrize(
    "command", [("process",), ("process", "-n"), ("process", "--json"), ("plan",), ("status",)]
)
def test_a_run_over_a_folder_with_another_policy_below_stops_before_any_work(nested, command):
    assert_stops(nested, *command)


def test_doit_stops_as_well(nested):
    assert nested.vpo("init", nested.media).returncode == 0
    before = read_tree(nested.media)
    done = nested.doit()
    assert done.returncode == 2
    assert f"{nested.media}/Anime/policy.yaml" in done.stderr
    assert "Traceback" not in done.stderr
    after = read_tree(nested.media)
    assert {name: after[name] for name in before} == before


def test_a_policy_above_the_searched_folder_is_compared_too(nested):
    done = nested.vpo("process", nested.media / "Anime" / "deep")
    assert done.returncode == 0, done.stderr
    (nested.media / "Anime" / "deep" / "more").mkdir()
    nested.add("Anime/deep/more/c.mkv")
    (nested.media / "Anime" / "deep" / "more" / "policy.yaml").write_text(KEEP_ALL)
    done = nested.vpo("process", nested.media / "Anime" / "deep")
    assert done.returncode == 2
    assert f"{nested.media}/Anime/policy.yaml for all" in done.stderr


def test_what_the_message_says_to_type_works(nested):
    assert nested.vpo("process", nested.media / "Anime").returncode == 0
    policy = nested.media / "policy.yaml"
    done = nested.vpo("process", "--json", "--policy", policy, nested.media)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["summary"]["total_files"] == 3


def test_a_policy_named_in_the_configuration_governs_all(nested):
    nested.configure(f'[processing]\npolicy = "{nested.media}/policy.yaml"\n')
    assert nested.vpo("process", nested.media).returncode == 0


@pytest.mark.parametrize("how", ["ignored", "excluded", "not searched"])
def test_a_policy_in_a_folder_that_is_left_out_does_not_count(nested, how):
    flags = ["--no-recursive"] if how == "not searched" else []
    if how == "ignored":
        (nested.media / ".vpoignore").write_text("/Anime/\n")
    elif how == "excluded":
        nested.configure('[discovery]\nexclude = ["/Anime/"]\n')
    before = read_tree(nested.media / "Anime")
    done = nested.vpo("process", *flags, "--json", nested.media)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["summary"]["total_files"] == 1
    assert read_tree(nested.media / "Anime") == before
    if how == "excluded":  # counted from the searched folder: alone, it is still done by its own policy
        assert nested.vpo("process", nested.media / "Anime").returncode == 0


def test_policies_that_govern_no_other_video_do_not_count(world):
    world.add("film.mkv", ".hidden/a.mkv", "same/b.mkv", "fifo/c.mkv")
    for name in ("empty", ".hidden"):
        (world.media / name).mkdir(exist_ok=True)
        (world.media / name / "policy.yaml").write_text(KEEP_ALL)
    os.symlink("../policy.yaml", world.media / "same" / "policy.yaml")
    os.mkfifo(world.media / "fifo" / "policy.yaml")
    done = world.vpo("process", world.media)
    assert done.returncode == 0, done.stderr


def test_a_link_counts_as_the_policy_that_it_leads_to(nested):
    own = nested.media / "Anime" / "policy.yaml"
    own.rename(nested.root / "anime.yaml")
    own.symlink_to(nested.root / "anime.yaml")
    assert_stops(nested, "process")


@pytest.mark.parametrize("target", ["films/series", "films/series/a.mkv"])
def test_a_video_that_a_link_leads_to_has_the_policy_of_the_place_where_it_is(world, target):
    world.add("film.mkv", "a.mkv")
    series = world.root / "films" / "series"
    series.mkdir(parents=True)
    (world.media / "a.mkv").rename(series / "a.mkv")
    (world.root / "films" / "policy.yaml").write_text(KEEP_ALL)
    link = world.media / ("link" if target.endswith("series") else "link.mkv")
    link.symlink_to(world.root / target)
    done = world.vpo("process", world.media)
    assert done.returncode == 2, done.stdout
    assert f"{world.root}/films/policy.yaml; type `vpo process {series}`" in done.stderr
    (world.root / "films" / "policy.yaml").unlink()
    assert world.vpo("process", world.media).returncode == 0


def test_many_policies_are_told_in_one_line(world):
    for number in range(8):
        world.add(f"{number} x/a.mkv")
        (world.media / f"{number} x" / "policy.yaml").write_text(KEEP_ALL)
    done = world.vpo("process", world.media)
    assert done.returncode == 2
    assert "4 x/policy.yaml and 3 more; type `vpo process '" in done.stderr
