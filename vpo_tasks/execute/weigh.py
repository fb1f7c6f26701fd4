"""Whether an encode was worth it: the bytes of its packets against those of the track it replaces."""

from __future__ import annotations

import os
from typing import NamedTuple

from vpo_tasks.errors import LargerError, ToolError
from vpo_tasks.execute.base import Call
from vpo_tasks.execute.ffmpeg import FFMPEG, opening
from vpo_tasks.execute.folders import OpenFile
from vpo_tasks.execute.work import Kit, Versions, Work
from vpo_tasks.media.model import MediaInfo


def refuse_larger(work: Work, kit: Kit, versions: Versions) -> None:
    """Raise LargerError when an encode that may be discarded has more bytes than its source.

    Attachments are no streams in the output's front, so a place in the plan is the output's stream number.
    """
    plan = work.plan
    for place, stream in enumerate(plan.streams):
        if stream.encode is None or not stream.encode.discard_larger:
            continue
        if _is_surely_smaller(work, versions.after):
            return
        scale = _Scale(work, kit, versions.fds)
        before = scale.weigh(versions.before, plan.source, stream.source)
        after = scale.weigh(versions.after, plan.result, place)
        if after > before:
            raise LargerError(work.source, stream.source, before, after)


def _is_surely_smaller(work: Work, made: OpenFile) -> bool:
    """Tell by the whole files, without reading them: nothing else was taken out, and yet it is smaller."""
    plan = work.plan
    kept = {stream.source for stream in plan.streams}
    others_copied = sum(stream.encode is not None for stream in plan.streams) == 1
    is_whole = all(track.index in kept for track in plan.source.tracks)
    same = plan.source.container == plan.result.container
    return is_whole and others_copied and same and os.fstat(made.fd).st_size < work.identity.size


class _Scale(NamedTuple):
    """Who weighs, for which work."""

    work: Work
    kit: Kit
    fds: tuple[int, ...]

    def weigh(self, file: OpenFile, media: MediaInfo, index: int) -> int:
        """Return the bytes of one stream's packets. Raises ToolError."""
        kit, video = self.kit, self.work.source
        info = kit.toolbox.info("ffmpeg", "weighing an encode")
        argv = (
            *opening(info, media, file.tool_path), b"-nostats", b"-progress", b"pipe:1",
            b"-map", b"0:%d" % index,
            b"-c", b"copy", b"-copyinkf", b"-y", b"-f", b"data", b"file:" + os.fsencode(os.devnull),
        )  # fmt: skip
        call = Call(argv=argv, cwd=b"/", fds=(*self.fds, file.fd), keeps_output=True)
        run = kit.children.run(call, video=video, stall_timeout_s=kit.stall_timeout_s, hear=FFMPEG.hear)
        sizes = [line[11:] for line in run.output.splitlines() if line.startswith(b"total_size=")]
        if run.returncode != 0 or not sizes or not sizes[-1].isdigit():
            shown = [os.fsdecode(word.replace(file.tool_path, file.path)) for word in argv]
            raise ToolError(video, shown, run.returncode, run.stderr_tail, "cannot weigh a track")
        return int(sizes[-1])
