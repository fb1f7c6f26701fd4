"""What a person wants left out is left out, as git would, and counted by kind."""

from __future__ import annotations

import os

import pytest

from vpo_tasks.config import DiscoveryConfig
from vpo_tasks.discover import discover
from vpo_tasks.errors import ConfigError
from vpo_tasks.tasks.exclusion import leave_out

VIDEOS = ("a.mkv", "keep.mkv", "Downloads/b.mkv", "Downloads/keep.mkv", "deep/er/c.mkv", "deep/er/keep.mkv")


class Folder:
    """A folder with files whose content does not matter, and what is found in it."""

    def __init__(self, path):
        self.path = path

    def put(self, name, contents="x"):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            stream.write(contents)

    def look(self, *names, **config):
        return look(self.path, *(os.path.join(self.path, name) for name in names or ("",)), **config)


@pytest.fixture
def empty(tmp_path):
    return Folder(str(tmp_path))


@pytest.fixture
def root(empty):
    for name in VIDEOS:
        empty.put(name)
    return empty


def look(root, *paths, **config):
    settings = DiscoveryConfig(**config)
    hidden = "hidden" not in settings.skip
    found, counts = leave_out(
        discover([os.fsencode(path) for path in paths], settings.extensions, hidden=hidden), settings
    )
    return sorted(os.path.relpath(os.fsdecode(video.path), root) for video in found.videos), counts


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ("", {*VIDEOS}),
        ("# all comments\n\n", {*VIDEOS}),
        ("*.mkv\n!keep.mkv", {"keep.mkv", "Downloads/keep.mkv", "deep/er/keep.mkv"}),
        ("Downloads/", {"a.mkv", "keep.mkv", "deep/er/c.mkv", "deep/er/keep.mkv"}),
        ("Downloads/\n!Downloads/keep.mkv", {"a.mkv", "keep.mkv", "deep/er/c.mkv", "deep/er/keep.mkv"}),
        ("/keep.mkv", {*VIDEOS} - {"keep.mkv"}),
        ("deep/**/c.mkv", {*VIDEOS} - {"deep/er/c.mkv"}),
        ("/*\n!/deep/", {"deep/er/c.mkv", "deep/er/keep.mkv"}),
        ("er", {*VIDEOS} - {"deep/er/c.mkv", "deep/er/keep.mkv"}),
        ("\ufeffDownloads\r\n", {*VIDEOS} - {"Downloads/b.mkv", "Downloads/keep.mkv"}),
    ],
)
def test_a_vpoignore_means_what_a_gitignore_means(root, patterns, left):
    root.put(".vpoignore", patterns)
    names, counts = root.look()
    assert set(names) == left
    assert counts == ({"ignored": len(VIDEOS) - len(left)} if len(left) < len(VIDEOS) else {})


def test_the_inner_file_has_the_last_word_unless_its_folder_is_left_out(root):
    root.put(".vpoignore", "c.mkv\nDownloads\n")
    root.put("deep/.vpoignore", "!c.mkv\nkeep.mkv\n")
    root.put("Downloads/.vpoignore", "!b.mkv\n")
    assert root.look()[0] == ["a.mkv", "deep/er/c.mkv", "keep.mkv"]


def test_a_file_above_holds_for_a_part_of_the_library_too(root):
    root.put(".vpoignore", "deep/er/c.mkv\n")
    assert root.look("deep")[0] == ["deep/er/keep.mkv"]
    assert root.look("deep/er")[0] == ["deep/er/keep.mkv"]


def test_what_is_named_on_the_command_line_is_never_left_out(root):
    root.put(".vpoignore", "*\n")
    assert root.look("deep/er/c.mkv")[0] == ["deep/er/c.mkv"]
    assert root.look("", "a.mkv")[0] == ["a.mkv"]


def test_the_configuration_counts_from_the_searched_folder_and_a_vpoignore_overrules_it(root):
    assert root.look(exclude=("/Downloads/", "c.mkv"))[0] == ["a.mkv", "deep/er/keep.mkv", "keep.mkv"]
    assert root.look("Downloads", exclude=("/Downloads/",))[0] == ["Downloads/b.mkv", "Downloads/keep.mkv"]
    root.put(".vpoignore", "!c.mkv\na.mkv\n")
    names, counts = root.look(exclude=("/Downloads/", "c.mkv"))
    assert names == ["deep/er/c.mkv", "deep/er/keep.mkv", "keep.mkv"]
    assert counts == {"excluded": 2, "ignored": 1}


def test_a_name_that_is_not_utf8_is_matched_too(empty):
    empty.put(os.fsdecode(b"f\xff/a.mkv"))
    empty.put("b.mkv")
    empty.put(".vpoignore", os.fsdecode(b"f\xff/\n"))
    assert empty.look("")[0] == ["b.mkv"]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("samples", ["x/Sample/v.mkv", "x/film-sample.mkv", "sample-film.mkv", "x/Samples/deep/v.mkv"]),
        ("trailers", ["x/Film-trailer.mkv", "Trailers/v.mkv", "x/Film-Trailer2.mkv", "trailer.mkv"]),
        ("extras", ["x/Featurettes/v.mkv", "Behind The Scenes/v.mkv", "x/Film-deleted.mkv", "Extras/v.mkv"]),
    ],
)
def test_kinds_are_left_out_only_when_asked(empty, kind, names):
    films = ["Sampled.mkv", "The Trailer Park (2012).mkv", "Short Cuts (1993).mkv", "Sample This (2012).mkv"]
    for name in (*films, *names):
        empty.put(f"{name}")
    assert len(empty.look("")[0]) == len(films) + len(names)
    found, counts = empty.look("", skip=("hidden", kind))
    assert found == sorted(films)
    assert counts == {kind: len(names)}


def test_a_library_whose_own_name_is_a_kind_is_no_kind(empty):
    empty.put("Extras/a.mkv")
    assert empty.look("Extras", skip=("extras",))[0] == ["Extras/a.mkv"]


def test_hidden_videos_are_a_choice_but_never_ours_nor_those_of_macos(empty):
    for name in (".a.mkv", ".dir/b.mkv", "._a.mkv", ".vpo-00.part", "c.mkv"):
        empty.put(f"{name}")
    assert empty.look("") == (["c.mkv"], {"hidden": 3})
    assert empty.look("", skip=()) == ([".a.mkv", ".dir/b.mkv", "c.mkv"], {"hidden": 1})


def test_odd_things_are_left_out_too(root):
    os.mkdir(os.path.join(root.path, "Downloads/folder.mkv"))
    root.put(".vpoignore", "Downloads\n")
    settings = DiscoveryConfig()
    found, _ = leave_out(discover([os.fsencode(root.path)], settings.extensions), settings)
    assert found.odd == []


@pytest.mark.parametrize("pattern", ["!", "a\n!\nb", "a\n[z-a]"])
def test_what_is_no_pattern_is_an_error_with_its_line(root, pattern):
    root.put(".vpoignore", pattern)
    with pytest.raises(ConfigError) as caught:
        root.look()
    assert [issue.line for issue in caught.value.issues] == [1 + ("\n" in pattern)]


def test_a_vpoignore_that_cannot_be_read_is_an_error(root):
    root.put(".vpoignore", "*")
    os.chmod(os.path.join(root.path, ".vpoignore"), 0)
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    with pytest.raises(ConfigError):
        root.look()
