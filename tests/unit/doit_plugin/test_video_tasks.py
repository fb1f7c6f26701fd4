"""Task names from any file name, and back."""

from __future__ import annotations

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vpo_tasks.doit_plugin.video_tasks import full_name, relative_path, task_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Films/Der Pate (1972).mkv", "Films/Der Pate (1972).mkv"),
        ("a=b.mkv", "a%3Db.mkv"),
        ("100%.mkv", "100%25.mkv"),
        ("-x.mkv", "%2Dx.mkv"),
        ("a-x.mkv", "a-x.mkv"),
        ("@x.mkv", "@x.mkv"),
        ("two\nlines.mkv", "two%0Alines.mkv"),
        ("star*.mkv", "star%2A.mkv"),
        ("映画.mkv", "映画.mkv"),
        ("\u202efdp.mkv", "%E2%80%AEfdp.mkv"),
        ("\udcff.mkv", "%FF.mkv"),
    ],
)
def test_names_stay_readable_and_lose_what_doit_cannot_take(path, name):
    assert task_name(os.fsencode(path)) == name
    assert full_name(os.fsencode(path)) == f"process:{name}"


@given(st.binary(min_size=1).filter(lambda path: b"\0" not in path))
@example(b"%41.mkv")
@example("\x85=\u202e.mkv".encode())
def test_every_path_comes_back_and_no_two_share_a_name(path):
    name = task_name(path)
    assert relative_path(name) == path
    assert "=" not in name
    assert "*" not in name
    name.encode("utf-8")
