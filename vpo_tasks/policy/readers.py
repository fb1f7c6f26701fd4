"""Readers: each knows one kind of value three ways: from a document, back into one, and as JSON Schema.

A reader that cannot make sense of a value notes the issue and returns BAD; whoever asked goes on, so that one
look at a file finds all its mistakes.
"""

from __future__ import annotations

import enum
import itertools
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from vpo_tasks.errors import Issue
from vpo_tasks.media.languages import is_known, unknown_words
from vpo_tasks.policy.document import Node


class Bad(enum.Enum):
    """The type of BAD."""

    BAD = "bad"


BAD: Final = Bad.BAD


class Log:
    """What was found wrong (`issues`), doubtful (`warnings`) or not to be done unasked (`unsafe`) so far."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self.warnings: list[Issue] = []
        self.unsafe: list[Issue] = []
        self.languages: list[tuple[Issue, str]] = []
        """Every language that is named and that nobody knows, with what is said of it."""


class At(NamedTuple):
    """A value, its path in the document, and where to note what is wrong with it."""

    node: Node
    where: str
    log: Log

    @property
    def value(self) -> Any:
        return self.node.value

    def fail(self, message: str) -> Bad:
        self.log.issues.append(Issue(self.node.line, self.node.column, self.where, message))
        return BAD

    def fail_key(self, key: str, message: str) -> Bad:
        """Note an issue at a key of this mapping."""
        entry = self.value[key]
        self.log.issues.append(Issue(entry.line, entry.column, _join(self.where, key), message))
        return BAD

    def warn(self, message: str) -> None:
        self.log.warnings.append(Issue(self.node.line, self.node.column, self.where, message))

    def refuse(self, message: str) -> None:
        """Note what no run does unless the runner's configuration says so. The policy loads all the same."""
        self.log.unsafe.append(Issue(self.node.line, self.node.column, self.where, message))

    def name_language(self, tag: str) -> None:
        """Note a language that the policy names, if nobody knows it."""
        if not is_known(tag):
            advice = "; if it is meant, list it in config.extra_languages"
            issue = Issue(self.node.line, self.node.column, self.where, unknown_words(tag) + advice)
            self.log.languages.append((issue, tag))

    def key(self, key: str) -> At:
        return At(self.value[key].node, _join(self.where, key), self.log)

    def items(self) -> list[At]:
        return [At(node, f"{self.where}[{place}]", self.log) for place, node in enumerate(self.value)]


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


class Reader(Protocol):
    """One kind of value, three ways."""

    def read(self, at: At) -> Any:
        """Return the value, or BAD after noting why not."""

    def write(self, value: Any) -> Any:
        """Return plain data that reads as the value."""

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of what people should write."""


MAX_CANDIDATES = 100
"""How many words a misspelt one is compared with: no hint is worth a stall over 10,000 mistakes."""


def shown(value: Any) -> str:
    """Return a value as an issue quotes it."""
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def nearest(word: str, valid: Iterable[str]) -> str:
    """Return ` (did you mean …?)`, or the valid words when none is near."""
    import difflib  # only a mistake pays for it

    words = sorted(itertools.islice(valid, MAX_CANDIDATES))
    close = difflib.get_close_matches(word.lower()[:100], words, n=1)
    if close:
        return f" (did you mean {close[0]}?)"
    return f" (possible: {', '.join(words)})" if words else ""


class _AsIs:
    def write(self, value: Any) -> Any:
        return value


class Bool(_AsIs):
    """true or false, and the words people use for them."""

    _WORDS: Final = {
        **dict.fromkeys(("true", "yes", "on", "t", "y", "1"), True),
        **dict.fromkeys(("false", "no", "off", "f", "n", "0"), False),
    }

    def read(self, at: At) -> Any:
        value = at.value
        if isinstance(value, bool):
            return value
        if isinstance(value, (int, float)) and value in (0, 1):
            return value == 1
        word = value.strip().lower() if isinstance(value, str) else None
        if word in self._WORDS:
            return self._WORDS[word]
        return at.fail(f"{shown(value)} is not true or false")

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


_WHOLE_TEXT = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER_TEXT = re.compile(r"[-+]?(?:[0-9]{1,18}(?:\.[0-9]*)?|\.[0-9]{1,18})(?:[eE][-+]?[0-9]{1,3})?")


class Integer(_AsIs):
    """A whole number, also written `6.0` or `"6"`."""

    def __init__(self, least: int | None = None, most: int | None = None) -> None:
        self.least = least
        self.most = most

    def read(self, at: At) -> Any:
        value = at.value
        if isinstance(value, str) and _WHOLE_TEXT.fullmatch(value.strip()):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            return at.fail(f"{shown(at.value)} is not a whole number")
        low = -(1 << 62) if self.least is None else self.least
        high = (1 << 62) if self.most is None else self.most
        if not low <= value <= high:
            return at.fail(f"{value} is not {_range(self.least, self.most)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", **_bounds(self.least, self.most)}


class Number(_AsIs):
    """A number with a fraction."""

    def __init__(self, least: float | None = None, most: float | None = None) -> None:
        self.least = least
        self.most = most

    def read(self, at: At) -> Any:
        value = at.value
        if isinstance(value, str) and _NUMBER_TEXT.fullmatch(value.strip()):
            value = float(value)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            return at.fail(f"{shown(at.value)} is not a number")
        if (self.least is not None and value < self.least) or (self.most is not None and value > self.most):
            return at.fail(f"{value} is not {_range(self.least, self.most)}")
        return float(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "number", **_bounds(self.least, self.most)}


def _bounds(least: float | None, most: float | None) -> dict[str, float]:
    bounds = {"minimum": least, "maximum": most}
    return {key: value for key, value in bounds.items() if value is not None}


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return "in the range of numbers" if most is None else f"at most {most}"
    return f"{least} or more" if most is None else f"between {least} and {most}"


class Text(_AsIs):
    """Text. `parse` turns it into a value or raises ValueError with words that follow the quoted text."""

    def __init__(
        self,
        parse: Callable[[str], Any] = str,
        write: Callable[[Any], str] = str,
        *,
        pattern: str = "",
        examples: Sequence[str] = (),
        words: Sequence[str] = (),
        most: int | None = None,
    ) -> None:
        self.words = tuple(words)
        self.most = most
        self.parse = parse
        self._write = write
        self.pattern = pattern
        self.examples = tuple(examples)

    def read(self, at: At) -> Any:
        if not isinstance(at.value, str):
            hint = " (put it in quotes)" if isinstance(at.value, (int, float)) else ""
            return at.fail(f"{shown(at.value)} is not text{hint}")
        try:
            return self.parse(at.value)
        except ValueError as error:
            return at.fail(f"{shown(at.value)} {error}")

    def write(self, value: Any) -> Any:
        return self._write(value)

    def schema(self) -> dict[str, Any]:
        if self.words:
            return {"enum": list(self.words)}
        schema: dict[str, Any] = {"type": "string"}
        if self.pattern:
            schema["pattern"] = self.pattern
        if self.most:
            schema["maxLength"] = self.most
        if self.examples:
            schema["examples"] = list(self.examples)
        return schema


class LanguageText(Text):
    """Text that names a language. It may be one that nobody knows, and is told then."""

    def read(self, at: At) -> Any:
        value = super().read(at)
        if isinstance(value, str):
            at.name_language(value)
        return value


class OneOf(_AsIs):
    """One of some words; `fold` takes them in any letter case."""

    def __init__(self, *words: str, fold: bool = False) -> None:
        self.words = words
        self.fold = fold

    def read(self, at: At) -> Any:
        value = at.value
        if isinstance(value, str):
            word = value.strip().lower() if self.fold else value
            if word in self.words:
                return word
            return at.fail(f"{shown(value)} is unknown{nearest(value, self.words)}")
        return at.fail(f"{shown(value)} is not one of {', '.join(self.words)}")

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}


class ListOf:
    """A list, as a tuple of at least `least` values."""

    def __init__(self, item: Reader, least: int = 0) -> None:
        self.item = item
        self.least = least

    def read(self, at: At) -> Any:
        if not isinstance(at.value, list):
            return at.fail(f"{shown(at.value)} is not a list")
        if len(at.value) < self.least:
            return at.fail("is an empty list" if not at.value else f"needs at least {self.least} entries")
        values = [self.item.read(item) for item in at.items()]
        return BAD if any(value is BAD for value in values) else tuple(values)

    def write(self, value: Any) -> Any:
        return [self.item.write(item) for item in value]

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "array", "items": self.item.schema()}
        return {**schema, "minItems": self.least} if self.least else schema


class OneOrMany(ListOf):
    """One value or a list of them, as a tuple."""

    def read(self, at: At) -> Any:
        if isinstance(at.value, list):
            return super().read(at)
        value = self.item.read(at)
        return BAD if value is BAD else (value,)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.item.schema(), super().schema()]}


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
