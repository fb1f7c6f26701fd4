"""Header edits on a corpus of varied files: byte for byte what mkvpropedit does to the original, and back.

Every kind of file that a header edit might meet is here or is refused; `-m campaign` runs all of them.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.execute import make_environment
from tests.support.fake_tools import require_tool
from tests.support.faults import KILL, FaultyDisk, in_a_process_that_may_die
from tests.support.header import VARIANTS, edit_with_the_bare_tool, header_plan, header_work
from tests.support.header_corpus import Corpus, Specimen
from vpo_tasks.execute.in_place.edit import edit_header
from vpo_tasks.execute.in_place.layout import HeaderRefused
from vpo_tasks.execute.recover import recover_all

EVERY = 7
"""The sample takes one specimen in so many."""
WRITES = {"create", "write", "write_at", "truncate", "set_times"}


class Bench:
    """A folder in which one specimen after the other is edited."""

    def __init__(self, folder: Path) -> None:
        require_tool("mkvpropedit")
        require_tool("mkvmerge")
        self.folder = folder
        self.corpus = Corpus(folder)
        self.specimen = folder / "specimen.mkv"
        self.bare = folder / "bare.mkv"
        self.library = folder / "library"
        self.video = self.library / "film.mkv"

    def lay(self, specimen: Specimen) -> bytes:
        self.specimen.unlink(missing_ok=True)
        specimen.make(self.specimen)
        return self.specimen.read_bytes()

    def set_up(self) -> None:
        shutil.rmtree(self.library, ignore_errors=True)
        self.library.mkdir()
        shutil.copy(self.specimen, self.video)

    def edit(self, variant: str, disk: FaultyDisk) -> None:
        plan = header_plan(str(self.video), variant)
        edit_header(header_work(str(self.video), plan), make_environment(self.folder, disk=disk))

    def edited_by_the_bare_tool(self, variant: str) -> bytes:
        shutil.copy(self.specimen, self.bare)
        assert (
            edit_with_the_bare_tool(
                str(self.bare), header_plan(str(self.bare), variant), make_environment(self.folder)
            )
            == 0
        )
        return self.bare.read_bytes()

    def recover(self) -> list[str]:
        private = [os.fsencode(path) for path in self.library.glob(".vpo-*")]
        return [note.outcome for note in recover_all(private, make_environment(self.folder))]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("corpus"))


def edit_like_the_bare_tool(bench: Bench, specimen: Specimen, variant: str) -> tuple[bool, list[str]]:
    """Edit a specimen and compare. Returns whether it was edited (not refused), and the operations it took."""
    old = bench.lay(specimen)
    bench.set_up()
    disk = FaultyDisk()
    try:
        bench.edit(variant, disk)
    except HeaderRefused:
        assert bench.video.read_bytes() == old, specimen.name
        assert os.listdir(bench.library) == ["film.mkv"], specimen.name
        return False, []
    assert not specimen.refused, f"{specimen.name} should have been refused"
    found = bench.video.read_bytes()
    if found != old:
        assert found == bench.edited_by_the_bare_tool(variant), f"{specimen.name} {variant}"
    assert os.listdir(bench.library) == ["film.mkv"]
    return True, disk.names


def kill_at_every_write(bench: Bench, specimen: Specimen, variant: str, names: list[str]) -> int:
    """Kill the edit at each of its writes and recover. Returns how often that was."""
    old = bench.specimen.read_bytes()
    begun = names.index("create")  # the journal; what comes before is in the state folder
    places = [at for at, name in enumerate(names, 1) if at > begun and name in WRITES]
    for at in places:
        bench.set_up()
        assert in_a_process_that_may_die(lambda at=at: bench.edit(variant, FaultyDisk(at, KILL)))
        assert "kept" not in bench.recover(), specimen.name
        assert bench.video.read_bytes() == old, f"{specimen.name} {variant}: killed at {names[at - 1]}"
        assert os.listdir(bench.library) == ["film.mkv"]
    return len(places)


def test_corpus_sample_is_edited_like_by_the_bare_tool_and_restored_after_kills(bench: Bench) -> None:
    specimens = bench.corpus.specimens()[::EVERY]
    edited = kills = 0
    for number, specimen in enumerate(specimens):
        variant = VARIANTS[number % len(VARIANTS)]
        done, names = edit_like_the_bare_tool(bench, specimen, variant)
        edited += done
        if names and "create" in names:
            kills += kill_at_every_write(bench, specimen, variant, names)
    assert edited >= len(specimens) // 2
    assert kills >= 3 * edited // 2


@pytest.mark.slow
@pytest.mark.campaign
@pytest.mark.parametrize("variant", VARIANTS)
def test_whole_corpus_is_edited_like_by_the_bare_tool_and_restored_after_kills(
    bench: Bench, variant: str
) -> None:
    edited = 0
    for specimen in bench.corpus.specimens():
        done, names = edit_like_the_bare_tool(bench, specimen, variant)
        edited += done
        if names and "create" in names:
            kill_at_every_write(bench, specimen, variant, names)
    if variant == "flags":
        assert edited >= 200


def test_what_cannot_be_edited_for_certain_is_refused(bench: Bench) -> None:
    refused = [specimen for specimen in bench.corpus.specimens() if specimen.refused]
    assert len(refused) >= 10
    for specimen in refused:
        assert edit_like_the_bare_tool(bench, specimen, "flags") == (False, [])


def test_names_of_the_corpus_are_distinct(bench: Bench) -> None:
    names = [specimen.name for specimen in bench.corpus.specimens()]
    assert len(set(names)) == len(names) >= 200
