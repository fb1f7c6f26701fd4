"""The names of our own files in a user's folder: `.vpo-<id>.{json,part,orig}`, at most 60 bytes."""

from __future__ import annotations

import os
import re
import secrets
from typing import NamedTuple

_PRIVATE = re.compile(rb"\.vpo-([0-9a-f]{16})-[0-9a-f]{4}\.(json|part|orig)")


class Private(NamedTuple):
    """Our own files for one piece of work: `folder` and the three names in it."""

    folder: bytes
    id: str

    @classmethod
    def new(cls, folder: bytes, key: str) -> Private:
        """Return names nobody has; `key` is the lock's (locks.path_key), so that recovery finds the lock."""
        return cls(folder, f"{key}-{secrets.token_hex(2)}")

    @classmethod
    def parse(cls, path: bytes) -> Private | None:
        """Return what a private file belongs to, None for a name that is not ours."""
        folder, name = os.path.split(path)
        if not _PRIVATE.fullmatch(name):
            return None
        return cls(folder, name[len(b".vpo-") : name.rindex(b".")].decode())

    @property
    def key(self) -> str:
        return self.id[:16]

    @property
    def journal(self) -> bytes:
        return self._named("json")

    @property
    def part(self) -> bytes:
        return self._named("part")

    @property
    def orig(self) -> bytes:
        return self._named("orig")

    def _named(self, suffix: str) -> bytes:
        return os.path.join(self.folder, f".vpo-{self.id}.{suffix}".encode())


def files_of(folder: bytes, key: str, suffix: bytes = b"") -> list[bytes]:
    """Return our own files that speak of one video, whichever run they are of. Raises OSError.

    Reads the whole folder: half a millisecond for each thousand names.
    """
    prefix = f".vpo-{key}-".encode()
    names = (name for name in os.listdir(folder) if name.startswith(prefix) and name.endswith(suffix))
    return [os.path.join(folder, name) for name in names]
