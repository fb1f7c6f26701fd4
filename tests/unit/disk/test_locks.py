"""A lock is held as long as its holder, or a tool of its, works, and no longer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vpo_tasks.disk.locks import key_lock
from vpo_tasks.errors import LockedError

KEY = "0123456789abcdef"


def test_a_released_lock_is_free_at_once_while_another_process_is_just_being_started(tmp_path: Path) -> None:
    # between fork and exec a child of another thread has every descriptor, close-on-exec or not
    wait, go = os.pipe()
    with key_lock(str(tmp_path), KEY, "film.mkv", None):
        child = os.fork()
        if child == 0:
            os.read(wait, 1)
            os._exit(0)
    try:
        with key_lock(str(tmp_path), KEY, "film.mkv", None):
            pass
    finally:
        os.write(go, b"x")
        os.waitpid(child, 0)


def test_a_held_lock_is_held_for_everybody_else(tmp_path: Path) -> None:
    with (
        key_lock(str(tmp_path), KEY, "film.mkv", None),
        pytest.raises(LockedError),
        key_lock(str(tmp_path), KEY, "film.mkv", None),
    ):
        pass
    with key_lock(str(tmp_path), KEY, "film.mkv", None):
        pass
