"""Policies of schema version 12, phased and flat, translated into the names and meanings of version 13."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from vpo_tasks.policy import model as m
from vpo_tasks.policy.actions import RULE_LIST, warn_of_idle_else
from vpo_tasks.policy.field_types import (
    ANY_TEXT,
    FOLDED_LIST,
    LANGUAGE,
    LANGUAGES,
    ON_ERROR,
    RATE,
    SCALE_RESOLUTION,
)
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
from vpo_tasks.policy.readers import BAD, At, Bool, ListOf, OneOf
from vpo_tasks.policy.table import Field, Table, Values
from vpo_tasks.policy.transcoding import (
    ALGORITHM,
    AUDIO_CODEC,
    CRF,
    FFMPEG_ARGS,
    HARDWARE,
    INTERVAL,
    PRESET,
    SKIP_IF,
    TUNE,
    VIDEO_CODEC,
    complete_quality,
    infer_quality,
    warn_of_upscale,
)

_DEFAULT_ORDER: tuple[m.TrackClass, ...] = (
    "video", "audio_main", "audio_alternate", "audio_music", "audio_sfx", "audio_non_speech", "subtitle_main",
    "subtitle_forced", "audio_commentary", "subtitle_commentary", "attachment",
)  # fmt: skip
_DEFAULT_PATTERNS = ("commentary", "director")
_SYNTHESIS_CODECS = ("eac3", "aac", "ac3", "opus", "flac")
_DOWNMIX_CHANNELS = {"stereo": 2, "5.1": 6}

WORKFLOW_PHASES = ("analyze", "apply", "transcode")

_WORKFLOW = Table(
    None,
    [
        Field("phases", ListOf(OneOf(*WORKFLOW_PHASES), least=1)),
        Field("auto_process", Bool()),
        Field("on_error", ON_ERROR),
    ],
)


class _DestinationReader:
    """Moving the result elsewhere is not a policy's business here."""

    def read(self, at: At) -> Any:
        return at.fail("a policy does not move files; give --output DIR to have the result elsewhere")

    def write(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


def _build_transcode(values: Values, at: At) -> Any:
    """Return the operation and the track that `audio_downmix` asks for."""
    audio = {key: values.pop(key) for key in ("preserve", "to", "bitrate") if key in values}
    downmix = values.pop("downmix", None)
    values.pop("destination_fallback", None)
    video = _video(values, at)
    if video is BAD:
        return BAD
    synthesis = None
    if downmix:
        synthesis = _downmix(downmix, audio.get("to", "aac"), audio.get("bitrate"))
    # Without a list of codecs to preserve and without a downmix, all audio was copied.
    wanted = bool(audio.get("preserve")) or downmix is not None
    transcode = m.Transcode(
        video=video,
        audio=m.AudioTranscode(**{"preserve": (), **audio}) if wanted else None,
    )
    return transcode, synthesis


def _video(values: Values, at: At) -> Any:
    if "target_codec" not in values:
        for key in values:
            at.fail(f"{key} has no meaning without target_video_codec")
        return BAD if values else None
    video: Values = {"to": values.pop("target_codec"), "hw": "none", **values}
    before = len(at.log.issues)
    infer_quality(video, at)
    return BAD if len(at.log.issues) > before else m.VideoTranscode(**video)


def _downmix(layout: str, codec: str, bitrate: int | None) -> m.AudioSynthesis:
    more_than_stereo = m.Exists(track_type="audio", where=m.TrackFilter(channels=("gt", 2)))
    track: dict[str, Any] = {
        "name": f"downmix {layout}",
        "codec": codec if codec in _SYNTHESIS_CODECS else "aac",
        "channels": _DOWNMIX_CHANNELS[layout],
        "prefer": (m.SourceCriterion(channels="max"),),
        "bitrate": bitrate,
        "create_if": more_than_stereo,
    }
    return m.AudioSynthesis(tracks=(m.SynthesisTrack(**track),))


_FLAT_TRANSCODE = Table(
    None,
    [
        Field("target_video_codec", VIDEO_CODEC, attribute="target_codec"),
        Field("target_crf", CRF, attribute="crf"),
        Field("target_bitrate", RATE),
        Field("max_resolution", SCALE_RESOLUTION),
        Field("max_width", INTERVAL),
        Field("max_height", INTERVAL),
        Field("audio_preserve_codecs", FOLDED_LIST, attribute="preserve"),
        Field("audio_transcode_to", AUDIO_CODEC, attribute="to"),
        Field("audio_transcode_bitrate", RATE, attribute="bitrate"),
        Field("audio_downmix", OneOf(*_DOWNMIX_CHANNELS), attribute="downmix"),
        Field("destination", _DestinationReader()),
        Field("destination_fallback", ANY_TEXT),
    ],
    build=_build_transcode,
)


class _TranscodeReader:
    """The nested form when it has `video` or `audio`, else the flat one."""

    def __init__(self, nested: Table) -> None:
        self._nested = nested

    def read(self, at: At) -> Any:
        if isinstance(at.value, dict) and ("video" in at.value or "audio" in at.value or not at.value):
            transcode = self._nested.read(at)
            return BAD if transcode is BAD else (transcode, None)
        return _FLAT_TRANSCODE.read(at)

    def write(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self._nested.schema(), _FLAT_TRANSCODE.schema()]}


_FLAT_ONLY = ("audio_language_preference", "subtitle_language_preference", "commentary_patterns", "workflow")
_OPERATION_KEYS = (
    "track_order", "default_flags", "transcode", "transcription", "audio_actions", "subtitle_actions",
    "video_actions", "audio_filter", "subtitle_filter", "attachment_filter", "container", "conditional",
    "audio_synthesis",
)  # fmt: skip
FLAT_KEYS = frozenset({*_FLAT_ONLY, *_OPERATION_KEYS})


def flat_fields(operations: Sequence[Field], nested_transcode: Table) -> list[Field]:
    """Return the keys of a flat document."""
    languages = ListOf(LANGUAGE, least=1)
    return [
        Field("audio_language_preference", languages, attribute="audio_languages"),
        Field("subtitle_language_preference", languages, attribute="subtitle_languages"),
        PATTERNS,
        Field("workflow", _WORKFLOW),
        Field("transcode", _TranscodeReader(nested_transcode)),
        *(field for field in operations if field.key in _OPERATION_KEYS),
    ]


def build_flat_policy(values: Values, at: At) -> m.Policy:
    """Return the policy whose phases are those that `workflow` lists."""
    values.pop("schema_version", None)
    workflow = values.pop("workflow", {})
    if workflow.get("auto_process"):
        at.warn("workflow.auto_process has no effect: a policy is applied when it is asked for")
    config = {key: values.pop(key) for key in ("audio_languages", "subtitle_languages") if key in values}
    patterns = values.pop("commentary_patterns", _DEFAULT_PATTERNS)
    wanted = workflow.get("phases", ("apply",))
    transcode, downmix = values.pop("transcode", (None, None))
    if transcode is not None and "transcode" not in wanted:
        at.warn("transcode has no effect: workflow.phases does not name it")
    apply = m.Phase(
        name="apply", **{"track_order": _DEFAULT_ORDER, "default_flags": m.DefaultFlags(), **values}
    )
    made = {
        "analyze": m.Phase(name="analyze", transcription=_listening(values.get("transcription"))),
        "apply": apply,
        "transcode": m.Phase(name="transcode", transcode=transcode, audio_synthesis=downmix),
    }
    phases = tuple(made[name] for name in dict.fromkeys(wanted))
    on_error = workflow.get("on_error", "continue")
    return m.Policy(
        name="",
        phases=phases,
        config=m.Config(**config, commentary_patterns=patterns, on_error=on_error),
    )


def _listening(given: m.Transcription | None) -> m.Transcription:
    """Return the analysis of every audio track, whether or not the document's own block is on."""
    return msgspec.structs.replace(given or m.Transcription(), enabled=True)


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
        Field("max_width", INTERVAL),
        Field("max_height", INTERVAL),
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
    complete_quality(merged, mode, at)
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
TRANSCODE_12 = Table(m.Transcode, [Field("video", _VIDEO), Field("audio", _AUDIO)])

OPERATIONS_12 = (
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
        *OPERATIONS_12,
        Field("transcode", TRANSCODE_12),
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

DOCUMENT_12 = Table(
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
    [_VERSION, *flat_fields(OPERATIONS_12, TRANSCODE_12)],
    build=build_flat_policy,
    hints=_NEW_NAMES,
)


def is_flat(at: At) -> bool:
    """Tell whether a document of version 12 has its operations at the top."""
    return "phases" not in at.value and any(key in FLAT_KEYS for key in at.value)
