"""The names of our own files in a user's folder: `.vpo-<id>.{json,part,orig,tmp}`, at most 60 bytes.

`json` is the journal, `orig` the original, `part` the finished new video on its way to its name. `tmp` is a
folder that only we can enter: tools write there.
"""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple

from vpo_tasks.disk.folders import Folder, Place

_PRIVATE = re.compile(rb"\.vpo-([0-9a-f]{16}-[0-9a-f]{4})\.(json|part|orig|tmp)")


class Sidecars(NamedTuple):
    """Our own files for one piece of work: `folder` and the names in it."""

    folder: Folder
    id: str

    @classmethod
    def new(cls, folder: Folder, key: str) -> Sidecars:
        """Return names nobody has; `key` is the lock's (locks.path_key), so that recovery finds the lock."""
        return cls(folder, f"{key}-{secrets.token_hex(2)}")

    @property
    def key(self) -> str:
        return self.id[:16]

    @property
    def journal(self) -> Place:
        return self._named("json")

    @property
    def part(self) -> Place:
        return self._named("part")

    @property
    def orig(self) -> Place:
        return self._named("orig")

    @property
    def work(self) -> Place:
        return self._named("tmp")

    def _named(self, suffix: str) -> Place:
        return self.folder.at(f".vpo-{self.id}.{suffix}".encode())


def id_of(name: bytes) -> str | None:
    """Return which piece of work a private name is of, None for a name that is not ours."""
    found = _PRIVATE.fullmatch(name)
    return None if found is None else found[1].decode()


def files_of(folder: Folder, key: str, suffix: bytes = b"") -> list[Place]:
    """Return our own files that speak of one video, whichever run they are of. Raises OSError.

    Reads the whole folder: half a millisecond for each thousand names.
    """
    prefix = f".vpo-{key}-".encode()
    names = (name for name in folder.names() if name.startswith(prefix) and name.endswith(suffix))
    return [folder.at(name) for name in names]
