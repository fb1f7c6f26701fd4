"""The policy as frozen types, in the names of version 13 (policy-format 6.2): what the loader accepts.

Sizes are bytes, durations seconds, rates bit/s, wherever the text form allows units. Defaults here are the
language's defaults, so that a policy that spells them out equals one that leaves them out. Conditions,
actions and rules stand in rule_model and are named here too, so that there is one place to import from.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from vpo_tasks.policy.rule_model import (
    Action,
    And,
    Comparison,
    Condition,
    ContainerMetadata,
    Count,
    Dubbed,
    Exists,
    Fail,
    MetadataOperator,
    MultiLanguage,
    Not,
    Or,
    Original,
    PluginField,
    PluginMetadata,
    PolicyValue,
    Rule,
    Rules,
    Scalar,
    SetContainerMetadata,
    SetDefault,
    SetForced,
    SetLanguage,
    Skip,
    TitleMatch,
    TrackFilter,
    TrackKind,
    Warn,
)

__all__ = [
    "Action", "And", "AudioSynthesis", "AudioTranscode", "CodecMapping", "Comparison", "Condition",
    "Config", "Container", "ContainerMetadata", "Count", "DefaultFlags", "Dubbed", "Exists", "Fail",
    "FileTimestamp", "FilterAttachments", "KeepAudio", "KeepSubtitles", "MetadataOperator", "MultiLanguage",
    "Not", "OnError", "Or", "Original", "Phase", "PluginField", "PluginMetadata", "Policy", "Rule", "Rules",
    "RunIf", "Scalar", "SetContainerMetadata", "SetDefault", "SetForced", "SetLanguage", "Skip", "SkipIf",
    "SkipIfExists", "SkipWhen", "SourceCriterion", "SynthesisTrack", "TitleMatch", "TrackActions",
    "TrackClass", "TrackFilter", "TrackKind", "Transcode", "Transcription", "VideoTranscode", "Warn",
]  # fmt: skip

OnError = Literal["skip", "continue", "fail"]


class CodecMapping(PolicyValue, frozen=True):
    """3.1. `action` None: what suits the track (audio transcode, bitmap remove, other subtitle convert)."""

    codec: str
    bitrate: int | None = None
    action: Literal["transcode", "convert", "remove"] | None = None


class Container(PolicyValue, frozen=True):
    """3.1. Keys of `codec_mappings` are lower case."""

    target: Literal["mkv", "mp4"]
    on_incompatible_codec: Literal["error", "skip", "transcode"] = "error"
    codec_mappings: dict[str, CodecMapping] = msgspec.field(default_factory=dict)
    preserve_metadata: bool = True


class KeepAudio(PolicyValue, frozen=True):
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


class KeepSubtitles(PolicyValue, frozen=True):
    """3.3."""

    languages: tuple[str, ...] | None = None
    preserve_forced: bool = False
    remove_all: bool = False


class FilterAttachments(PolicyValue, frozen=True):
    """3.3."""

    remove_all: bool = False


class TrackActions(PolicyValue, frozen=True):
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


class DefaultFlags(PolicyValue, frozen=True):
    """3.7."""

    set_first_video_default: bool = True
    set_preferred_audio_default: bool = True
    set_preferred_subtitle_default: bool = False
    clear_other_defaults: bool = True
    set_subtitle_default_when_audio_differs: bool = False
    set_subtitle_forced_when_audio_differs: bool = False
    preferred_audio_codec: tuple[str, ...] = ()


class SkipIf(PolicyValue, frozen=True):
    """3.9.3. None means not asked."""

    codec_matches: tuple[str, ...] | None = None
    resolution_within: str | None = None
    bitrate_under: int | None = None


class VideoTranscode(PolicyValue, frozen=True):
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


class AudioTranscode(PolicyValue, frozen=True):
    """3.9.2."""

    preserve: tuple[str, ...] = ("truehd", "dts-hd", "flac", "pcm_s24le")
    to: str = "aac"
    bitrate: int = 192_000


class Transcode(PolicyValue, frozen=True):
    """3.9."""

    video: VideoTranscode | None = None
    audio: AudioTranscode | None = None


class SourceCriterion(PolicyValue, frozen=True):
    """3.10. None means not asked. `channels` is `max`, `min` or a number."""

    language: tuple[str, ...] | None = None
    not_commentary: bool | None = None
    channels: Literal["max", "min"] | int | None = None
    codec: tuple[str, ...] | None = None


class SkipIfExists(PolicyValue, frozen=True):
    """3.10."""

    codec: tuple[str, ...] | None = None
    channels: Comparison | None = None
    language: tuple[str, ...] | None = None
    not_commentary: bool = False


class SynthesisTrack(PolicyValue, frozen=True):
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


class AudioSynthesis(PolicyValue, frozen=True):
    """3.10."""

    tracks: tuple[SynthesisTrack, ...]


class Transcription(PolicyValue, frozen=True):
    """3.11."""

    enabled: bool = False
    update_language_from_transcription: bool = False
    update_title_from_classification: bool = False
    confidence_threshold: float = 0.8
    detect_commentary: bool = False
    reorder_commentary: bool = False


class FileTimestamp(PolicyValue, frozen=True):
    """3.12."""

    mode: Literal["preserve", "release_date", "now"] = "preserve"
    fallback: Literal["preserve", "now", "skip"] = "preserve"
    date_source: Literal["auto", "radarr", "sonarr"] = "auto"


class SkipWhen(PolicyValue, frozen=True):
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


class RunIf(PolicyValue, frozen=True):
    """Exactly one is set."""

    phase_modified: str | None = None
    phase_completed: str | None = None


class Phase(PolicyValue, frozen=True):
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


class Config(PolicyValue, frozen=True):
    """1.2."""

    audio_languages: tuple[str, ...] = ("eng", "und")
    subtitle_languages: tuple[str, ...] = ("eng", "und")
    extra_languages: tuple[str, ...] = ()
    """Codes that no standard knows and that are meant all the same."""
    commentary_patterns: tuple[str, ...] = ("commentary", "director", "audio description")
    on_error: OnError = "continue"


class Policy(PolicyValue, frozen=True):
    """One policy. `name` is the document's name or the file's stem."""

    name: str
    phases: tuple[Phase, ...]
    config: Config = Config()
    description: str | None = None
    category: str | None = None
