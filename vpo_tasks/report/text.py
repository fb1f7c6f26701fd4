"""Text as a person may safely see it. Pure, and cheap to import: every run starts here.

File names, titles and what tools print come from strangers. Nothing of them may move the cursor, recolour the
terminal, reverse the reading direction or start a new line.
"""

from __future__ import annotations

import unicodedata

from vpo_tasks.errors import FileError, IssuesError, VpoError

ELLIPSIS = "…"
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def escape(text: str) -> str:
    r"""Return `text` as one printable line: what does not print becomes `\xNN`, `\uNNNN` or `\UNNNNNNNN`.

    Bytes that were not UTF-8 (surrogate escapes) show as the byte, `\xff`. Escaping twice changes nothing.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape_one(ord(char)) for char in text)


def escape_lines(text: str) -> str:
    """Return `text` escaped line by line; its own line feeds stay."""
    return "\n".join(escape(line.removesuffix("\r")) for line in text.split("\n"))


def _escape_one(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def human_bytes(count: int) -> str:
    """Return `count` with a unit of 1024: `0 B`, `999 B`, `1.5 KiB`, `12 GiB`; negatives keep the sign."""
    size = float(abs(count))
    sign = "-" if count < 0 else ""
    unit = 0
    # 1023.95 would print as 1024.0: go on to the next unit instead
    while round(size, 1) >= 1024 and unit < len(_UNITS) - 1:
        size /= 1024
        unit += 1
    digits = 0 if unit == 0 or size >= 9.95 else 1
    return f"{sign}{size:.{digits}f} {_UNITS[unit]}"


def human_duration(seconds: float) -> str:
    """Return `40 ms`, `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min` or `3 d 4 h`; negatives count as 0."""
    if seconds < 0.0995:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def count_noun(count: int, noun: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def display_width(text: str) -> int:
    """Return the columns that printable `text` takes: 2 for a wide character, 0 for a combining one.

    unicodedata knows both; a library would add only emoji sequences, and `escape` takes those apart.
    """
    if text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def shorten(text: str, width: int) -> str:
    """Return `text` in at most `width` columns, its end (an extension) kept, `…` for what was left out."""
    if display_width(text) <= width:
        return text
    if width < 1:
        return ""
    tail_room = (width - 1) // 3
    tail = _take(text[::-1], tail_room)[::-1]
    head = _take(text, width - 1 - display_width(tail))
    return head + ELLIPSIS + tail


def truncate(text: str, width: int) -> str:
    """Return the beginning of `text` in at most `width` columns, `…` at the end if something was left out."""
    if display_width(text) <= width:
        return text
    return _take(text, width - 1) + ELLIPSIS if width > 0 else ""


def _take(text: str, width: int) -> str:
    used = 0
    for index, char in enumerate(text):
        used += _char_width(char)
        if used > width:
            return text[:index]
    return text


def describe_error(error: VpoError) -> str:
    """Return what goes to stderr, escaped: one line, or one line an issue. No final line feed."""
    if isinstance(error, IssuesError):  # path:line:column first, as editors and CI read it
        return escape_lines(str(error))
    if isinstance(error, FileError):
        return f"error: {escape(error.path)}: {escape(error.detail)}"
    return f"error: {escape(str(error)) or type(error).__name__}"
