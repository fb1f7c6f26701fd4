"""The `transcode` operation: which rates count, what the numbers may be."""

from __future__ import annotations

from typing import Any

from vpo_tasks.policy import model as m
from vpo_tasks.policy.codecs import DEFAULT_CRF
from vpo_tasks.policy.ffmpeg_args import WAY_OUT, find_unsafe
from vpo_tasks.policy.field_types import FOLDED_LIST, RATE, SCALE_RESOLUTION
from vpo_tasks.policy.readers import BAD, At, Bool, Integer, ListOf, OneOf, Text
from vpo_tasks.policy.table import Field, Table, Values
from vpo_tasks.policy.values import SCALE_RESOLUTIONS

VIDEO_CODECS = ("h264", "hevc", "vp9", "av1")
AUDIO_CODECS = (
    "aac", "ac3", "eac3", "flac", "opus", "mp3", "truehd", "dts", "pcm_s16le", "pcm_s24le",
)  # fmt: skip
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
TUNES = ("film", "animation", "grain", "stillimage", "fastdecode", "zerolatency")

_SHELL_SIGNS = (";", "|", "&", "<", ">", "`", "$(", "${", "\n", "\\n")


def _parse_argument(text: str) -> str:
    for sign in _SHELL_SIGNS:
        if sign in text:
            raise ValueError(f"holds {sign!r}, which no argument may")
    if len(text) > 1024:
        raise ValueError("is longer than 1024 characters")
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


class _Arguments(ListOf):
    """At most 50 further arguments for ffmpeg. What no run gives to ffmpeg unasked is noted, and loads."""

    def read(self, at: At) -> Any:
        if isinstance(at.value, list) and len(at.value) > 50:
            return at.fail("has more than 50 arguments")
        words = super().read(at)
        if words is not BAD:
            items = at.items()
            for place, why in find_unsafe(words):
                items[place].refuse(f"{why}; {WAY_OUT}")
        return words

    def schema(self) -> dict[str, Any]:
        return {**super().schema(), "maxItems": 50}


FFMPEG_ARGS = _Arguments(
    Text(_parse_argument, pattern="^(?!.*(\\$[({]|\\\\n))[^;|&<>`\\n\\u0000]*$", most=1024)
)
CRF = Integer(0, 51)
INTERVAL = Integer(1)
PRESET = OneOf(*PRESETS)
TUNE = OneOf(*TUNES)
VIDEO_CODEC = OneOf(*VIDEO_CODECS, fold=True)
AUDIO_CODEC = OneOf(*AUDIO_CODECS, fold=True)
HARDWARE = OneOf("auto", "nvenc", "qsv", "vaapi", "videotoolbox", "none")
ALGORITHM = OneOf("lanczos", "bicubic", "bilinear")

SKIP_IF = Table(
    m.SkipIf,
    [
        Field("codec_matches", FOLDED_LIST, "The video's codec is one of these."),
        Field("resolution_within", SCALE_RESOLUTION, f"Not larger than: {', '.join(SCALE_RESOLUTIONS)}."),
        Field("bitrate_under", RATE, "The video's bitrate is below this."),
    ],
    some="is empty: give at least one of codec_matches, resolution_within, bitrate_under",
)


def infer_quality(values: Values, at: At) -> None:
    """Say which of the rates count, as version 13 infers it."""
    if "crf" in values and "target_bitrate" in values:
        at.fail("crf and target_bitrate exclude each other")
        return
    if "target_bitrate" in values:
        quality = "bitrate"
    elif "crf" in values and "max_bitrate" in values:
        quality = "constrained_quality"
    else:
        quality = "crf"
    complete_quality(values, quality, at)


def complete_quality(values: Values, quality: str, at: At) -> None:
    """Set the quality mode and drop what then has no effect, so that equal policies are equal values.

    A CRF that is the codec's own is none.
    """
    values["quality"] = quality
    if quality != "constrained_quality":
        for idle in ("min_bitrate", "max_bitrate"):
            if values.pop(idle, None) is not None:
                at.warn(f"{idle} has no effect here: it needs both crf and max_bitrate")
    if values.get("two_pass") and quality != "bitrate":
        at.warn("two_pass has no effect here: it needs target_bitrate")
    if "max_resolution" in values and ("max_width" in values or "max_height" in values):
        at.warn("max_resolution wins over max_width and max_height")
    if values.get("crf") == DEFAULT_CRF.get(values.get("to", "")):
        values.pop("crf", None)


class _VideoTable(Table):
    """Writes a CRF where the rates alone would not tell the mode."""

    def write(self, value: Any) -> Any:
        written = super().write(value)
        if value.quality == "constrained_quality" and value.crf is None:
            written["crf"] = DEFAULT_CRF[value.to]
        return written


def _settle_video(values: Values, at: At) -> None:
    infer_quality(values, at)
    warn_of_upscale(values, at)


def warn_of_upscale(values: Values, at: At) -> None:
    if values.get("upscale"):
        at.warn("upscale has no effect: video is never made larger")


VIDEO_TABLE = _VideoTable(
    m.VideoTranscode,
    [
        Field("to", VIDEO_CODEC, "The codec to have.", required=True),
        Field("skip_if", SKIP_IF, "Leave the whole operation out when all of this holds."),
        Field("crf", CRF, "Constant quality, 0 to 51; lower is better."),
        Field("target_bitrate", RATE, "Average bitrate; not together with crf."),
        Field("min_bitrate", RATE, "Least bitrate; with crf and max_bitrate."),
        Field("max_bitrate", RATE, "Greatest bitrate; with crf."),
        Field("preset", PRESET, "Speed against size, for libx264 and libx265."),
        Field("tune", TUNE, "What the encoder is tuned for."),
        Field("two_pass", Bool(), "Two passes, with target_bitrate."),
        Field("max_resolution", SCALE_RESOLUTION, "Scale down to fit; wins over max_width and max_height."),
        Field("max_width", INTERVAL, "Scale down to this width, in pixels."),
        Field("max_height", INTERVAL, "Scale down to this height, in pixels."),
        Field("scale_algorithm", ALGORITHM, "How to scale."),
        Field("upscale", Bool(), "Has no effect: video is never made larger."),
        Field("hw", HARDWARE, "The hardware encoder to use."),
        Field("hw_fallback", Bool(), "Encode in software when the hardware cannot."),
        Field("ffmpeg_args", FFMPEG_ARGS, "Further options for the encoder, before the output."),
        Field("keep_if_larger", Bool(), "Keep the result even where it is larger than the original."),
    ],
    check=_settle_video,
    shape={"not": {"required": ["crf", "target_bitrate"]}},
)

AUDIO_TABLE = Table(
    m.AudioTranscode,
    [
        Field("preserve", FOLDED_LIST, "Codecs that are copied; patterns such as pcm* work."),
        Field("to", AUDIO_CODEC, "The codec that the others become."),
        Field("bitrate", RATE, "Their bitrate."),
    ],
)

TRANSCODE_TABLE = Table(
    m.Transcode,
    [Field("video", VIDEO_TABLE, "Re-encode the video."), Field("audio", AUDIO_TABLE, "Re-encode audio.")],
)
