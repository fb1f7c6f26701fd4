"""Small real videos, made with the wheel's ffmpeg: what the demo, the benchmarks and the tests work on.

The same arguments make the same bytes; another seed makes other pictures and sounds.
"""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from vpo_tasks.errors import ToolError, ToolMissing
from vpo_tasks.programs import WHEEL, wheel_ffmpeg


class SampleTrack(NamedTuple):
    """One track to make.

    `codec` is FFmpeg's name (`h264`, `ac3`, `subrip`, `ttf`, `png`); empty is the container's usual one.
    An `attachment` with codec `png` is a cover picture. `language` None writes no language.
    """

    type: Literal["video", "audio", "subtitle", "attachment"]
    codec: str = ""
    language: str | None = None
    title: str | None = None
    default: bool = False
    forced: bool = False
    channels: int = 2
    dispositions: tuple[str, ...] = ()
    """Further FFmpeg dispositions (`comment`, `hearing_impaired`, `original`, …)."""
    filename: str | None = None
    mime_type: str | None = None


class SampleChapter(NamedTuple):
    """A chapter, in seconds."""

    start_s: float
    end_s: float
    title: str


VIDEO = SampleTrack("video")
AUDIO = SampleTrack("audio")

_MUXERS = {
    "mkv": "matroska", "mk3d": "matroska", "webm": "webm", "mp4": "mp4", "m4v": "mp4", "mov": "mov",
    "3gp": "3gp", "avi": "avi", "divx": "avi", "ts": "mpegts", "mts": "mpegts", "m2ts": "mpegts",
    "mpg": "vob", "mpeg": "vob", "vob": "vob", "flv": "flv", "asf": "asf", "wmv": "asf", "ogv": "ogg",
    "ogm": "ogg",
}  # fmt: skip

# muxer -> usual codec for video, audio and subtitles
_USUAL = {
    "matroska": ("mpeg4", "ac3", "subrip"),
    "webm": ("vp8", "opus", "webvtt"),
    "mp4": ("h264", "aac", "mov_text"),
    "mov": ("mpeg4", "aac", "mov_text"),
    "3gp": ("mpeg4", "aac", "mov_text"),
    "avi": ("mpeg4", "mp3", "xsub"),
    "mpegts": ("mpeg2video", "mp2", "dvb_subtitle"),
    "vob": ("mpeg2video", "mp2", "dvd_subtitle"),
    "flv": ("flv1", "mp3", ""),
    "asf": ("wmv2", "wmav1", ""),
    "ogg": ("theora", "vorbis", ""),
}

_ENCODERS: dict[str, tuple[str, ...]] = {
    "h264": ("libx264", "-preset", "ultrafast"),
    "hevc": ("libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:pools=none"),
    "vp8": ("libvpx", "-deadline", "realtime", "-cpu-used", "16"),
    "vp9": ("libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"),
    "av1": ("libsvtav1", "-preset", "13"),
    "flv1": ("flv",),
    "theora": ("libtheora",),
    "opus": ("libopus",),
    "vorbis": ("libvorbis",),
    "mp3": ("libmp3lame",),
    "dts": ("dca", "-strict", "-2"),
    "truehd": ("truehd", "-strict", "-2"),
}

_FRAME_RATE = 25


def make_sample(
    path: str,
    tracks: Sequence[SampleTrack] = (VIDEO, AUDIO),
    *,
    tags: Mapping[str, str] | None = None,
    chapters: Sequence[SampleChapter] = (),
    seconds: float = 1.0,
    seed: int = 0,
    size: tuple[int, int] = (64, 48),
) -> None:
    """Make one video at `path`; the extension chooses the container. Attachments must come last.

    Flags are written exactly as given, but MP4 and MOV always enable the first track of a type that has
    no default. Raise FileExistsError when `path` exists, ValueError for an extension or an order that
    cannot be, ToolMissing without an ffmpeg in the wheel, ToolError when ffmpeg fails.
    """
    muxer = _MUXERS.get(os.path.splitext(path)[1][1:].lower())
    if muxer is None:
        raise ValueError(f"no sample can be made with the extension of {path!r}")
    if os.path.lexists(path):
        raise FileExistsError(path)
    kinds = [track.type == "attachment" for track in tracks]
    if kinds != sorted(kinds):
        raise ValueError("attachments must come last")
    with tempfile.TemporaryDirectory(prefix="vpo-sample-") as folder:
        recipe = _Recipe(folder, muxer, seconds, seed, size)
        for number, track in enumerate(tracks):
            recipe.add(number, track)
        recipe.describe(tags or {}, chapters)
        argv = recipe.argv(path)
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        text = [os.fsdecode(argument) for argument in argv]
        raise ToolError(path, text, done.returncode, done.stderr.decode("utf-8", "replace"))


class _Recipe:
    """An ffmpeg argument list in the making; the files it needs are written to `folder`."""

    def __init__(self, folder: str, muxer: str, seconds: float, seed: int, size: tuple[int, int]) -> None:
        self._folder = folder
        self._muxer = muxer
        self._seconds = seconds
        self._seed = seed
        self._size = size
        self._inputs: list[str] = []
        self._input_count = 0
        self._outputs: list[str] = []

    def add(self, number: int, track: SampleTrack) -> None:
        """Add the output stream `number`."""
        if track.type == "attachment":
            self._add_attachment(number, track)
        else:
            usual = dict(zip(("video", "audio", "subtitle"), _USUAL[self._muxer], strict=True))
            codec = track.codec or usual[track.type]
            {"video": self._add_video, "audio": self._add_audio, "subtitle": self._add_subtitle}[track.type](
                number, track
            )
            encoder, *options = _ENCODERS.get(codec, (codec,))
            self._outputs += [f"-c:{number}", encoder]
            for option, value in zip(options[::2], options[1::2], strict=True):
                self._outputs += [f"{option}:{number}", value]
            flags = (*("default",) * track.default, *("forced",) * track.forced, *track.dispositions)
            self._outputs += [f"-disposition:{number}", "+".join(flags) or "0"]
        for key, text in (("language", track.language), ("title", track.title)):
            if text is not None:
                self._outputs += [f"-metadata:s:{number}", f"{key}={text}"]

    def describe(self, tags: Mapping[str, str], chapters: Sequence[SampleChapter]) -> None:
        """Add the container's tags and chapters."""
        for key, value in tags.items():
            self._outputs += ["-metadata", f"{key}={value}"]
        if chapters:
            lines = [";FFMETADATA1"]
            for chapter in chapters:
                span = (f"START={chapter.start_s * 1000:.0f}", f"END={chapter.end_s * 1000:.0f}")
                lines += ["[CHAPTER]", "TIMEBASE=1/1000", *span, f"title={chapter.title}"]
            source = self._input("-f", "ffmetadata", "-i", self._file("chapters", "\n".join(lines).encode()))
            self._outputs += ["-map_chapters", str(source)]

    def argv(self, path: str) -> list[bytes]:
        """Return the whole command. One thread each: the frames are too small to share."""
        ffmpeg = wheel_ffmpeg()
        if ffmpeg is None:
            raise ToolMissing("ffmpeg", "making a sample video", f"the package {WHEEL} has none here")
        words = [ffmpeg, "-nostdin", "-v", "error", "-n", "-filter_threads", "1"]
        words += [*self._inputs, *self._outputs, "-threads", "1", "-fflags", "+bitexact"]
        words += ["-flags", "+bitexact", "-t", str(self._seconds), "-f", self._muxer]
        if self._muxer == "matroska":
            words += ["-default_mode", "passthrough"]
        return [*(word.encode() for word in words), b"file:" + os.fsencode(os.path.abspath(path))]

    def _input(self, *words: str) -> int:
        self._inputs += words
        self._input_count += 1
        return self._input_count - 1

    def _file(self, name: str, data: bytes) -> str:
        path = os.path.join(self._folder, name)
        with open(path, "wb") as stream:
            stream.write(data)
        return path

    def _add_video(self, _number: int, _track: SampleTrack) -> None:
        picture = f"testsrc2=s={self._size[0]}x{self._size[1]}:r={_FRAME_RATE}:d={self._seconds}"
        noise = f"noise=alls=12:allf=t:all_seed={self._seed % 2**31}"
        source = self._input("-f", "lavfi", "-i", f"{picture},format=yuv420p,{noise}")
        self._outputs += ["-map", str(source)]

    def _add_audio(self, number: int, track: SampleTrack) -> None:
        pitch = 200 + (self._seed * 37 + number * 110) % 5000
        source = self._input(
            "-f", "lavfi", "-i", f"sine=frequency={pitch}:sample_rate=48000:duration={self._seconds}"
        )
        self._outputs += ["-map", str(source), f"-ac:{number}", str(track.channels)]

    def _add_subtitle(self, number: int, _track: SampleTrack) -> None:
        middle, end = _srt_time(self._seconds * 0.4), _srt_time(self._seconds * 0.9)
        cues = (("00:00:00,000", middle), (middle, end))
        text = "\n".join(
            f"{cue}\n{start} --> {stop}\nTrack {number}, line {cue}, sample {self._seed}\n"
            for cue, (start, stop) in enumerate(cues, 1)
        )
        source = self._input("-f", "srt", "-i", self._file(f"{number}.srt", text.encode()))
        self._outputs += ["-map", str(source)]

    def _add_attachment(self, number: int, track: SampleTrack) -> None:
        is_picture = track.codec == "png"
        data = _png(self._seed) if is_picture else _font(self._seed)
        path = self._file(str(number), data)
        if self._muxer != "matroska":
            source = self._input("-f", "png_pipe", "-i", path)
            flags = [f"-disposition:{number}", "attached_pic"]
            self._outputs += ["-map", str(source), f"-c:{number}", "copy", *flags]
            return
        name = track.filename or ("cover.png" if is_picture else f"font{number}.ttf")
        mime = track.mime_type or ("image/png" if is_picture else "application/x-truetype-font")
        self._outputs += ["-attach", path]
        for key, value in (("filename", name), ("mimetype", mime)):
            self._outputs += [f"-metadata:s:{number}", f"{key}={value}"]


def _srt_time(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02},{rest % 1000:03}"


def _png(seed: int) -> bytes:
    """Return an 8 by 8 one-coloured picture (PNG specification, third edition)."""
    colour = struct.pack(">I", (seed * 2654435761) & 0xFFFFFFFF)[:3]
    rows = (b"\0" + colour * 8) * 8
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def _font(seed: int) -> bytes:
    """Return bytes that start like a TrueType font; nothing here draws with them."""
    return b"\0\1\0\0" + struct.pack(">Q", seed & 0xFFFFFFFFFFFFFFFF) * 64
