"""What `chattr` has fixed is refused before the work, and nothing is left behind."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.execute import flip_default, make_environment, plan_for, work_for
from vpo_tasks.errors import ReplaceError
from vpo_tasks.execute.replace import carry_out
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleTrack, make_sample

TO_MKV: dict[str, Any] = {"container": "mkv", "doc_type": "matroska"}


@contextmanager
def fixed(path: Path, flag: str) -> Iterator[None]:
    if shutil.which("chattr") is None or subprocess.run(["chattr", f"+{flag}", path], check=False).returncode:
        pytest.skip("needs chattr, and the right to use it")
    try:
        yield
    finally:
        subprocess.run(["chattr", f"-{flag}", path], check=True)


@pytest.mark.parametrize("flag", ["i", "a"])
@pytest.mark.parametrize("what", ["video", "folder"])
@pytest.mark.parametrize("mode", ["replace", "rename", "output"])
def test_what_is_immutable_fails_before_the_work_and_leaves_nothing(
    tmp_path: Path, mode: str, what: str, flag: str
) -> None:
    library, out = tmp_path / "library", tmp_path / "out"
    library.mkdir()
    out.mkdir()
    video = library / ("film.avi" if mode == "rename" else "film.mkv")
    make_sample(str(video), [SampleTrack("video"), SampleTrack("audio", "mp3")])
    media = read_media(str(video))
    plan = plan_for(media, **TO_MKV) if mode == "rename" else plan_for(media, change=flip_default)
    rest: dict[str, Any] = {}
    place = video
    if mode == "output":
        place = out / "film.mkv"
        place.write_bytes(b"made before")
        rest = {"destination": str(place), "may_overwrite": True}
    before = {path: path.read_bytes() for path in (video, place)}
    environment = make_environment(tmp_path)
    work = work_for(str(video), plan, **rest)
    with fixed(place if what == "video" else place.parent, flag):
        with pytest.raises(ReplaceError, match="immutable or append-only"):
            carry_out(work, environment)
        assert {path: path.read_bytes() for path in before} == before
        assert [path.name for folder in (library, out) for path in folder.iterdir()] == [
            path.name for path in dict.fromkeys((video, place))
        ]
