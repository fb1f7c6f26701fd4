"""Our private files as a test lays and finds them: by path. The program itself names them in an open folder."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from typing import NamedTuple

from vpo_tasks.disk import fsops, undo_store
from vpo_tasks.disk import journal as journals
from vpo_tasks.disk.folders import open_folder
from vpo_tasks.disk.system_calls import Disk
from vpo_tasks.execute import recover as recovery
from vpo_tasks.execute.work import Environment, RecoveryNote


class Private(NamedTuple):
    folder: bytes
    id: str

    @classmethod
    def new(cls, folder: bytes, key: str) -> Private:
        return cls(folder, f"{key}-{secrets.token_hex(2)}")

    @classmethod
    def parse(cls, path: bytes) -> Private | None:
        found = fsops.id_of(os.path.basename(path))
        return None if found is None else cls(os.path.dirname(path), found)

    @property
    def journal(self) -> bytes:
        return self._named("json")

    @property
    def part(self) -> bytes:
        return self._named("part")

    @property
    def orig(self) -> bytes:
        return self._named("orig")

    @property
    def work(self) -> bytes:
        return self._named("tmp")

    def _named(self, suffix: str) -> bytes:
        return os.path.join(self.folder, f".vpo-{self.id}.{suffix}".encode())


def fingerprint(path: bytes) -> str:
    fd = os.open(path, os.O_RDONLY)
    try:
        return journals.file_sample_digest(fd)
    finally:
        os.close(fd)


def recover(journal: bytes, environment: Environment) -> RecoveryNote:
    names = Private.parse(journal)
    assert names is not None
    return recovery.recover(names.folder, names.id, environment)


def retire(disk: Disk, names: Private, record: journals.AnyRecord) -> str | None:
    with open_folder(names.folder) as folder:
        return undo_store.retire(disk, fsops.Sidecars(folder, names.id), record)


def stored_in(folder: bytes) -> Iterator[Private]:
    with open_folder(folder) as opened, undo_store.opened_store(opened) as store:
        for names in undo_store.stored_in(store):
            yield Private(os.path.join(folder, b".vpo-undo"), names.id)
