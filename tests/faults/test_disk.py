"""Disks that are full from the start, halfway and on the last page, on real small filesystems.

The original stays, the reason is clear, nothing is left behind. The ledger, which would not let such a step
begin, is told that there is room: somebody else fills the disk while the work goes on.
"""

from __future__ import annotations

import os
import resource
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.support.execute import flip_default, make_environment, plan_for, work_for
from tests.support.fake_tools import require_tool, toolbox_of
from tests.support.faults import in_a_process_that_may_die
from tests.support.filesystems import PAGE, mount_disk, with_own_mounts
from tests.support.header import header_plan, header_work
from tests.support.library import Templates, World
from vpo_tasks.disk.space import SpaceLedger
from vpo_tasks.errors import FileError, SpaceError
from vpo_tasks.execute.in_place.edit import edit_header
from vpo_tasks.execute.replace import carry_out
from vpo_tasks.execute.work import Environment
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleTrack, make_sample
from vpo_tasks.plan.model import Encode

FULL_S = r"[Nn]o space left|not enough space|disk|File too large|signal|could not be written|Broken pipe"
PLENTY = SpaceLedger(0, free_bytes=lambda _folder: 1 << 50)
SOURCE = (SampleTrack("video", "mpeg4"), SampleTrack("audio", "ac3"), SampleTrack("audio", "ac3", "fre"))


def remux_by(tool: str) -> Callable[[Path, Environment], None]:
    def work(video: Path, environment: Environment) -> None:
        carry_out(
            work_for(str(video), plan_for(read_media(str(video)), change=flip_default), tool), environment
        )

    return work


def encode(video: Path, environment: Environment) -> None:
    sound = Encode(codec="flac")
    plan = plan_for(
        read_media(str(video)), encode={1: sound},
        change=lambda track: msgspec.structs.replace(track, codec="flac") if track.index == 1 else track,
    )  # fmt: skip
    carry_out(work_for(str(video), plan, "ffmpeg"), environment)


def grow_header(video: Path, environment: Environment) -> None:
    plan = header_plan(str(video), "tags")
    tags = plan.result.tags | {f"tag{number}": "Somebody" * 60 for number in range(25)}
    plan = msgspec.structs.replace(plan, result=msgspec.structs.replace(plan.result, tags=tags))
    edit_header(header_work(str(video), plan), environment)


WORKS = {
    "mkvmerge": remux_by("mkvmerge"),
    "ffmpeg": remux_by("ffmpeg"),
    "encode": encode,
    "header": grow_header,
}


@pytest.fixture(scope="module")
def short_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video whose header has room for nothing: tags go to the end of the file."""
    path = tmp_path_factory.mktemp("short") / "film.mkv"
    make_sample(str(path), SOURCE[:2], seconds=0.5)
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_tool("mkvmerge")
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    make_sample(str(path), SOURCE, seconds=4)
    return path


def kit_at(state: Path, ledger: SpaceLedger = PLENTY) -> Environment:
    return make_environment(state)._replace(ledger=ledger)


def needed_bytes(film: Path, folder: Path, work: Callable[[Path, Environment], None]) -> int:
    """What the work takes at its peak beside the original: its output, or its growth, and the journal.

    The journal of a header edit holds what the file grows by as base64 text.
    """
    folder.mkdir()
    path = folder / "film.mkv"
    shutil.copy(film, path)
    work(path, kit_at(folder.parent))
    made = path.stat().st_size
    grown = made - film.stat().st_size
    return PAGE + (grown * 7 // 3 if work is grow_header else made)


def attempt_on_a_disk_with(
    spare: int, film: Path, tmp_path: Path, work: Callable[[Path, Environment], None]
) -> None:
    """Do the work on a disk that has so many bytes to spare; it must fail and leave everything."""
    before = film.read_bytes()
    disk = tmp_path / "disk"
    mount_disk(disk, -(-len(before) // PAGE) * PAGE + spare)
    video = disk / "film.mkv"
    video.write_bytes(before)
    with pytest.raises(FileError, match=FULL_S):
        work(video, kit_at(tmp_path))
    assert video.read_bytes() == before
    assert os.listdir(disk) == ["film.mkv"]


@pytest.mark.parametrize("moment", ["from the start", "halfway", "on the last page"])
@pytest.mark.parametrize("kind", WORKS)
def test_full_disk_leaves_the_original_and_nothing_else(
    film: Path, short_film: Path, tmp_path: Path, kind: str, moment: str
) -> None:
    film = short_film if kind == "header" else film
    need = needed_bytes(film, tmp_path / "wide", WORKS[kind])
    pages = -(-need // PAGE)
    spare = {"from the start": 0, "halfway": pages // 2, "on the last page": pages - 1}[moment] * PAGE
    with_own_mounts(lambda: attempt_on_a_disk_with(spare, film, tmp_path, WORKS[kind]))


@pytest.mark.parametrize("part", [0.0, 0.5, 0.999], ids=["from-the-start", "halfway", "at-the-end"])
@pytest.mark.parametrize("kind", ["mkvmerge", "ffmpeg", "encode"])
def test_file_that_may_grow_no_further_leaves_the_original_and_nothing_else(
    film: Path, tmp_path: Path, kind: str, part: float
) -> None:
    # needs no mount: what a quota does, by the limit on the size of a file
    before = film.read_bytes()
    need = needed_bytes(film, tmp_path / "wide", WORKS[kind]) - PAGE
    library = tmp_path / "library"
    library.mkdir()
    video = library / "film.mkv"
    video.write_bytes(before)

    def attempt() -> None:
        most = int(need * part)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        with pytest.raises(FileError, match=FULL_S):
            WORKS[kind](video, kit_at(tmp_path))

    assert in_a_process_that_may_die(attempt) == 0
    assert video.read_bytes() == before
    assert os.listdir(library) == ["film.mkv"]


def test_step_that_can_never_fit_fails_before_it_writes(film: Path, tmp_path: Path) -> None:
    def attempt() -> None:
        disk = tmp_path / "disk"
        mount_disk(disk, film.stat().st_size * 3 // 2)
        shutil.copy(film, disk)
        plan = plan_for(read_media(str(film)), change=flip_default)
        environment = make_environment(
            tmp_path, toolbox=toolbox_of("ffmpeg", "/nowhere/ffmpeg")
        )  # it would be another error
        with pytest.raises(SpaceError, match="not enough space"):
            carry_out(work_for(str(disk / "film.mkv"), plan), environment)
        assert os.listdir(disk) == ["film.mkv"]

    with_own_mounts(attempt)


def test_two_workers_with_room_for_one_take_turns(film: Path, tmp_path: Path) -> None:
    def attempt() -> None:
        disk = tmp_path / "disk"
        mount_disk(disk, int(film.stat().st_size * 3.5))
        before = film.read_bytes()
        environment = make_environment(tmp_path)
        failed: list[BaseException] = []

        def one(video: Path) -> None:
            try:
                WORKS["ffmpeg"](video, environment)
            except BaseException as error:  # noqa: BLE001 - raised again below, in the test's own thread
                failed.append(error)

        videos = [disk / "one.mkv", disk / "two.mkv"]
        for video in videos:
            video.write_bytes(before)
        threads = [threading.Thread(target=one, args=(video,)) for video in videos]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert all(video.read_bytes() != before for video in videos)
        assert sorted(os.listdir(disk)) == ["one.mkv", "two.mkv"]

    with_own_mounts(attempt)


def test_run_on_a_full_disk_says_so_for_each_video_and_leaves_all_of_them(
    templates: Templates, tmp_path: Path
) -> None:
    templates.messy()

    def attempt() -> None:
        world = World(tmp_path / "world", templates)
        world.configure("[safety]\nmin_free = '0'\n")
        mount_disk(world.media, 10 * templates.messy().stat().st_size)
        world.write_policy()
        videos = world.add("a.mkv", "b.mkv")
        free = os.statvfs(world.media).f_bavail
        (world.media / "filler").write_bytes(bytes(free * PAGE))
        before = [video.read_bytes() for video in videos]
        done = world.vpo("process", world.media)
        assert done.returncode == 1, done.stderr
        assert done.stderr.count("space") >= 2
        assert [video.read_bytes() for video in videos] == before
        assert world.leftovers() == []

    with_own_mounts(attempt)
