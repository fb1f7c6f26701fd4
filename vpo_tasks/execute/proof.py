"""The full verification: a digest of every copied stream's packets, and a decode of what was encoded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from vpo_tasks.errors import ToolError, VerifyError
from vpo_tasks.execute.base import Call
from vpo_tasks.execute.ffmpeg import FFMPEG, opening
from vpo_tasks.execute.folders import OpenFile
from vpo_tasks.execute.work import Kit, Versions, Work
from vpo_tasks.media.model import MediaInfo

_CORE = ("video", "audio", "subtitle")


class _Reader(NamedTuple):
    """Who reads a video with ffmpeg, for which work."""

    work: Work
    kit: Kit
    fds: tuple[int, ...]


def prove_content(work: Work, kit: Kit, versions: Versions, found: MediaInfo) -> list[str]:
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
