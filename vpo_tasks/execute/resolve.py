"""Ending or undoing unfinished work by what is on the disk. The caller holds the lock."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from vpo_tasks.disk import fsops
from vpo_tasks.disk.folders import Place
from vpo_tasks.disk.fsops import Sidecars
from vpo_tasks.disk.journal import Record, encode, sample_digest
from vpo_tasks.disk.system_calls import Disk
from vpo_tasks.disk.undo_store import opened_store, remove_if_empty, retire
from vpo_tasks.execute.work import Outcome
from vpo_tasks.media.identity import Identity


def bring_back(disk: Disk, names: Sidecars, record: Record) -> str | None:
    """Bring the original back. Returns None, or why everything was left as it is. Raises OSError.

    Calling it again goes on from there.
    """
    source = names.folder.at(record.source)
    target = names.folder.at(record.target)
    held = which(source, record)
    if held == "old" and record.mode == "replace" and which(names.orig, record) == "unknown":
        return _swap_back(disk, names, source)
    if held != "old":
        reason = _fetch_original(disk, names, record)
        if reason is not None:
            return reason
    if record.mode == "rename":
        if which(names.part, record) == "unknown":
            return f"{os.fsdecode(names.part.path)} is another video; nothing was touched"
        if held not in ("none", "old"):
            return f"{os.fsdecode(source.path)} is another video; nothing was touched"
        if which(target, record) not in ("new", "none"):
            return f"{os.fsdecode(target.path)} was changed meanwhile; nothing was touched"
        if held == "none":
            fsops.place_original(disk, names, source)
        if which(target, record) == "new" and not fsops.take_back(
            disk, names, target, lambda place: which(place, record) == "new"
        ):
            return f"{os.fsdecode(target.path)} was changed meanwhile; nothing was touched"
    elif held != "old":
        if held not in ("new", "none"):
            return f"{os.fsdecode(source.path)} was changed meanwhile; nothing was touched"
        if held == "none":
            fsops.place_original(disk, names, source)
        elif not fsops.swap(disk, names, names.orig, source):
            fsops.put_original_back(disk, names, source)
        elif which(names.orig, record) == "unknown":
            return _swap_back(disk, names, source)
    fsops.clean_up(disk, names)
    remove_if_empty(disk, names.folder)
    return None


def _swap_back(disk: Disk, names: Sidecars, source: Place) -> str:
    """Give the name back to a foreign file that an exchange took out. Raises OSError."""
    if not fsops.swap(disk, names, names.orig, source):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), names.orig.path)
    return f"{os.fsdecode(source.path)} was changed meanwhile; nothing was touched"


def _fetch_original(disk: Disk, names: Sidecars, record: Record) -> str | None:
    if names.orig.status() is None:
        with opened_store(names.folder) as store:
            stored = None if store is None else names._replace(folder=store).orig
            if stored is not None and stored.status() is not None:
                disk.rename(stored, names.orig)
                disk.fsync_folder(names.folder)
    if which(names.orig, record) != "old":
        return f"the original of {os.fsdecode(record.source)} is gone; nothing was touched"
    return None


FileState = Literal["none", "old", "new", "unknown"]


class Resolution(NamedTuple):
    """How it ended, and why in words."""

    outcome: Outcome
    detail: str


class _Case(NamedTuple):
    """A piece of work, and what the source, the target (often the same) and our own two hold."""

    disk: Disk
    names: Sidecars
    record: Record
    verified: Callable[[Place], bool]
    source_path: Place
    target_path: Place
    source: FileState
    target: FileState
    orig: FileState
    part: FileState


_UNKNOWN = "holds a video that is neither the old nor the new one; nothing was touched"
_BAD = "the new video does not verify"


def resolve(disk: Disk, names: Sidecars, record: Record, verified: Callable[[Place], bool]) -> Resolution:
    """Bring the folder to rest. `verified` tells whether the video at a path is the complete new one.

    Raises OSError; calling it again goes on from there.
    """
    if record.state == "done":
        retire(disk, names, record)
        return Resolution("finished", "was complete, cleaned up")
    if record.state == "undoing":
        reason = bring_back(disk, names, record)
        return Resolution("undone", "the original is back") if reason is None else Resolution("kept", reason)
    target = names.folder.at(record.target)
    # what was made in an output folder has its source elsewhere, and that is not looked at
    source = target if record.mode == "output" else names.folder.at(record.source)
    held = tuple(which(path, record) for path in (source, target, names.orig, names.part))
    case = _Case(disk, names, record, verified, source, target, *held)
    if record.state == "committing" and case.part not in ("none", "new"):
        # names were exchanged, or one was taken back: `.part` holds what that took out, maybe a foreign file
        if record.mode == "replace" and case.source == "new" and case.part == "unknown":
            return _restore_foreign(case)
        if case.part == "unknown" or case.part not in (case.source, case.orig):
            return Resolution("kept", f"{os.fsdecode(names.part.path)} {_UNKNOWN}")
    if record.mode == "output":
        return _resolve_output(case)
    if case.orig == "unknown" and not _orig_is_spare(case):
        return Resolution("kept", f"{os.fsdecode(names.orig.path)} {_UNKNOWN}")
    return _resolve_rename(case) if record.mode == "rename" else _resolve_replace(case)


def which(place: Place, record: Record) -> FileState:
    """Tell which of the two videos a path holds: by identity, else by size and content.

    Inode numbers change without the video changing on some mounts.
    """
    status = place.status()
    if status is None:
        return "none"
    if not stat.S_ISREG(status.st_mode):
        return "unknown"
    identity = Identity.of(status)
    if record.new is not None and identity[:3] == record.new[:3]:
        return "new"
    if identity.same_video(record.old):
        return "old"
    if identity.size in (record.old.size, record.new.size if record.new else None):
        found = sample_digest(place)
        if found == record.new_print:
            return "new"
        if found == record.old_print:
            return "old"
    return "unknown"


def restore_foreign(disk: Disk, names: Sidecars, source: Place) -> None:
    """Give the name back to a foreign file that an exchange took out to `.part`; there the new video goes.

    The original goes first: its owner had replaced it, and while our video has the name it is clear that this
    is still to do. Raises OSError; calling it again goes on from there.
    """
    fsops.let_original_go(disk, names)
    if not fsops.swap(disk, names, names.part, source):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), names.part.path)


def _restore_foreign(case: _Case) -> Resolution:
    restore_foreign(case.disk, case.names, case.source_path)
    if which(case.names.part, case.record) != "new":  # one more came meanwhile
        return Resolution("kept", f"{os.fsdecode(case.names.part.path)} {_UNKNOWN}")
    return _undo(case, "somebody else had put another video in its place; it has its name back")


def _resolve_replace(case: _Case) -> Resolution:
    if case.source == "new":
        if case.verified(case.source_path):
            return _finish(case)
        if case.orig != "old":
            return Resolution("kept", f"{_BAD} and the old one is gone; nothing was touched")
        if not _put_old_back(case):
            return Resolution("kept", f"{os.fsdecode(case.source_path.path)} {_UNKNOWN}")
        return _undo(case, f"{_BAD}; the old one is back")
    return _resolve_source(case)


def _put_old_back(case: _Case) -> bool:
    """Put the old video in place of the bad new one. Returns False when somebody else's is there by now."""
    if which(case.source_path, case.record) != "new":  # to verify it took a while
        return False
    if not fsops.swap(case.disk, case.names, case.names.orig, case.source_path):
        fsops.put_original_back(case.disk, case.names, case.source_path)
    elif which(case.names.orig, case.record) == "unknown":
        fsops.swap(case.disk, case.names, case.names.orig, case.source_path)
        return False
    return True


def _resolve_rename(case: _Case) -> Resolution:
    if case.target != "new":
        return _resolve_source(case)
    if case.verified(case.target_path):
        if case.source == "old":
            fsops.set_original_aside(case.disk, case.names, case.source_path)
            if which(case.names.orig, case.record) != "old":
                fsops.place_original(case.disk, case.names, case.source_path)
                return Resolution("kept", f"{os.fsdecode(case.source_path.path)} {_UNKNOWN}")
        return _finish(case)
    if case.source == "none" and case.orig == "old":
        fsops.place_original(case.disk, case.names, case.source_path)
    elif case.source != "old":
        return Resolution("kept", f"{_BAD} and the old one is gone; nothing was touched")
    if not _take_back(case):
        return Resolution("kept", f"{os.fsdecode(case.target_path.path)} {_UNKNOWN}")
    return _undo(case, f"{_BAD}; the old one is back")


def _resolve_source(case: _Case) -> Resolution:
    """Settle what has not reached the swap."""
    if case.source == "none" and case.orig == "old":
        fsops.place_original(case.disk, case.names, case.source_path)
        return _undo(case, "the old video is back under its name")
    if case.source == "unknown" and not _orig_is_spare(case):
        return Resolution("kept", f"{os.fsdecode(case.source_path.path)} {_UNKNOWN}")
    return _undo(case, "was not begun; still to do")


def _resolve_output(case: _Case) -> Resolution:
    if case.target != "new":
        return _undo(case, "was not begun; still to do")
    if case.verified(case.target_path):
        return _finish(case)
    if not _take_back(case):
        return Resolution("kept", f"{os.fsdecode(case.target_path.path)} {_UNKNOWN}")
    return _undo(case, f"{_BAD} and was removed; still to do")


def _take_back(case: _Case) -> bool:
    def is_new(place: Place) -> bool:
        return which(place, case.record) == "new"

    return fsops.take_back(case.disk, case.names, case.target_path, is_new)


def _orig_is_spare(case: _Case) -> bool:
    """Tell whether `.orig` is missing or merely another name of what the source's name holds."""
    orig, current = case.names.orig.status(), case.source_path.status()
    return orig is None or (current is not None and os.path.samestat(orig, current))


def _finish(case: _Case) -> Resolution:
    fd = case.disk.open_to_append(case.names.journal)
    try:
        # the newline ends a line that was torn
        line = b"\n" + encode(msgspec.structs.replace(case.record, state="done"))
        fsops.append_journal(case.disk, fd, line)
    finally:
        os.close(fd)
    retire(case.disk, case.names, case.record)
    return Resolution("finished", "the new video was in place and verified; done")


def _undo(case: _Case, detail: str) -> Resolution:
    fsops.clean_up(case.disk, case.names)
    return Resolution("undone", detail)
