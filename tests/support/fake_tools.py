"""Tools that misbehave in a chosen way, as scripts; and where the real ones are."""

from __future__ import annotations

import os
import sys
from functools import cache

from tests.support.tools import leave_out, posix_command
from vpo_tasks.programs import wheel_ffmpeg
from vpo_tasks.tools.base import ToolInfo
from vpo_tasks.tools.toolbox import Toolbox, find_tools


@cache
def real_toolbox() -> Toolbox:
    return find_tools()


def wheel_toolbox() -> Toolbox:
    """Only what a machine with Python and nothing else has."""
    path = wheel_ffmpeg()
    assert path is not None
    return toolbox_of("ffmpeg", path)


def remuxer() -> str:
    """Return the tool that copies a Matroska file into one here."""
    return "mkvmerge" if "mkvmerge" in real_toolbox().names else "ffmpeg"


def toolbox_of(name: str, path: str) -> Toolbox:
    return Toolbox({name: ToolInfo(name=name, path=path, version="", origin="test")})


def require_tool(name: str) -> None:
    """Leave the test out where the program itself would not find the tool: the wheel's ffmpeg is one."""
    if name not in real_toolbox().names:
        leave_out(name)


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


def write_copier(path: str, source: str, word: int) -> None:
    """Write a tool that only copies `source` to its argument number `word`, -1 for the last one.

    By the system's `cp`, which other users may run too and which starts faster than Python; else in Python.
    """
    copy = posix_command("cp")
    if copy is None:
        text = (
            f"#!{sys.executable} -IS\nimport sys\n"
            f"with open({source!r}, 'rb') as old, open(sys.argv[{word}].removeprefix('file:'), 'wb') as new:\n"
            "    new.write(old.read())\n"
        )
    else:
        chosen = f"shift {word - 1}; word=$1" if word > 0 else "for word; do :; done"
        text = f'#!/bin/sh\n{chosen}\nexec {copy} "{source}" "${{word#file:}}"\n'
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(path, 0o755)
