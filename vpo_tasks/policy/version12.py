"""Policies of schema version 12, phased and flat, translated into the names and meanings of version 13."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from vpo_tasks.policy import model as m
from vpo_tasks.policy.field_types import LanguageCode, Rate
from vpo_tasks.policy.load import VersionReader
from vpo_tasks.policy.model import VERSION_12_NAMES, PhasesReader
from vpo_tasks.policy.readers import BAD, At, ListOf, OneOf, Text
from vpo_tasks.policy.rules import RULE_LIST
from vpo_tasks.policy.table import Field, PolicyValue, Table, Values, reader_of, table_of
from vpo_tasks.policy.transcoding import complete_quality, infer_quality, warn_of_upscale


def _keys(model: type[PolicyValue], *same: str, **renamed: str) -> list[Field]:
    """Return keys of version 12 that read as those of a type: under the same name, or old name = new one."""
    fields = table_of(model).fields
    names = {**dict(zip(same, same, strict=True)), **renamed}
    return [fields[new]._replace(key=old, attribute=fields[new].target) for old, new in names.items()]


_DEFAULT_ORDER: tuple[m.TrackClass, ...] = (
    "video", "audio_main", "audio_alternate", "audio_music", "audio_sfx", "audio_non_speech", "subtitle_main",
    "subtitle_forced", "audio_commentary", "subtitle_commentary", "attachment",
)  # fmt: skip
_DEFAULT_PATTERNS = ("commentary", "director")
_SYNTHESIS_CODECS = ("eac3", "aac", "ac3", "opus", "flac")
_SWITCH = reader_of(bool)
_VIDEO_CODEC = table_of(m.VideoTranscode).fields["to"]
_DOWNMIX_CHANNELS = {"stereo": 2, "5.1": 6}

WORKFLOW_PHASES = ("analyze", "apply", "transcode")

_WORKFLOW = Table(
    [
        Field("phases", ListOf(OneOf(*WORKFLOW_PHASES), least=1)),
        Field("auto_process", _SWITCH),
        *_keys(m.Config, "on_error"),
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
    [
        Field("target_video_codec", _VIDEO_CODEC.reader, attribute="target_codec"),
        *_keys(m.VideoTranscode, target_crf="crf", target_bitrate="target_bitrate"),
        *_keys(m.VideoTranscode, "max_resolution", "max_width", "max_height"),
        *_keys(
            m.AudioTranscode,
            audio_preserve_codecs="preserve",
            audio_transcode_to="to",
            audio_transcode_bitrate="bitrate",
        ),
        Field("audio_downmix", OneOf(*_DOWNMIX_CHANNELS), attribute="downmix"),
        Field("destination", _DestinationReader()),
        Field("destination_fallback", Text()),
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
        return BAD if items is BAD else m.Rules.build({"match": "first", "items": items}, at)

    def write(self, value: Any) -> Any:
        return RULE_LIST.write(value.items)

    def schema(self) -> dict[str, Any]:
        return RULE_LIST.schema()


_QUALITY = Table(
    [
        Field("mode", reader_of(Literal["crf", "bitrate", "constrained_quality"])),
        *_keys(m.VideoTranscode, "crf"),
        Field("bitrate", reader_of(Rate)),
        *_keys(m.VideoTranscode, "min_bitrate", "max_bitrate", "preset", "tune", "two_pass"),
    ],
)
_SCALING = Table(
    _keys(
        m.VideoTranscode,
        "max_resolution",
        "max_width",
        "max_height",
        "upscale",
        algorithm="scale_algorithm",
    ),
)
_HARDWARE = Table(_keys(m.VideoTranscode, enabled="hw", fallback_to_cpu="hw_fallback"))


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
    [
        _VIDEO_CODEC._replace(key="target_codec", attribute="to"),
        *_keys(m.VideoTranscode, "skip_if"),
        Field("quality", _QUALITY),
        Field("scaling", _SCALING),
        Field("hardware_acceleration", _HARDWARE),
        *_keys(m.VideoTranscode, "ffmpeg_args"),
    ],
    build=_build_video,
    hints={"to": " (version 12 calls it target_codec)"},
)
_AUDIO = Table(
    _keys(m.AudioTranscode, preserve_codecs="preserve", transcode_to="to", transcode_bitrate="bitrate"),
    model=m.AudioTranscode,
)
TRANSCODE_12 = Table([Field("video", _VIDEO), Field("audio", _AUDIO)], model=m.Transcode)

# -- the whole document ----------------------------------------------------------------------------------

_OPERATIONS = [
    *_keys(
        m.Phase,
        "audio_actions",
        "subtitle_actions",
        "video_actions",
        "container",
        "track_order",
        "default_flags",
        "audio_synthesis",
        "file_timestamp",
        "transcription",
        audio_filter="keep_audio",
        subtitle_filter="keep_subtitles",
        attachment_filter="filter_attachments",
    ),
    Field("conditional", _RuleListReader(), attribute="rules"),
]
_SKIP_WHEN = Table(
    [field for field in table_of(m.SkipWhen).fields.values() if field.key != "mode"], build=m.SkipWhen.build
)
_PHASE = Table(
    [
        table_of(m.Phase).fields["name"],
        *_OPERATIONS,
        Field("transcode", TRANSCODE_12),
        Field("skip_when", _SKIP_WHEN),
        *_keys(m.Phase, "depends_on", "run_if", "on_error"),
    ],
    model=m.Phase,
    hints=_NEW_NAMES,
)
_CONFIG = Table(
    _keys(
        m.Config,
        "extra_languages",
        "commentary_patterns",
        "on_error",
        audio_language_preference="audio_languages",
        subtitle_language_preference="subtitle_languages",
    ),
    model=m.Config,
    hints=_NEW_NAMES,
)
_VERSION = Field("schema_version", VersionReader(12), required=True)
DOCUMENT_12 = Table(
    [
        _VERSION,
        *_keys(m.Policy, "name", "description", "category"),
        Field("config", _CONFIG),
        Field("phases", PhasesReader(_PHASE), required=True),
    ],
    build=m.Policy.build,
)
_LANGUAGES = ListOf(reader_of(LanguageCode), least=1)
FLAT = Table(
    [
        _VERSION,
        Field("audio_language_preference", _LANGUAGES, attribute="audio_languages"),
        Field("subtitle_language_preference", _LANGUAGES, attribute="subtitle_languages"),
        *_keys(m.Config, "commentary_patterns"),
        Field("workflow", _WORKFLOW),
        Field("transcode", _TranscodeReader(TRANSCODE_12)),
        *(field for field in _OPERATIONS if field.key in _OPERATION_KEYS),
    ],
    build=build_flat_policy,
    hints=_NEW_NAMES,
)


def is_flat(at: At) -> bool:
    """Tell whether a document of version 12 has its operations at the top."""
    return "phases" not in at.value and any(key in FLAT_KEYS for key in at.value)
