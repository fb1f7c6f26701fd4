"""Undoing earlier work: finding what can be undone, taking it back, and letting go of what is too old."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vpo_tasks.disk.system_calls import RealDisk
from vpo_tasks.disk.undo_store import StoredUndo, entries, prune
from vpo_tasks.errors import FileError, UsageError
from vpo_tasks.execute.undo import undo
from vpo_tasks.state.store import Store
from vpo_tasks.state.undo_folders import UndoFolders

if TYPE_CHECKING:
    from vpo_tasks.config import VPOConfig


class UndoOutcome(NamedTuple):
    """What became of one video: `path` is where the old one is again; `error` says why it is not."""

    path: str
    error: str | None = None


def find_entries(folders: UndoFolders, path: str | None = None) -> list[StoredUndo]:
    """Return what can be undone, newest first: everything known, or that of one video or folder."""
    known = set(folders.folders())
    if path is None:
        return _newest_first(entry for folder in known for entry in entries(folder))
    real = os.path.realpath(os.fsencode(path))
    if os.path.isdir(real):
        inside = {folder for folder in known if (folder + b"/").startswith(real.rstrip(b"/") + b"/")}
        return _newest_first(entry for folder in inside | {real} for entry in entries(folder))
    beside = entries(os.path.dirname(real))
    return _newest_first(entry for entry in beside if real in (entry.video, entry.source))


def choose(found: Sequence[StoredUndo], folders: UndoFolders, asked: str | None) -> list[StoredUndo]:
    """Return what a person asked to undo: a run, a file (its last change), or the last run.

    `found` is everything that can be undone. Raises UsageError when there is no such thing.
    """
    if asked is None:
        if not found:
            raise UsageError("there is nothing to undo")
        asked = found[0].record.run  # not by its name, which is in local time: that may go back
    chosen = [entry for entry in found if entry.record.run == asked]
    if chosen:
        return chosen
    of_file = find_entries(folders, asked) if not os.path.isdir(asked) else []
    if not of_file:
        raise UsageError(f"{asked}: no run and no video that could be undone (see vpo undo --list)")
    return of_file[:1]


def undo_all(
    chosen: Iterable[StoredUndo], store: Store, folders: UndoFolders, locks_dir: str
) -> list[UndoOutcome]:
    """Take the chosen work back, one video after the other; a failure is that video's alone."""
    outcomes = []
    touched: set[bytes] = set()
    for entry in chosen:
        try:
            undone = undo(entry, RealDisk(), locks_dir)
        except FileError as error:
            outcomes.append(UndoOutcome(os.fsdecode(entry.video), str(error)))
            continue
        for path in {undone.path, undone.was}:
            store.forget(path)
        touched.add(entry.folder)
        outcomes.append(UndoOutcome(os.fsdecode(undone.path)))
    folders.update({folder: None for folder in touched if not entries(folder)})
    return outcomes


def prune_originals(folders: UndoFolders, config: VPOConfig) -> None:
    """Remove what is too old or too much; what cannot be removed stays for the next time."""
    keep_s = config.safety.keep_originals_s
    left = prune(RealDisk(), folders.folders(), keep_s=keep_s, now=time.time(), locks_dir=config.locks_path)
    folders.update(left)


def _newest_first(found: Iterable[StoredUndo]) -> list[StoredUndo]:
    return sorted(found, key=lambda entry: (entry.record.at, entry.id), reverse=True)
