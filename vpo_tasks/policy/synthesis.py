"""The operation `audio_synthesis`: tracks to make, and from which (policy-format 3.10)."""

from typing import Annotated, Any, Literal

from vpo_tasks.policy.conditions import Condition
from vpo_tasks.policy.field_types import (
    FoldedOneOrMany,
    LanguageNames,
    NumberComparison,
    SynthesisRate,
    one_of,
    parse_filled,
    parse_language,
)
from vpo_tasks.policy.readers import BAD, At, Bool, Integer, LanguageText, ListOf, Text, shown
from vpo_tasks.policy.rules import CONDITION
from vpo_tasks.policy.table import Field, Key, PolicyValue, Single, Table, Values, table_of
from vpo_tasks.policy.values import CHANNEL_WORDS, default_synthesis_rate

_Codec = Literal["eac3", "aac", "ac3", "opus", "flac"]


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
        [Field("max", Bool()), Field("min", Bool())],
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
        return {"default": "inherit", **self._text.schema()}


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


class SourceCriterion(PolicyValue, frozen=True):
    """None means not asked. `channels` is `max`, `min` or a number."""

    not_empty = True

    language: LanguageNames | None = None
    not_commentary: bool | None = None
    channels: Annotated[Literal["max", "min"] | int | None, _WantedChannelsReader()] = None
    codec: FoldedOneOrMany | None = None


class SkipIfExists(PolicyValue, frozen=True):
    """A track that makes a new one needless. None means not asked."""

    codec: FoldedOneOrMany | None = None
    channels: NumberComparison | None = None
    language: LanguageNames | None = None
    not_commentary: bool = False


_NAME = Text(_parse_name, pattern="^(?!.*\\.\\.)[^/\\\\]*[^\\s/\\\\][^/\\\\]*$")
_SOURCE = Single("prefer", ListOf(table_of(SourceCriterion), least=1))
_LANGUAGE = LanguageText(lambda text: parse_language(text.lower()), pattern="^[a-z]{2,3}$|^inherit$")


class SynthesisTrack(PolicyValue, frozen=True):
    """`channels` is a count; `bitrate` None is the default (values.py); None title and language inherit."""

    name: Annotated[str, "Names the track in messages.", _NAME]
    codec: Annotated[_Codec, one_of(_Codec, fold=True)]
    channels: Annotated[int, "How many channels.", _ChannelsReader()]
    prefer: Annotated[tuple[SourceCriterion, ...], "Which track it is made from.", _SOURCE, Key("source")]
    bitrate: SynthesisRate | None = None
    create_if: Annotated[Condition | None, "Make it only when this holds.", CONDITION] = None
    skip_if_exists: Annotated[SkipIfExists | None, "Do not make it when there is such a track."] = None
    title: Annotated[str | None, "Its title; inherit takes the source's.", _InheritedReader(Text())] = None
    language: Annotated[
        str | None, "Its language; inherit takes the source's.", _InheritedReader(_LANGUAGE)
    ] = None
    position: Annotated[
        Literal["after_source", "end"] | int, "Its place among the audio tracks.", _PositionReader()
    ] = "end"

    @classmethod
    def check(cls, values: Values, at: At) -> None:  # noqa: ARG003 - the signature of every check
        """Drop a rate that is the default's, so that equal policies are equal values."""
        codec, channels = values.get("codec"), values.get("channels")
        if codec and channels and values.get("bitrate") == default_synthesis_rate(codec, channels):
            values.pop("bitrate", None)


_TRACKS = ListOf(table_of(SynthesisTrack), least=1)


class AudioSynthesis(PolicyValue, frozen=True):
    """The tracks have different names."""

    tracks: Annotated[tuple[SynthesisTrack, ...], "The tracks to make.", _TRACKS]

    @classmethod
    def check(cls, values: Values, at: At) -> None:
        names: set[str] = set()
        for place, track in enumerate(values.get("tracks", ())):
            if track.name in names:
                at.key("tracks").items()[place].fail(f"the name {track.name!r} is given twice")
            names.add(track.name)
