"""The kinds of value that several parts of the language share, as types that say how they are read."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from vpo_tasks.policy.patterns import InvalidPattern, compile_pattern
from vpo_tasks.policy.readers import Integer, LanguageText, Number, OneOf, OneOrMany, Text
from vpo_tasks.policy.table import ComparisonTable
from vpo_tasks.policy.values import (
    SCALE_RESOLUTIONS,
    SKIP_RESOLUTIONS,
    format_duration,
    format_mapping_rate,
    format_rate,
    format_size,
    parse_duration,
    parse_mapping_rate,
    parse_rate,
    parse_scale_resolution,
    parse_size,
    parse_skip_resolution,
    parse_synthesis_rate,
)

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_CODE = "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
_PHASE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PLUGIN = re.compile(r"[a-z][a-z0-9-]*")
_RESERVED = frozenset({"config", "schema_version", "phases"})


def parse_language(text: str) -> str:
    if not _LANGUAGE.fullmatch(text):
        first, *further = text.replace("_", "-").split("-")
        meant = "-".join((first.lower(), *further))
        hint = f"; write {meant}" if meant != text and _LANGUAGE.fullmatch(meant) else ""
        raise ValueError(f"is not a language code of two or three small letters{hint}")
    return text


def parse_phase_name(text: str) -> str:
    if not _PHASE_NAME.fullmatch(text):
        raise ValueError("is not a name: a letter, then up to 63 letters, digits, _ or -")
    if text.lower() in _RESERVED:
        raise ValueError("is a reserved word")
    return text


def parse_field_name(text: str) -> str:
    folded = text.strip().lower()
    if not _FIELD.fullmatch(folded):
        raise ValueError("is not a field name: a letter, then up to 63 letters, digits or _")
    return folded


def parse_plugin_name(text: str) -> str:
    folded = text.strip().lower()
    if not _PLUGIN.fullmatch(folded):
        raise ValueError("is not a plugin name: a letter, then letters, digits or -")
    return folded


def parse_regex(text: str) -> str:
    try:
        compile_pattern(text)
    except InvalidPattern as error:
        raise ValueError(f"is not a regular expression: {error}") from error
    return text


def parse_filled(text: str) -> str:
    """Return the text without blanks around it; there must be some."""
    stripped = text.strip()
    if not stripped:
        raise ValueError("is blank")
    return stripped


def parse_folded(text: str) -> str:
    """Return the text in lower case without blanks around it; there must be some."""
    return parse_filled(text).lower()


def one_of(literal: Any, *, fold: bool = False) -> OneOf:
    """Return the reader of a Literal type's words."""
    return OneOf(*get_args(literal), fold=fold)


OnError = Literal["skip", "continue", "fail"]
TrackKind = Literal["video", "audio", "subtitle", "attachment"]
MediaKind = Literal["video", "audio", "subtitle"]
Comparison = tuple[Literal["eq", "lt", "lte", "gt", "gte"], int]

LanguageCode = Annotated[str, LanguageText(parse_language, pattern=_CODE)]
LanguageName = Annotated[str, LanguageText()]
"""A code, a name or a tag, as files may have it."""
LanguageNames = Annotated[tuple[str, ...], OneOrMany(LanguageText())]
FoldedLanguage = Annotated[str, LanguageText(parse_folded, pattern="\\S")]
FilledLanguage = Annotated[str, LanguageText(parse_filled, pattern="\\S")]
ExtraLanguage = Annotated[str, Text(parse_language, pattern=_CODE)]
"""A code that is not warned of."""
Filled = Annotated[str, Text(parse_filled, pattern="\\S")]
Folded = Annotated[str, Text(parse_folded, pattern="\\S")]
FoldedOneOrMany = Annotated[tuple[str, ...], OneOrMany(Text(parse_folded, pattern="\\S"))]
Regex = Annotated[str, Text(parse_regex)]
PhaseName = Annotated[str, Text(parse_phase_name, pattern="^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
FieldName = Annotated[str, Text(parse_field_name, pattern="^\\s*[A-Za-z][A-Za-z0-9_]{0,63}\\s*$")]
PluginName = Annotated[str, Text(parse_plugin_name, pattern="^\\s*[A-Za-z][A-Za-z0-9-]*\\s*$")]
Positive = Annotated[int, Integer(1)]
Proportion = Annotated[float, Number(0, 1)]
NumberComparison = Annotated[Comparison, ComparisonTable(Integer())]
SkipResolution = Annotated[str, Text(parse_skip_resolution, words=SKIP_RESOLUTIONS)]
ScaleResolution = Annotated[str, Text(parse_scale_resolution, words=SCALE_RESOLUTIONS)]
Rate = Annotated[
    int,
    Text(
        parse_rate,
        format_rate,
        pattern="^\\s*[0-9]+(\\.[0-9]+)?[kKmM]\\s*$|^\\s*[0-9]+\\s*$",
        examples=["192k", "4M"],
    ),
]
MappingRate = Annotated[
    int,
    Text(
        parse_mapping_rate,
        format_mapping_rate,
        pattern="^\\s*([0-9]+[kK]|[0-9]+(\\.[0-9]+)?[mM])\\s*$",
        examples=["256k"],
    ),
]
SynthesisRate = Annotated[
    int,
    Text(
        parse_synthesis_rate,
        format_rate,
        pattern="^\\s*[0-9]+(\\.[0-9]+)?[kKmM]?\\s*$",
        examples=["192k"],
    ),
]
Size = Annotated[
    int,
    Text(
        parse_size,
        format_size,
        pattern="^\\s*[0-9]+(\\.[0-9]+)?\\s*[kKmMgGtT]?[bB]\\s*$",
        examples=["700MB", "4.5GB"],
    ),
]
Duration = Annotated[
    float,
    Text(
        parse_duration,
        format_duration,
        pattern="^\\s*([0-9]+(\\.[0-9]+)?[smh]|[0-9]+h[0-9]+m)\\s*$",
        examples=["90s", "1h30m"],
    ),
]
