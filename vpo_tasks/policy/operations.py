"""The operations of a phase but rules, synthesis and transcode: one table each, a new one is one entry."""

from __future__ import annotations

from typing import Any, get_args

from vpo_tasks.policy import model as m
from vpo_tasks.policy.conditions import PROPORTION
from vpo_tasks.policy.field_types import FOLDED, FOLDED_ONE_OR_MANY, LANGUAGE, LANGUAGES
from vpo_tasks.policy.readers import BAD, At, Bool, Integer, ListOf, OneOf, Text, shown
from vpo_tasks.policy.table import Field, Single, Table, Values
from vpo_tasks.policy.values import format_mapping_rate, parse_mapping_rate

_SWITCH = Bool()

TRACK_ACTIONS = Table(
    m.TrackActions,
    [
        Field("clear_all_forced", _SWITCH, "Clear the forced flag of every track of this type."),
        Field("clear_all_default", _SWITCH, "Clear the default flag of every track of this type."),
        Field("clear_all_titles", _SWITCH, "Blank the title of every track of this type."),
    ],
)

# -- container -------------------------------------------------------------------------------------------

_MP4_CODECS = frozenset(
    {"aac", "mp4a", "ac3", "eac3", "mp3", "mp3float", "flac", "opus", "alac", "mov_text", "tx3g", "webvtt"}
)


def _check_mapping(values: Values, at: At) -> None:
    if "bitrate" in values and values.get("action") in ("convert", "remove"):
        at.fail(f"bitrate has no meaning with the action {values['action']}")
    if values.get("codec", "aac") not in _MP4_CODECS and values.get("action") != "remove":
        at.warn(f"{values['codec']} is no codec that MP4 takes")


_MAPPING = Table(
    m.CodecMapping,
    [
        Field("codec", FOLDED, "The codec to have instead.", required=True),
        Field(
            "bitrate",
            Text(
                parse_mapping_rate,
                format_mapping_rate,
                pattern="^\\s*([0-9]+[kK]|[0-9]+(\\.[0-9]+)?[mM])\\s*$",
                examples=["256k"],
            ),
            "Between 32k and 1536k; for transcode.",
        ),
        Field("action", OneOf("transcode", "convert", "remove"), "What becomes of such a track."),
    ],
    check=_check_mapping,
    shape={
        "if": {"required": ["action"], "properties": {"action": {"enum": ["convert", "remove"]}}},
        "then": {"properties": {"bitrate": False}},
    },
)


class _MappingsReader:
    """Source codec to what becomes of it; keys in lower case."""

    def read(self, at: At) -> Any:
        if not isinstance(at.value, dict):
            return at.fail(f"{shown(at.value)} is not a mapping")
        mappings: dict[str, Any] = {}
        good = True
        for key in at.value:
            codec = key.strip().lower()
            mapping = _MAPPING.read(at.key(key))
            if codec in mappings or not codec:
                at.fail_key(key, "given twice" if codec else "the codec's name is blank")
                good = False
            good = good and mapping is not BAD
            mappings[codec] = mapping
        return dict(sorted(mappings.items())) if good else BAD

    def write(self, value: Any) -> Any:
        return {codec: _MAPPING.write(mapping) for codec, mapping in value.items()}

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": _MAPPING.schema()}


def _check_container(values: Values, at: At) -> None:
    if values.get("codec_mappings") and values.get("on_incompatible_codec") != "transcode":
        at.warn("codec_mappings has no effect unless on_incompatible_codec is transcode")
    elif values.get("codec_mappings") and values.get("target") == "mkv":
        at.warn("codec_mappings has no effect with the target mkv, which holds these codecs as they are")


CONTAINER = Table(
    m.Container,
    [
        Field("target", OneOf("mkv", "mp4"), "The container to have.", required=True),
        Field(
            "on_incompatible_codec",
            OneOf("error", "skip", "transcode"),
            "What to do when the container cannot hold a track as it is.",
        ),
        Field("codec_mappings", _MappingsReader(), "What becomes of tracks that do not fit, by codec."),
        Field("preserve_metadata", _SWITCH, "Carry the container's tags over."),
    ],
    check=_check_container,
)

# -- filters, order, flags -------------------------------------------------------------------------------

_FALLBACK = Single("mode", OneOf("content_language", "keep_all", "keep_first", "error"))

KEEP_AUDIO = Table(
    m.KeepAudio,
    [
        Field("languages", ListOf(LANGUAGE, least=1), "Languages whose audio is kept.", required=True),
        Field("minimum", Integer(1), "How many audio tracks must be left."),
        Field("fallback", _FALLBACK, "What to do when fewer are left."),
        Field("keep_music_tracks", _SWITCH),
        Field("exclude_music_from_language_filter", _SWITCH),
        Field("keep_sfx_tracks", _SWITCH),
        Field("exclude_sfx_from_language_filter", _SWITCH),
        Field("keep_non_speech_tracks", _SWITCH),
        Field("exclude_non_speech_from_language_filter", _SWITCH),
    ],
)
KEEP_SUBTITLES = Table(
    m.KeepSubtitles,
    [
        Field("languages", LANGUAGES, "Languages whose subtitles are kept; without it, all."),
        Field("preserve_forced", _SWITCH, "Keep forced subtitles in any language."),
        Field("remove_all", _SWITCH, "Drop every subtitle."),
    ],
)
FILTER_ATTACHMENTS = Table(
    m.FilterAttachments, [Field("remove_all", _SWITCH, "Drop fonts, pictures and other attachments.")]
)
TRACK_ORDER = ListOf(OneOf(*get_args(m.TrackClass)), least=1)
DEFAULT_FLAGS = Table(
    m.DefaultFlags,
    [
        Field("set_first_video_default", _SWITCH, "The film: never a cover."),
        Field("set_preferred_audio_default", _SWITCH),
        Field("set_preferred_subtitle_default", _SWITCH),
        Field("clear_other_defaults", _SWITCH),
        Field("set_subtitle_default_when_audio_differs", _SWITCH),
        Field("set_subtitle_forced_when_audio_differs", _SWITCH),
        Field("preferred_audio_codec", FOLDED_ONE_OR_MANY, "Among tracks of one language, the best first."),
    ],
)

# -- the rest --------------------------------------------------------------------------------------------


def _check_transcription(values: Values, at: At) -> None:
    detects = values.get("detect_commentary", "detect_commentary" in at.value)
    if values.get("reorder_commentary") and not detects:
        at.fail_key("reorder_commentary", "needs detect_commentary: true")


TRANSCRIPTION = Table(
    m.Transcription,
    [
        Field("enabled", _SWITCH, "Listen to the audio tracks."),
        Field("update_language_from_transcription", _SWITCH),
        Field("update_title_from_classification", _SWITCH),
        Field("confidence_threshold", PROPORTION, "How sure a result must be to be used, 0 to 1."),
        Field("detect_commentary", _SWITCH),
        Field("reorder_commentary", _SWITCH),
    ],
    check=_check_transcription,
    shape={
        "if": {"required": ["reorder_commentary"], "properties": {"reorder_commentary": {"const": True}}},
        "then": {"required": ["detect_commentary"], "properties": {"detect_commentary": {"const": True}}},
    },
)


def _check_timestamp(values: Values, at: At) -> None:
    if values.get("mode", "preserve") == "release_date":
        return
    for key in ("fallback", "date_source"):
        if key in values and values[key] not in ("preserve", "auto"):
            at.warn(f"{key} has no effect unless mode is release_date")


FILE_TIMESTAMP = Table(
    m.FileTimestamp,
    [
        Field("mode", OneOf("preserve", "release_date", "now"), "Which modification time the file gets."),
        Field("fallback", OneOf("preserve", "now", "skip"), "When there is no release date."),
        Field("date_source", OneOf("auto", "radarr", "sonarr"), "Whose release date."),
    ],
    check=_check_timestamp,
)
