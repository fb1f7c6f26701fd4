"""The safe-replace protocol: at any moment a path holds the complete old video or the verified new one."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from contextlib import ExitStack

import msgspec

from vpo_tasks.disk import fsops
from vpo_tasks.disk.folders import Place, is_fixed, is_fixed_at
from vpo_tasks.disk.fsops import Sidecars
from vpo_tasks.disk.journal import Mode, Record, file_sample_digest, owner_of, sample_digest
from vpo_tasks.disk.locks import path_key
from vpo_tasks.errors import ReplaceError
from vpo_tasks.execute.comparison import Made
from vpo_tasks.execute.resolve import Resolution, resolve, restore_foreign, which
from vpo_tasks.execute.stage import Job, check_unchanged, make_by_copy, make_by_link, make_by_tool
from vpo_tasks.execute.target import adopt, mode_of, target_folder, target_name
from vpo_tasks.execute.transaction import (
    LockedVideo,
    Transaction,
    carry_through,
    current_identity,
    foreign_file,
    locked_video,
)
from vpo_tasks.execute.work import Done, Environment, Replacement
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.plan.model import Plan, Step, Stream

_MADE = b"video.part"
"""What tools call the new video, in a folder of its own."""


def carry_out(work: Replacement, environment: Environment) -> Done:
    """Bring one video in line. Returns when the new video is in its place and nothing of ours is left.

    Raises FileError (LockedError, SpaceError, ToolError, VerifyError, ReplaceError, VanishedError, or what
    `environment.recheck` raises) or Interrupted; then the video is as it was.
    """
    room = max(work.step.writes_bytes, work.identity.size)
    if work.step.kind != "none":
        return carry_out_by(make_by_tool, work, environment, room)
    if work.destination is not None:
        return carry_out_by(make_by_copy, work, environment, room)
    return _set_time(work, environment)


def carry_out_by(
    make: Callable[[Job, Place], Made], work: Replacement, environment: Environment, room_bytes: int
) -> Done:
    """Carry out work whose new video is made and verified by `make`, at a place where only we can write."""
    with (
        ExitStack() as room,  # left last: the old video's bytes are free only when it is closed
        locked_video(work, environment) as video,
        target_folder(work, video.place) as folder,
    ):
        target = folder.at(target_name(work))
        done = adopt(work, environment, video, target)
        if done is not None:
            return done
        job = _begin(work, environment, video, target)
        output = os.path.join(folder.path_for(), job.names.work.name, _MADE)
        reserved = environment.ledger.reserve(folder.path_for(), room_bytes, video=work.source, output=output)
        room.enter_context(reserved)
        return carry_through(_Replace(job, make))


def _set_time(work: Replacement, environment: Environment) -> Done:
    """Carry out a plan that changes nothing but the file's time; that is one call, so it has no journal."""
    with locked_video(work, environment) as (source, file, _):
        size = current_identity(source, work).size
        if work.plan.mtime_s is not None:
            fsops.set_modification_time(environment.disk, file.fd, int(work.plan.mtime_s * 1e9))
        identity = Identity.of(os.fstat(file.fd))
    return Done(work.source, identity, work.plan.result, 0, 0, (), size, size)


class _Replace(Transaction[Record]):
    """A replacement: the new video is made beside the old one, verified, and put in its place."""

    def __init__(self, job: Job, make: Callable[[Job, Place], Made]) -> None:
        super().__init__(job.work, job.environment, job.names, job.record)
        self._job = job
        self._make = make
        self._made: Made | None = None

    def prepare(self) -> Record:
        job = self._job
        if job.mode != "output" and job.work.without_hard_links == "refuse":
            self._job = job = _check_hard_links(job)
        with fsops.work_folder(self.environment.disk, self.names) as work:
            new = work.at(_MADE)
            self._made = self._make(job, new)
            check_unchanged(job, linked=self._make is make_by_link)
            fsops.bring_out(self.environment.disk, self.names, new)
        self.record = _committing(job, self._made)
        return self.record

    def commit(self) -> Record:
        _commit(self._job)
        return msgspec.structs.replace(self.record, state="done")

    def resolve(self, record: Record) -> Resolution:
        # it was verified before it was put in place; only its being the same file is in question
        return resolve(
            self.environment.disk,
            self.names,
            record,
            lambda place: sample_digest(place) == record.new_print,
        )

    def done(self, record: Record, warnings: tuple[str, ...]) -> Done:
        status = self._job.target.status()
        if status is None or not stat.S_ISREG(status.st_mode):
            raise ReplaceError(self.work.source, "was moved by somebody else as soon as it was done")
        assert self._made is not None
        identity, size, written = Identity.of(status), record.old.size, self._made.bytes_written
        return Done(
            final_path=os.fsdecode(self._job.target.path),
            identity=identity,
            media=self._made.media,
            bytes_read=size,
            bytes_written=identity.size if written is None else written,
            warnings=(*self._made.warnings, *warnings),
            size_before=size,
            size_after=identity.size,
        )


def _begin(work: Replacement, environment: Environment, video: LockedVideo, target: Place) -> Job:
    """Find out what can be known before the first write. Raises ReplaceError or OSError."""
    source, file, lock = video
    mode = mode_of(work, source, target)
    names = Sidecars.new(target.folder, path_key(work.source))
    _check_not_fixed(work, source if mode != "output" else target)
    if mode != "output":
        _check_permitted(work, environment, mode, names, source)
    old = Identity.of(os.fstat(file.fd))  # a link and its end move the ctime
    if not old.same_video(work.identity):
        raise foreign_file(work.source)
    record = Record(
        mode=mode,
        state="intent",
        owner=owner_of(environment.locks_dir),
        source=source.path if mode == "output" else source.name,
        target=target.name,
        old=old,
        old_print=file_sample_digest(file.fd),
        keep=work.keep is not None and mode != "output",
        run=work.keep or "",
        at=time.time(),
    )
    return Job(work, environment, lock, mode, source, file, target, names, record, _older(work, target))


def _check_not_fixed(work: Replacement, place: Place) -> None:
    """Raise ReplaceError, before hours of work, for what nobody may rename."""
    if is_fixed(place.folder.fd):
        raise ReplaceError(work.source, "the folder is immutable or append-only (chattr)")
    if is_fixed_at(place):
        raise ReplaceError(work.source, f"{os.fsdecode(place.name)} is immutable or append-only (chattr)")


def _check_permitted(
    work: Replacement, environment: Environment, mode: Mode, names: Sidecars, source: Place
) -> None:
    """Raise ReplaceError, before hours of work, where the system would not let us replace the video."""
    status, folder = source.status(), names.folder.status()
    owners = (0, folder.st_uid, status.st_uid if status else 0)
    if folder.st_mode & stat.S_ISVTX and os.geteuid() not in owners:
        raise ReplaceError(
            work.source, "belongs to another user, in a folder where only the owner may replace it"
        )
    if mode != "replace" or work.without_hard_links != "refuse":
        return
    if os.access(source.name, os.W_OK, dir_fd=source.folder.fd):
        return
    # Linux has no links made of files that one may neither write to nor owns (fs.protected_hardlinks)
    if fsops.link_kind(environment.disk, names, source) == "none":
        detail = "cannot be hard-linked (another user's, or immutable), so the original could not be kept"
        raise ReplaceError(work.source, f"{detail} while it is replaced (see [safety] without_hard_links)")


def _older(work: Replacement, target: Place) -> Identity | None:
    status = target.status() if work.may_overwrite else None
    return None if status is None else Identity.of(status)


def _is_older(job: Job) -> bool:
    """Tell whether the target's name still holds what may be replaced. (Our own link moves a ctime.)"""
    found = _older(job.work, job.target)
    return found is not None and job.older is not None and found.same_video(job.older)


def _check_hard_links(job: Job) -> Job:
    """Find out before hours of work, with the journal as the guinea pig."""
    links = fsops.link_kind(job.environment.disk, job.names, job.names.journal)
    if links == "none":
        detail = "the filesystem has no hard links, so the original cannot be kept while it is replaced"
        raise ReplaceError(job.work.source, f"{detail} (see [safety] without_hard_links)")
    return job._replace(own_inodes=links == "own-inode")


def _committing(job: Job, made: Made) -> Record:
    """Return the record that makes the new video known to recovery.

    Raises ReplaceError when what lies beside the old one by now is not what was verified.
    """
    status = job.names.part.status()
    if status is None or sample_digest(job.names.part) != made.digest:
        raise ReplaceError(job.work.source, "somebody else has replaced the new video; nothing was touched")
    return msgspec.structs.replace(
        job.record,
        state="committing",
        new=Identity.of(status),
        new_print=made.digest,
        media=made.media,
        counts=made.counts,
    )


def _commit(job: Job) -> None:
    """Give the new video its name. Raises OSError or ReplaceError."""
    disk, names, source = job.environment.disk, job.names, job.source
    by_rename = job.work.without_hard_links == "rename"
    if job.mode == "output":
        if _is_older(job):
            fsops.swap_in(disk, names, job.target)
        else:
            fsops.place_new(disk, names, job.target, without_links=True)
    elif job.mode == "rename":
        fsops.place_new(disk, names, job.target, without_links=by_rename)
        fsops.set_original_aside(disk, names, source)
        if not _is_original(job, names.orig):
            fsops.place_original(disk, names, source)
            raise foreign_file(job.work.source)
    elif fsops.link_original(disk, names, source):
        if not _is_original(job, names.orig):
            raise foreign_file(job.work.source)
        _swap(job)
    elif not by_rename:
        raise ReplaceError(job.work.source, "the filesystem has no hard links")
    else:
        fsops.set_original_aside(disk, names, source)
        if not _is_original(job, names.orig):
            fsops.place_original(disk, names, source)
            raise foreign_file(job.work.source)
        fsops.swap_in(disk, names, source)


def _swap(job: Job) -> None:
    """Put the new video in place, and look at what that took out: a foreign file goes back at once."""
    disk, names = job.environment.disk, job.names
    if not fsops.swap(disk, names, names.part, job.source):
        fsops.swap_in(disk, names, job.source)
    elif not _is_original(job, names.part):
        restore_foreign(disk, names, job.source)
        raise foreign_file(job.work.source)


def _is_original(job: Job, place: Place) -> bool:
    """Tell whether what we hold as the original is it: somebody may have replaced it in the last moment."""
    status, old = place.status(), job.record.old
    if status is None:
        return False
    found = Identity.of(status)
    if job.own_inodes:
        return found[2:4] == old[2:4] and which(place, job.record) == "old"
    return found.same_video(old)


def export_unchanged(
    source: str,
    destination: str,
    environment: Environment,
    *,
    identity: Identity,
    media: MediaInfo,
    link: bool = False,
    may_overwrite: bool = False,
) -> Done:
    """Put `source` (a real path) at `destination` as it is; `identity` and `media` are what was probed.

    Reflinked where the filesystem can, else copied and read back; with `link` hard-linked. Raises as
    `carry_out` does.
    """
    streams = tuple(Stream(track.index) for track in media.tracks)
    plan = Plan(source=media, result=media, streams=streams)
    step = Step(kind="none", writes_bytes=identity.size)
    work = Replacement(source, identity, plan, step, destination, may_overwrite)
    return carry_out_by(
        make_by_link if link else make_by_copy, work, environment, 0 if link else identity.size
    )
