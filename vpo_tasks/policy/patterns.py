"""People's regular expressions, run so that none can stall a batch.

The standard engine backtracks without limit. The `regex` package takes the same patterns, look-arounds
included, and gives up after a time; a pattern without metacharacters needs no engine (0.2 µs a search).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from vpo_tasks.errors import VpoError

SEARCH_LIMIT_S = 0.25
MAX_PATTERN_LENGTH = 1000

_PLAIN = re.compile(r"[^\\.^$*+?{}\[\]()|]*")
_MAX_UNROLLED = 20_000
_ATOM = re.compile(
    r"""(?P<open>\() | (?P<close>\)) | \{ \s*(?P<least>\d*)\s* (?:,\s*(?P<most>\d*)\s*)? \}
    | \[\^?\]?(?:\\.|[^\]\\])*\] | \\. | .""",
    re.VERBOSE | re.DOTALL,
)


class PatternTimeout(VpoError):
    """A regular expression took too long on a text. `pattern` is the expression as written."""

    def __init__(self, pattern: str) -> None:
        super().__init__(pattern)
        self.pattern = pattern

    def __str__(self) -> str:
        return f"the regular expression {self.pattern!r} takes too long"


class InvalidPattern(ValueError):
    """A text is not a regular expression; says why."""


class Pattern(NamedTuple):
    """A compiled expression. `search(text)` tells whether it occurs in the text, ignoring case."""

    text: str
    search: Callable[[str], bool]


@lru_cache(maxsize=1024)
def compile_pattern(text: str) -> Pattern:
    """Return the expression, compiled once. Raise InvalidPattern; its search raises PatternTimeout."""
    if len(text) > MAX_PATTERN_LENGTH:
        raise InvalidPattern(f"longer than {MAX_PATTERN_LENGTH} characters")
    if _PLAIN.fullmatch(text):
        return Pattern(text, _plain_search(text.casefold()))
    if _unrolled_size(text) > _MAX_UNROLLED:
        raise InvalidPattern("its counted repeats multiply to a size that no memory holds")
    return Pattern(text, _limited_search(text))


def _plain_search(wanted: str) -> Callable[[str], bool]:
    def search(text: str) -> bool:
        return wanted in text.casefold()

    return search


def _unrolled_size(pattern: str) -> int:
    """Return how many atoms the pattern has when counted repeats are written out.

    The engine does write them out: five nested `{900}` took all memory while compiling. An estimate from
    above is enough, so a brace that is no repeat may count as one.
    """
    sizes = [0]
    last = [0]
    for atom in _ATOM.finditer(pattern):
        if atom["open"]:
            sizes.append(0)
            last.append(0)
        elif atom["close"] and len(sizes) > 1:
            last.pop()
            last[-1] = sizes.pop() + 1
            sizes[-1] += last[-1]
        elif atom["least"] or atom["most"]:
            count = max(int(number[:9]) for number in (atom["least"], atom["most"]) if number)
            sizes[-1] += last[-1] * max(count - 1, 0)
            last[-1] *= max(count, 1)
        else:
            last[-1] = 1
            sizes[-1] += 1
    return sum(sizes)


def _limited_search(pattern: str) -> Callable[[str], bool]:
    import regex  # 25 ms that a policy without such patterns does not pay

    try:
        find = regex.compile(pattern, regex.IGNORECASE).search
    except (regex.error, RecursionError, OverflowError) as error:
        raise InvalidPattern(str(error)) from error

    def search(text: str) -> bool:
        try:
            return find(text, timeout=SEARCH_LIMIT_S) is not None
        except TimeoutError as error:
            raise PatternTimeout(pattern) from error

    return search
