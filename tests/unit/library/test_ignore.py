"""What a person wants left out is left out, as git would, and counted by kind."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import time

import pytest

from vpo_tasks.config import DiscoveryConfig
from vpo_tasks.errors import ConfigError
from vpo_tasks.library import ignore
from vpo_tasks.library.discover import discover
from vpo_tasks.library.globs import Globs, NoPattern
from vpo_tasks.library.ignore import leave_out

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


@pytest.mark.parametrize("pattern", ["!", "a\n!\nb", "a\n[z-a]", "a\n[z", "a\nb\\"])
def test_what_is_no_pattern_stops_its_folder_and_names_the_line(root, pattern):
    root.put("deep/.vpoignore", pattern)
    assert stopped(root) == {"deep": f"line {1 + (chr(10) in pattern)}:"}
    names, counts = root.look()
    assert names == ["Downloads/b.mkv", "Downloads/keep.mkv", "a.mkv", "keep.mkv"]
    assert counts == {"stopped": 2}


def test_what_is_no_pattern_in_the_configuration_is_an_error(root):
    with pytest.raises(ConfigError, match="exclude:2:1: '!' is not a pattern"):
        root.look(exclude=("a", "!"))


def stopped(root, *names):
    """What stands in the way of which folder: the first words after `.vpoignore`."""
    settings = DiscoveryConfig()
    paths = [os.fsencode(os.path.join(root.path, name)) for name in names or ("",)]
    found, _ = leave_out(discover(paths, settings.extensions), settings)
    assert all(odd.failed for odd in found.odd)
    return {
        os.path.relpath(os.fsdecode(odd.path), root.path): " ".join(
            odd.reason.removeprefix("not looked into: its .vpoignore ").split(":")[0].split()[:3]
        )
        + ":" * (":" in odd.reason.removeprefix("not looked into: "))
        for odd in found.odd
    }


def make_socket(path):
    folder, name = os.path.split(path)
    before = os.getcwd()
    os.chdir(folder)  # a socket's name may have 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(name)
    finally:
        os.chdir(before)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (os.mkfifo, "is a FIFO,"),
        (os.mkdir, "is a folder,"),
        (make_socket, "is a socket,"),
        (lambda path: os.symlink("/dev/zero", path), "is a device,"),
        (lambda path: os.symlink("nowhere", path), "cannot be read:"),
        (lambda path: os.symlink(".vpoignore", path), "cannot be read:"),
    ],
)
def test_a_vpoignore_that_is_no_file_stops_its_folder_and_is_not_waited_for(root, make, why):
    make(os.path.join(root.path, "deep", ".vpoignore"))
    assert stopped(root) == {"deep": why}
    assert stopped(root, "deep/er") == {"deep": why}
    assert root.look("deep/er")[0] == []
    assert root.look("deep/er/c.mkv")[0] == ["deep/er/c.mkv"]


def test_a_link_of_ours_leads_to_a_file_of_ours(root):
    root.put("patterns", "c.mkv")
    os.symlink("../patterns", os.path.join(root.path, "deep", ".vpoignore"))
    assert "deep/er/c.mkv" not in root.look()[0]


def test_a_vpoignore_that_cannot_be_read_stops_its_folder(root):
    root.put("deep/.vpoignore", "*")
    os.chmod(os.path.join(root.path, "deep/.vpoignore"), 0)
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    assert stopped(root) == {"deep": "cannot be read:"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("#" * ((1 << 20) + 1), "is larger than:"),
        ("".join(f"*a{number}\n" for number in range(1001)), "has more than"),
    ],
)
def test_a_vpoignore_too_large_to_be_a_list_of_patterns_stops_its_folder(root, text, why):
    root.put("deep/.vpoignore", text)
    assert stopped(root) == {"deep": why}


def test_plain_names_may_be_as_many_as_fit(root):
    root.put(".vpoignore", "".join(f"film {number}.mkv\n" for number in range(40_000)) + "c.mkv\n")
    assert set(root.look()[0]) == {*VIDEOS} - {"deep/er/c.mkv"}


@pytest.mark.parametrize(
    "pattern",
    ["*a" * 12 + "*b", "a" + "**a" * 10 + "b", "**/a*" * 12 + "/b", "*[a]" * 20 + "b", "*?a?" * 20 + "b"],
)
def test_a_pattern_made_to_backtrack_takes_no_time(empty, pattern):
    for number in range(50):
        empty.put(f"{number:03}" + "a" * 230 + ".mkv")
        empty.put("a/" * 60 + f"{number}.mkv")
    empty.put(".vpoignore", pattern)
    began = time.process_time()
    assert len(empty.look()[0]) == 100
    assert time.process_time() - began < 2


def test_patterns_that_take_too_long_stop_their_folder_and_nothing_of_it_is_let_through(root, monkeypatch):
    monkeypatch.setattr(ignore, "_MAX_MATCHING_S", -1.0)
    root.put("deep/.vpoignore", "*q\n")
    assert stopped(root) == {"deep": "takes more than"}
    assert not [name for name in root.look()[0] if name.startswith("deep")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_vpoignore_of_another_user_is_not_believed_and_stops_its_folder(root):
    root.put("deep/.vpoignore", "c.mkv\n")
    os.chown(os.path.join(root.path, "deep/.vpoignore"), 65534, -1)
    assert stopped(root) == {"deep": "belongs to nobody"}
    root.put(".vpoignore", "deep\n")  # who leaves the folder out need not hear of it
    assert stopped(root) == {}
    root.put("mine", "c.mkv\n")
    os.remove(os.path.join(root.path, "deep/.vpoignore"))
    os.remove(os.path.join(root.path, ".vpoignore"))
    os.symlink("../mine", os.path.join(root.path, "deep/.vpoignore"))
    os.chown(os.path.join(root.path, "deep/.vpoignore"), 65534, -1, follow_symlinks=False)
    assert stopped(root) == {"deep": "is a link"}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is what it is compared with")
def test_patterns_mean_what_git_takes_them_for(tmp_path):
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    chance = random.Random(1)
    for _ in range(60):
        patterns = [_pattern(chance) for _ in range(3)]
        try:
            globs = Globs(patterns)
        except NoPattern:
            continue
        (tmp_path / ".gitignore").write_text("\n".join(patterns) + "\n")
        paths = sorted({_path(chance) for _ in range(40)})
        asked = subprocess.run(
            [*git, "check-ignore", "--no-index", "--stdin", "-z"],
            input="\0".join(paths), capture_output=True, text=True, check=False,
        )  # fmt: skip
        theirs = set(asked.stdout.split("\0")) - {""}
        assert {path for path in paths if _is_ignored(globs, path)} == theirs, patterns


def _pattern(chance):
    words = (
        "a",
        "b",
        "ab",
        "*",
        "?",
        "[ab]",
        "[!a]",
        "[a-c]",
        "\\*",
        "\\a",
        "[[:alpha:]]",
        "a*",
        "*b",
        "c",
        "[]a]",
    )
    parts = [
        "**" if chance.random() < 0.25 else chance.choice(words) + chance.choice("abc") + chance.choice(words)
        for _ in range(chance.randint(1, 4))
    ]
    signs = [sign if chance.random() < 0.2 else "" for sign in ("!", "/", "/", " ")]
    return f"{signs[0]}{signs[1]}{'/'.join(parts)}{signs[2]}{signs[3]}"


def _path(chance):
    return "/".join(
        "".join(chance.choices("aabbc]*", k=chance.randint(1, 4))) for _ in range(chance.randint(1, 4))
    )


def _is_ignored(globs, path):
    names = path.split("/")
    above = ("/".join(names[:place]) for place in range(1, len(names)))
    return any(globs.decide(folder, is_folder=True) for folder in above) or bool(
        globs.decide(path, is_folder=False)
    )
