"""Header edits on a corpus of varied files: every element as mkvpropedit makes it, the clusters untouched, and back.

Every kind of file that a header edit might meet is here or is refused; `-m campaign` runs all of them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.execute import make_environment
from tests.support.fake_tools import require_tool
from tests.support.faults import KILL, FaultyDisk, in_a_process_that_may_die
from tests.support.header import VARIANTS, header_plan, header_work
from tests.support.header_corpus import TAGS, Corpus, Specimen
from tests.support.matroska_tree import elements_of
from tests.support.mkvpropedit import edit_with_mkvpropedit
from tests.support.tools import need_tool
from vpo_tasks.execute.in_place.change import HeaderRefused
from vpo_tasks.execute.in_place.edit import edit_header
from vpo_tasks.execute.recover import recover_all
from vpo_tasks.media.matroska.ebml import open_source
from vpo_tasks.media.matroska.elements import id_named
from vpo_tasks.media.matroska.tree_reader import read_tree

EVERY = 7
"""The sample takes one specimen in so many."""
OF_THE_VARIANT = {"tags": frozenset({TAGS})}
"""Not compared: of the tags mkvpropedit writes all anew if one is to differ."""
CHANGED = {TAGS, *map(id_named, ("FlagDefault", "FlagForced", "Name", "Language", "LanguageBCP47", "Title"))}
WRITES = {"create", "write", "write_at", "truncate", "set_times"}


class Bench:
    """A folder in which one specimen after the other is edited."""

    def __init__(self, folder: Path) -> None:
        need_tool("mkvpropedit")
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

    def elements_by_mkvpropedit(self, variant: str) -> list[Any] | None:
        """None for a file that mkvpropedit cannot edit."""
        shutil.copy(self.specimen, self.bare)
        if edit_with_mkvpropedit(self.bare, header_plan(str(self.bare), variant)) != 0:
            return None
        return elements_of(self.bare, OF_THE_VARIANT.get(variant, frozenset()))

    def recover(self) -> list[str]:
        private = [os.fsencode(path) for path in self.library.glob(".vpo-*")]
        return [note.outcome for note in recover_all(private, make_environment(self.folder))]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("corpus"))


def clusters(path: Path) -> Iterator[tuple[int | None, bytes]]:
    with open_source(str(path)) as source:
        for node in read_tree(source, every_cluster=True).segment.children:
            if node.is_clusters:
                yield node.offset, b"".join(node.pieces())


def edit_like_mkvpropedit(bench: Bench, specimen: Specimen, variant: str) -> tuple[bool, list[str]]:
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
    if bench.video.read_bytes() != old:
        theirs, left_out = bench.elements_by_mkvpropedit(variant), OF_THE_VARIANT.get(variant, frozenset())
        if theirs is None:
            left_out = frozenset(CHANGED)
            theirs = elements_of(bench.specimen, left_out)
        assert elements_of(bench.video, left_out) == theirs, f"{specimen.name} {variant}"
        assert list(clusters(bench.video)) == list(clusters(bench.specimen)), specimen.name
    assert os.listdir(bench.library) == ["film.mkv"]
    return True, disk.names


def kill_at_every_write(bench: Bench, specimen: Specimen, variant: str, names: list[str]) -> int:
    """Kill the edit at each of its writes and recover. Returns how often that was."""
    old = bench.specimen.read_bytes()
    places = [at for at, name in enumerate(names, 1) if name in WRITES]
    for at in places:
        bench.set_up()
        assert in_a_process_that_may_die(lambda at=at: bench.edit(variant, FaultyDisk(at, KILL)))
        assert "kept" not in bench.recover(), specimen.name
        assert bench.video.read_bytes() == old, f"{specimen.name} {variant}: killed at {names[at - 1]}"
        assert os.listdir(bench.library) == ["film.mkv"]
    return len(places)


def test_corpus_sample_is_edited_like_by_mkvpropedit_and_restored_after_kills(bench: Bench) -> None:
    specimens = bench.corpus.specimens()[::EVERY]
    edited = kills = 0
    for number, specimen in enumerate(specimens):
        variant = VARIANTS[number % len(VARIANTS)]
        done, names = edit_like_mkvpropedit(bench, specimen, variant)
        edited += done
        if names and "create" in names:
            kills += kill_at_every_write(bench, specimen, variant, names)
    assert edited >= len(specimens) // 2
    assert kills >= 3 * edited // 2


@pytest.mark.slow
@pytest.mark.campaign
@pytest.mark.parametrize("variant", VARIANTS)
def test_whole_corpus_is_edited_like_by_mkvpropedit_and_restored_after_kills(
    bench: Bench, variant: str
) -> None:
    edited = 0
    for specimen in bench.corpus.specimens():
        done, names = edit_like_mkvpropedit(bench, specimen, variant)
        edited += done
        if names and "create" in names:
            kill_at_every_write(bench, specimen, variant, names)
    assert edited >= 200


def test_files_that_are_unusual_are_edited_like_any(bench: Bench) -> None:
    words = ("live", "piped", "unknown", "behind", "foreign", "wrong", "apart")
    unusual = [
        specimen for specimen in bench.corpus.specimens() if any(word in specimen.name for word in words)
    ]
    assert len(unusual) >= 15
    for specimen in unusual:
        assert edit_like_mkvpropedit(bench, specimen, "flags")[0], specimen.name


def test_names_of_the_corpus_are_distinct(bench: Bench) -> None:
    names = [specimen.name for specimen in bench.corpus.specimens()]
    assert len(set(names)) == len(names) >= 200
