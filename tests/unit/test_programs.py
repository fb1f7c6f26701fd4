"""Where ffmpeg and the other programs are looked for."""

from __future__ import annotations

import os

from vpo_tasks.programs import WHEEL, find_ffmpegs, on_path


def program(folder, name):
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_ffmpeg_on_path_comes_before_that_of_the_wheel(tmp_path):
    mine = program(tmp_path, "ffmpeg")
    first, second = find_ffmpegs(str(tmp_path))
    assert first == (mine, "PATH")
    assert second[1] == WHEEL
    assert os.access(second[0], os.X_OK)


def test_without_ffmpeg_on_path_the_wheel_has_one(tmp_path):
    assert [origin for _, origin in find_ffmpegs(str(tmp_path))] == [WHEEL]


def test_a_wheel_without_ffmpeg_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "gone"))
    assert list(find_ffmpegs(str(tmp_path))) == []


def test_a_path_is_absolute_also_where_path_is_relative(tmp_path, monkeypatch):
    mine = program(tmp_path, "mkvmerge")
    monkeypatch.chdir(tmp_path)
    assert on_path("mkvmerge", ".") == mine
    assert on_path("mkvinfo", ".") is None
