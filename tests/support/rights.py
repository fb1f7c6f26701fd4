"""What a file's mode says, also for root, who may read and write everything."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# prctl(2): PR_CAPBSET_DROP of CAP_DAC_OVERRIDE and of CAP_DAC_READ_SEARCH; what is executed then has neither
_GIVE_UP = """
import ctypes, os, sys
for right in (1, 2):
    if ctypes.CDLL(None, use_errno=True).prctl(24, right, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "root keeps the right to read and write everything")
os.execvp(sys.argv[1], sys.argv[1:])
"""


def bound_by_modes() -> tuple[str, ...]:
    """Return the words in front of a command that make it heed the modes of files; nobody but root needs any."""
    return (sys.executable, "-ISc", _GIVE_UP) if os.geteuid() == 0 else ()


@contextmanager
def folder_for_all(mode: int) -> Iterator[Path]:
    """Make a folder that every user can come to: what pytest or TMPDIR gives may be the runner's alone."""
    places = (tempfile.gettempdir(), "/tmp", "/var/tmp")
    open_to_all = [place for place in places if _is_open_to_all(Path(place))]
    folder = Path(tempfile.mkdtemp(prefix="vpo-for-all-", dir=open_to_all[0]))
    folder.chmod(mode)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_open_to_all(place: Path) -> bool:
    return place.is_dir() and all(folder.stat().st_mode & 0o001 for folder in (place, *place.parents))
