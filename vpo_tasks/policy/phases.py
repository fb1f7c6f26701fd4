"""Phases, `config` and the document of version 13; and what only holds between phases."""

from __future__ import annotations

from typing import Any

import msgspec

from vpo_tasks.policy import model as m
from vpo_tasks.policy.actions import RULES
from vpo_tasks.policy.field_types import (
    ANY_TEXT,
    EXTRA_LANGUAGES,
    FOLDED,
    FOLDED_LANGUAGE,
    FOLDED_LIST,
    LANGUAGES,
    ON_ERROR,
    PHASE_NAME,
    REGEX,
    SKIP_RESOLUTION,
    parse_filled,
)
from vpo_tasks.policy.operations import (
    CONTAINER,
    DEFAULT_FLAGS,
    FILE_TIMESTAMP,
    FILTER_ATTACHMENTS,
    KEEP_AUDIO,
    KEEP_SUBTITLES,
    TRACK_ACTIONS,
    TRACK_ORDER,
    TRANSCRIPTION,
)
from vpo_tasks.policy.readers import BAD, At, ListOf, OneOf, Text, nearest, shown
from vpo_tasks.policy.synthesis import AUDIO_SYNTHESIS
from vpo_tasks.policy.table import Field, Table, Values, is_read
from vpo_tasks.policy.transcoding import TRANSCODE_TABLE
from vpo_tasks.policy.values import format_duration, format_size, parse_container, parse_duration, parse_size

_SIZE = Text(
    parse_size,
    format_size,
    pattern="^\\s*[0-9]+(\\.[0-9]+)?\\s*[kKmMgGtT]?[bB]\\s*$",
    examples=["700MB", "4.5GB"],
)
_DURATION = Text(
    parse_duration,
    format_duration,
    pattern="^\\s*([0-9]+(\\.[0-9]+)?[smh]|[0-9]+h[0-9]+m)\\s*$",
    examples=["90s", "1h30m"],
)

SKIP_CONDITIONS = (
    Field("video_codec", FOLDED_LIST, "The film has one of these codecs."),
    Field("audio_codec_exists", FOLDED, "Some audio track has this codec."),
    Field("subtitle_language_exists", FOLDED_LANGUAGE, "Some subtitle has this language."),
    Field("container", ListOf(Text(parse_container)), "The container is one of these."),
    Field("resolution", SKIP_RESOLUTION, "The video's height falls into this class."),
    Field("resolution_under", SKIP_RESOLUTION, "The video's height is below this one."),
    Field("file_size_under", _SIZE, "The file is smaller than this."),
    Field("file_size_over", _SIZE, "The file is larger than this."),
    Field("duration_under", _DURATION, "The video is shorter than this."),
    Field("duration_over", _DURATION, "The video is longer than this."),
)


def build_skip_when(values: Values, at: At) -> Any:
    """Return the value, or None when it can never trip: an empty list counts as left out."""
    if not any(key != "mode" for key in values):
        return at.fail("has no condition")
    for key in [key for key, value in values.items() if value == ()]:
        at.warn(f"{key} is an empty list and never trips")
        del values[key]
    return m.SkipWhen(**values) if any(key != "mode" for key in values) else None


SKIP_WHEN = Table(
    m.SkipWhen,
    [
        Field("mode", OneOf("any", "all"), "One condition is enough, or all must hold.", required=True),
        *SKIP_CONDITIONS,
    ],
    build=build_skip_when,
    shape={"minProperties": 2},  # the mode, and a condition
)


def _check_run_if(values: Values, at: At) -> None:
    if len(values) > 1 or (not values and is_read(values, at)):
        at.fail("needs exactly one of phase_modified, phase_completed")


RUN_IF = Table(
    m.RunIf,
    [
        Field("phase_modified", ANY_TEXT, "That phase changed something."),
        Field("phase_completed", ANY_TEXT, "That phase completed."),
    ],
    check=_check_run_if,
    shape={"minProperties": 1, "maxProperties": 1},
)

# What both versions call the same.
COMMON_OPERATIONS = (
    Field("audio_actions", TRACK_ACTIONS, "First of all: clear flags and titles of audio tracks."),
    Field("subtitle_actions", TRACK_ACTIONS, "First of all: clear flags and titles of subtitles."),
    Field("video_actions", TRACK_ACTIONS, "First of all: clear flags and titles of video tracks."),
    Field("container", CONTAINER, "Which container the file has."),
    Field("track_order", TRACK_ORDER, "The order of the tracks, by class."),
    Field("default_flags", DEFAULT_FLAGS, "Which tracks are flagged as default."),
    Field("audio_synthesis", AUDIO_SYNTHESIS, "Make further audio tracks."),
    Field("file_timestamp", FILE_TIMESTAMP, "The file's modification time."),
    Field("transcription", TRANSCRIPTION, "Find out what is spoken."),
)
PHASE_CONTROL = (
    Field("depends_on", ListOf(ANY_TEXT), "Only when all these earlier phases completed."),
    Field("run_if", RUN_IF, "Only when an earlier phase did something."),
    Field("on_error", ON_ERROR, "What a failure of this phase means; else that of config."),
)
PHASE_NAME_FIELD = Field("name", PHASE_NAME, "A letter, then letters, digits, _ or -.", required=True)

VERSION_12_NAMES = {
    "audio_filter": "keep_audio",
    "subtitle_filter": "keep_subtitles",
    "attachment_filter": "filter_attachments",
    "conditional": "rules",
    "audio_language_preference": "audio_languages",
    "subtitle_language_preference": "subtitle_languages",
}

PHASE = Table(
    m.Phase,
    [
        PHASE_NAME_FIELD,
        *COMMON_OPERATIONS[:4],
        Field("keep_audio", KEEP_AUDIO, "Which audio tracks are kept."),
        Field("keep_subtitles", KEEP_SUBTITLES, "Which subtitles are kept."),
        Field("filter_attachments", FILTER_ATTACHMENTS, "Which attachments are kept."),
        *COMMON_OPERATIONS[4:6],
        Field("rules", RULES, "Conditions and what is done when they hold."),
        COMMON_OPERATIONS[6],
        Field("transcode", TRANSCODE_TABLE, "Re-encode video and audio."),
        *COMMON_OPERATIONS[7:],
        Field("skip_when", SKIP_WHEN, "Leave the phase out for such videos."),
        *PHASE_CONTROL,
    ],
    hints={old: f" (the name of version 12; it is {new} now)" for old, new in VERSION_12_NAMES.items()},
)

PATTERNS = Field("commentary_patterns", ListOf(REGEX), "Regular expressions found in commentary titles.")

EXTRA_LANGUAGES_FIELD = Field(
    "extra_languages", EXTRA_LANGUAGES, "Codes that no standard knows and that are meant all the same."
)

CONFIG = Table(
    m.Config,
    [
        Field("audio_languages", LANGUAGES, "Preferred audio languages, the best first."),
        Field("subtitle_languages", LANGUAGES, "Preferred subtitle languages, the best first."),
        EXTRA_LANGUAGES_FIELD,
        PATTERNS,
        Field("on_error", ON_ERROR, "After a failure: leave the video, go on with it, or end the batch."),
    ],
    hints={old: f" (the name of version 12; it is {new} now)" for old, new in VERSION_12_NAMES.items()},
)


class PhasesReader:
    """The list of phases, whose names differ and refer to earlier ones only."""

    def __init__(self, phase: Table) -> None:
        self._phase = phase
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

    def definition(self) -> dict[str, Any]:
        """Return the schema of one phase."""
        return self._phase.schema()


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


def parse_name(text: str) -> str:
    name = parse_filled(text)
    if len(name) > 200:
        raise ValueError("is longer than 200 characters")
    return name


class VersionReader:
    """The version, a bare whole number; which dialect it means is decided before the rest is read."""

    def __init__(self, version: int) -> None:
        self._version = version

    def read(self, at: At) -> Any:
        return at.value

    def write(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return {"const": self._version}


def build_policy(values: Values, _at: At) -> m.Policy:
    """Return the policy; one without a name gets the file's from whoever knows the file.

    A phase that repeats the mode of `config` says nothing of its own.
    """
    values.pop("schema_version", None)
    mode = values.get("config", m.Config()).on_error
    phases = tuple(
        msgspec.structs.replace(phase, on_error=None) if phase.on_error == mode else phase
        for phase in values.pop("phases")
    )
    return m.Policy(**{"name": "", **values, "phases": phases})


NAME_FIELDS = (
    Field("name", Text(parse_name, pattern="\\S", most=200), "Shown instead of the file's name."),
    Field("description", ANY_TEXT, "For people; no effect."),
    Field("category", ANY_TEXT, "For people; no effect."),
)
PHASES = PhasesReader(PHASE)
