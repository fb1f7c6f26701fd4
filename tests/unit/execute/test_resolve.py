"""What becomes of a replacement that broke off, by what lies on the disk."""

from __future__ import annotations

import os

import msgspec
import pytest

from vpo_tasks.disk.folders import open_folder
from vpo_tasks.disk.fsops import Sidecars
from vpo_tasks.disk.journal import Record, encode, sample_digest
from vpo_tasks.disk.system_calls import RealDisk
from vpo_tasks.execute.resolve import resolve, which
from vpo_tasks.media.identity import Identity

OLD, NEW, THEIRS = b"the old video", b"the new video, longer", b"somebody else's"


class Scene:
    """A folder in which `film.mkv`, `.orig` and `.part` hold what a test says, and the record of both videos."""

    def __init__(self, folder, mode="replace", target=b"film.mkv"):
        self.names = Sidecars(folder, "0123456789abcdef-0001")
        self.source, self.target = folder.at(b"film.mkv"), folder.at(target)
        self.kept = {content: self._keep(content, number) for number, content in enumerate((OLD, NEW))}
        prints = [sample_digest(self.kept[content]) for content in (OLD, NEW)]
        old, new = (Identity.of(self.kept[content].status()) for content in (OLD, NEW))
        self.record = Record(
            mode=mode, state="committing", owner="me", source=b"film.mkv", target=target, old=old,
            old_print=prints[0], new=new, new_print=prints[1],
        )  # fmt: skip

    def _keep(self, content, number):
        place = self.names.folder.at(b"kept-%d" % number)
        self.write(place, content)
        return place

    def write(self, place, content):
        with open(place.path, "wb") as stream:
            stream.write(content)

    def put(self, place, content):
        """Let a name hold one of the two recorded videos, the very file, or somebody else's."""
        if content in self.kept:
            os.link(self.kept[content].path, place.path)
        elif content is not None:
            self.write(place, content)

    def resolve(self, *, verifies=True, state="committing", **places):
        for name, content in places.items():
            self.put(getattr(self, name, None) or getattr(self.names, name), content)
        self.record = msgspec.structs.replace(self.record, state=state)
        self.write(self.names.journal, encode(self.record))
        return resolve(RealDisk(), self.names, self.record, lambda _place: verifies).outcome

    def left(self):
        found = {}
        for name in self.names.folder.names():
            if not name.startswith(b"kept-"):
                with open(self.names.folder.at(name).path, "rb") as stream:
                    found[name] = stream.read()
        return found


@pytest.fixture
def folder(tmp_path):
    with open_folder(os.fsencode(tmp_path)) as folder:
        yield folder


@pytest.mark.parametrize(
    ("places", "verifies", "outcome", "left"),
    [
        ({"source": OLD, "part": NEW}, True, "undone", OLD),
        ({"source": OLD, "orig": OLD, "part": NEW}, True, "undone", OLD),
        ({"source": NEW, "orig": OLD}, True, "finished", NEW),
        ({"source": NEW, "part": OLD, "orig": OLD}, True, "finished", NEW),
        ({"source": NEW, "orig": OLD}, False, "undone", OLD),
        ({"source": None, "orig": OLD, "part": NEW}, True, "undone", OLD),
    ],
)
def test_a_broken_off_replacement_ends_with_one_whole_video(folder, places, verifies, outcome, left):
    scene = Scene(folder)
    assert scene.resolve(verifies=verifies, **places) == outcome
    assert scene.left() == {b"film.mkv": left}


@pytest.mark.parametrize(
    "places",
    [
        {"source": THEIRS, "orig": OLD, "part": NEW},
        {"source": NEW, "orig": THEIRS},
        {"source": OLD, "part": THEIRS},
    ],
)
def test_what_nobody_knows_is_left_with_everything_else(folder, places):
    scene = Scene(folder)
    assert scene.resolve(**places) == "kept"
    assert sorted(content for name, content in scene.left().items() if not name.endswith(b".json")) == sorted(
        places.values()
    )


def test_a_bad_new_video_without_its_original_is_left(folder):
    scene = Scene(folder)
    assert scene.resolve(verifies=False, source=NEW) == "kept"
    assert scene.left()[b"film.mkv"] == NEW


def test_a_change_of_names_ends_with_one_of_them(folder):
    scene = Scene(folder, "rename", b"film.mp4")
    assert scene.resolve(source=OLD, target=NEW, part=NEW) == "finished"
    assert scene.left() == {b"film.mp4": NEW}


def test_a_bad_one_under_a_new_name_goes_and_the_old_one_is_back(folder):
    scene = Scene(folder, "rename", b"film.mp4")
    assert scene.resolve(verifies=False, target=NEW, orig=OLD) == "undone"
    assert scene.left() == {b"film.mkv": OLD}


def test_an_undo_brings_the_original_back(folder):
    scene = Scene(folder)
    assert scene.resolve(state="undoing", source=NEW, orig=OLD) == "undone"
    assert scene.left() == {b"film.mkv": OLD}


def test_a_video_is_known_by_its_content_where_inodes_change(folder):
    scene = Scene(folder)
    scene.write(scene.source, NEW)  # another inode and time
    assert which(scene.source, scene.record) == "new"
    scene.write(scene.source, NEW[:-1] + b"!")
    assert which(scene.source, scene.record) == "unknown"
    os.unlink(scene.source.path)
    assert which(scene.source, scene.record) == "none"
    os.symlink(b"x" * len(OLD), scene.source.path)  # a link is as long as what it names
    assert which(scene.source, scene.record) == "unknown"
