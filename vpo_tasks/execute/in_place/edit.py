"""Header edits without a copy: only the bytes that differ are written, under a journal.

The protocol is in docs/design/safety.md, "Header edits without a copy".
At any moment the journal beside the video holds every byte that it takes to have the old video back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from vpo_tasks.disk import fsops
from vpo_tasks.disk.folders import OpenFile, Place
from vpo_tasks.disk.fsops import Sidecars
from vpo_tasks.disk.journal import HeaderRecord, file_sample_digest, owner_of
from vpo_tasks.disk.locks import path_key
from vpo_tasks.errors import (
    FileError,
    Interrupted,
    ProbeError,
    VerifyError,
    VpoError,
)
from vpo_tasks.execute.comparison import probe
from vpo_tasks.execute.in_place import writes
from vpo_tasks.execute.in_place.change import HeaderChange, HeaderRefused
from vpo_tasks.execute.in_place.matroska import matroska_change
from vpo_tasks.execute.in_place.mp4 import mp4_change
from vpo_tasks.execute.in_place.writes import resolve_header
from vpo_tasks.execute.resolve import Resolution
from vpo_tasks.execute.transaction import (
    Transaction,
    carry_through,
    current_identity,
    foreign_file,
    locked_video,
    os_error_reason,
    wanted_mtime_ns,
)
from vpo_tasks.execute.verify import verify_chapters, verify_headers, verify_media
from vpo_tasks.execute.work import Done, Environment, Replacement
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.plan.model import Plan

_CHANGE_OF: Mapping[str, Callable[[OpenFile, Plan], HeaderChange]] = {
    "mkv": matroska_change,
    "mp4": mp4_change,
    "mov": mp4_change,
}
"""By container. Each only reads, and raises HeaderRefused or OSError."""


class UnresolvedError(FileError):
    """A change broke off and could not be taken back now; its journal stays for the next start."""


class _Job(NamedTuple):
    work: Replacement
    environment: Environment
    source: Place
    file: OpenFile
    old: Identity


def edit_header(work: Replacement, environment: Environment) -> Done:
    """Change flags, languages, titles and tags of a video in place.

    Raises HeaderRefused when the video is not fit for that (copy it instead), another FileError or
    Interrupted; the video is then as it was, except after UnresolvedError.
    """
    with locked_video(work, environment) as (source, file, _lock):
        job = _Job(work, environment, source, file, current_identity(source, work))
        change = _change_of(job)
        if environment.children.stopped:
            raise Interrupted
        if change.is_empty:
            return _already(job)
        video = writes.open_video(environment.disk, source)
        try:
            return carry_through(_HeaderEdit(job, change, video))
        except (VerifyError, ProbeError) as error:
            # the old bytes are back; whatever is in doubt costs a copy
            raise HeaderRefused(work.source, error.detail) from error
        finally:
            os.close(video)


class _HeaderEdit(Transaction[HeaderRecord]):
    """A header edit: the journal's first line holds every old and new byte."""

    unresolved = UnresolvedError

    def __init__(self, job: _Job, change: HeaderChange, video: int) -> None:
        names = Sidecars.new(job.source.folder, path_key(job.work.source))
        super().__init__(job.work, job.environment, names, _record(job, change))
        self._job = job
        self._change = change
        self._video = video
        self._media = job.work.plan.result

    def obstacle(self) -> VpoError | None:
        by_name = self._job.source.status()
        found = by_name and {Identity.of(by_name), Identity.of(os.fstat(self._video))}
        if found != {self._job.old}:
            return foreign_file(self.work.source)
        return Interrupted() if self.environment.children.stopped else None

    def prepare(self) -> None:
        """Nothing: what is to be written stands in the journal."""

    def commit(self) -> HeaderRecord:
        job, record = self._job, self.record
        writes.write_new(self.environment.disk, self._video, record, wanted_mtime_ns(self.work.plan, job.old))
        self._media = _verify(job, OpenFile(self._video, job.source.path))
        return msgspec.structs.replace(record, state="done", new=Identity.of(os.fstat(self._video)))

    def resolve(self, record: HeaderRecord) -> Resolution:
        return resolve_header(self.environment.disk, self.names, record, self.names.folder.at(record.source))

    def done(self, record: HeaderRecord, warnings: tuple[str, ...]) -> Done:
        identity, size = Identity.of(os.fstat(self._video)), record.old.size
        written = self._change.written_bytes
        return Done(self.work.source, identity, self._media, 0, written, warnings, size, identity.size)


def _change_of(job: _Job) -> HeaderChange:
    """Return what is to be written. Raises HeaderRefused for whatever goes wrong."""
    plan, video = job.work.plan, job.work.source
    make = _CHANGE_OF.get(plan.source.container)
    if make is None or plan.result.container != plan.source.container:
        raise HeaderRefused(video, "its container is not edited in place")
    if [(stream.source, stream.encode) for stream in plan.streams] != [
        (track.index, None) for track in plan.source.tracks
    ]:
        raise HeaderRefused(video, "the tracks themselves differ")
    if os.fstat(job.file.fd).st_nlink > 1:
        raise HeaderRefused(video, "it has other names, which would change too")
    try:
        return make(job.file, plan)
    except OSError as error:
        raise HeaderRefused(video, os_error_reason(error)) from error


def _verify(job: _Job, file: OpenFile) -> MediaInfo:
    """Return what is in a file that must be as planned. Raises VerifyError or ProbeError."""
    found = probe(job.environment, file)
    verify_media(job.work.source, job.work.plan, found)
    verify_headers(job.work.source, job.work.plan, found)
    verify_chapters(job.work.source, job.work.plan, found, 0.0)
    job.environment.recheck(found)
    return found


def _already(job: _Job) -> Done:
    """Return for a video that is as planned already: a crash came between its edit and the record of it."""
    media = _verify(job, job.file)
    mtime_ns = wanted_mtime_ns(job.work.plan, job.old)
    if mtime_ns is not None and mtime_ns != job.old.mtime_ns:
        fsops.set_modification_time(job.environment.disk, job.file.fd, mtime_ns)
    identity = Identity.of(os.fstat(job.file.fd))
    return Done(job.work.source, identity, media, 0, 0, (), identity.size, identity.size)


def _record(job: _Job, change: HeaderChange) -> HeaderRecord:
    return HeaderRecord(
        mode="header",
        state="writing",
        owner=owner_of(job.environment.locks_dir),
        source=job.source.name,
        old=job.old,
        old_print=file_sample_digest(job.file.fd),
        new_size=change.new_size,
        ranges=change.ranges,
        old_end=change.old_end,
        new_end=change.new_end,
        keep=job.work.keep is not None,
        run=job.work.keep or "",
        at=time.time(),
    )
