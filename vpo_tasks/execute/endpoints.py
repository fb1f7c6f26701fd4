"""Where work begins and ends: the video as it was planned, opened, and the folder and name of its target."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from vpo_tasks.disk.folders import Folder, OpenFile, Place, made_folder, open_folder, opened
from vpo_tasks.disk.journal import Mode
from vpo_tasks.errors import ReplaceError, VanishedError
from vpo_tasks.execute.stage import foreign_file
from vpo_tasks.execute.work import Replacement
from vpo_tasks.media.formats import suffix_of
from vpo_tasks.media.identity import Identity

_NAME_BYTES = 255
Video = tuple[Place, OpenFile]


@contextmanager
def opened_video(work: Replacement) -> Iterator[Video]:
    """Open the video's folder, and in it the video that was planned.

    Raises VanishedError, ReplaceError when it is another by now, or OSError.
    """
    path = os.fsencode(work.source)
    with open_folder(os.path.dirname(path)) as folder:
        source = folder.at(os.path.basename(path))
        current_identity(source, work)
        with opened(source) as file:
            if not Identity.of(os.fstat(file.fd)).same_video(work.identity):
                raise foreign_file(work.source)
            yield source, file


@contextmanager
def target_folder(work: Replacement, source: Place) -> Iterator[Folder]:
    if work.destination is None:
        yield source.folder
    else:
        with made_folder(os.path.dirname(_destination(work))) as folder:
            yield folder


def _destination(work: Replacement) -> bytes:
    return os.path.abspath(os.fsencode(work.destination or work.source))


def current_identity(source: Place, work: Replacement) -> Identity:
    """Return the source's identity now. Raises VanishedError, or ReplaceError when it is another."""
    status = source.status()
    if status is None:
        raise VanishedError(work.source, "the video is not there any more")
    if not stat.S_ISREG(status.st_mode):
        raise ReplaceError(work.source, "not a regular file")
    identity = Identity.of(status)
    if not identity.same_video(work.identity):
        raise ReplaceError(work.source, "the video has changed since it was read; left as it is")
    return identity


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
