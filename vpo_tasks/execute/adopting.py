"""A target that is there already and is what would be made: a run that was killed before it recorded it."""

from __future__ import annotations

import os
import stat

from vpo_tasks.errors import FileError
from vpo_tasks.execute import fsops
from vpo_tasks.execute.making import compare, wanted_mtime_ns
from vpo_tasks.execute.work import Done, Kit, Work
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo


def adopt(work: Work, kit: Kit, fds: tuple[int, ...]) -> Done | None:
    """Return the work as done when its target is, as far as any verification sees; None when it is not.

    Only reads. `fds` are the lock's. Raises OSError or Interrupted.
    """
    if work.destination is None or work.may_overwrite:
        return None
    target = os.path.abspath(os.fsencode(work.destination))
    status = fsops.stat_or_none(target)
    if status is None or not stat.S_ISREG(status.st_mode):
        return None
    try:
        media = _same_as_source(work, target, status) or _as_made(work, kit, target, status, fds)
    except FileError:
        return None
    if media is None:
        return None
    size = work.identity.size
    return Done(os.fsdecode(target), Identity.of(status), media, size, 0, (), size, status.st_size)


def _same_as_source(work: Work, target: bytes, status: os.stat_result) -> MediaInfo | None:
    source = os.fsencode(work.source)
    if work.step.kind != "none" or status.st_size != work.identity.size:
        return None
    linked = os.path.samestat(status, os.lstat(source))
    same = linked or fsops.content_digest(target) == fsops.content_digest(source)
    return work.plan.result if same else None


def _as_made(
    work: Work, kit: Kit, target: bytes, status: os.stat_result, fds: tuple[int, ...]
) -> MediaInfo | None:
    mtime_ns = wanted_mtime_ns(work.plan, work.identity)
    if work.step.kind == "none" or mtime_ns not in (None, status.st_mtime_ns):
        return None
    return compare(work, kit, target, kit.probes.probe(os.fsdecode(target)), fds).media
