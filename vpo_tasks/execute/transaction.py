"""The one frame for changing a user's file: lock, journal, work, verify, commit, undo.

replace.py and in_place/edit.py fill it. The order of the steps is the protocol of docs/design/safety.md.
"""

from __future__ import annotations

import errno
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, NamedTuple, TypeVar

from vpo_tasks.disk import fsops
from vpo_tasks.disk.folders import OpenFile, Place, open_folder, opened
from vpo_tasks.disk.fsops import Sidecars
from vpo_tasks.disk.journal import HeaderRecord, Record, encode, read_record
from vpo_tasks.disk.locks import VideoLock, video_lock
from vpo_tasks.disk.undo_store import retire
from vpo_tasks.errors import FileError, LockedError, ReplaceError, SpaceError, VanishedError, VpoError
from vpo_tasks.execute.resolve import Resolution
from vpo_tasks.execute.work import Done, Environment, Replacement
from vpo_tasks.media.identity import Identity
from vpo_tasks.plan.model import Plan

Line = TypeVar("Line", Record, HeaderRecord)


class LockedVideo(NamedTuple):
    """The planned video, open and locked. What has its name later may be another file."""

    place: Place
    file: OpenFile
    lock: VideoLock


@contextmanager
def locked_video(work: Replacement, environment: Environment) -> Iterator[LockedVideo]:
    """Open the planned video and lock it. An OSError in the block becomes a FileError of the video.

    Raises VanishedError, LockedError, or ReplaceError when the video is another by now.
    """
    path = os.fsencode(work.source)
    try:
        with open_folder(os.path.dirname(path)) as folder:
            place = folder.at(os.path.basename(path))
            current_identity(place, work)
            with opened(place) as file:
                if not Identity.of(os.fstat(file.fd)).same_video(work.identity):
                    raise foreign_file(work.source)
                with video_lock(environment.locks_dir, work.source, work.identity) as lock:
                    yield LockedVideo(place, file, lock)
    except OSError as error:
        raise as_file_error(work.source, error) from error


class Transaction(ABC, Generic[Line]):
    """What a change does within the frame. Every method may raise OSError or a VpoError.

    `record` is the journal's first line. Until `prepare` nothing but the journal is written.
    """

    unresolved: type[FileError] = ReplaceError
    """Raised when the change could not be undone."""

    def __init__(self, work: Replacement, environment: Environment, names: Sidecars, record: Line) -> None:
        self.work = work
        self.environment = environment
        self.names = names
        self.record: Line = record

    def obstacle(self) -> VpoError | None:
        """Return why the change cannot begin, now that its journal can be seen."""
        return None

    @abstractmethod
    def prepare(self) -> Line | None:
        """Do and verify what leaves the video alone. Returns what the journal must say before `commit`."""

    @abstractmethod
    def commit(self) -> Line:
        """Change the video. Returns the record of the finished change."""

    @abstractmethod
    def resolve(self, record: Line) -> Resolution:
        """Undo the change, or finish it if it was complete, as recovery does."""

    @abstractmethod
    def done(self, record: Line, warnings: tuple[str, ...]) -> Done:
        """Return the result of the finished change."""


def carry_through(change: Transaction[Line]) -> Done:
    """Carry out a change, or undo it. Raises FileError or Interrupted; then the video is as it was.

    When even the undo fails, the journal stays, and the next start resolves it.
    """
    disk, names = change.environment.disk, change.names
    try:
        journal = fsops.create_journal(disk, names, encode(change.record))
        try:
            _check_may_begin(change)
            record = change.prepare()
            if record is not None:
                fsops.append_journal(disk, journal, encode(record))
            record = change.commit()
            fsops.append_journal(disk, journal, encode(record))
        finally:
            os.close(journal)
    except (OSError, VpoError) as error:
        return change.done(*_after_failure(change, error))
    return change.done(record, _put_away(change, record))


def _check_may_begin(change: Transaction[Line]) -> None:
    rival = "another run has just begun with this video"
    is_rival = fsops.has_rival(change.names)
    obstacle = LockedError(change.work.source, rival) if is_rival else change.obstacle()
    if obstacle is not None:
        fsops.clean_up(change.environment.disk, change.names)
        raise obstacle


def _put_away(change: Transaction[Line], record: Line) -> tuple[str, ...]:
    """Put the private files away; what fails twice is a warning, for the next start does it."""
    reason = ""
    for _ in range(2):
        try:
            not_kept = retire(change.environment.disk, change.names, record)
        except OSError as error:
            reason = f"{os_error_reason(error)}; what is left is cleaned up at the next start"
        else:
            return () if not_kept is None else (not_kept,)
    return (reason,)


def _after_failure(change: Transaction[Line], error: OSError | VpoError) -> tuple[Line, tuple[str, ...]]:
    """Resolve what broke off. Returns the record and a warning if it was complete, else raises."""
    video, reason, record = change.work.source, os_error_reason(error), change.record
    resolution: Resolution | None = None
    try:
        if change.names.journal.status() is not None:
            found = read_record(change.names.journal)
            record = found if isinstance(found, type(record)) else record
            resolution = change.resolve(record)
    except OSError as second:
        raise change.unresolved(video, f"{reason}; to be settled at the next start") from second
    if resolution is None or resolution.outcome == "undone":
        raise error
    if resolution.outcome == "kept":
        raise change.unresolved(video, f"{reason}; {resolution.detail}") from error
    return record, (f"{reason}; {resolution.detail}",)


def current_identity(place: Place, work: Replacement) -> Identity:
    """Return the video's identity now. Raises VanishedError, or ReplaceError when it is another."""
    status = place.status()
    if status is None:
        raise VanishedError(work.source, "the video is not there any more")
    if not stat.S_ISREG(status.st_mode):
        raise ReplaceError(work.source, "not a regular file")
    identity = Identity.of(status)
    if not identity.same_video(work.identity):
        raise ReplaceError(work.source, "the video has changed since it was read; left as it is")
    return identity


def foreign_file(video: str) -> ReplaceError:
    """Return the error for a source that somebody replaced or wrote to while we had it in hand."""
    return ReplaceError(video, "the video was changed by somebody else meanwhile; left as it is")


def wanted_mtime_ns(plan: Plan, old: Identity) -> int | None:
    """Return the modification time that the plan asks for, None for the time of writing."""
    if plan.mtime_s is not None:
        return int(plan.mtime_s * 1e9)
    return old.mtime_ns if plan.keep_mtime else None


def as_file_error(video: str, error: OSError) -> FileError:
    """Return what the system said as an error of this video."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SpaceError(video, os_error_reason(error))
    folder = os.path.dirname(os.path.abspath(video))
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and not os.access(folder, os.W_OK | os.X_OK):
        return ReplaceError(video, f"its folder may not be written ({os_error_reason(error)})")
    return ReplaceError(video, os_error_reason(error))


def os_error_reason(error: OSError | VpoError) -> str:
    """Return an error's words without its path."""
    if isinstance(error, FileError):
        return error.detail
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
