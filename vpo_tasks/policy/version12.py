"""Policies of schema version 12, phased and flat, translated into the names and meanings of version 13."""

from __future__ import annotations

from typing import Any

from vpo_tasks.policy import model as m
from vpo_tasks.policy.actions import RULE_LIST, warn_of_idle_else
from vpo_tasks.policy.flat12 import FLAT_KEYS, build_flat_policy, flat_fields
from vpo_tasks.policy.operations import FILTER_ATTACHMENTS, KEEP_AUDIO, KEEP_SUBTITLES
from vpo_tasks.policy.phases import (
    COMMON_OPERATIONS,
    EXTRA_LANGUAGES_FIELD,
    NAME_FIELDS,
    PATTERNS,
    PHASE_CONTROL,
    PHASE_NAME_FIELD,
    SKIP_CONDITIONS,
    VERSION_12_NAMES,
    PhasesReader,
    VersionReader,
    build_policy,
    build_skip_when,
)
from vpo_tasks.policy.reading import BAD, At, Bool, OneOf
from vpo_tasks.policy.table import Field, Table, Values
from vpo_tasks.policy.transcoding import (
    ALGORITHM,
    AUDIO_CODEC,
    CRF,
    FFMPEG_ARGS,
    HARDWARE,
    LENGTH,
    PRESET,
    SKIP_IF,
    TUNE,
    VIDEO_CODEC,
    settle_quality,
    warn_of_upscale,
)
from vpo_tasks.policy.words import FOLDED_LIST, LANGUAGES, ON_ERROR, RATE, SCALE_RESOLUTION

_NEW_NAMES = {new: f" (version 12 calls it {old})" for old, new in VERSION_12_NAMES.items()}


class _RuleListReader:
    """`conditional`: the list itself, meaning the first rule that holds."""

    def read(self, at: At) -> Any:
        items = RULE_LIST.read(at)
        return BAD if items is BAD else warn_of_idle_else(m.Rules(match="first", items=items), at)

    def write(self, value: Any) -> Any:
        return RULE_LIST.write(value.items)

    def schema(self) -> dict[str, Any]:
        return RULE_LIST.schema()


_QUALITY = Table(
    None,
    [
        Field("mode", OneOf("crf", "bitrate", "constrained_quality")),
        Field("crf", CRF),
        Field("bitrate", RATE),
        Field("min_bitrate", RATE),
        Field("max_bitrate", RATE),
        Field("preset", PRESET),
        Field("tune", TUNE),
        Field("two_pass", Bool()),
    ],
)
_SCALING = Table(
    None,
    [
        Field("max_resolution", SCALE_RESOLUTION),
        Field("max_width", LENGTH),
        Field("max_height", LENGTH),
        Field("algorithm", ALGORITHM, attribute="scale_algorithm"),
        Field("upscale", Bool()),
    ],
)
_HARDWARE = Table(
    None,
    [
        Field("enabled", HARDWARE, attribute="hw"),
        Field("fallback_to_cpu", Bool(), attribute="hw_fallback"),
    ],
)


def _build_video(values: Values, at: At) -> Any:
    quality = values.pop("quality", {})
    mode = quality.pop("mode", "crf")
    if mode == "bitrate" and "bitrate" not in quality:
        return at.fail("quality.mode bitrate needs quality.bitrate")
    if mode == "bitrate" and "crf" in quality:
        return at.fail("quality.mode bitrate and quality.crf exclude each other")
    if mode == "crf" and "bitrate" in quality:
        return at.fail("quality.mode crf and quality.bitrate exclude each other")
    if "bitrate" in quality:
        rate = quality.pop("bitrate")
        if mode == "bitrate":
            quality["target_bitrate"] = rate
        else:
            at.warn("quality.bitrate has no effect with the mode constrained_quality")
    # Without the block version 12 encoded in software; with an empty one it looked for hardware.
    hardware = values.pop("hardware_acceleration", {"hw": "none"})
    merged = {**values, **quality, **values.pop("scaling", {}), **hardware}
    merged.pop("scaling", None)
    if mode == "constrained_quality" and "max_bitrate" not in merged:
        mode = "crf"
    settle_quality(merged, mode, at)
    warn_of_upscale(merged, at)
    return m.VideoTranscode(**merged)


_VIDEO = Table(
    None,
    [
        Field("target_codec", VIDEO_CODEC, attribute="to", required=True),
        Field("skip_if", SKIP_IF),
        Field("quality", _QUALITY),
        Field("scaling", _SCALING),
        Field("hardware_acceleration", _HARDWARE),
        Field("ffmpeg_args", FFMPEG_ARGS),
    ],
    build=_build_video,
    hints={"to": " (version 12 calls it target_codec)"},
)
_AUDIO = Table(
    m.AudioTranscode,
    [
        Field("preserve_codecs", FOLDED_LIST, attribute="preserve"),
        Field("transcode_to", AUDIO_CODEC, attribute="to"),
        Field("transcode_bitrate", RATE, attribute="bitrate"),
    ],
)
TRANSCODE = Table(m.Transcode, [Field("video", _VIDEO), Field("audio", _AUDIO)])

OPERATIONS = (
    *COMMON_OPERATIONS,
    Field("audio_filter", KEEP_AUDIO, attribute="keep_audio"),
    Field("subtitle_filter", KEEP_SUBTITLES, attribute="keep_subtitles"),
    Field("attachment_filter", FILTER_ATTACHMENTS, attribute="filter_attachments"),
    Field("conditional", _RuleListReader(), attribute="rules"),
)
_SKIP_WHEN = Table(m.SkipWhen, SKIP_CONDITIONS, build=build_skip_when)
_PHASE = Table(
    m.Phase,
    [
        PHASE_NAME_FIELD,
        *OPERATIONS,
        Field("transcode", TRANSCODE),
        Field("skip_when", _SKIP_WHEN),
        *PHASE_CONTROL,
    ],
    hints=_NEW_NAMES,
)
_CONFIG = Table(
    m.Config,
    [
        Field("audio_language_preference", LANGUAGES, attribute="audio_languages"),
        Field("subtitle_language_preference", LANGUAGES, attribute="subtitle_languages"),
        EXTRA_LANGUAGES_FIELD,
        PATTERNS,
        Field("on_error", ON_ERROR),
    ],
    hints=_NEW_NAMES,
)


_VERSION = Field("schema_version", VersionReader(12), required=True)

DOCUMENT = Table(
    None,
    [
        _VERSION,
        *NAME_FIELDS,
        Field("config", _CONFIG),
        Field("phases", PhasesReader(_PHASE), required=True),
    ],
    build=build_policy,
)

FLAT = Table(
    None,
    [_VERSION, *flat_fields(OPERATIONS, TRANSCODE)],
    build=build_flat_policy,
    hints=_NEW_NAMES,
)


def is_flat(at: At) -> bool:
    """Tell whether a document of version 12 has its operations at the top."""
    return "phases" not in at.value and any(key in FLAT_KEYS for key in at.value)
