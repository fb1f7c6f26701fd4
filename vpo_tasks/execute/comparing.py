"""What was made, read back and compared with the plan and the source. Both are open files."""

from __future__ import annotations

import os
from typing import NamedTuple

from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.errors import ProbeError
from vpo_tasks.execute.packet_checks import prove_content
from vpo_tasks.execute.verify import verify_chapters, verify_counts, verify_headers, verify_media
from vpo_tasks.execute.work import Environment, Replacement, Versions
from vpo_tasks.media.model import MediaInfo, StreamCount


class Made(NamedTuple):
    """A new video that was verified."""

    media: MediaInfo
    counts: tuple[StreamCount, ...]
    warnings: tuple[str, ...]
    bytes_written: int | None = None
    """None: as many as it is long."""
    print: str = ""
    """Its fingerprint, taken where only we can write."""


def probe(kit: Environment, file: OpenFile) -> MediaInfo:
    """Return what is in an open file. Raises ProbeError, which names it as people do."""
    try:
        return kit.probes.probe(file.probe_path)
    except ProbeError as error:
        raise type(error)(os.fsdecode(file.path), error.detail) from error


def count(kit: Environment, file: OpenFile, *, demux: bool = False) -> tuple[StreamCount, ...]:
    """Return packets and timestamps of every stream of an open file. Raises ProbeError as `probe` does."""
    try:
        return kit.probes.count(file.probe_path, demux=demux)
    except ProbeError as error:
        raise type(error)(os.fsdecode(file.path), error.detail) from error


def compare(
    work: Replacement,
    kit: Environment,
    versions: Versions,
    found: MediaInfo,
    *,
    before: tuple[StreamCount, ...] | None = None,
) -> Made:
    """Compare a video, and what a probe found in it, with the plan and the source.

    `before` are the source's packets, if they are counted already. Raises VerifyError, ToolError or
    ProbeError.
    """
    video, plan = work.source, work.plan
    warnings = verify_media(video, plan, found)
    verify_headers(video, plan, found)
    counts = count(kit, versions.after)
    if work.verify == "full":
        warnings = [*warnings, *prove_content(work, kit, versions, found)]
    before = count(kit, versions.before) if before is None else before
    shift_s = verify_counts(video, plan, before, counts, found)
    verify_chapters(video, plan, found, shift_s)
    kit.recheck(found)
    return Made(found, counts, tuple(warnings))
