"""Where a replacement goes, and whether it is there already."""

from __future__ import annotations

import os

import msgspec
import pytest

from tests.support.execute import flip_default, make_environment, plan_for, work_for
from tests.support.media import sample
from vpo_tasks.disk.folders import open_folder
from vpo_tasks.errors import ReplaceError
from vpo_tasks.execute.target import adopt, mode_of, target_folder, target_name
from vpo_tasks.execute.transaction import locked_video
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.plan.model import Step


@pytest.fixture
def path(tmp_path):
    return sample(tmp_path, "film.mkv")


@pytest.fixture
def work(path):
    return work_for(path, plan_for(read_media(path), change=flip_default))


def converted(work, container):
    result = msgspec.structs.replace(work.plan.result, container=container)
    return work._replace(plan=msgspec.structs.replace(work.plan, result=result))


def test_the_name_follows_the_container(work):
    assert target_name(work) == b"film.mkv"
    assert target_name(converted(work, "mp4")) == b"film.mp4"
    assert target_name(converted(work, "mp4")._replace(destination="/out/other.m4v")) == b"other.m4v"
    with pytest.raises(ReplaceError, match="longer than 255"):
        target_name(work._replace(destination="/out/" + "x" * 252 + ".mkv"))


def test_a_taken_name_is_refused_unless_it_is_known_to_be_ours(work, tmp_path):
    (tmp_path / "film.mp4").touch()
    with open_folder(os.fsencode(tmp_path)) as folder:
        source, taken, free = map(folder.at, (b"film.mkv", b"film.mp4", b"film.mov"))
        assert mode_of(work, source, source) == "replace"
        assert mode_of(work, source, free) == "rename"
        with pytest.raises(ReplaceError, match="exists already"):
            mode_of(work, source, taken)
        out = work._replace(destination=str(tmp_path / "film.mp4"))
        with pytest.raises(ReplaceError, match="not ours"):
            mode_of(out, source, taken)
        assert mode_of(out._replace(may_overwrite=True), source, taken) == "output"


@pytest.mark.parametrize("same", [True, False])
def test_a_copy_that_is_there_already_is_adopted_by_its_content(work, path, tmp_path, same):
    copy = tmp_path / "out" / "film.mkv"
    copy.parent.mkdir()
    content = bytearray((tmp_path / "film.mkv").read_bytes())
    if not same:
        content[-1] ^= 1
    copy.write_bytes(content)
    work = work._replace(destination=str(copy), step=Step(kind="none"))
    with locked_video(work, make_environment(tmp_path)) as held, target_folder(work, held.place) as folder:
        done = adopt(work, make_environment(tmp_path), held, folder.at(b"film.mkv"))
    assert (done is not None) == same
    assert done is None or (done.final_path, done.bytes_written) == (str(copy), 0)


def test_a_file_that_is_not_as_planned_is_not_adopted(work, path, tmp_path):
    copy = tmp_path / "out" / "film.mkv"
    copy.parent.mkdir()
    copy.write_bytes((tmp_path / "film.mkv").read_bytes())
    os.utime(copy, ns=(0, work.identity.mtime_ns))
    work = work._replace(destination=str(copy))
    environment = make_environment(tmp_path)
    with locked_video(work, environment) as held, target_folder(work, held.place) as folder:
        assert adopt(work, environment, held, folder.at(b"film.mkv")) is None
        plain = work._replace(plan=plan_for(read_media(path)))
        assert adopt(plain, environment, held, folder.at(b"film.mkv")) is not None
        assert adopt(plain._replace(may_overwrite=True), environment, held, folder.at(b"film.mkv")) is None
