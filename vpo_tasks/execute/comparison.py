"""The comparison of a new video with its plan and its source: what a probe finds, and its packets."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.errors import LargerError, ProbeError, ToolError, VerifyError
from vpo_tasks.execute.verify import verify_chapters, verify_counts, verify_headers, verify_media
from vpo_tasks.execute.work import Environment, Replacement, Versions
from vpo_tasks.media.model import MediaInfo, StreamCount
from vpo_tasks.tools.base import Call
from vpo_tasks.tools.ffmpeg import FFMPEG, opening
from vpo_tasks.tools.running import ToolRun

_CORE = ("video", "audio", "subtitle")
_COPY = (b"-c", b"copy", b"-copyinkf")


class Made(NamedTuple):
    """A new video that was verified."""

    media: MediaInfo
    counts: tuple[StreamCount, ...]
    warnings: tuple[str, ...]
    bytes_written: int | None = None
    """None: as many as it is long."""
    digest: str = ""
    """Its head and tail digest, taken where only we can write."""


def probe(environment: Environment, file: OpenFile) -> MediaInfo:
    """Return what is in an open file. Raises ProbeError, which names it as people do."""
    try:
        return environment.probes.probe(file.probe_path)
    except ProbeError as error:
        raise type(error)(os.fsdecode(file.path), error.detail) from error


def count(environment: Environment, file: OpenFile, *, demux: bool = False) -> tuple[StreamCount, ...]:
    """Return packets and timestamps of every stream of an open file. Raises ProbeError as `probe` does."""
    try:
        return environment.probes.count(file.probe_path, demux=demux)
    except ProbeError as error:
        raise type(error)(os.fsdecode(file.path), error.detail) from error


def compare(
    work: Replacement,
    environment: Environment,
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
    counts = count(environment, versions.after)
    if work.verify == "full":
        warnings = [*warnings, *_check_content(work, environment, versions, found)]
    before = count(environment, versions.before) if before is None else before
    shift_s = verify_counts(video, plan, before, counts, found)
    verify_chapters(video, plan, found, shift_s)
    environment.recheck(found)
    return Made(found, counts, tuple(warnings))


def _check_content(
    work: Replacement, environment: Environment, versions: Versions, found: MediaInfo
) -> list[str]:
    """Compare every copied stream, source against output, packet by packet, and decode the encoded ones.

    Containers wrap some codecs differently (ADTS, Annex B), so digests are compared within one container;
    returns a warning where they were not. Raises VerifyError or ToolError.
    """
    reader = _Reader(work, environment, versions.fds)
    places = [place for place, track in enumerate(work.plan.result.tracks) if track.type in _CORE]
    tracks = [track for track in found.tracks if track.type in _CORE]
    pairs = [(work.plan.streams[place], track.index) for place, track in zip(places, tracks, strict=True)]
    # text has nothing to decode, and ffmpeg has no encoder that would throw it away
    decodable = {track.index for track in tracks if track.type != "subtitle"}
    encoded = [index for stream, index in pairs if stream.encode is not None and index in decodable]
    if encoded:
        reader.read(versions.after, found, [*_maps(encoded), b"-xerror", b"-f", b"null", b"-"])
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
    words = (*_maps(indexes), *_COPY, b"-f", b"streamhash", b"-hash", b"sha256", b"pipe:1")
    answer = reader.read(file, media, words).decode("ascii", "replace")
    digests = [line.rpartition("=")[2] for line in answer.splitlines() if "=" in line]
    if len(digests) != len(indexes):
        raise VerifyError(reader.work.source, "digests of the copied streams", len(indexes), len(digests))
    return digests


def _maps(indexes: Sequence[int]) -> list[bytes]:
    return [word for index in indexes for word in (b"-map", b"0:%d" % index)]


def refuse_larger(work: Replacement, environment: Environment, versions: Versions) -> None:
    """Raise LargerError when an encode that may be discarded has more bytes than its source.

    Attachments are no streams in the output's front, so a place in the plan is the output's stream number.
    """
    plan = work.plan
    for place, stream in enumerate(plan.streams):
        if stream.encode is None or not stream.encode.discard_larger:
            continue
        if _is_surely_smaller(work, versions.after):
            return
        reader = _Reader(work, environment, versions.fds)
        before = _stream_bytes(reader, versions.before, plan.source, stream.source)
        after = _stream_bytes(reader, versions.after, plan.result, place)
        if after > before:
            raise LargerError(work.source, stream.source, before, after)


def _is_surely_smaller(work: Replacement, made: OpenFile) -> bool:
    """Compare the file sizes where no other track was dropped or encoded, which needs no reading."""
    plan = work.plan
    kept = {stream.source for stream in plan.streams}
    others_copied = sum(stream.encode is not None for stream in plan.streams) == 1
    is_whole = all(track.index in kept for track in plan.source.tracks)
    same = plan.source.container == plan.result.container
    return is_whole and others_copied and same and os.fstat(made.fd).st_size < work.identity.size


def _stream_bytes(reader: _Reader, file: OpenFile, media: MediaInfo, index: int) -> int:
    """Return the bytes of one stream's packets. Raises ToolError."""
    words = (*_maps([index]), *_COPY, b"-y", b"-f", b"data", b"file:" + os.fsencode(os.devnull))
    return reader.size(file, media, words)


class _Reader(NamedTuple):
    """Reads a video with ffmpeg for a piece of work; ffmpeg inherits `fds`."""

    work: Replacement
    environment: Environment
    fds: tuple[int, ...]

    def read(self, file: OpenFile, media: MediaInfo, words: Sequence[bytes]) -> bytes:
        """Return ffmpeg's standard output. Raises ToolError when it reports any error."""
        # on standard output progress would mix with the answer
        run, failed = self._run("the full verification", file, media, (b"-progress", b"pipe:2", *words))
        if run.returncode != 0 or run.errors:
            raise failed("".join(run.errors[:1]))
        return run.output

    def size(self, file: OpenFile, media: MediaInfo, words: Sequence[bytes]) -> int:
        """Return the number of bytes that ffmpeg reports as written. Raises ToolError."""
        run, failed = self._run("weighing an encode", file, media, (b"-progress", b"pipe:1", *words))
        sizes = [line[11:] for line in run.output.splitlines() if line.startswith(b"total_size=")]
        if run.returncode != 0 or not sizes or not sizes[-1].isdigit():
            raise failed("cannot weigh a track")
        return int(sizes[-1])

    def _run(
        self, needed_for: str, file: OpenFile, media: MediaInfo, words: Sequence[bytes]
    ) -> tuple[ToolRun, Callable[[str], ToolError]]:
        """Return the finished run, and a function that makes a ToolError of it."""
        environment, video = self.environment, self.work.source
        info = environment.toolbox.info("ffmpeg", needed_for)
        argv = (*opening(info, media, file.tool_path), b"-nostats", *words)
        call = Call(argv=argv, cwd=b"/", fds=(*self.fds, file.fd), keeps_output=True)
        run = environment.children.run(
            call, video=video, stall_timeout_s=environment.stall_timeout_s, parse_line=FFMPEG.parse_line
        )
        shown = [os.fsdecode(word.replace(file.tool_path, file.path)) for word in argv]
        return run, lambda why: ToolError(video, shown, run.returncode, run.stderr_tail, why)
