"""A target that is there already and is what would be made: a run that was killed before it recorded it."""

from __future__ import annotations

import os
import stat

from vpo_tasks.disk import fsops
from vpo_tasks.disk.folders import OpenFile, Place, opened
from vpo_tasks.errors import FileError
from vpo_tasks.execute.comparing import compare, probe
from vpo_tasks.execute.stage import wanted_mtime_ns
from vpo_tasks.execute.work import Done, Environment, Replacement, Versions
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo


def adopt(
    work: Replacement, kit: Environment, source: OpenFile, target: Place, fds: tuple[int, ...]
) -> Done | None:
    """Return the work as done when its target is, as far as any verification sees; None when it is not.

    Only reads. `fds` are the lock's. Raises OSError or Interrupted.
    """
    if work.destination is None or work.may_overwrite:
        return None
    status = target.status()
    if status is None or not stat.S_ISREG(status.st_mode):
        return None
    try:
        with opened(target) as found:
            status = os.fstat(found.fd)
            media = _same_as_source(work, source, found) or _as_made(work, kit, source, found, fds)
    except FileError:
        return None
    if media is None:
        return None
    size = work.identity.size
    return Done(os.fsdecode(target.path), Identity.of(status), media, size, 0, (), size, status.st_size)


def _same_as_source(work: Replacement, source: OpenFile, found: OpenFile) -> MediaInfo | None:
    status = os.fstat(found.fd)
    if work.step.kind != "none" or status.st_size != work.identity.size:
        return None
    linked = os.path.samestat(status, os.fstat(source.fd))
    same = linked or fsops.content_digest(found.fd) == fsops.content_digest(source.fd)
    return work.plan.result if same else None


def _as_made(
    work: Replacement, kit: Environment, source: OpenFile, found: OpenFile, fds: tuple[int, ...]
) -> MediaInfo | None:
    mtime_ns = wanted_mtime_ns(work.plan, work.identity)
    if work.step.kind == "none" or mtime_ns not in (None, os.fstat(found.fd).st_mtime_ns):
        return None
    return compare(work, kit, Versions(source, found, fds), probe(kit, found)).media
