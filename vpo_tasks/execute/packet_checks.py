"""Checks over a file's packets: copies are the same, what was made decodes, an encode is smaller."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.errors import LargerError, ToolError, VerifyError
from vpo_tasks.execute.work import Environment, Replacement, Versions
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.tools.base import Call
from vpo_tasks.tools.ffmpeg import FFMPEG, opening

_CORE = ("video", "audio", "subtitle")


class _Reader(NamedTuple):
    """Who reads a video with ffmpeg, for which work."""

    work: Replacement
    kit: Environment
    fds: tuple[int, ...]


def prove_content(work: Replacement, kit: Environment, versions: Versions, found: MediaInfo) -> list[str]:
    """Compare every copied stream, source against output, packet by packet, and decode the encoded ones.

    Containers wrap some codecs differently (ADTS, Annex B), so digests are compared within one container;
    returns a warning where they were not. Raises VerifyError or ToolError.
    """
    reader = _Reader(work, kit, versions.fds)
    places = [place for place, track in enumerate(work.plan.result.tracks) if track.type in _CORE]
    tracks = [track for track in found.tracks if track.type in _CORE]
    pairs = [(work.plan.streams[place], track.index) for place, track in zip(places, tracks, strict=True)]
    # text has nothing to decode, and ffmpeg has no encoder that would throw it away
    decodable = {track.index for track in tracks if track.type != "subtitle"}
    encoded = [index for stream, index in pairs if stream.encode is not None and index in decodable]
    if encoded:
        _read(reader, versions.after, found, [*_maps(encoded), b"-xerror", b"-f", b"null", b"-"])
    copied = [(stream.source, index) for stream, index in pairs if stream.encode is None]
    if work.plan.source.container != work.plan.result.container:
        return ["the content of the copied tracks was counted, not compared: the container differs"]
    before = _digests(reader, versions.before, work.plan.source, [one for one, _ in copied])
    after = _digests(reader, versions.after, found, [other for _, other in copied])
    for (stream, _), one, other in zip(copied, before, after, strict=True):
        if one != other:
            raise VerifyError(work.source, f"content of stream {stream}", one, other)
    return []


def _digests(reader: _Reader, file: OpenFile, media: MediaInfo, indexes: Sequence[int]) -> list[str]:
    """Return one digest a stream, in order. Raises VerifyError when ffmpeg gives fewer."""
    if not indexes:
        return []
    words = [
        *_maps(indexes),
        b"-c",
        b"copy",
        b"-copyinkf",
        b"-f",
        b"streamhash",
        b"-hash",
        b"sha256",
        b"pipe:1",
    ]
    answer = _read(reader, file, media, words).decode("ascii", "replace")
    digests = [line.rpartition("=")[2] for line in answer.splitlines() if "=" in line]
    if len(digests) != len(indexes):
        raise VerifyError(reader.work.source, "digests of the copied streams", len(indexes), len(digests))
    return digests


def _maps(indexes: Sequence[int]) -> list[bytes]:
    return [word for index in indexes for word in (b"-map", b"0:%d" % index)]


def _read(reader: _Reader, file: OpenFile, media: MediaInfo, words: Sequence[bytes]) -> bytes:
    video, kit = reader.work.source, reader.kit
    info = kit.toolbox.info("ffmpeg", "the full verification")
    # on standard output progress would mix with the answer
    argv = (*opening(info, media, file.tool_path), b"-nostats", b"-progress", b"pipe:2", *words)
    call = Call(argv=argv, cwd=b"/", fds=(*reader.fds, file.fd), keeps_output=True)
    run = kit.children.run(call, video=video, stall_timeout_s=kit.stall_timeout_s, hear=FFMPEG.hear)
    if run.returncode != 0 or run.errors:
        shown = [os.fsdecode(word.replace(file.tool_path, file.path)) for word in argv]
        raise ToolError(video, shown, run.returncode, run.stderr_tail, "".join(run.errors[:1]))
    return run.output


def refuse_larger(work: Replacement, kit: Environment, versions: Versions) -> None:
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


def _is_surely_smaller(work: Replacement, made: OpenFile) -> bool:
    """Tell by the whole files, without reading them: nothing else was taken out, and yet it is smaller."""
    plan = work.plan
    kept = {stream.source for stream in plan.streams}
    others_copied = sum(stream.encode is not None for stream in plan.streams) == 1
    is_whole = all(track.index in kept for track in plan.source.tracks)
    same = plan.source.container == plan.result.container
    return is_whole and others_copied and same and os.fstat(made.fd).st_size < work.identity.size


class _Scale(NamedTuple):
    """Who weighs, for which work."""

    work: Replacement
    kit: Environment
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
