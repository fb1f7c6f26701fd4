"""A dodo.py that an earlier `vpo init` wrote goes on working: its import is an address that stays."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("address", ["vpo_tasks.dodo", "vpo_tasks.tasks.dodo"])
def test_both_addresses_bring_the_videos_in_line(world, address):
    (path,) = world.add("a.mkv")
    before = path.read_bytes()
    (world.media / "dodo.py").write_text(f"from {address} import DOIT_CONFIG, task_process\n")
    done = world.doit()
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() != before
