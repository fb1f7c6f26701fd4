"""Patterns as .gitignore has them, matched without backtracking: in time that grows with their length only.

https://git-scm.com/docs/gitignore: a pattern with a slash before its end counts from the folder of its file,
one without from every folder; `*`, `?` and `[a-z]` stay within a name, `**` goes over folders. A name is
asked about after the folders above it, as git does, so that only its own last part can still be met.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

MAX_WILD = 1000
"""How many patterns with wildcards a list may have; plain names cost next to nothing and are not counted."""

_WILD = re.compile(r"[*?\[]")
_CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "blank": r" \t", "cntrl": r"\x00-\x1f\x7f", "digit": "0-9",
    "graph": r"\x21-\x7e", "lower": "a-z", "print": r"\x20-\x7e",
    "punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "space": r"\x20\t-\r", "upper": "A-Z", "xdigit": "0-9A-Fa-f",
}  # fmt: skip


class NoPattern(ValueError):
    """A line is no pattern. `line` counts from 1, 0 is the whole list."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(line, why)
        self.line = line
        self.why = why


class _Name:
    """A pattern for one name: pieces of a fixed length between stars, each found at its first place."""

    def __init__(self, text: str) -> None:
        self._pieces = _pieces(text)

    def matches(self, name: str) -> bool:
        first, *rest = self._pieces
        start = _length_at(first, name, 0)
        if start is None:
            return False
        if not rest:
            return start == len(name)
        last = rest.pop()
        for piece in rest:
            found = _find(piece, name, start)
            if found is None:
                return False
            start = found
        end = len(name) - last.length
        return end >= start and _length_at(last, name, end) is not None


class _Piece(NamedTuple):
    """Characters in a row: as text, or as an expression without repeats where some are not fixed."""

    length: int
    text: str
    expression: re.Pattern[str] | None


def _length_at(piece: _Piece, name: str, at: int) -> int | None:
    """Return where a piece that stands at `at` ends."""
    if piece.expression is None:
        return at + piece.length if name.startswith(piece.text, at) else None
    return at + piece.length if piece.expression.match(name, at) else None


def _find(piece: _Piece, name: str, start: int) -> int | None:
    """Return where the first place of a piece from `start` on ends."""
    if piece.expression is None:
        at = name.find(piece.text, start)
        return None if at < 0 else at + piece.length
    found = piece.expression.search(name, start)
    return None if found is None else found.end()


def _pieces(text: str) -> list[_Piece]:
    """Split a name's pattern at its stars. Raises ValueError for a bracket that is none."""
    pieces: list[_Piece] = []
    plain, expression, length, is_fixed = "", "", 0, True
    place = 0
    while place <= len(text):
        char = text[place : place + 1]
        if char in ("*", ""):
            pieces.append(_Piece(length, plain, None if is_fixed else re.compile(expression, re.DOTALL)))
            plain, expression, length, is_fixed = "", "", 0, True
            place += 1
            continue
        if char == "?":
            one, is_fixed, place = ".", False, place + 1
        elif char == "[":
            one, place = _bracket(text, place)
            is_fixed = False
        else:
            place += char == "\\"
            char = text[place : place + 1]
            one, place = re.escape(char), place + 1
        plain += char
        expression += one
        length += 1
    return pieces


def _bracket(text: str, start: int) -> tuple[str, int]:
    """Return a bracket as an expression has it, and where it ends."""
    place = start + 1
    negated = text[place : place + 1] in ("!", "^")
    place += negated
    first = place
    members = ""
    while (char := text[place : place + 1]) != "]" or place == first:
        if not char:
            raise ValueError("has a bracket that is not closed")
        if text.startswith("[:", place):
            name, closed, _ = text[place + 2 :].partition(":]")
            if not closed or name not in _CLASSES:
                raise ValueError(f"has an unknown class [:{name[:20]}:]")
            members += _CLASSES[name]
            place += len(name) + 4
            continue
        low, place = _member(text, place)
        if text[place : place + 1] == "-" and text[place + 1 : place + 2] not in ("]", ""):
            high, place = _member(text, place + 1)
            if high < low:
                raise ValueError(f"has the empty range {low}-{high}")
            members += f"{re.escape(low)}-{re.escape(high)}"
        else:
            members += re.escape(low)
    return f"[{'^' * negated}{members}]", place + 1


def _member(text: str, place: int) -> tuple[str, int]:
    place += text[place] == "\\"
    if place >= len(text):
        raise ValueError("has a bracket that is not closed")
    return text[place], place + 1


class _Wild(NamedTuple):
    """A pattern with wildcards. `groups` are the names between `**`; a pattern of one name has just that."""

    include: bool
    folders_only: bool
    name: _Name | None
    groups: tuple[tuple[_Name, ...], ...] = ()

    def matches(self, names: Sequence[str]) -> bool:
        if self.name is not None:
            return self.name.matches(names[-1])
        first, *rest = self.groups
        if not _stands_at(first, names, 0):
            return False
        start = len(first)
        if not rest:
            return start == len(names)
        last = rest.pop()
        for group in rest:
            found = next((at for at in range(start, len(names)) if _stands_at(group, names, at)), None)
            if found is None:
                return False
            start = found + len(group)
        end = len(names) - len(last)
        return end >= start and _stands_at(last, names, end)


def _stands_at(group: Sequence[_Name], names: Sequence[str], at: int) -> bool:
    if at + len(group) > len(names):
        return False
    return all(pattern.matches(names[at + place]) for place, pattern in enumerate(group))


class Globs:
    """A list of patterns, of which the last that matches decides."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Raises NoPattern."""
        self._plain: dict[str, list[tuple[int, bool, bool]]] = {}  # number, include, folders only
        self._wild: list[tuple[int, _Wild]] = []
        for number, line in enumerate(lines, 1):
            try:
                self._add(number, line)
            except ValueError as error:
                raise NoPattern(
                    number, f"{line[:80]!r} is not a pattern as .gitignore has them: {error}"
                ) from None
            if len(self._wild) > MAX_WILD:
                raise NoPattern(0, f"has more than {MAX_WILD:,} patterns with wildcards")
        self._wild.reverse()

    def decide(self, path: str, *, is_folder: bool) -> bool | None:
        """Return whether a path (from the list's folder) is to be left out; None: no pattern matches."""
        names = path.split("/")
        number, decided = 0, None
        for key in (f"/{path}", names[-1]):
            for place, include, folders_only in self._plain.get(key, ()):
                if place > number and (is_folder or not folders_only):
                    number, decided = place, include
        for place, pattern in self._wild:
            if place < number:
                break
            if (is_folder or not pattern.folders_only) and pattern.matches(names):
                return pattern.include
        return decided

    def _add(self, number: int, line: str) -> None:
        text = _without_spaces_at_its_end(line)
        if not text or text.startswith("#"):
            return
        include = not text.startswith("!")
        text = text[not include :]
        if not text:
            raise ValueError("nothing is named")
        folders_only = text.endswith("/")
        text = text[: len(text) - folders_only]
        anchored = "/" in text
        text = text.removeprefix("/")
        if (len(text) - len(text.rstrip("\\"))) % 2:
            raise ValueError("ends in a backslash")
        if not _WILD.search(text):
            plain = re.sub(r"\\(.)", r"\1", text)
            key = f"/{plain}" if anchored else plain
            self._plain.setdefault(key, []).append((number, include, folders_only))
        elif not anchored:
            self._wild.append((number, _Wild(include, folders_only, _Name(text))))
        else:
            self._wild.append((number, _Wild(include, folders_only, None, _groups(text))))


def _groups(text: str) -> tuple[tuple[_Name, ...], ...]:
    groups: list[list[_Name]] = [[]]
    names = text.split("/")
    for place, name in enumerate(names):
        if name != "**":
            groups[-1].append(_Name(name))
        elif groups[-1] or len(groups) == 1:
            groups.append([])
        if name == "**" and place == len(names) - 1:
            groups[-1].append(_Name("*"))  # what is in the folder, and not the folder
    return tuple(map(tuple, groups))


def _without_spaces_at_its_end(line: str) -> str:
    """Return a line as git takes it: a space at the end counts after a backslash only."""
    stripped = line.rstrip(" ")
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return stripped + " " if backslashes % 2 and len(stripped) < len(line) else stripped
