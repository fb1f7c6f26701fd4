"""Streams that may lose their reader at any moment."""

from __future__ import annotations

import os
from typing import TextIO


class LenientStream:
    """A text stream whose failures silence it: talking is never worth a run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False
        self.lost: OSError | None = None
        """Why what was written is lost, unless it is that nobody reads any more."""

    def is_terminal(self) -> bool:
        """Say whether a line can be redrawn in place here."""
        try:
            return self._stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
        except ValueError:  # closed
            return False

    def width(self) -> int:
        """Return the terminal's columns now; asked at every drawing, so a resize needs no signal handler."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80

    def write(self, text: str) -> None:
        """Write and flush. A reader that is gone ends the stream, quietly."""
        if self._gone:
            return
        try:
            try:
                self._stream.write(text)
            except UnicodeEncodeError:  # a terminal or pipe in another character set
                encoding = self._stream.encoding or "ascii"
                self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()
        except BlockingIOError:  # a full non-blocking pipe: the buffer keeps it for the next flush
            return
        except (OSError, ValueError) as error:  # broken pipe, full disk, closed stream
            self._gone = True
            if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
                self.lost = error
            discard(self._stream)


def discard(stream: TextIO) -> None:
    """Point a broken stream at nothing, so that flushing what it still holds cannot fail again at exit."""
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
    except OSError:
        return
    try:
        os.dup2(nothing, stream.fileno())
    except (OSError, ValueError):
        pass
    finally:
        os.close(nothing)
