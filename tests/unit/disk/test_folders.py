"""Folders are opened once, without following links."""

from __future__ import annotations

import os

import pytest

from vpo_tasks.disk.folders import is_fixed_at, made_folder, open_folder, opened, opened_child


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b"])
def test_a_place_is_a_plain_name(tmp_path, name):
    with open_folder(os.fsencode(tmp_path)) as folder, pytest.raises(ValueError):
        folder.at(name)


def test_a_link_in_the_path_is_refused(tmp_path):
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for path in ("link", "link/inner"):
        with pytest.raises(OSError, match="a link or a file"), open_folder(os.fsencode(tmp_path / path)):
            pytest.fail("was followed")
    with open_folder(os.fsencode(tmp_path)) as folder, pytest.raises(OSError), opened_child(folder, b"link"):
        pytest.fail("was followed")


def test_a_link_is_not_opened_as_a_video_and_a_pipe_is_not_waited_for(tmp_path):
    (tmp_path / "film.mkv").touch()
    (tmp_path / "link.mkv").symlink_to("film.mkv")
    os.mkfifo(tmp_path / "pipe.mkv")
    with open_folder(os.fsencode(tmp_path)) as folder:
        with pytest.raises(OSError), opened(folder.at(b"link.mkv")):
            pytest.fail("was followed")
        with opened(folder.at(b"pipe.mkv")):
            pass
        assert folder.at(b"gone.mkv").status() is None
        assert not is_fixed_at(folder.at(b"gone.mkv"))


def test_a_renamed_folder_stays_the_one_that_was_opened(tmp_path):
    (tmp_path / "a").mkdir()
    with open_folder(os.fsencode(tmp_path / "a")) as folder:
        (tmp_path / "a").rename(tmp_path / "b")
        (tmp_path / "a").mkdir()
        os.close(folder.at(b"film.mkv").open_new(os.O_WRONLY))
    assert (tmp_path / "b" / "film.mkv").exists()
    assert not (tmp_path / "a" / "film.mkv").exists()


def test_what_is_missing_of_a_path_is_made_on_request_only(tmp_path):
    path = os.fsencode(tmp_path / "new" / "inner")
    with pytest.raises(FileNotFoundError), open_folder(path):
        pytest.fail("was made")
    with made_folder(path) as folder:
        assert os.path.samestat(folder.status(), os.stat(path))
