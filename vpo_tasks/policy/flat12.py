"""The oldest dialect: operations at the top of the document, phases named by `workflow`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from vpo_tasks.policy import model as m
from vpo_tasks.policy.phases import PATTERNS
from vpo_tasks.policy.reading import BAD, At, Bool, ListOf, OneOf
from vpo_tasks.policy.table import Field, Table, Values
from vpo_tasks.policy.transcoding import AUDIO_CODEC, CRF, LENGTH, VIDEO_CODEC, infer_quality
from vpo_tasks.policy.words import ANY_TEXT, FOLDED_LIST, LANGUAGE, ON_ERROR, RATE, SCALE_RESOLUTION

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
        Field("max_width", LENGTH),
        Field("max_height", LENGTH),
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
