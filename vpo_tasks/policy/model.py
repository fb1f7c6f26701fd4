"""The policy as frozen types (policy-format, version 13 names). What the loader accepts, already translated.

Sizes are bytes, durations seconds, rates bit/s, wherever the text form allows units. Defaults here are the
language's defaults, so that a policy that spells them out equals one that leaves them out.
"""

from __future__ import annotations

from typing import Literal

import msgspec

OnError = Literal["skip", "continue", "fail"]
Comparison = tuple[Literal["eq", "lt", "lte", "gt", "gte"], int]
TrackKind = Literal["video", "audio", "subtitle", "attachment"]
MetadataOperator = Literal["eq", "neq", "contains", "lt", "lte", "gt", "gte", "exists"]
Scalar = str | int | float | bool


class _Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of every policy type."""


# -- conditions (3.8.1) ----------------------------------------------------------------------------------


class TitleMatch(_Value, frozen=True):
    """`contains` (case-insensitive substring) or `regex` (case-insensitive search); exactly one is set."""

    contains: str | None = None
    regex: str | None = None


class TrackFilter(_Value, frozen=True):
    """3.8.2. None means not asked."""

    language: tuple[str, ...] | None = None
    codec: tuple[str, ...] | None = None
    is_default: bool | None = None
    is_forced: bool | None = None
    channels: Comparison | None = None
    width: Comparison | None = None
    height: Comparison | None = None
    title: TitleMatch | None = None
    not_commentary: bool = False


class Exists(_Value, frozen=True, tag="exists"):
    """Some track of the type passes the filter."""

    track_type: TrackKind
    where: TrackFilter = TrackFilter()


class Count(_Value, frozen=True, tag="count"):
    """The number of passing tracks satisfies the comparison."""

    track_type: TrackKind
    compare: Comparison
    where: TrackFilter = TrackFilter()


class MultiLanguage(_Value, frozen=True, tag="audio_is_multi_language"):
    """Needs a stored language analysis."""

    threshold: float = 0.05
    track_index: int | None = None
    primary_language: str | None = None


class PluginMetadata(_Value, frozen=True, tag="plugin_metadata"):
    """Looks into external metadata."""

    plugin: str
    field: str
    operator: MetadataOperator = "eq"
    value: Scalar | None = None


class ContainerMetadata(_Value, frozen=True, tag="container_metadata"):
    """Looks into the container's tags."""

    field: str
    operator: MetadataOperator = "eq"
    value: Scalar | None = None


class Original(_Value, frozen=True, tag="is_original"):
    """`is_original`."""

    value: bool = True
    min_confidence: float = 0.7
    language: str | None = None


class Dubbed(_Value, frozen=True, tag="is_dubbed"):
    """`is_dubbed`."""

    value: bool = True
    min_confidence: float = 0.7
    language: str | None = None


class And(_Value, frozen=True, tag="and"):
    """All hold."""

    conditions: tuple[Condition, ...]


class Or(_Value, frozen=True, tag="or"):
    """One holds."""

    conditions: tuple[Condition, ...]


class Not(_Value, frozen=True, tag="not"):
    """It does not hold."""

    condition: Condition


Condition = (
    Exists | Count | MultiLanguage | PluginMetadata | ContainerMetadata | Original | Dubbed | And | Or | Not
)


# -- actions (3.8.6) -------------------------------------------------------------------------------------


class PluginField(_Value, frozen=True):
    """`from_plugin_metadata`."""

    plugin: str
    field: str


class Skip(_Value, frozen=True, tag="skip"):
    """`skip_video_transcode`, `skip_audio_transcode`, `skip_track_filter`; false ones are not kept."""

    what: Literal["video_transcode", "audio_transcode", "track_filter"]


class Warn(_Value, frozen=True, tag="warn"):
    """Report and go on."""

    message: str


class Fail(_Value, frozen=True, tag="fail"):
    """Stop with a message."""

    message: str


class SetForced(_Value, frozen=True, tag="set_forced"):
    """On all matching subtitles."""

    language: str | None = None
    value: bool = True


class SetDefault(_Value, frozen=True, tag="set_default"):
    """On the first matching track."""

    track_type: Literal["video", "audio", "subtitle"]
    language: str | None = None
    value: bool = True


class SetLanguage(_Value, frozen=True, tag="set_language"):
    """On all matching tracks; exactly one source is set."""

    track_type: Literal["video", "audio", "subtitle"]
    new_language: str | None = None
    from_plugin_metadata: PluginField | None = None
    match_language: str | None = None


class SetContainerMetadata(_Value, frozen=True, tag="set_container_metadata"):
    """`value` "" deletes; exactly one source is set."""

    field: str
    value: str | None = None
    from_plugin_metadata: PluginField | None = None


Action = Skip | Warn | Fail | SetForced | SetDefault | SetLanguage | SetContainerMetadata


class Rule(_Value, frozen=True):
    """`then` and `otherwise` (`else`) in the order in which they run."""

    name: str
    when: Condition
    then: tuple[Action, ...]
    otherwise: tuple[Action, ...] = ()


class Rules(_Value, frozen=True):
    """3.8."""

    match: Literal["first", "all"]
    items: tuple[Rule, ...]


# -- operations ------------------------------------------------------------------------------------------


class CodecMapping(_Value, frozen=True):
    """3.1. `action` None: what suits the track (audio transcode, bitmap remove, other subtitle convert)."""

    codec: str
    bitrate: int | None = None
    action: Literal["transcode", "convert", "remove"] | None = None


class Container(_Value, frozen=True):
    """3.1. Keys of `codec_mappings` are lower case."""

    target: Literal["mkv", "mp4"]
    on_incompatible_codec: Literal["error", "skip", "transcode"] = "error"
    codec_mappings: dict[str, CodecMapping] = {}
    preserve_metadata: bool = True


class KeepAudio(_Value, frozen=True):
    """3.2. `fallback` None is `error`."""

    languages: tuple[str, ...]
    minimum: int = 1
    fallback: Literal["content_language", "keep_all", "keep_first", "error"] = "error"
    keep_music_tracks: bool = True
    exclude_music_from_language_filter: bool = True
    keep_sfx_tracks: bool = True
    exclude_sfx_from_language_filter: bool = True
    keep_non_speech_tracks: bool = True
    exclude_non_speech_from_language_filter: bool = True


class KeepSubtitles(_Value, frozen=True):
    """3.3."""

    languages: tuple[str, ...] | None = None
    preserve_forced: bool = False
    remove_all: bool = False


class FilterAttachments(_Value, frozen=True):
    """3.3."""

    remove_all: bool = False


class TrackActions(_Value, frozen=True):
    """3.5, one of audio_actions, subtitle_actions, video_actions."""

    clear_all_forced: bool = False
    clear_all_default: bool = False
    clear_all_titles: bool = False


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


class DefaultFlags(_Value, frozen=True):
    """3.7."""

    set_first_video_default: bool = True
    set_preferred_audio_default: bool = True
    set_preferred_subtitle_default: bool = False
    clear_other_defaults: bool = True
    set_subtitle_default_when_audio_differs: bool = False
    set_subtitle_forced_when_audio_differs: bool = False
    preferred_audio_codec: tuple[str, ...] = ()


class SkipIf(_Value, frozen=True):
    """3.9.3. None means not asked."""

    codec_matches: tuple[str, ...] | None = None
    resolution_within: str | None = None
    bitrate_under: int | None = None


class VideoTranscode(_Value, frozen=True):
    """3.9.1. `crf` None is the codec's default; `quality` says which of the rates count."""

    to: Literal["h264", "hevc", "vp9", "av1"]
    quality: Literal["crf", "bitrate", "constrained_quality"] = "crf"
    skip_if: SkipIf | None = None
    crf: int | None = None
    target_bitrate: int | None = None
    min_bitrate: int | None = None
    max_bitrate: int | None = None
    preset: str = "medium"
    tune: str | None = None
    two_pass: bool = False
    max_resolution: str | None = None
    max_width: int | None = None
    max_height: int | None = None
    scale_algorithm: Literal["lanczos", "bicubic", "bilinear"] = "lanczos"
    upscale: bool = False
    hw: Literal["auto", "nvenc", "qsv", "vaapi", "videotoolbox", "none"] = "auto"
    hw_fallback: bool = True
    ffmpeg_args: tuple[str, ...] = ()
    keep_if_larger: bool = False


class AudioTranscode(_Value, frozen=True):
    """3.9.2."""

    preserve: tuple[str, ...] = ("truehd", "dts-hd", "flac", "pcm_s24le")
    to: str = "aac"
    bitrate: int = 192_000


class Transcode(_Value, frozen=True):
    """3.9."""

    video: VideoTranscode | None = None
    audio: AudioTranscode | None = None


class SourceCriterion(_Value, frozen=True):
    """3.10. None means not asked. `channels` is `max`, `min` or a number."""

    language: tuple[str, ...] | None = None
    not_commentary: bool | None = None
    channels: Literal["max", "min"] | int | None = None
    codec: tuple[str, ...] | None = None


class SkipIfExists(_Value, frozen=True):
    """3.10."""

    codec: tuple[str, ...] | None = None
    channels: Comparison | None = None
    language: tuple[str, ...] | None = None
    not_commentary: bool = False


class SynthesisTrack(_Value, frozen=True):
    """3.10. `channels` is a count; `bitrate` None is the table's default; None title and language inherit."""

    name: str
    codec: Literal["eac3", "aac", "ac3", "opus", "flac"]
    channels: int
    prefer: tuple[SourceCriterion, ...]
    bitrate: int | None = None
    create_if: Condition | None = None
    skip_if_exists: SkipIfExists | None = None
    title: str | None = None
    language: str | None = None
    position: Literal["after_source", "end"] | int = "end"


class AudioSynthesis(_Value, frozen=True):
    """3.10."""

    tracks: tuple[SynthesisTrack, ...]


class Transcription(_Value, frozen=True):
    """3.11."""

    enabled: bool = False
    update_language_from_transcription: bool = False
    update_title_from_classification: bool = False
    confidence_threshold: float = 0.8
    detect_commentary: bool = False
    reorder_commentary: bool = False


class FileTimestamp(_Value, frozen=True):
    """3.12."""

    mode: Literal["preserve", "release_date", "now"] = "preserve"
    fallback: Literal["preserve", "now", "skip"] = "preserve"
    date_source: Literal["auto", "radarr", "sonarr"] = "auto"


class SkipWhen(_Value, frozen=True):
    """2.6. None means not asked; lists lower case; `container` normalised; sizes bytes, durations seconds."""

    mode: Literal["any", "all"] = "any"
    video_codec: tuple[str, ...] | None = None
    audio_codec_exists: str | None = None
    subtitle_language_exists: str | None = None
    container: tuple[str, ...] | None = None
    resolution: str | None = None
    resolution_under: str | None = None
    file_size_under: int | None = None
    file_size_over: int | None = None
    duration_under: float | None = None
    duration_over: float | None = None


class RunIf(_Value, frozen=True):
    """Exactly one is set."""

    phase_modified: str | None = None
    phase_completed: str | None = None


class Phase(_Value, frozen=True):
    """2.1. An absent operation is None."""

    name: str
    audio_actions: TrackActions | None = None
    subtitle_actions: TrackActions | None = None
    video_actions: TrackActions | None = None
    container: Container | None = None
    keep_audio: KeepAudio | None = None
    keep_subtitles: KeepSubtitles | None = None
    filter_attachments: FilterAttachments | None = None
    track_order: tuple[TrackClass, ...] | None = None
    default_flags: DefaultFlags | None = None
    rules: Rules | None = None
    audio_synthesis: AudioSynthesis | None = None
    transcode: Transcode | None = None
    file_timestamp: FileTimestamp | None = None
    transcription: Transcription | None = None
    skip_when: SkipWhen | None = None
    depends_on: tuple[str, ...] = ()
    run_if: RunIf | None = None
    on_error: OnError | None = None


class Config(_Value, frozen=True):
    """1.2."""

    audio_languages: tuple[str, ...] = ("eng", "und")
    subtitle_languages: tuple[str, ...] = ("eng", "und")
    commentary_patterns: tuple[str, ...] = ("commentary", "director", "audio description")
    on_error: OnError = "continue"


class Policy(_Value, frozen=True):
    """One policy. `name` is the document's name or the file's stem."""

    name: str
    phases: tuple[Phase, ...]
    config: Config = Config()
    description: str | None = None
    category: str | None = None
