"""Two names that change places in one step, so that what was replaced can be looked at before it goes.

Linux: renameat2(2) with RENAME_EXCHANGE, since 3.15; macOS: renameatx_np(2) with RENAME_SWAP, on APFS. Python
offers neither.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from functools import cache
from typing import Any

from vpo_tasks.execute.folders import Place

_RENAME_EXCHANGE = 2  # <linux/fs.h>
_RENAME_SWAP = 2  # <sys/stdio.h> of macOS


def exchange_names(one: Place, other: Place) -> None:
    """Exchange two files that both exist. Raises OSError, ENOSYS where the system has no such call."""
    call = _call()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    how = _RENAME_SWAP if sys.platform == "darwin" else _RENAME_EXCHANGE
    if call(one.folder.fd, one.name, other.folder.fd, other.name, how) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), one.path, None, other.path)


@cache
def _call() -> Any:
    name = {"linux": "renameat2", "darwin": "renameatx_np"}.get(sys.platform)
    # a C library older than glibc 2.28 has no name for the call
    call = None if name is None else getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if call is not None:
        place = (ctypes.c_int, ctypes.c_char_p)
        call.argtypes = (*place, *place, ctypes.c_uint)
        call.restype = ctypes.c_int
    return call
