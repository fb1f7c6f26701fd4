"""The operations of a phase but rules, synthesis and transcode: one type each (policy-format 3)."""

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from vpo_tasks.policy.field_types import (
    Folded,
    FoldedOneOrMany,
    LanguageCode,
    MappingRate,
    Positive,
    Proportion,
)
from vpo_tasks.policy.readers import BAD, At, ListOf, shown
from vpo_tasks.policy.table import PolicyValue, Shape, Single, Values, reader_of, table_of


class TrackActions(PolicyValue, frozen=True):
    """3.5, one of audio_actions, subtitle_actions, video_actions."""

    clear_all_forced: Annotated[bool, "Clear the forced flag of every track of this type."] = False
    clear_all_default: Annotated[bool, "Clear the default flag of every track of this type."] = False
    clear_all_titles: Annotated[bool, "Blank the title of every track of this type."] = False


_MP4_CODECS = frozenset(
    {"aac", "mp4a", "ac3", "eac3", "mp3", "mp3float", "flac", "opus", "alac", "mov_text", "tx3g", "webvtt"}
)


class CodecMapping(PolicyValue, frozen=True):
    """3.1. `action` None: what suits the track (audio transcode, bitmap remove, other subtitle convert)."""

    shape: ClassVar[Shape] = {
        "if": {"required": ["action"], "properties": {"action": {"enum": ["convert", "remove"]}}},
        "then": {"properties": {"bitrate": False}},
    }

    codec: Annotated[Folded, "The codec to have instead."]
    bitrate: Annotated[MappingRate | None, "Between 32k and 1536k; for transcode."] = None
    action: Annotated[Literal["transcode", "convert", "remove"] | None, "What becomes of such a track."] = (
        None
    )

    @classmethod
    def check(cls, values: Values, at: At) -> None:
        if "bitrate" in values and values.get("action") in ("convert", "remove"):
            at.fail(f"bitrate has no meaning with the action {values['action']}")
        if values.get("codec", "aac") not in _MP4_CODECS and values.get("action") != "remove":
            at.warn(f"{values['codec']} is no codec that MP4 takes")


class _MappingsReader:
    """Source codec to what becomes of it; keys in lower case."""

    def read(self, at: At) -> Any:
        if not isinstance(at.value, dict):
            return at.fail(f"{shown(at.value)} is not a mapping")
        mappings: dict[str, Any] = {}
        good = True
        for key in at.value:
            codec = key.strip().lower()
            mapping = table_of(CodecMapping).read(at.key(key))
            if codec in mappings or not codec:
                at.fail_key(key, "given twice" if codec else "the codec's name is blank")
                good = False
            good = good and mapping is not BAD
            mappings[codec] = mapping
        return dict(sorted(mappings.items())) if good else BAD

    def write(self, value: Any) -> Any:
        return {codec: table_of(CodecMapping).write(mapping) for codec, mapping in value.items()}

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": table_of(CodecMapping).schema()}


class Container(PolicyValue, frozen=True):
    """3.1. Keys of `codec_mappings` are lower case."""

    target: Annotated[Literal["mkv", "mp4"], "The container to have."]
    on_incompatible_codec: Annotated[
        Literal["error", "skip", "transcode"], "What to do when the container cannot hold a track as it is."
    ] = "error"
    codec_mappings: Annotated[
        dict[str, CodecMapping], "What becomes of tracks that do not fit, by codec.", _MappingsReader()
    ] = msgspec.field(default_factory=dict)
    preserve_metadata: Annotated[bool, "Carry the container's tags over."] = True

    @classmethod
    def check(cls, values: Values, at: At) -> None:
        if values.get("codec_mappings") and values.get("on_incompatible_codec") != "transcode":
            at.warn("codec_mappings has no effect unless on_incompatible_codec is transcode")
        elif values.get("codec_mappings") and values.get("target") == "mkv":
            at.warn("codec_mappings has no effect with the target mkv, which holds these codecs as they are")


_Fallback = Literal["content_language", "keep_all", "keep_first", "error"]
_LANGUAGES = ListOf(reader_of(LanguageCode), least=1)


class KeepAudio(PolicyValue, frozen=True):
    """3.2."""

    languages: Annotated[tuple[str, ...], "Languages whose audio is kept.", _LANGUAGES]
    minimum: Annotated[Positive, "How many audio tracks must be left."] = 1
    fallback: Annotated[
        _Fallback, "What to do when fewer are left.", Single("mode", reader_of(_Fallback))
    ] = "error"
    keep_music_tracks: bool = True
    exclude_music_from_language_filter: bool = True
    keep_sfx_tracks: bool = True
    exclude_sfx_from_language_filter: bool = True
    keep_non_speech_tracks: bool = True
    exclude_non_speech_from_language_filter: bool = True


class KeepSubtitles(PolicyValue, frozen=True):
    """3.3."""

    languages: Annotated[
        tuple[LanguageCode, ...] | None, "Languages whose subtitles are kept; without it, all."
    ] = None
    preserve_forced: Annotated[bool, "Keep forced subtitles in any language."] = False
    remove_all: Annotated[bool, "Drop every subtitle."] = False


class FilterAttachments(PolicyValue, frozen=True):
    """3.3."""

    remove_all: Annotated[bool, "Drop fonts, pictures and other attachments."] = False


TrackClass = Literal[
    "video",
    "audio_main",
    "audio_alternate",
    "audio_commentary",
    "audio_music",
    "audio_sfx",
    "audio_non_speech",
    "subtitle_main",
    "subtitle_forced",
    "subtitle_commentary",
    "attachment",
]
TrackOrder = Annotated[tuple[TrackClass, ...], ListOf(reader_of(TrackClass), least=1)]


class DefaultFlags(PolicyValue, frozen=True):
    """3.7."""

    set_first_video_default: Annotated[bool, "The film: never a cover."] = True
    set_preferred_audio_default: bool = True
    set_preferred_subtitle_default: bool = False
    clear_other_defaults: bool = True
    set_subtitle_default_when_audio_differs: bool = False
    set_subtitle_forced_when_audio_differs: bool = False
    preferred_audio_codec: Annotated[FoldedOneOrMany, "Among tracks of one language, the best first."] = ()


class Transcription(PolicyValue, frozen=True):
    """3.11."""

    shape: ClassVar[Shape] = {
        "if": {"required": ["reorder_commentary"], "properties": {"reorder_commentary": {"const": True}}},
        "then": {"required": ["detect_commentary"], "properties": {"detect_commentary": {"const": True}}},
    }

    enabled: Annotated[bool, "Listen to the audio tracks."] = False
    update_language_from_transcription: bool = False
    update_title_from_classification: bool = False
    confidence_threshold: Annotated[Proportion, "How sure a result must be to be used, 0 to 1."] = 0.8
    detect_commentary: bool = False
    reorder_commentary: bool = False

    @classmethod
    def check(cls, values: Values, at: At) -> None:
        detects = values.get("detect_commentary", "detect_commentary" in at.value)
        if values.get("reorder_commentary") and not detects:
            at.fail_key("reorder_commentary", "needs detect_commentary: true")


class FileTimestamp(PolicyValue, frozen=True):
    """3.12."""

    mode: Annotated[Literal["preserve", "release_date", "now"], "Which modification time the file gets."] = (
        "preserve"
    )
    fallback: Annotated[Literal["preserve", "now", "skip"], "When there is no release date."] = "preserve"
    date_source: Annotated[Literal["auto", "radarr", "sonarr"], "Whose release date."] = "auto"

    @classmethod
    def check(cls, values: Values, at: At) -> None:
        if values.get("mode", "preserve") == "release_date":
            return
        for key in ("fallback", "date_source"):
            if key in values and values[key] not in ("preserve", "auto"):
                at.warn(f"{key} has no effect unless mode is release_date")
