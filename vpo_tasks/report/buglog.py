"""Where a bug of ours is written down: one line for the person, the traceback in the log."""

from __future__ import annotations

import os
import sys

from vpo_tasks import __version__
from vpo_tasks.trusted import make_private_folder, open_private


def write_bug(error: BaseException, log_path: str, about: str) -> str:
    """Append the traceback to the log. Return the log's path, or "" when it cannot be written.

    `about` says what was being done: the command line, or a video's path.
    """
    # function-local: only a bug pays for it
    from datetime import datetime, timezone

    stamp = datetime.now(timezone.utc).isoformat(timespec="seconds")
    python = sys.version.split(maxsplit=1)[0]
    head = f"{stamp} vpo {__version__}, Python {python} on {sys.platform}: {about}"
    entry = f"{head}\n{bug_details(error)}\n"
    try:
        make_private_folder(os.path.dirname(log_path))
        with open(log_path, "a", encoding="utf-8", errors="backslashreplace", opener=open_private) as log:
            log.write(entry)
    except OSError:
        return ""
    return log_path


def bug_text(error: BaseException) -> str:
    """Return a bug's name and message in one line, unescaped."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def bug_details(error: BaseException) -> str:
    """Return the traceback, unescaped."""
    import traceback  # only a bug pays for it

    return "".join(traceback.format_exception(error))
