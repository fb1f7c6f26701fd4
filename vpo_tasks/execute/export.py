"""An already compliant video for another folder: reflinked, copied or hard-linked, by the same protocol."""

from __future__ import annotations

import os

from vpo_tasks.errors import VerifyError
from vpo_tasks.execute import fsops
from vpo_tasks.execute.replace import Job, Made, carry_out_by
from vpo_tasks.execute.work import Done, Kit, Work
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.plan.model import Plan, Step, Stream


def export_unchanged(
    source: str,
    destination: str,
    kit: Kit,
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
    work = Work(source, identity, plan, step, destination, may_overwrite)
    return carry_out_by(_make_by_link if link else _make_by_copy, work, kit, 0 if link else identity.size)


def _make_by_link(job: Job) -> Made:
    fsops.link_content(job.kit.disk, job.source, job.names.part)
    return Made(job.work.plan.result, (), (), 0)


def _make_by_copy(job: Job) -> Made:
    part = job.names.part
    written, digest = fsops.copy_content(job.kit.disk, job.source, part)
    found = os.stat(part).st_size
    if found != job.record.old.size:
        raise VerifyError(job.work.source, "size of the copy", job.record.old.size, found)
    if digest is not None and fsops.content_digest(part) != digest:
        raise VerifyError(job.work.source, "content of the copy", digest[:16], "another digest")
    lost = fsops.copy_attributes(job.kit.disk, job.source, part, keep_mtime=True)
    return Made(job.work.plan.result, (), tuple(lost), written)
