"""The operation `transcode`: which rates count, what the numbers may be (policy-format 3.9)."""

from typing import Annotated, Any, ClassVar, Literal

from vpo_tasks.policy.codecs import DEFAULT_CRF
from vpo_tasks.policy.ffmpeg_args import WAY_OUT, find_unsafe
from vpo_tasks.policy.field_types import Folded, Positive, Rate, ScaleResolution, one_of
from vpo_tasks.policy.readers import BAD, At, Integer, ListOf, OneOf, Text
from vpo_tasks.policy.table import NO_KEY, PolicyValue, Shape, Table, Values
from vpo_tasks.policy.values import SCALE_RESOLUTIONS

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


_FFMPEG_ARGS = _Arguments(
    Text(_parse_argument, pattern="^(?!.*(\\$[({]|\\\\n))[^;|&<>`\\n\\u0000]*$", most=1024)
)
_VideoCodec = Literal["h264", "hevc", "vp9", "av1"]


class SkipIf(PolicyValue, frozen=True):
    """3.9.3. None means not asked."""

    not_empty = True

    codec_matches: Annotated[tuple[Folded, ...] | None, "The video's codec is one of these."] = None
    resolution_within: Annotated[
        ScaleResolution | None, f"Not larger than: {', '.join(SCALE_RESOLUTIONS)}."
    ] = None
    bitrate_under: Annotated[Rate | None, "The video's bitrate is below this."] = None


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


def warn_of_upscale(values: Values, at: At) -> None:
    if values.get("upscale"):
        at.warn("upscale has no effect: video is never made larger")


class VideoTranscode(PolicyValue, frozen=True):
    """3.9.1. `crf` None is the codec's default; `quality`, which is no key, says which of the rates count."""

    shape: ClassVar[Shape] = {"not": {"required": ["crf", "target_bitrate"]}}

    to: Annotated[_VideoCodec, "The codec to have.", one_of(_VideoCodec, fold=True)]
    quality: Annotated[Literal["crf", "bitrate", "constrained_quality"], NO_KEY] = "crf"
    skip_if: Annotated[SkipIf | None, "Leave the whole operation out when all of this holds."] = None
    crf: Annotated[int | None, "Constant quality, 0 to 51; lower is better.", Integer(0, 51)] = None
    target_bitrate: Annotated[Rate | None, "Average bitrate; not together with crf."] = None
    min_bitrate: Annotated[Rate | None, "Least bitrate; with crf and max_bitrate."] = None
    max_bitrate: Annotated[Rate | None, "Greatest bitrate; with crf."] = None
    preset: Annotated[str, "Speed against size, for libx264 and libx265.", OneOf(*PRESETS)] = "medium"
    tune: Annotated[str | None, "What the encoder is tuned for.", OneOf(*TUNES)] = None
    two_pass: Annotated[bool, "Two passes, with target_bitrate."] = False
    max_resolution: Annotated[
        ScaleResolution | None, "Scale down to fit; wins over max_width and max_height."
    ] = None
    max_width: Annotated[Positive | None, "Scale down to this width, in pixels."] = None
    max_height: Annotated[Positive | None, "Scale down to this height, in pixels."] = None
    scale_algorithm: Annotated[Literal["lanczos", "bicubic", "bilinear"], "How to scale."] = "lanczos"
    upscale: Annotated[bool, "Has no effect: video is never made larger."] = False
    hw: Annotated[
        Literal["auto", "nvenc", "qsv", "vaapi", "videotoolbox", "none"], "The hardware encoder to use."
    ] = "auto"
    hw_fallback: Annotated[bool, "Encode in software when the hardware cannot."] = True
    ffmpeg_args: Annotated[
        tuple[str, ...], "Further options for the encoder, before the output.", _FFMPEG_ARGS
    ] = ()
    keep_if_larger: Annotated[bool, "Keep the result even where it is larger than the original."] = False

    @classmethod
    def check(cls, values: Values, at: At) -> None:
        infer_quality(values, at)
        warn_of_upscale(values, at)


class _VideoTable(Table):
    """Writes a CRF where the rates alone would not tell the mode."""

    def write(self, value: Any) -> Any:
        written = super().write(value)
        if value.quality == "constrained_quality" and value.crf is None:
            written["crf"] = DEFAULT_CRF[value.to]
        return written


class AudioTranscode(PolicyValue, frozen=True):
    """3.9.2."""

    preserve: Annotated[tuple[Folded, ...], "Codecs that are copied; patterns such as pcm* work."] = (
        "truehd", "dts-hd", "flac", "pcm_s24le",
    )  # fmt: skip
    to: Annotated[str, "The codec that the others become.", OneOf(*AUDIO_CODECS, fold=True)] = "aac"
    bitrate: Annotated[Rate, "Their bitrate."] = 192_000


class Transcode(PolicyValue, frozen=True):
    """3.9."""

    video: Annotated[VideoTranscode | None, "Re-encode the video.", _VideoTable.of(VideoTranscode)] = None
    audio: Annotated[AudioTranscode | None, "Re-encode audio."] = None
