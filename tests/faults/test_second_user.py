"""Another user of the library, who owns its folder, at work between any two operations of ours.

Whatever that user links, swaps, renames and plants: nothing outside the library changes, nothing secret gets into
it, no file gains the rights of root, and what is done without a disturbance is done.
"""

from __future__ import annotations

import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.frame import Stage
from tests.faults.header_edit import make_header_edit
from tests.faults.replacement import make_replacement
from tests.faults.undoing import make_undoing
from tests.support.execute import make_environment
from tests.support.faults import KILL, in_a_process_that_may_die
from tests.support.rights import folder_for_all
from vpo_tasks.errors import FileError
from vpo_tasks.execute.recover import recover_all

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")

NOBODY = 65534
SECRET = b"root's own secret" * 500

KINDS: dict[str, Callable[[Path], Stage]] = {
    "replace": lambda folder: make_replacement(folder, "replace"),
    "replace-without-exchange": lambda folder: make_replacement(folder, "replace-without-exchange"),
    "rename": lambda folder: make_replacement(folder, "rename"),
    "output": lambda folder: make_replacement(folder, "output"),
    "copy": lambda folder: make_replacement(folder, "copy"),
    "link": lambda folder: make_replacement(folder, "link"),
    "header-edit": lambda folder: make_header_edit(folder, "kept"),
    "undo-replace": lambda folder: make_undoing(folder, "replace"),
    "undo-header": lambda folder: make_undoing(folder, "header"),
}
UNDONE = {"undo-replace", "undo-header"}


@contextmanager
def as_nobody() -> Iterator[None]:
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


class Scene:
    """A library that nobody owns, and beside it what is root's alone."""

    def __init__(self, kind: str, top: Path) -> None:
        self.top = top
        self.folder = self.top / "theirs"
        self.folder.mkdir()
        self.kind = kind
        self.stage = KINDS[kind](self.folder)
        self.library = self.folder / "library"
        self.victims = self.top / "victims"

    def set_up(self) -> None:
        for path in self.folder.glob("library*"):
            path.unlink() if path.is_symlink() else shutil.rmtree(path)
        self.stage.set_up()
        for path in [self.folder, self.library, *self.library.rglob("*")]:
            # what an earlier run put into the undo store is root's
            if ".vpo-undo" not in path.parts:
                os.chown(path, NOBODY, NOBODY)
        shutil.rmtree(self.victims, ignore_errors=True)
        self.victims.mkdir()
        # the same names as in the library: a folder that becomes a link must not lead anybody here
        for name in ("film.mkv", "film.avi", "secret"):
            (self.victims / name).write_bytes(SECRET)
            (self.victims / name).chmod(0o600)
        (self.victims / "su").write_bytes(b"runs as root")
        (self.victims / "su").chmod(0o4755)
        self.before = self.look()

    def look(self) -> dict[str, tuple[object, ...]]:
        found: dict[str, tuple[object, ...]] = {}
        for path in [self.victims, *sorted(self.victims.rglob("*"))]:
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else sorted(os.listdir(path))
            found[str(path)] = (status.st_mode, status.st_uid, status.st_nlink, status.st_mtime_ns, content)
        return found

    def check(self) -> None:
        assert self.look() == self.before, "something outside the library was changed"
        for place, _, names in os.walk(self.folder):
            for name in names:
                path = Path(place, name)
                status = path.lstat()
                if not stat.S_ISREG(status.st_mode):
                    continue
                assert not status.st_mode & (stat.S_ISUID | stat.S_ISGID), f"{path} has somebody's rights"
                if status.st_uid == NOBODY or status.st_mode & 0o044:
                    assert SECRET[:64] not in path.read_bytes(), f"{path} tells a secret"

    def recover(self) -> None:
        for folder in {self.library, self.library / "out"}:
            with suppress(OSError):
                names = [os.fsencode(folder / name) for name in os.listdir(folder) if ".vpo-" in name]
                recover_all(names, make_environment(self.folder))


def video_becomes_a_link(scene: Scene) -> None:
    for name in ("film.mkv", "film.avi"):
        path = scene.library / name
        if path.exists() and not path.is_symlink():
            path.rename(scene.library / f"aside-{name}")
            path.symlink_to(scene.victims / ("su" if name == "film.mkv" else "secret"))


def folder_becomes_a_link(scene: Scene) -> None:
    scene.library.rename(scene.folder / "library.aside")
    scene.library.symlink_to(scene.victims)


def names_are_planted(scene: Scene) -> None:
    for folder in (scene.library, scene.library / "out"):
        for journal in list(folder.glob(".vpo-*.json")):
            for suffix in (".part", ".orig"):
                place = journal.with_suffix(suffix)
                with suppress(OSError):
                    place.rename(folder / f"taken{suffix}")
                with suppress(OSError):
                    place.symlink_to(scene.victims / "secret")


def work_folder_is_replaced(scene: Scene) -> None:
    for work in list(scene.folder.rglob(".vpo-*.tmp")):
        work.rename(work.with_name("taken"))
        work.mkdir()
        (work / "video.part").symlink_to(scene.victims / "secret")


def everything_of_ours_is_linked(scene: Scene) -> None:
    for number, path in enumerate(list(scene.folder.rglob(".vpo-*"))):
        with suppress(OSError):
            os.link(path, scene.library / f"mine-{number}")


def journal_is_replaced(scene: Scene) -> None:
    for journal in list(scene.folder.rglob(".vpo-*.json")):
        with suppress(OSError):
            journal.rename(journal.with_name("taken.json"))
        with suppress(OSError):
            journal.symlink_to(scene.victims / "secret")


def undo_store_becomes_a_link(scene: Scene) -> None:
    store = scene.library / ".vpo-undo"
    with suppress(OSError):
        store.rename(scene.library / "taken-store")
    store.symlink_to(scene.victims)


def output_folder_becomes_a_link(scene: Scene) -> None:
    out = scene.library / "out"
    if out.is_dir() and not out.is_symlink():
        out.rename(scene.library / "taken-out")
        out.symlink_to(scene.victims)


ACTS = (
    video_becomes_a_link,
    folder_becomes_a_link,
    names_are_planted,
    work_folder_is_replaced,
    everything_of_ours_is_linked,
    journal_is_replaced,
    undo_store_becomes_a_link,
    output_folder_becomes_a_link,
)


@pytest.fixture
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with folder_for_all(0o755) as top:
        yield Scene(request.param, top)


def operations_of(scene: Scene) -> list[str]:
    scene.set_up()
    disk = scene.stage.disk()
    with as_nobody():
        assert scene.stage.folder.exists(), "the other user can come there"
    scene.stage.work(disk)
    assert scene.stage.is_finished(), "an honest video is done"
    scene.check()
    return disk.names


def disturbed(scene: Scene, act: Callable[[Scene], None], at: int) -> None:
    scene.set_up()

    def do() -> None:
        with as_nobody(), suppress(FileNotFoundError, PermissionError):
            act(scene)

    with suppress(FileError):
        scene.stage.work(scene.stage.disk(before=(at, do)))
    scene.check()
    scene.recover()
    scene.check()


@pytest.mark.parametrize("scene", KINDS, indirect=True)
def test_between_any_two_operations_another_user_reaches_nothing_outside(scene: Scene) -> None:
    names = operations_of(scene)
    for act in ACTS:
        for at in range(1, len(names) + 1):
            disturbed(scene, act, at)
    assert operations_of(scene) == names


@pytest.mark.parametrize("scene", sorted(set(KINDS) - UNDONE), indirect=True)
def test_after_a_crash_another_user_reaches_nothing_by_our_recovery(scene: Scene) -> None:
    names = operations_of(scene)
    for act in ACTS:
        for at in range(1, len(names) + 1, 2):
            scene.set_up()
            in_a_process_that_may_die(lambda at=at: scene.stage.work(scene.stage.disk(at, KILL)))
            with as_nobody(), suppress(FileNotFoundError, PermissionError):
                act(scene)
            scene.recover()
            scene.check()


@pytest.mark.parametrize("scene", ["replace", "header-edit", "output"], indirect=True)
def test_storm_of_another_user_reaches_nothing_outside(scene: Scene) -> None:
    rounds, dice = 25, random.Random(3)
    for _ in range(rounds):
        scene.set_up()
        pid = os.fork()
        if pid == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            chance = random.Random(dice.random())
            while True:
                with suppress(OSError):
                    chance.choice(ACTS)(scene)
                with suppress(OSError):
                    if scene.library.is_symlink():
                        scene.library.unlink()
                        (scene.folder / "library.aside").rename(scene.library)
        try:
            with suppress(FileError, OSError):
                scene.stage.work()
            scene.recover()
        finally:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
        scene.check()
        dice.random()
