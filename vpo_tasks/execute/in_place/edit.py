"""Header edits without a copy: a tool edits a skeleton, and only what differs is written.

The protocol is in docs/design/safety.md, "Header edits without a copy".
At any moment the journal beside the video holds every byte that it takes to have the old video back.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

import msgspec

from vpo_tasks.disk import fsops
from vpo_tasks.disk.folders import OpenFile, Place, opened, own_folder
from vpo_tasks.disk.fsops import Sidecars
from vpo_tasks.disk.journal import HeaderRecord, file_sample_digest, owner_of
from vpo_tasks.disk.locks import VideoLock, path_key
from vpo_tasks.errors import (
    FileError,
    Interrupted,
    ProbeError,
    ToolError,
    VerifyError,
    VpoError,
)
from vpo_tasks.execute.comparison import probe
from vpo_tasks.execute.in_place import writes
from vpo_tasks.execute.in_place.layout import HeaderRefused, read_regions, track_numbers
from vpo_tasks.execute.in_place.skeleton import HeaderChange, Skeleton, changes_in, skeleton_of
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
from vpo_tasks.tools.mkvpropedit import edit_call, parse_line, why_no_edit


class UnresolvedError(FileError):
    """A change broke off and could not be taken back now; its journal stays for the next start."""


class _Job(NamedTuple):
    work: Replacement
    environment: Environment
    source: Place
    file: OpenFile
    old: Identity


def edit_header(work: Replacement, environment: Environment) -> Done:
    """Change flags, languages, titles and tags of a Matroska video in place.

    Raises HeaderRefused when the video is not fit for that (copy it instead), another FileError or
    Interrupted; the video is then as it was, except after UnresolvedError.
    """
    with locked_video(work, environment) as (source, file, lock):
        job = _Job(work, environment, source, file, current_identity(source, work))
        _refuse_unfit(job)
        edit = _edit_skeleton(job, lock)
        if environment.children.stopped:
            raise Interrupted
        if edit.is_empty:
            return _already(job)
        video = writes.open_video(environment.disk, source)
        try:
            return carry_through(_HeaderEdit(job, edit, video))
        finally:
            os.close(video)


class _HeaderEdit(Transaction[HeaderRecord]):
    """A header edit: the journal's first line holds every old and new byte."""

    unresolved = UnresolvedError

    def __init__(self, job: _Job, edit: HeaderChange, video: int) -> None:
        names = Sidecars.new(job.source.folder, path_key(job.work.source))
        super().__init__(job.work, job.environment, names, _record(job, edit))
        self._job = job
        self._edit = edit
        self._video = video
        self._media = job.work.plan.result

    def obstacle(self) -> VpoError | None:
        by_name = self._job.source.status()
        found = by_name and {Identity.of(by_name), Identity.of(os.fstat(self._video))}
        if found != {self._job.old}:
            return foreign_file(self.work.source)
        return Interrupted() if self.environment.children.stopped else None

    def prepare(self) -> None:
        """Nothing: what there is to do was done to the skeleton."""

    def commit(self) -> HeaderRecord:
        job, record = self._job, self.record
        writes.write_new(self.environment.disk, self._video, record, wanted_mtime_ns(self.work.plan, job.old))
        self._media = _verify(job, OpenFile(self._video, job.source.path))
        verify_headers(self.work.source, self.work.plan, self._media)  # of the skeleton, a reader sees less
        return msgspec.structs.replace(record, state="done", new=Identity.of(os.fstat(self._video)))

    def resolve(self, record: HeaderRecord) -> Resolution:
        return resolve_header(self.environment.disk, self.names, record, self.names.folder.at(record.source))

    def done(self, record: HeaderRecord, warnings: tuple[str, ...]) -> Done:
        identity, size = Identity.of(os.fstat(self._video)), record.old.size
        written = self._edit.written_bytes
        return Done(self.work.source, identity, self._media, 0, written, warnings, size, identity.size)


def _refuse_unfit(job: _Job) -> None:
    """Raise HeaderRefused before any work when it cannot be done in place."""
    reason = why_no_edit(job.work.plan)
    if reason is None and os.fstat(job.file.fd).st_nlink > 1:
        reason = "it has other names, which would change too"
    if reason is not None:
        raise HeaderRefused(job.work.source, reason)


def _edit_skeleton(job: _Job, lock: VideoLock) -> HeaderChange:
    """Edit a skeleton and return what that changes. Raises HeaderRefused for whatever goes wrong."""
    work, environment = job.work, job.environment
    # the lock is ours, so nobody else has this name; what a crash leaves is overwritten
    path = os.path.join(os.path.dirname(os.fsencode(environment.locks_dir)), b"skeletons")
    try:
        with own_folder(path) as folder:
            names = Sidecars(folder, f"{path_key(work.source)}-0000")
            regions = read_regions(job.file)
            with skeleton_of(environment.disk, names, job.file, regions) as skeleton:
                _run_tool(job, skeleton, lock)
                with opened(names.part) as made:
                    _verify(job, made)
                return changes_in(skeleton)
    except (OSError, ToolError, VerifyError, ProbeError) as error:
        raise HeaderRefused(work.source, os_error_reason(error)) from error


def _run_tool(job: _Job, skeleton: Skeleton, lock: VideoLock) -> None:
    work, environment = job.work, job.environment
    info = environment.toolbox.info("mkvpropedit", "this step")
    numbers = track_numbers(job.file)
    if any(track.type != "attachment" and track.index not in numbers for track in work.plan.source.tracks):
        # of a damaged header two readers see different tracks
        raise HeaderRefused(work.source, "its tracks have no clear numbers")
    call = edit_call(work.plan, info, numbers, skeleton.path)
    if call is None:
        return
    call = msgspec.structs.replace(call, fds=lock.fds)
    run = environment.children.run(
        call, video=work.source, stall_timeout_s=environment.stall_timeout_s, parse_line=parse_line
    )
    if run.returncode != 0 or run.errors or run.warnings:
        said = (*run.errors, *run.warnings, "")[0]
        argv = [os.fsdecode(word) for word in call.argv]
        raise ToolError(work.source, argv, run.returncode, run.stderr_tail, said)


def _verify(job: _Job, file: OpenFile) -> MediaInfo:
    """Return what is in a file that must be as planned. Raises VerifyError or ProbeError."""
    found = probe(job.environment, file)
    verify_media(job.work.source, job.work.plan, found)
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


def _record(job: _Job, edit: HeaderChange) -> HeaderRecord:
    return HeaderRecord(
        mode="header",
        state="writing",
        owner=owner_of(job.environment.locks_dir),
        source=job.source.name,
        old=job.old,
        old_print=file_sample_digest(job.file.fd),
        new_size=edit.new_size,
        ranges=edit.ranges,
        old_end=edit.old_end,
        new_end=edit.new_end,
        keep=job.work.keep is not None,
        run=job.work.keep or "",
        at=time.time(),
    )
