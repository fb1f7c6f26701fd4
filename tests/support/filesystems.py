"""Small disks and bind mounts in a process with mounts of its own: nothing of them outlives it.

Root gets that by unshare(2), everybody else by a user namespace as well, where the kernel lets them.
"""

from __future__ import annotations

import ctypes
import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

PAGE = 4096
_NEW_MOUNTS, _NEW_USERS = 0x00020000, 0x10000000
_BIND, _RECURSIVE, _PRIVATE = 0x1000, 0x4000, 0x40000
_NO_NAMESPACE = 77


def with_own_mounts(work: Callable[[], object]) -> None:
    """Run `work` in a forked process that may mount; what it raises fails the test.

    Skips where the kernel allows neither way; fails there when VPO_REQUIRE_TOOLS=1 and we are root.
    """
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(told)
        os._exit(_attempt(work, tell))
    os.close(tell)
    with open(told, "rb") as stream:
        said = stream.read().decode("utf-8", "replace")
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == _NO_NAMESPACE:
        if os.environ.get("VPO_REQUIRE_TOOLS") == "1" and os.geteuid() == 0:
            pytest.fail(f"no file system can be mounted here: {said}")
        pytest.skip("no file system can be mounted here")
    if code != 0:
        pytest.fail(said or f"ended by {code}")


def _attempt(work: Callable[[], object], tell: int) -> int:
    try:
        _enter()
    except (OSError, AttributeError) as error:
        os.write(tell, str(error).encode())
        return _NO_NAMESPACE
    try:
        work()
    except BaseException:  # noqa: BLE001 - a forked process must not go back into the test runner
        os.write(tell, traceback.format_exc()[-60_000:].encode())
        return 1
    return 0


def _enter() -> None:
    uid, gid = os.geteuid(), os.getegid()
    kind = _NEW_MOUNTS if uid == 0 else _NEW_MOUNTS | _NEW_USERS
    if ctypes.CDLL(None, use_errno=True).unshare(kind) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if uid != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            Path("/proc/self", name).write_text(text)
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)
    # whether it really may is seen here, and not taken for a failure of the test later
    _mount("tmpfs", "/mnt", "tmpfs")


def mount_disk(folder: Path, size_bytes: int) -> None:
    """Mount an empty file system of so many whole pages. Only in `with_own_mounts`."""
    folder.mkdir(exist_ok=True)
    pages = -(-size_bytes // PAGE)
    _mount("tmpfs", folder, "tmpfs", data=f"size={pages * PAGE}")


def bind(existing: Path, folder: Path) -> None:
    """Show a folder at a second place. Only in `with_own_mounts`."""
    folder.mkdir(exist_ok=True)
    _mount(existing, folder, None, _BIND)


def _mount(
    what: str | Path | None, folder: str | Path, kind: str | None, flags: int = 0, data: str | None = None
) -> None:
    """mount(2): a plain machine need not have the command."""
    words = [None if word is None else os.fsencode(word) for word in (what, folder, kind, data)]
    if ctypes.CDLL(None, use_errno=True).mount(*words[:3], ctypes.c_ulong(flags), words[3]) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fspath(folder))
