"""An error as a person reads it: the same words through every door."""

from __future__ import annotations

from vpo_tasks.errors import FileError, IssuesError, VpoError
from vpo_tasks.report.text import escape, escape_lines


def describe_error(error: VpoError) -> str:
    """Return what goes to stderr, escaped: one line, or one line an issue. No final line feed."""
    if isinstance(error, IssuesError):  # path:line:column first, as editors and CI read it
        return escape_lines(str(error))
    if isinstance(error, FileError):
        return f"error: {escape(error.path)}: {escape(error.detail)}"
    return f"error: {escape(str(error)) or type(error).__name__}"
