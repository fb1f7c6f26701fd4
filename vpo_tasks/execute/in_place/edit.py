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
from vpo_tasks.disk.journal import HeaderRecord, encode, file_head_tail_digest, owner_of, read_record
from vpo_tasks.disk.locks import VideoLock, path_key, video_lock
from vpo_tasks.disk.sidecars import Sidecars
from vpo_tasks.disk.undo_store import retire
from vpo_tasks.errors import (
    FileError,
    Interrupted,
    LockedError,
    ProbeError,
    ReplaceError,
    ToolError,
    VerifyError,
    VpoError,
)
from vpo_tasks.execute.comparing import probe
from vpo_tasks.execute.endpoints import current_identity, opened_video
from vpo_tasks.execute.in_place import writes
from vpo_tasks.execute.in_place.layout import HeaderRefused, read_regions, track_numbers
from vpo_tasks.execute.in_place.resolve import resolve_header
from vpo_tasks.execute.in_place.skeleton import HeaderChange, Skeleton, changes_in, skeleton_of
from vpo_tasks.execute.replace import as_file_error, os_error_reason
from vpo_tasks.execute.verify import verify_chapters, verify_headers, verify_media
from vpo_tasks.execute.work import Done, Environment, Replacement
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.tools.mkvpropedit import edit_call, parse_line, why_no_edit


class UnresolvedError(FileError):
    """A change broke off and could not be taken back now; its journal stays for the next start."""


class _Job(NamedTuple):
    work: Replacement
    kit: Environment
    source: Place
    file: OpenFile
    old: Identity


def edit_header(work: Replacement, kit: Environment) -> Done:
    """Change flags, languages, titles and tags of a Matroska video in place.

    Raises HeaderRefused when the video is not fit for that (copy it instead), another FileError or
    Interrupted; the video is then as it was, but for UnsettledError.
    """
    try:
        with (
            opened_video(work) as (source, file),
            video_lock(kit.locks_dir, work.source, work.identity) as lock,
        ):
            job = _Job(work, kit, source, file, current_identity(source, work))
            _refuse_unfit(job)
            edit = _prepare(job, lock)
            if kit.children.stopped:
                raise Interrupted
            return _apply(job, edit)
    except OSError as error:
        raise as_file_error(work.source, error) from error


def _refuse_unfit(job: _Job) -> None:
    """Raise HeaderRefused before any work when it cannot be done in place."""
    reason = why_no_edit(job.work.plan)
    if reason is None and os.fstat(job.file.fd).st_nlink > 1:
        reason = "it has other names, which would change too"
    if reason is not None:
        raise HeaderRefused(job.work.source, reason)


def _prepare(job: _Job, lock: VideoLock) -> HeaderChange:
    """Edit a skeleton and return what that changes. Raises HeaderRefused for whatever goes wrong."""
    work, kit = job.work, job.kit
    # the lock is ours, so nobody else has this name; what a crash leaves is overwritten
    path = os.path.join(os.path.dirname(os.fsencode(kit.locks_dir)), b"skeletons")
    try:
        with own_folder(path) as folder:
            names = Sidecars(folder, f"{path_key(work.source)}-0000")
            regions = read_regions(job.file)
            with skeleton_of(kit.disk, names, job.file, regions) as skeleton:
                _run_tool(job, skeleton, lock)
                with opened(names.part) as made:
                    _verify(job, made)
                return changes_in(skeleton)
    except (OSError, ToolError, VerifyError, ProbeError) as error:
        raise HeaderRefused(work.source, os_error_reason(error)) from error


def _run_tool(job: _Job, skeleton: Skeleton, lock: VideoLock) -> None:
    work, kit = job.work, job.kit
    info = kit.toolbox.info("mkvpropedit", "this step")
    numbers = track_numbers(job.file)
    if any(track.type != "attachment" and track.index not in numbers for track in work.plan.source.tracks):
        # of a damaged header two readers see different tracks
        raise HeaderRefused(work.source, "its tracks have no clear numbers")
    call = edit_call(work.plan, info, numbers, skeleton.path)
    if call is None:
        return
    call = msgspec.structs.replace(call, fds=lock.fds)
    run = kit.children.run(call, video=work.source, stall_timeout_s=kit.stall_timeout_s, hear=parse_line)
    if run.returncode != 0 or run.errors or run.warnings:
        said = (*run.errors, *run.warnings, "")[0]
        argv = [os.fsdecode(word) for word in call.argv]
        raise ToolError(work.source, argv, run.returncode, run.stderr_tail, said)


def _verify(job: _Job, file: OpenFile) -> MediaInfo:
    """Return what is in a file that must be as planned. Raises VerifyError or ProbeError."""
    found = probe(job.kit, file)
    verify_media(job.work.source, job.work.plan, found)
    verify_chapters(job.work.source, job.work.plan, found, 0.0)
    job.kit.recheck(found)
    return found


def _apply(job: _Job, edit: HeaderChange) -> Done:
    """Write the edit under its journal, and read the video back."""
    work = job.work
    if edit.is_empty:
        return _already(job)
    names = Sidecars.new(job.source.folder, path_key(work.source))
    record = _record(job, edit)
    video = writes.open_video(job.kit.disk, job.source)
    try:
        try:
            media, warnings = _write(job, names, record, video)
        except (OSError, VpoError) as error:
            media, warnings = _after_failure(job, names, record, error), ()
        identity = Identity.of(os.fstat(video))
    finally:
        os.close(video)
    size = job.old.size
    return Done(work.source, identity, media, 0, edit.written_bytes, warnings, size, identity.size)


def _already(job: _Job) -> Done:
    """Return for a video that is as planned already: a crash came between its edit and the record of it."""
    media = _verify(job, job.file)
    mtime_ns = _wanted_mtime_ns(job)
    if mtime_ns is not None and mtime_ns != job.old.mtime_ns:
        fsops.set_modification_time(job.kit.disk, job.file.fd, mtime_ns)
    identity = Identity.of(os.fstat(job.file.fd))
    return Done(job.work.source, identity, media, 0, 0, (), identity.size, identity.size)


def _record(job: _Job, edit: HeaderChange) -> HeaderRecord:
    return HeaderRecord(
        mode="header",
        state="writing",
        owner=owner_of(job.kit.locks_dir),
        source=job.source.name,
        old=job.old,
        old_print=file_head_tail_digest(job.file.fd),
        new_size=edit.new_size,
        ranges=edit.ranges,
        old_end=edit.old_end,
        new_end=edit.new_end,
        keep=job.work.keep is not None,
        run=job.work.keep or "",
        at=time.time(),
    )


def _write(job: _Job, names: Sidecars, record: HeaderRecord, video: int) -> tuple[MediaInfo, tuple[str, ...]]:
    disk = job.kit.disk
    journal = fsops.create_journal(disk, names, encode(record))
    try:
        _check_unchanged(job, names, video)
        writes.write_new(disk, video, record, _wanted_mtime_ns(job))
        media = _verify(job, OpenFile(video, job.source.path))
        verify_headers(job.work.source, job.work.plan, media)  # of the skeleton, a reader sees less
        record = msgspec.structs.replace(record, state="done", new=Identity.of(os.fstat(video)))
        fsops.append_journal(disk, journal, encode(record))
    finally:
        os.close(journal)
    try:
        not_kept = retire(disk, names, record)
    except OSError:
        not_kept = None  # the journal says done: the next start that sees it puts it away
    return media, () if not_kept is None else (not_kept,)


def _check_unchanged(job: _Job, names: Sidecars, video: int) -> None:
    """Give up before the first write when the run was ended, or somebody else changed or replaced the video.

    Raises Interrupted, LockedError or ReplaceError.
    """
    by_name = job.source.status()
    same = by_name is not None and {Identity.of(by_name), Identity.of(os.fstat(video))} == {job.old}
    rival = fsops.has_rival(names)
    if same and not rival and not job.kit.children.stopped:
        return
    fsops.clean_up(job.kit.disk, names)
    if rival:
        raise LockedError(job.work.source, "another run has just begun with this video")
    if same:
        raise Interrupted
    raise ReplaceError(job.work.source, "the video was changed by somebody else meanwhile; left as it is")


def _wanted_mtime_ns(job: _Job) -> int | None:
    plan = job.work.plan
    if plan.mtime_s is not None:
        return int(plan.mtime_s * 1e9)
    return job.old.mtime_ns if plan.keep_mtime else None


def _after_failure(job: _Job, names: Sidecars, record: HeaderRecord, error: OSError | VpoError) -> MediaInfo:
    """Take the edit back, or end it when it was complete. Raises the error, or UnsettledError."""
    video = job.work.source
    if names.journal.status() is None:
        raise error
    try:
        written = read_record(names.journal)
        record = written if isinstance(written, HeaderRecord) else record
        settled = resolve_header(job.kit.disk, names, record, names.folder.at(record.source))
    except OSError as second:
        raise UnresolvedError(video, f"{os_error_reason(error)}; to be settled at the next start") from second
    if settled.outcome == "finished":
        return job.work.plan.result
    if settled.outcome == "kept":
        raise UnresolvedError(video, f"{os_error_reason(error)}; {settled.detail}") from error
    raise error
