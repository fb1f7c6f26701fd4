"""A folder of the library with a policy of its own: no other policy is applied to it by the way."""

from __future__ import annotations

import pytest

OWN = "schema_version: 13\nphases: [{name: f, keep_audio: {languages: [jpn, fre, eng]}}]\n"


@pytest.fixture
def nested(world):
    """A library whose folder `Anime` has a policy that keeps more."""
    world.add("a.mkv")
    (world.media / "Anime").mkdir()
    world.add("Anime/b.mkv")
    (world.media / "Anime" / "policy.yaml").write_text(OWN)
    return world.media / "Anime" / "b.mkv"


def contents(world):
    return {path: path.read_bytes() for path in world.media.rglob("*.mkv")}


@pytest.mark.parametrize(
    "words", [["process"], ["process", "--dry-run"], ["plan"], ["status"], ["process", "--force"]]
)
def test_a_run_over_it_stops_before_any_work_and_says_what_to_type(world, nested, words):
    before = contents(world)
    done = world.vpo(*words, world.media)
    assert done.returncode == 2
    assert str(nested.parent / "policy.yaml") in done.stderr
    assert f"vpo process {nested.parent}" in done.stderr
    assert ".vpoignore" in done.stderr
    assert contents(world) == before


def test_each_folder_by_itself_goes_and_so_does_one_policy_for_all(world, nested):
    before = nested.read_bytes()
    assert world.vpo("process", nested.parent).returncode == 0
    assert (world.media / "a.mkv").read_bytes() == before
    (world.media / ".vpoignore").write_text("Anime/\n")
    assert world.vpo("process", world.media).returncode == 0
    assert (world.media / "a.mkv").read_bytes() != before
    (world.media / ".vpoignore").unlink()
    assert world.vpo("process", world.media).returncode == 2
    assert world.vpo("process", "-p", world.media / "policy.yaml", world.media).returncode == 0


def test_a_policy_without_videos_below_it_is_none_of_our_business(world):
    world.add("a.mkv")
    (world.media / "old").mkdir()
    (world.media / "old" / "policy.yaml").write_text(OWN)
    assert world.vpo("process", world.media).returncode == 0


def test_a_policy_that_appears_in_a_finished_library_stops_the_next_run(world):
    world.add("a.mkv")
    (world.media / "Anime").mkdir()
    world.add("Anime/b.mkv")
    assert world.vpo("process", world.media).returncode == 0
    assert world.vpo("process", world.media).returncode == 0
    (world.media / "Anime" / "policy.yaml").write_text(OWN)
    assert world.vpo("process", world.media).returncode == 2
