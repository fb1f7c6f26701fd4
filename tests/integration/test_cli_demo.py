"""`vpo demo` as a person runs it: real videos, real commands, nothing outside its folder."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vpo_tasks.cli import demo as library
from vpo_tasks.cli.main import main
from vpo_tasks.errors import UsageError


def run_demo(*args, cwd, **env):
    return subprocess.run(
        [sys.executable, "-m", "vpo_tasks.cli.main", "demo", *args],
        cwd=cwd,
        env={**os.environ, "HOME": str(cwd / "nobody"), **env},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
@pytest.mark.parametrize("path", [None, "/nonexistent"], ids=["tools on PATH", "only the package"])
def test_everything_happens_as_announced_and_again_on_the_former_demo(tmp_path, path):
    env = {} if path is None else {"PATH": path}
    for _ in range(2):
        done = run_demo("demo", cwd=tmp_path, **env)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("\n$ ") == 7
        assert "Everything happened as announced" in done.stdout
        assert "What to type next" in done.stdout
    assert os.listdir(tmp_path) == ["demo"]  # not even a state folder elsewhere


@pytest.mark.slow
def test_without_a_folder_it_makes_a_temporary_one_and_leaves_nothing_here(tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "temporary").mkdir()
    done = run_demo(cwd=tmp_path / "here", TMPDIR=str(tmp_path / "temporary"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert os.listdir(tmp_path / "here") == []
    (folder,) = [name for name in os.listdir(tmp_path / "temporary") if name.startswith("vpo-demo-")]
    assert f"The demo's folder, {tmp_path / 'temporary' / folder}, can be deleted" in done.stdout


def test_an_occupied_folder_is_refused_untouched(tmp_path, capsys):
    (tmp_path / "mine.mkv").write_bytes(b"mine")
    assert main(["demo", str(tmp_path)]) == 2
    assert "is no former demo" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["mine.mkv"]


def test_a_former_demo_is_cleared_of_its_own_files_only(tmp_path):
    folder = str(tmp_path / "demo")
    library.prepare_library(folder)
    library.fill(folder, lambda _: None)
    (tmp_path / "demo" / "films" / "mine.mkv").write_bytes(b"mine")
    library.prepare_library(folder)
    left = sorted(name for _, _, names in os.walk(folder) for name in names)
    assert left == [library.MARKER, "mine.mkv"]


def test_a_file_in_the_place_of_the_folder_is_a_usage_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError):
        library.prepare_library(str(tmp_path / "file"))


def test_the_videos_differ_and_the_edit_changes_the_policy(tmp_path):
    folder = str(tmp_path / "demo")
    library.prepare_library(folder)
    library.fill(folder, lambda _: None)
    contents = [(tmp_path / "demo" / video.name).read_bytes() for video in library.VIDEOS]
    assert len(set(contents)) == len(library.VIDEOS)
    before = (tmp_path / "demo" / "policy.yaml").read_text()
    assert before.count(library.EDIT[0]) == 1
    library.edit_policy(folder)
    assert (tmp_path / "demo" / "policy.yaml").read_text() == before.replace(*library.EDIT)


def test_a_write_to_a_video_is_noticed_even_if_size_and_time_are_put_back(tmp_path):
    folder = str(tmp_path / "demo")
    library.prepare_library(folder)
    library.fill(folder, lambda _: None)
    before = library.look(folder)
    assert library.touched(before, library.look(folder)) == set()
    name = library.VIDEOS[0].name
    path = os.path.join(folder, name)
    status = os.stat(path)
    with open(path, "r+b") as stream:
        stream.write(b"\x1a")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert library.touched(before, library.look(folder)) == {name}
