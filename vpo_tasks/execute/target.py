"""The target of a replacement: its folder and name, whether it is free, and whether it is done already."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from vpo_tasks.disk import fsops
from vpo_tasks.disk.folders import Folder, OpenFile, Place, made_folder, opened
from vpo_tasks.disk.journal import Mode
from vpo_tasks.errors import FileError, ReplaceError
from vpo_tasks.execute.comparison import compare, probe
from vpo_tasks.execute.transaction import LockedVideo, wanted_mtime_ns
from vpo_tasks.execute.work import Done, Environment, Replacement, Versions
from vpo_tasks.media.formats import suffix_of
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo

_NAME_BYTES = 255


@contextmanager
def target_folder(work: Replacement, source: Place) -> Iterator[Folder]:
    if work.destination is None:
        yield source.folder
    else:
        with made_folder(os.path.dirname(_destination(work))) as folder:
            yield folder


def _destination(work: Replacement) -> bytes:
    return os.path.abspath(os.fsencode(work.destination or work.source))


def target_name(work: Replacement) -> bytes:
    """Return the name that the new video will have. Raises ReplaceError when it is too long."""
    name = os.path.basename(_destination(work))
    if work.destination is None and work.plan.result.container != work.plan.source.container:
        suffix = os.fsencode(suffix_of(work.plan.result.container))
        stem, old_suffix = os.path.splitext(name)
        if suffix and old_suffix.lower() != suffix:
            name = stem + suffix
    if len(name) > _NAME_BYTES:
        raise ReplaceError(work.source, f"the new name would be longer than {_NAME_BYTES} bytes")
    return name


def mode_of(work: Replacement, source: Place, target: Place) -> Mode:
    """Return what becomes of the two names. Raises ReplaceError when the new one is taken."""
    if work.destination is not None:
        if not work.may_overwrite and target.status() is not None:
            detail = "exists already and is not ours, or was changed since it was made"
            raise ReplaceError(work.source, f"{work.destination} {detail}; left as it is")
        return "output"
    if target.name == source.name:
        return "replace"
    if target.status() is not None:
        raise ReplaceError(work.source, f"{os.fsdecode(target.name)} exists already")
    return "rename"


def adopt(work: Replacement, environment: Environment, video: LockedVideo, target: Place) -> Done | None:
    """Return the work as done when its target exists and verifies: a run was killed before it recorded it.

    None when it does not. Only reads. Raises OSError or Interrupted.
    """
    if work.destination is None or work.may_overwrite:
        return None
    status = target.status()
    if status is None or not stat.S_ISREG(status.st_mode):
        return None
    try:
        with opened(target) as found:
            status = os.fstat(found.fd)
            media = _same_as_source(work, video.file, found) or _as_made(work, environment, video, found)
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
    work: Replacement, environment: Environment, video: LockedVideo, found: OpenFile
) -> MediaInfo | None:
    mtime_ns = wanted_mtime_ns(work.plan, work.identity)
    if work.step.kind == "none" or mtime_ns not in (None, os.fstat(found.fd).st_mtime_ns):
        return None
    return compare(
        work, environment, Versions(video.file, found, video.lock.fds), probe(environment, found)
    ).media
