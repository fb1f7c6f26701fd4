"""ffmpeg's command line: stream copies, conversions and encodes in one pass; and parsing its messages."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from vpo_tasks.media.formats import FORMAT_WHITELIST, PROTOCOL_WHITELIST
from vpo_tasks.media.languages import normalise
from vpo_tasks.media.model import MediaInfo, StreamCount, Track
from vpo_tasks.plan.containers import MOV_SPELLINGS
from vpo_tasks.plan.model import Plan, Stream
from vpo_tasks.tools.base import Call, ParsedLine, ToolInfo
from vpo_tasks.tools.ffmpeg_encoding import (
    TWO_PASS_ENCODERS,
    EncodeSetup,
    Encoding,
    decoder_threads,
    encode_words,
    input_words,
)
from vpo_tasks.tools.quirks import CROP_APPLIED

_MUXERS = {"mkv": "matroska", "mp4": "mp4", "mov": "mov", "avi": "avi", "mpegts": "mpegts"}
_PHONE_CODECS = frozenset({"h263", "amr_nb", "amr_wb"})
"""What old telephones recorded: the same container, but FFmpeg takes them under its other name only."""
_ISO_FAMILY = frozenset({"mp4", "mov"})
# quirks.NEW_DISPOSITIONS
_DISPOSITIONS = frozenset({
    "dub", "original", "comment", "lyrics", "karaoke", "hearing_impaired", "visual_impaired",
    "clean_effects", "captions", "descriptions", "metadata", "dependent", "still_image",
})  # fmt: skip
# MP4 stores ISO 639-2/T; our own values are /B (https://www.loc.gov/standards/iso639-2/)
_TERMINOLOGICAL = {
    "alb": "sqi", "arm": "hye", "baq": "eus", "bur": "mya", "chi": "zho", "cze": "ces", "dut": "nld",
    "fre": "fra", "geo": "kat", "ger": "deu", "gre": "ell", "ice": "isl", "mac": "mkd", "mao": "mri",
    "may": "msa", "per": "fas", "rum": "ron", "slo": "slk", "tib": "bod", "wel": "cym",
}  # fmt: skip
_STALE_STATISTICS = ("BPS", "BPS-eng", "NUMBER_OF_BYTES", "NUMBER_OF_BYTES-eng", "NUMBER_OF_FRAMES")
_MIME_TYPES = {"png": "image/png", "mjpeg": "image/jpeg", "webp": "image/webp", "bmp": "image/bmp",
               "gif": "image/gif", "tiff": "image/tiff"}  # fmt: skip
_IMAGE_SUFFIXES = {"mjpeg": "jpg", "tiff": "tif"}
_LEVEL = re.compile(rb"^(?:\[[^\]]* @ [^\]]*\] )?\[(warning|error|fatal|panic)\] (.*)")
# said of every stream copy of sound MP4 files
_CHATTER = ("timescale not set", "codec frame size is not set")
# mono and stereo are no guess
_GUESS = re.compile(r"Guessed Channel Layout.*: (?:mono|stereo)$")
_POSITION = re.compile(rb"out_time_us=(\d+)$")


class _Mapped(NamedTuple):
    """One output stream: its number in the output, as ffmpeg counts, and its place in `plan.streams`."""

    number: int
    place: int
    stream: Stream
    found: Track
    wanted: Track


class Ffmpeg:
    """ffmpeg as a Tool, with the setup of this machine."""

    name = "ffmpeg"

    def __init__(self, setup: EncodeSetup | None = None) -> None:
        self._setup = setup or EncodeSetup()

    def with_setup(self, setup: EncodeSetup) -> Ffmpeg:
        """Return the same tool under another setup."""
        return Ffmpeg(setup)

    def calls(self, plan: Plan, info: ToolInfo, source: bytes, output: bytes) -> tuple[Call, ...]:
        """Return one process that makes `output`, after one for each picture to be attached to Matroska.

        Attached pictures need the extra processes (quirks.COVER_AS_TRACK): `-attach` wants a file. Two passes
        are two processes in `scratch`.
        """
        folder, name = os.path.split(output)
        mapped, pictures = _split(plan)
        extractions = tuple(_extraction(info, source, folder, item) for item in pictures)
        first = next((item for item in mapped if self._takes_two_passes(item)), None)
        argv = [*self._opening(plan, info, source, mapped)]
        for item in mapped:
            argv += [b"-map", b"0:%d" % item.stream.source]
        argv += [b"-map_metadata", b"0", b"-map_chapters", b"0"]
        results: list[tuple[int, int]] = []
        for place, item in enumerate(pictures):
            argv += [b"-attach", b""]
            results.append((len(argv) - 1, place))
            argv += _attachment_names(item)
        for item in mapped:
            argv += _stream_options(plan, item)
            argv += self._encode_options(item, 2 if item is first else 0)
        argv += _container_options(plan)
        argv += _extra_words(mapped)
        argv += [b"-y", b"-f", _muxer(plan.result)]
        if first is None:
            call = Call(argv=(*argv, b"file:" + name), cwd=folder, results=tuple(results))
            return (*extractions, call)
        analysis = self._analysis(plan, info, source, first)
        call = Call(
            argv=(*argv, b"file:" + output), cwd=self._setup.scratch or folder, results=tuple(results)
        )
        return (*extractions, analysis, call)

    def _takes_two_passes(self, item: _Mapped) -> bool:
        encode = item.stream.encode
        if encode is None or not encode.two_pass:
            return False
        return self._setup.encoder(item.place, encode) in TWO_PASS_ENCODERS

    def _analysis(self, plan: Plan, info: ToolInfo, source: bytes, item: _Mapped) -> Call:
        """Return the first of two passes: the video alone, its findings left in `scratch`."""
        alone = item._replace(number=0)
        argv = [*self._opening(plan, info, source, [alone]), b"-map", b"0:%d" % item.stream.source]
        argv += [*self._encode_options(alone, 1), *_extra_words([alone]), b"-f", b"null", b"-"]
        return Call(argv=tuple(argv), cwd=self._setup.scratch)

    def _opening(
        self, plan: Plan, info: ToolInfo, source: bytes, mapped: Sequence[_Mapped]
    ) -> Iterator[bytes]:
        encodes = {item.place: item.stream.encode for item in mapped if item.stream.encode is not None}
        decodes = any(item.found.type == "video" for item in mapped if item.stream.encode is not None)
        chosen = {place: self._setup.encoder(place, encode) for place, encode in encodes.items()}
        before = input_words(chosen, encodes)
        if decodes:
            # the picture stays as it is stored, and the rotation that is asked of players with it
            before.append(b"-noautorotate")
            if info.version and CROP_APPLIED.affects(info.version):
                before += [b"-apply_cropping", b"codec"]
        threads = decoder_threads(self._setup.threads)
        if encodes and threads is not None:
            before += [b"-threads", b"%d" % threads]
        yield from opening(info, plan.source, source, before, makes_times=not decodes)
        yield from (b"-progress", b"pipe:1", b"-nostats")
        if encodes and threads is not None:
            yield from (b"-filter_threads", b"%d" % threads)

    def _encode_options(self, item: _Mapped, analysis: int) -> Iterator[bytes]:
        encode = item.stream.encode
        if encode is not None:
            setup = self._setup
            encoder = setup.encoder(item.place, encode)
            yield from encode_words(Encoding(item.number, encode, encoder, item.found, setup, analysis))

    def parse_line(self, line: bytes) -> ParsedLine | None:
        match = _LEVEL.match(line)
        if match:
            kind = "warning" if match[1] == b"warning" else "error"
            text = match[2].decode("utf-8", "replace").strip()
            if not text or (kind == "warning" and (text.endswith(_CHATTER) or _GUESS.match(text))):
                return None
            return ParsedLine("error" if kind == "error" else "warning", text)
        match = _POSITION.match(line)
        return ParsedLine("progress", position_s=int(match[1]) / 1e6) if match else None


FFMPEG = Ffmpeg()


def _split(plan: Plan) -> tuple[list[_Mapped], list[_Mapped]]:
    """Return the streams to map and the pictures to attach, numbered as ffmpeg will write them."""
    sources = {track.index: track for track in plan.source.tracks}
    mapped: list[_Mapped] = []
    pictures: list[_Mapped] = []
    for place, (stream, wanted) in enumerate(zip(plan.streams, plan.result.tracks, strict=True)):
        found = sources[stream.source]
        if wanted.is_picture and plan.result.container == "mkv":
            pictures.append(_Mapped(0, place, stream, found, wanted))
        elif not _is_chapter_text(plan, wanted):
            mapped.append(_Mapped(len(mapped), place, stream, found, wanted))
    return mapped, [item._replace(number=len(mapped) + place) for place, item in enumerate(pictures)]


def _is_chapter_text(plan: Plan, track: Track) -> bool:
    # the muxer writes the chapter track anew from the chapters, and refuses a copy of the old one
    return track.type == "other" and track.codec == "bin_data" and plan.result.container in _ISO_FAMILY


def opening(
    info: ToolInfo, media: MediaInfo, source: bytes, before: Sequence[bytes] = (), *, makes_times: bool = True
) -> list[bytes]:
    """Return the start of every ffmpeg command line: quiet, no stdin, and one local video as its input.

    `before` are further options for the input. `makes_times`: pictures are copied, and need their times.
    """
    argv = [os.fsencode(info.path), b"-nostdin", b"-hide_banner", b"-v", b"repeat+level+warning"]
    if makes_times and media.container not in {"mkv", "mp4", "mov"}:
        # AVI, MPEG and the like leave timestamps out; the muxers refuse packets without. A decoder knows
        # better: with packed or H.264 B-frames, the made times are out of order
        argv += [b"-fflags", b"+genpts"]
    argv += [b"-protocol_whitelist", PROTOCOL_WHITELIST.encode()]
    argv += [b"-format_whitelist", FORMAT_WHITELIST.encode()]
    return [*argv, *before, b"-i", b"file:" + source]


def _extraction(info: ToolInfo, source: bytes, folder: bytes, item: _Mapped) -> Call:
    argv = [
        *opening(info, MediaInfo(container="mkv", format_name=""), source),
        b"-nostats", b"-map", b"0:%d" % item.stream.source, b"-c", b"copy", b"-frames:0", b"1",
        b"-f", b"image2pipe", b"pipe:1",
    ]  # fmt: skip
    return Call(argv=tuple(argv), cwd=folder, keeps_output=True)


def _attachment_names(item: _Mapped) -> Iterator[bytes]:
    suffix = _IMAGE_SUFFIXES.get(item.found.codec, item.found.codec)
    name = item.wanted.filename or item.found.filename or f"cover.{suffix}"
    mime_type = (
        item.wanted.mime_type or item.found.mime_type or _MIME_TYPES.get(item.found.codec, "image/png")
    )
    stream = b"-metadata:s:%d" % item.number
    yield from (stream, b"filename=" + _text(name))
    yield from (stream, b"mimetype=" + _text(mime_type))
    if item.wanted.title:
        yield from (stream, b"title=" + _text(item.wanted.title))


def _stream_options(plan: Plan, item: _Mapped) -> Iterator[bytes]:
    if item.stream.encode is None:
        yield from (b"-c:%d" % item.number, b"copy")
        if item.wanted.type == "video":
            # else a recording would lose its first pictures, up to a key frame
            yield b"-copyinkf:%d" % item.number
    if item.wanted.type == "attachment" and not item.wanted.is_picture:
        return
    number, wanted, found = item.number, item.wanted, item.found
    converted = plan.result.container != plan.source.container
    metadata = b"-metadata:s:%d" % number
    if converted or wanted.language != found.language:
        # its muxers know codes only; the tag is put into the header afterwards
        language = normalise(wanted.language)
        if plan.result.container == "mov":
            language = MOV_SPELLINGS.get(language, language)
        elif plan.result.container == "mp4":
            language = _TERMINOLOGICAL.get(language, language)
        yield from (metadata, b"language=" + _text(language))
    # ffmpeg writes a title into MP4, but does not read it back
    if converted or wanted.title != found.title or plan.result.container in _ISO_FAMILY:
        yield from (metadata, b"title=" + _text(wanted.title or ""))
    if converted and plan.source.container in _ISO_FAMILY:
        # quirks.TRACK_NAMES
        yield from (metadata, b"name=")
    yield from (b"-disposition:%d" % number, _disposition(wanted))
    if item.stream.encode is not None:
        for name in _STALE_STATISTICS:
            yield from (metadata, name.encode() + b"=")
    if wanted.codec == "hevc" and plan.result.container in _ISO_FAMILY:
        # Apple's players take HEVC in MP4 under this name only
        yield from (b"-tag:%d" % number, b"hvc1")


def _disposition(track: Track) -> bytes:
    names = [name for name in track.dispositions if name in _DISPOSITIONS]
    names += ["default"] * track.default + ["forced"] * track.forced + ["attached_pic"] * track.is_picture
    return "+".join(names).encode() or b"0"


def _extra_words(mapped: Sequence[_Mapped]) -> Iterator[bytes]:
    """Yield the policy's own arguments, which stand just before the output."""
    for item in mapped:
        if item.stream.encode is not None:
            yield from (_text(word) for word in item.stream.encode.extra_args)


def _container_options(plan: Plan) -> Iterator[bytes]:
    before, after = plan.source.tags, plan.result.tags
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield from (b"-metadata", _text(f"{name}={after.get(name, '')}"))
    if "creation_time" in before:
        # left to itself ffmpeg drops it, though all containers with a field for it have the same meaning
        yield from (b"-metadata", b"creation_time=" + _text(before["creation_time"]))
    # an encoder may start late while the others already deliver
    yield from (b"-max_muxing_queue_size", b"4096")
    if plan.result.container == "mkv":
        # quirks.DEFAULT_FLAG_SET
        yield from (b"-default_mode", b"passthrough")
    if plan.result.container == "avi":
        # moved by the start delay of a sound encoder, pictures would no longer stand in their slots
        yield from (b"-avoid_negative_ts", b"disabled")
    if plan.result.container in _ISO_FAMILY:
        yield from (b"-movflags", b"+faststart", b"-strict", b"-2")


def _muxer(media: MediaInfo) -> bytes:
    if media.doc_type == "webm":
        return b"webm"
    if media.container == "mp4" and any(track.codec in _PHONE_CODECS for track in media.tracks):
        return b"3gp"
    return _MUXERS.get(media.container, media.container).encode()


def _text(value: str) -> bytes:
    return value.replace("\0", "").encode("utf-8", "surrogateescape")


_OPEN_GOP_S = 10.0
"""What decoders miss behind this position of the output is an error."""
_CONTEXT = re.compile(rb"^\[(?:dec:)?(\w+) @ ")


class OpenGopParser:
    """A `parse_line` that sets apart what decoders of pictures miss at the beginning of an open GOP."""

    def __init__(self, parse_line: Callable[[bytes], ParsedLine | None], plan: Plan) -> None:
        self.missed: str | None = None
        """The first thing that was missed."""
        self._parse_line = parse_line
        self._decoders = {track.codec.encode() for track in plan.source.of_type("video")}
        self._position_s = 0.0

    def __call__(self, line: bytes) -> ParsedLine | None:
        parsed = self._parse_line(line)
        if parsed is None:
            return None
        if parsed.position_s is not None:
            self._position_s = parsed.position_s
        context = _CONTEXT.match(line)
        by_decoder = context is not None and context[1] in self._decoders
        if by_decoder and parsed.kind != "progress" and self._position_s < _OPEN_GOP_S:
            if parsed.kind == "error":
                self.missed = self.missed or parsed.text
            return None
        return parsed


def pictures_missing(plan: Plan, counts: Sequence[StreamCount]) -> int:
    """Return how many pictures come before the first key frame."""
    pictures = {track.index for track in plan.source.of_type("video")}
    return sum(count.packets - count.seen.packets for count in counts if count.index in pictures)
