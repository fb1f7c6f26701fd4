"""What a test needs of the machine beyond Python, and which package brings it. A new need is a line here."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable

import pytest

PACKAGES = {
    "bindfs": "bindfs",
    "chattr": "e2fsprogs",
    "ffmpeg": "ffmpeg",
    "ffprobe": "ffmpeg",
    "find": "findutils",
    "gcc": "gcc",
    "getfacl": "acl",
    "mergerfs": "mergerfs",
    "mkfs.ext4": "e2fsprogs",
    "mkvextract": "mkvtoolnix",
    "mkvmerge": "mkvtoolnix",
    "mkvpropedit": "mkvtoolnix",
    "setfacl": "acl",
    "setfattr": "attr",
    "strace": "strace",
    "xargs": "findutils",
}
"""Debian's package for each command. What POSIX says that a shell has is not here: tests do without it, or see
`posix_command`."""

_REASON = re.compile(r"(\S+) missing \(Debian: \S+\)")


def need_tool(name: str) -> str:
    """Return the path of a command; without it the test is left out, or fails where CI promised the tools."""
    found = shutil.which(name)
    if found is None:
        leave_out(name)
    return found


def leave_out(name: str) -> None:
    """End the test for want of a command: as a failure where VPO_REQUIRE_TOOLS=1 promised all of them."""
    reason = f"{name} missing (Debian: {PACKAGES[name]})"
    if os.environ.get("VPO_REQUIRE_TOOLS") == "1":
        pytest.fail(f"{reason}, and VPO_REQUIRE_TOOLS=1 says it must be there")
    pytest.skip(reason)


def left_out(reasons: Iterable[str]) -> str:
    """Return one line about the tests that `leave_out` ended, from the reasons of all skips; empty without any."""
    found = [match[0] for reason in reasons if (match := _REASON.search(reason))]
    if not found:
        return ""
    return f"{len(found)} {'test' if len(found) == 1 else 'tests'} left out: {', '.join(sorted(set(found)))}"


def posix_command(name: str) -> str | None:
    """Return where the system itself keeps a command that every Unix has, whatever PATH says."""
    return shutil.which(name, path=os.defpath)
