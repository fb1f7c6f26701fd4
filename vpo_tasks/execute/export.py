"""An already compliant video for another folder: reflinked, copied or hard-linked, by the same protocol."""

from __future__ import annotations

from vpo_tasks.execute.making import make_by_copy, make_by_link
from vpo_tasks.execute.replace import carry_out_by
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
    return carry_out_by(make_by_link if link else make_by_copy, work, kit, 0 if link else identity.size)
