"""The operation `audio_synthesis`: tracks to make, and from which (policy-format 3.10)."""

from __future__ import annotations

from typing import Any

from vpo_tasks.policy import model as m
from vpo_tasks.policy.conditions import CONDITION
from vpo_tasks.policy.field_types import (
    FOLDED_ONE_OR_MANY,
    LANGUAGE_NAMES,
    NUMBER_COMPARISON,
    parse_filled,
    parse_language,
)
from vpo_tasks.policy.readers import BAD, At, Bool, Integer, LanguageText, ListOf, OneOf, Text, shown
from vpo_tasks.policy.table import Field, Single, Table, Values
from vpo_tasks.policy.values import CHANNEL_WORDS, default_synthesis_rate, format_rate, parse_synthesis_rate

_SWITCH = Bool()


_RATE_PATTERN = "^\\s*[0-9]+(\\.[0-9]+)?[kKmM]?\\s*$"
_NAME_PATTERN = "^(?!.*\\.\\.)[^/\\\\]*[^\\s/\\\\][^/\\\\]*$"


def _parse_name(text: str) -> str:
    name = parse_filled(text)
    if any(part in name for part in ("/", "\\", "..")):
        raise ValueError("holds a part of a path")
    return name


class _ChannelsReader:
    """mono, stereo, 5.1, 7.1 or a whole number, as the number of channels."""

    def read(self, at: At) -> Any:
        value = at.value
        if isinstance(value, str) and value in CHANNEL_WORDS:
            return CHANNEL_WORDS[value]
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 8:
            return value
        hint = " (put it in quotes)" if isinstance(value, float) else ""
        return at.fail(f'{shown(value)} is not mono, stereo, "5.1", "7.1" or a whole number to 8{hint}')

    def write(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"enum": list(CHANNEL_WORDS)}, {"type": "integer", "minimum": 1, "maximum": 8}]}


class _WantedChannelsReader:
    """max, min, a whole number, or a mapping with one of max and min true."""

    _mapping = Table(
        None,
        [Field("max", _SWITCH), Field("min", _SWITCH)],
        shape={
            "minProperties": 1,
            "maxProperties": 1,
            "properties": {"max": {"const": True}, "min": {"const": True}},
        },
    )

    def read(self, at: At) -> Any:
        if at.value in ("max", "min"):
            return at.value
        if isinstance(at.value, str):
            return at.fail(f"{shown(at.value)} is not max, min or a whole number")
        if not isinstance(at.value, dict):
            return Integer().read(at)
        values = self._mapping.read(at)
        if values is BAD:
            return BAD
        wanted = [name for name, on in values.items() if on]
        return (
            wanted[0] if len(wanted) == len(values) == 1 else at.fail("needs exactly one of max, min as true")
        )

    def write(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"enum": ["max", "min"]}, {"type": "integer"}, self._mapping.schema()]}


class _InheritedReader:
    """Text, or the word `inherit`, which is None."""

    def __init__(self, text: Text) -> None:
        self._text = text

    def read(self, at: At) -> Any:
        return None if at.value == "inherit" else self._text.read(at)

    def write(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return self._text.schema()


class _PositionReader:
    """after_source, end, or the place among the audio tracks, from 1."""

    def read(self, at: At) -> Any:
        value = at.value
        if value in ("after_source", "end"):
            return value
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return value
        return at.fail(f"{shown(value)} is not after_source, end or a whole number from 1 on")

    def write(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"enum": ["after_source", "end"]}, {"type": "integer", "minimum": 1}]}


_CRITERION = Table(
    m.SourceCriterion,
    [
        Field("language", LANGUAGE_NAMES),
        Field("not_commentary", _SWITCH),
        Field("channels", _WantedChannelsReader()),
        Field("codec", FOLDED_ONE_OR_MANY),
    ],
    some="is empty: give at least one of language, not_commentary, channels, codec",
)
_SKIP_IF_EXISTS = Table(
    m.SkipIfExists,
    [
        Field("codec", FOLDED_ONE_OR_MANY),
        Field("channels", NUMBER_COMPARISON),
        Field("language", LANGUAGE_NAMES),
        Field("not_commentary", _SWITCH),
    ],
)


def _settle_rate(values: Values, _at: At) -> None:
    """Drop a rate that is the default's, so that equal policies are equal values."""
    codec, channels = values.get("codec"), values.get("channels")
    if codec and channels and values.get("bitrate") == default_synthesis_rate(codec, channels):
        values.pop("bitrate", None)


_NEW_TRACK = Table(
    m.SynthesisTrack,
    [
        Field(
            "name", Text(_parse_name, pattern=_NAME_PATTERN), "Names the track in messages.", required=True
        ),
        Field("codec", OneOf("eac3", "aac", "ac3", "opus", "flac", fold=True), required=True),
        Field("channels", _ChannelsReader(), "How many channels.", required=True),
        Field(
            "source",
            Single("prefer", ListOf(_CRITERION, least=1)),
            "Which track it is made from.",
            attribute="prefer",
            required=True,
        ),
        Field("bitrate", Text(parse_synthesis_rate, format_rate, pattern=_RATE_PATTERN, examples=["192k"])),
        Field("create_if", CONDITION, "Make it only when this holds."),
        Field("skip_if_exists", _SKIP_IF_EXISTS, "Do not make it when there is such a track."),
        Field("title", _InheritedReader(Text()), "Its title; inherit takes the source's.", default="inherit"),
        Field(
            "language",
            _InheritedReader(
                LanguageText(lambda text: parse_language(text.lower()), pattern="^[a-z]{2,3}$|^inherit$")
            ),
            "Its language; inherit takes the source's.",
            default="inherit",
        ),
        Field("position", _PositionReader(), "Its place among the audio tracks."),
    ],
    check=_settle_rate,
)


def _check_new_tracks(values: Values, at: At) -> None:
    names: set[str] = set()
    for place, track in enumerate(values.get("tracks", ())):
        if track.name in names:
            at.key("tracks").items()[place].fail(f"the name {track.name!r} is given twice")
        names.add(track.name)


AUDIO_SYNTHESIS = Table(
    m.AudioSynthesis,
    [Field("tracks", ListOf(_NEW_TRACK, least=1), "The tracks to make.", required=True)],
    check=_check_new_tracks,
)
