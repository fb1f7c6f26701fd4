"""Tools that misbehave in a chosen way, as scripts; and where the real ones are."""

from __future__ import annotations

import os
import sys
from functools import cache

import imageio_ffmpeg
import pytest

from vpo_tasks.execute.base import ToolInfo
from vpo_tasks.execute.tools import Toolbox, find_tools


@cache
def real_toolbox() -> Toolbox:
    return find_tools()


def wheel_toolbox() -> Toolbox:
    """Only what a machine with Python and nothing else has."""
    return toolbox_of("ffmpeg", imageio_ffmpeg.get_ffmpeg_exe())


def toolbox_of(name: str, path: str) -> Toolbox:
    return Toolbox({name: ToolInfo(name=name, path=path, version="", origin="test")})


def require_tool(name: str) -> None:
    """Skip without the tool, but fail where the machine promises all of them."""
    if name in real_toolbox().names:
        return
    if os.environ.get("VPO_REQUIRE_TOOLS") == "1":
        pytest.fail(f"{name} is missing")
    pytest.skip(f"{name} is missing")


def fake_tool(folder: str, body: str, name: str = "ffmpeg") -> Toolbox:
    """A tool that runs `body` as Python; `real` in it is the real ffmpeg, `output` the file to write."""
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(
            f"#!{sys.executable}\n"
            "import functools, os, signal, subprocess, sys, time\n"
            "subprocess.run = functools.partial(subprocess.run, close_fds=False)  # it inherits the source\n"
            f"real = {real_toolbox().tools['ffmpeg'].path!r}\n"
            "output = sys.argv[-1].removeprefix('file:')\n" + body
        )
    os.chmod(path, 0o755)
    return toolbox_of(name, path)
