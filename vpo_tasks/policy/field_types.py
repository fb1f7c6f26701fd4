"""The kinds of value that several parts of the language share: names, codes, expressions, rates."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, get_args

from vpo_tasks.policy.model import OnError, TrackKind
from vpo_tasks.policy.patterns import InvalidPattern, compile_pattern
from vpo_tasks.policy.readers import Integer, LanguageText, ListOf, OneOf, OneOrMany, Text
from vpo_tasks.policy.table import ComparisonTable
from vpo_tasks.policy.values import (
    SCALE_RESOLUTIONS,
    SKIP_RESOLUTIONS,
    format_rate,
    parse_rate,
    parse_scale_resolution,
    parse_skip_resolution,
)

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_PHASE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PLUGIN = re.compile(r"[a-z][a-z0-9-]*")
_RESERVED = frozenset({"config", "schema_version", "phases"})


def parse_language(text: str) -> str:
    if not _LANGUAGE.fullmatch(text):
        hint = f"; write {text.lower()}" if _LANGUAGE.fullmatch(text.lower()) else ""
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


def text(parse: Callable[[str], Any], *examples: str, pattern: str = "") -> Text:
    return Text(parse, pattern=pattern, examples=examples)


ON_ERROR = one_of(OnError)
TRACK_KIND = one_of(TrackKind)
LANGUAGE = LanguageText(parse_language, pattern="^[a-z]{2,3}$")
LANGUAGES = ListOf(LANGUAGE)
EXTRA_LANGUAGES = ListOf(text(parse_language, pattern="^[a-z]{2,3}$"))
LANGUAGE_NAME = LanguageText()
"""A code, a name or a tag, as files may have it."""
LANGUAGE_NAMES = OneOrMany(LANGUAGE_NAME)
ANY_TEXT = Text()
FILLED = text(parse_filled, pattern="\\S")
FOLDED = text(parse_folded, pattern="\\S")
FOLDED_LANGUAGE = LanguageText(parse_folded, pattern="\\S")
FILLED_LANGUAGE = LanguageText(parse_filled, pattern="\\S")
FOLDED_LIST = ListOf(FOLDED)
FOLDED_ONE_OR_MANY = OneOrMany(FOLDED)
REGEX = text(parse_regex)
PHASE_NAME = text(parse_phase_name, pattern="^[A-Za-z][A-Za-z0-9_-]{0,63}$")
FIELD_NAME = text(parse_field_name, pattern="^\\s*[A-Za-z][A-Za-z0-9_]{0,63}\\s*$")
PLUGIN_NAME = text(parse_plugin_name, pattern="^\\s*[A-Za-z][A-Za-z0-9-]*\\s*$")
RATE = Text(
    parse_rate,
    format_rate,
    pattern="^\\s*[0-9]+(\\.[0-9]+)?[kKmM]\\s*$|^\\s*[0-9]+\\s*$",
    examples=["192k", "4M"],
)
SKIP_RESOLUTION = Text(parse_skip_resolution, words=SKIP_RESOLUTIONS)
SCALE_RESOLUTION = Text(parse_scale_resolution, words=SCALE_RESOLUTIONS)
NUMBER_COMPARISON = ComparisonTable(Integer())
