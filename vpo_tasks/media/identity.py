"""Which file this is. Standard library only: an up-to-date run imports nothing heavier."""

from __future__ import annotations

import os
from typing import NamedTuple


class Identity(NamedTuple):
    """What `stat` says of a video (docs/architecture.md, "Up to date"). Bytes and nanoseconds."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int = 0
    """Compared only while a video is in hand; a rename or chmod moves it without changing the video."""

    @classmethod
    def of(cls, stat: os.stat_result) -> Identity:
        """Return the identity of a stat result."""
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)

    def same_video(self, other: Identity) -> bool:
        """Tell whether device, inode, size and mtime agree."""
        return self[:4] == other[:4]
