"""The names of our own files."""

from __future__ import annotations

import os

import pytest

from vpo_tasks.disk.folders import open_folder
from vpo_tasks.disk.fsops import Sidecars, files_of, id_of

KEY = "0123456789abcdef"


def test_every_name_of_ours_is_known_as_ours_and_fits_any_folder(tmp_path):
    with open_folder(os.fsencode(tmp_path)) as folder:
        names = Sidecars.new(folder, KEY)
        assert names.key == KEY
        for place in (names.journal, names.part, names.orig, names.work):
            assert id_of(place.name) == names.id
            assert len(place.name) <= 60
        assert Sidecars.new(folder, KEY).id != names.id or Sidecars.new(folder, KEY).id != names.id


@pytest.mark.parametrize(
    "name",
    [
        b"film.mkv", b".vpo-undo", b".vpo-0123456789abcdef-0001.mkv", b".vpo-0123456789ABCDEF-0001.json",
        b".vpo-0123456789abcdef-0001.json.bak", b"x.vpo-0123456789abcdef-0001.json",
        b".vpo-0123456789abcdef-0001.json\n",
    ],
)  # fmt: skip
def test_what_only_looks_like_ours_is_not(name):
    assert id_of(name) is None


def test_the_files_of_one_video_are_those_of_every_run(tmp_path):
    for name in (
        f".vpo-{KEY}-0001.json",
        f".vpo-{KEY}-0002.part",
        ".vpo-fedcba9876543210-0001.json",
        "a.json",
    ):
        (tmp_path / name).touch()
    with open_folder(os.fsencode(tmp_path)) as folder:
        assert sorted(place.name[-9:] for place in files_of(folder, KEY)) == [b"0001.json", b"0002.part"]
        assert [place.name[-9:] for place in files_of(folder, KEY, b".json")] == [b"0001.json"]
