"""The policy as frozen types, in the names of version 13 (policy-format 6.2): phases, `config`, document.

The types say how a document is read (table.py). Sizes are bytes, durations seconds, rates bit/s, where the
text has units. Defaults here are the language's: a policy that spells them out equals one that does not.
The types of operations, rules and conditions are named here too: one place to import from.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from vpo_tasks.policy.conditions import (
    And,
    Condition,
    ContainerMetadata,
    Count,
    Dubbed,
    Exists,
    MetadataOperator,
    MultiLanguage,
    Not,
    Or,
    Original,
    PluginMetadata,
    Scalar,
    TitleMatch,
    TrackFilter,
)  # fmt: skip
from vpo_tasks.policy.field_types import (
    Comparison,
    Duration,
    ExtraLanguage,
    Folded,
    FoldedLanguage,
    LanguageCode,
    OnError,
    PhaseName,
    Regex,
    Size,
    SkipResolution,
    TrackKind,
    parse_filled,
)  # fmt: skip
from vpo_tasks.policy.operations import (
    CodecMapping,
    Container,
    DefaultFlags,
    FileTimestamp,
    FilterAttachments,
    KeepAudio,
    KeepSubtitles,
    TrackActions,
    TrackClass,
    TrackOrder,
    Transcription,
)  # fmt: skip
from vpo_tasks.policy.readers import BAD, At, ListOf, Text, nearest, shown
from vpo_tasks.policy.rules import (
    Action,
    Fail,
    PluginField,
    Rule,
    Rules,
    SetContainerMetadata,
    SetDefault,
    SetForced,
    SetLanguage,
    Skip,
    Warn,
)  # fmt: skip
from vpo_tasks.policy.synthesis import AudioSynthesis, SkipIfExists, SourceCriterion, SynthesisTrack
from vpo_tasks.policy.table import Key, PolicyValue, Shape, Table, Values, table_of
from vpo_tasks.policy.transcoding import AudioTranscode, SkipIf, Transcode, VideoTranscode
from vpo_tasks.policy.values import parse_container

__all__ = [
    "Action", "And", "AudioSynthesis", "AudioTranscode", "CodecMapping", "Comparison", "Condition",
    "Config", "Container", "ContainerMetadata", "Count", "DefaultFlags", "Dubbed", "Exists", "Fail",
    "FileTimestamp", "FilterAttachments", "KeepAudio", "KeepSubtitles", "MetadataOperator", "MultiLanguage",
    "Not", "OnError", "Or", "Original", "Phase", "PluginField", "PluginMetadata", "Policy", "Rule", "Rules",
    "RunIf", "Scalar", "SetContainerMetadata", "SetDefault", "SetForced", "SetLanguage", "Skip", "SkipIf",
    "SkipIfExists", "SkipWhen", "SourceCriterion", "SynthesisTrack", "TitleMatch", "TrackActions",
    "TrackClass", "TrackFilter", "TrackKind", "Transcode", "Transcription", "VideoTranscode", "Warn",
]  # fmt: skip

VERSION_12_NAMES = {
    "audio_filter": "keep_audio",
    "subtitle_filter": "keep_subtitles",
    "attachment_filter": "filter_attachments",
    "conditional": "rules",
    "audio_language_preference": "audio_languages",
    "subtitle_language_preference": "subtitle_languages",
}
_OLD_NAMES = {old: f" (the name of version 12; it is {new} now)" for old, new in VERSION_12_NAMES.items()}


class SkipWhen(PolicyValue, frozen=True):
    """2.6. None means not asked; lists lower case; `container` normalised; sizes bytes, durations seconds."""

    shape: ClassVar[Shape] = {"minProperties": 2}  # the mode, and a condition

    mode: Annotated[
        Literal["any", "all"], "One condition is enough, or all must hold.", Key(required=True)
    ] = "any"
    video_codec: Annotated[tuple[Folded, ...] | None, "The film has one of these codecs."] = None
    audio_codec_exists: Annotated[Folded | None, "Some audio track has this codec."] = None
    subtitle_language_exists: Annotated[FoldedLanguage | None, "Some subtitle has this language."] = None
    container: Annotated[
        tuple[str, ...] | None, "The container is one of these.", ListOf(Text(parse_container))
    ] = None
    resolution: Annotated[SkipResolution | None, "The video's height falls into this class."] = None
    resolution_under: Annotated[SkipResolution | None, "The video's height is below this one."] = None
    file_size_under: Annotated[Size | None, "The file is smaller than this."] = None
    file_size_over: Annotated[Size | None, "The file is larger than this."] = None
    duration_under: Annotated[Duration | None, "The video is shorter than this."] = None
    duration_over: Annotated[Duration | None, "The video is longer than this."] = None

    @classmethod
    def build(cls, values: Values, at: At) -> Any:
        """Return the value, or None when it can never trip: an empty list counts as left out."""
        if not any(key != "mode" for key in values):
            return at.fail("has no condition")
        for key in [key for key, value in values.items() if value == ()]:
            at.warn(f"{key} is an empty list and never trips")
            del values[key]
        return cls(**values) if any(key != "mode" for key in values) else None


class RunIf(PolicyValue, frozen=True):
    """Exactly one is set."""

    exactly_one = ("phase_modified", "phase_completed")

    phase_modified: Annotated[str | None, "That phase changed something."] = None
    phase_completed: Annotated[str | None, "That phase completed."] = None


class Phase(PolicyValue, frozen=True):
    """2.1. An absent operation is None."""

    hints: ClassVar[Mapping[str, str]] = _OLD_NAMES

    name: Annotated[PhaseName, "A letter, then letters, digits, _ or -."]
    audio_actions: Annotated[TrackActions | None, "First of all: clear flags and titles of audio tracks."] = (
        None
    )
    subtitle_actions: Annotated[TrackActions | None, "First of all: clear flags and titles of subtitles."] = (
        None
    )
    video_actions: Annotated[TrackActions | None, "First of all: clear flags and titles of video tracks."] = (
        None
    )
    container: Annotated[Container | None, "Which container the file has."] = None
    keep_audio: Annotated[KeepAudio | None, "Which audio tracks are kept."] = None
    keep_subtitles: Annotated[KeepSubtitles | None, "Which subtitles are kept."] = None
    filter_attachments: Annotated[FilterAttachments | None, "Which attachments are kept."] = None
    track_order: Annotated[TrackOrder | None, "The order of the tracks, by class."] = None
    default_flags: Annotated[DefaultFlags | None, "Which tracks are flagged as default."] = None
    rules: Annotated[Rules | None, "Conditions and what is done when they hold."] = None
    audio_synthesis: Annotated[AudioSynthesis | None, "Make further audio tracks."] = None
    transcode: Annotated[Transcode | None, "Re-encode video and audio."] = None
    file_timestamp: Annotated[FileTimestamp | None, "The file's modification time."] = None
    transcription: Annotated[Transcription | None, "Find out what is spoken."] = None
    skip_when: Annotated[SkipWhen | None, "Leave the phase out for such videos."] = None
    depends_on: Annotated[tuple[str, ...], "Only when all these earlier phases completed."] = ()
    run_if: Annotated[RunIf | None, "Only when an earlier phase did something."] = None
    on_error: Annotated[OnError | None, "What a failure of this phase means; else that of config."] = None


class PhasesReader:
    """The list of phases, whose names differ and refer to earlier ones only."""

    def __init__(self, phase: Table) -> None:
        self._list = ListOf(phase)

    def read(self, at: At) -> Any:
        if not isinstance(at.value, list):
            return at.fail(f"{shown(at.value)} is not a list of phases")
        if not at.value:
            return at.fail("needs at least one phase")
        before = len(at.log.issues)
        phases = self._list.read(at)
        _check_names(at)
        return BAD if phases is BAD or len(at.log.issues) > before else phases

    def write(self, value: Any) -> Any:
        return self._list.write(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/phase"}}


def _check_names(at: At) -> None:
    """Check the names as written, whether or not the rest of their phases could be read."""
    phases = [item for item in at.items() if isinstance(item.value, dict)]
    names = [item.value["name"].node.value if "name" in item.value else None for item in phases]
    every = {name for name in names if isinstance(name, str)}
    earlier: set[str] = set()
    folded: set[str] = set()
    for item, name in zip(phases, names, strict=True):
        for reference, target in _references(item):
            _check_reference(reference, target, earlier, every)
        if not isinstance(name, str):
            continue
        if name.lower() in folded:
            item.key("name").fail(f"{shown(name)} is given twice (letter case does not tell names apart)")
        else:
            earlier.add(name)
            folded.add(name.lower())


def _references(phase: At) -> list[tuple[At, str]]:
    found = []
    if "depends_on" in phase.value and isinstance(phase.value["depends_on"].node.value, list):
        found.extend(phase.key("depends_on").items())
    if "run_if" in phase.value and isinstance(phase.value["run_if"].node.value, dict):
        run_if = phase.key("run_if")
        found.extend(run_if.key(key) for key in ("phase_modified", "phase_completed") if key in run_if.value)
    return [(reference, reference.value) for reference in found if isinstance(reference.value, str)]


def _check_reference(at: At, target: str, earlier: set[str], every: set[str]) -> None:
    if target in earlier:
        return
    if target in every:
        at.fail(f"{shown(target)} does not stand earlier in the file")
    else:
        at.fail(f"{shown(target)} is no phase{nearest(target, earlier)}")


class Config(PolicyValue, frozen=True):
    """1.2."""

    hints: ClassVar[Mapping[str, str]] = _OLD_NAMES

    audio_languages: Annotated[tuple[LanguageCode, ...], "Preferred audio languages, the best first."] = (
        "eng",
        "und",
    )
    subtitle_languages: Annotated[
        tuple[LanguageCode, ...], "Preferred subtitle languages, the best first."
    ] = ("eng", "und")
    extra_languages: Annotated[
        tuple[ExtraLanguage, ...], "Codes that no standard knows and that are meant all the same."
    ] = ()
    commentary_patterns: Annotated[tuple[Regex, ...], "Regular expressions found in commentary titles."] = (
        "commentary",
        "director",
        "audio description",
    )
    on_error: Annotated[OnError, "After a failure: leave the video, go on with it, or end the batch."] = (
        "continue"
    )


def _parse_name(text: str) -> str:
    name = parse_filled(text)
    if len(name) > 200:
        raise ValueError("is longer than 200 characters")
    return name


_NAME = Text(_parse_name, pattern="\\S", most=200)


class Policy(PolicyValue, frozen=True, kw_only=True):
    """One policy. `name` is the document's name or the file's stem."""

    name: Annotated[str, "Shown instead of the file's name.", _NAME, Key(required=False)]
    description: Annotated[str | None, "For people; no effect."] = None
    category: Annotated[str | None, "For people; no effect."] = None
    config: Annotated[Config, "What holds for all phases."] = Config()
    phases: Annotated[tuple[Phase, ...], "What is done, in order.", PhasesReader(table_of(Phase))]

    @classmethod
    def build(cls, values: Values, _at: At) -> "Policy":
        """Return the policy; one without a name gets the file's from whoever knows the file.

        A phase that repeats the mode of `config` says nothing of its own.
        """
        values.pop("schema_version", None)
        mode = values.get("config", Config()).on_error
        phases = tuple(
            msgspec.structs.replace(phase, on_error=None) if phase.on_error == mode else phase
            for phase in values.pop("phases")
        )
        return cls(**{"name": "", **values, "phases": phases})
