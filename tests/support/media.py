"""Real small videos for tests, and what needs to be known about the machine to make them."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.tools import need_tool
from vpo_tasks.media.synthetic import AUDIO, VIDEO, SampleChapter, SampleTrack, make_sample

__all__ = ["AUDIO", "VIDEO", "SampleChapter", "SampleTrack", "make_sample", "need_tool", "sample", "to_path"]


def to_path(folder: Path, name: str | bytes) -> str:
    """Return a path in `folder` as the program carries it (surrogate-escaped)."""
    return os.path.join(str(folder), os.fsdecode(name))


def sample(folder: Path, name: str | bytes = "a.mkv", *tracks: SampleTrack, **options) -> str:
    """Make a small video in `folder` and return its path."""
    path = to_path(folder, name)
    make_sample(path, tracks or (VIDEO, AUDIO), **options)
    return path
