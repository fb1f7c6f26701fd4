"""What goes to the terminal while a run is on: one progress line, and messages that never tear it.

On a terminal the line is redrawn in place; elsewhere (a file, a pipe, cron) it becomes a plain line now and
then.
A reader that has gone away (`vpo … | head`) silences its stream and never stops the run: any stream may lose
its reader at any moment.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

from vpo_tasks.report.progress import Progress, render_progress
from vpo_tasks.report.text import escape_lines

_REDRAW_S = 0.1
_PLAIN_S = 10.0
_PLAIN_WIDTH = 120
_CLEAR = "\r\x1b[2K"


class Console:
    """Two streams, one lock. `live` None means: as the stream says. Every text is escaped on its way out.

    Any thread may call; a signal handler may not (Python's buffered streams are not reentrant).
    """

    def __init__(
        self,
        stderr: TextIO | None = None,
        stdout: TextIO | None = None,
        *,
        quiet: bool = False,
        verbose: bool = False,
        live: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self._err = LenientStream(sys.stderr if stderr is None else stderr)
        self._out = LenientStream(sys.stdout if stdout is None else stdout)
        self._live = self._err.is_terminal() if live is None else live
        self._clock = clock
        self._lock = threading.RLock()
        self._progress: Progress | None = None
        self._drawn = False
        self._due = clock() + (0.0 if self._live else _PLAIN_S)

    def message(self, text: str) -> None:
        """Print `text` on stderr; nothing under `quiet`."""
        if not self.quiet:
            self._print(self._err, text)

    def warning(self, text: str) -> None:
        """Print `warning: text` on stderr; nothing under `quiet`."""
        self.message(f"warning: {text}")

    def error(self, text: str) -> None:
        """Print `error: text` on stderr, always."""
        self._print(self._err, f"error: {text}")

    def output(self, text: str) -> None:
        """Print a result on stdout, always; it may be the same terminal, so the line makes way."""
        self._print(self._out, text)

    def answer(self, text: str) -> None:
        """Print what the command was asked for. Raise OSError when there is no room for it."""
        self.output(text)
        if self._out.lost is not None:
            raise self._out.lost

    def update(self, progress: Progress) -> None:
        """Show `progress`, unless it was shown a moment ago."""
        if self.quiet:
            return
        with self._lock:
            self._progress = progress
            now = self._clock()
            if now < self._due:
                return
            if self._live:
                self._due = now + _REDRAW_S
                self._err.write(_CLEAR + self._line())
                self._drawn = True
            else:
                self._due = now + _PLAIN_S
                self._err.write(render_progress(progress, _PLAIN_WIDTH) + "\n")

    def finish(self) -> None:
        """Take the line away; what comes next is the summary."""
        with self._lock:
            self._progress = None
            if self._drawn:
                self._drawn = False
                self._err.write(_CLEAR)

    def _print(self, stream: LenientStream, text: str) -> None:
        lines = escape_lines(text.rstrip("\n")) + "\n"
        with self._lock:
            if not self._drawn:
                stream.write(lines)
            elif stream is self._err:
                stream.write(_CLEAR + lines + self._line())
            else:
                self._err.write(_CLEAR)
                stream.write(lines)
                self._err.write(self._line())

    def _line(self) -> str:
        # a full last column makes some terminals wrap, and a wrapped line cannot be cleared
        return render_progress(self._progress, self._err.width() - 1) if self._progress else ""


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
