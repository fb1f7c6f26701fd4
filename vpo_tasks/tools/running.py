"""Running tools: in their own session, without stdin, in bounded memory, with a stall timeout.

Invariant: when `run` returns or raises, the tool is reaped and nothing is left of its process group.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import IO, NamedTuple

from vpo_tasks.errors import Interrupted, ToolError
from vpo_tasks.tools.base import KEPT_OUTPUT_BYTES, Call, ParsedLine

TAIL_LINES = 60
LINE_BYTES = 4096
KEPT_MESSAGES = 20
GRACE_S = 10.0
_POLL_S = 0.25
_PAUSED_S = 5.0
"""Nothing but being stopped keeps us from looking for so long."""
_KEPT_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "XDG_RUNTIME_DIR")


class ToolRun(NamedTuple):
    """A tool that ended by itself. The tails are the last lines, `errors` and `warnings` the first ones."""

    returncode: int
    stderr_tail: str
    warnings: tuple[str, ...]
    errors: tuple[str, ...]
    output: bytes = b""
    """Standard output of a call that `keeps_output`."""


class Children:
    """The running tools. Thread-safe; `terminate_all` may also be called from a signal handler."""

    def __init__(self) -> None:
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._kill_at: float | None = None

    @property
    def stopped(self) -> bool:
        return self._kill_at is not None

    def run(
        self,
        call: Call,
        *,
        video: str,
        stall_timeout_s: float,
        parse_line: Callable[[bytes], ParsedLine | None] | None = None,
        progress: Callable[[ParsedLine], None] | None = None,
        watch_output: bytes | None = None,
        grown: Callable[[int], None] | None = None,
    ) -> ToolRun:
        """Run one call to its end.

        Progress is a new progress line, or growth of the file `watch_output`; `grown` is called with its size
        in bytes. Raises ToolError for `video` when nothing progresses for `stall_timeout_s` or the tool does
        not start, Interrupted after `terminate_all`.
        """
        if self.stopped:
            raise Interrupted
        watch = _Watch(parse_line, progress, watch_output, grown, keeps_output=call.keeps_output)
        with ExitStack() as stack:
            process = _start(call, video, stack)
            self._running[process.pid] = process
            try:
                if self.stopped:  # the sweep of terminate_all may have missed it
                    _signal_group(process, signal.SIGTERM)
                self._attend(process, watch, stall_timeout_s)
            finally:
                # a grandchild would keep the inherited lock, and with it the video, for ever
                _signal_group(process, signal.SIGKILL)
                process.wait()
                del self._running[process.pid]
        if self.stopped:
            raise Interrupted
        if watch.stalled:
            why = f"no progress for {stall_timeout_s:g} s, ended"
            raise ToolError(video, _words(call), process.returncode, watch.tail(), why, cause="stall")
        return ToolRun(
            process.returncode, watch.tail(), tuple(watch.warnings), tuple(watch.errors), bytes(watch.kept)
        )

    def terminate_all(self, grace_s: float = GRACE_S) -> None:
        """End every tool: TERM to its group now, KILL after `grace_s`. Returns at once; `run` waits.

        Takes no lock: the interrupted thread may be anywhere.
        """
        self._kill_at = time.monotonic() + grace_s
        for process in list(self._running.values()):
            _signal_group(process, signal.SIGTERM)

    def kill_all(self) -> None:
        """End every tool at once, for a caller who waits for nothing: `run` may hang over a disk."""
        self._kill_at = 0.0
        for process in list(self._running.values()):
            _signal_group(process, signal.SIGKILL)

    def _attend(self, process: subprocess.Popen[bytes], watch: _Watch, stall_timeout_s: float) -> None:
        kill_at: float | None = None
        with selectors.DefaultSelector() as selector:
            for name, stream in (("out", process.stdout), ("err", process.stderr)):
                if stream is not None:
                    os.set_blocking(stream.fileno(), False)
                    selector.register(stream, selectors.EVENT_READ, name)
            looked_at = time.monotonic()
            while True:
                ended = process.poll() is not None
                _read_ready(selector, watch, 0 if ended else _POLL_S)
                if ended:
                    # one bounded sweep more: a grandchild that holds the pipe could feed it for ever
                    _read_ready(selector, watch, 0)
                    return
                if not selector.get_map():
                    time.sleep(0.002 if watch.fresh() else 0.02)
                now = time.monotonic()
                if now - looked_at > _PAUSED_S:
                    # SIGSTOP or a frozen container: the tool was probably stopped with us
                    watch.excuse(now - looked_at)
                looked_at = now
                if kill_at is None and watch.stalled_for(now) > stall_timeout_s:
                    watch.stalled = True
                    kill_at = now + GRACE_S
                    _signal_group(process, signal.SIGTERM)
                deadline = min((t for t in (kill_at, self._kill_at) if t is not None), default=None)
                if deadline is not None and now >= deadline:
                    _signal_group(process, signal.SIGKILL)


class _Watch:
    """A tool's messages, in bounded memory, and the time of its last progress."""

    def __init__(
        self,
        parse_line: Callable[[bytes], ParsedLine | None] | None,
        progress: Callable[[ParsedLine], None] | None,
        output: bytes | None,
        grown: Callable[[int], None] | None,
        *,
        keeps_output: bool,
    ) -> None:
        self.kept = bytearray()
        self.warnings: list[str] = []
        self.errors: list[str] = []
        self.stalled = False
        self._parse_line = parse_line
        self._progress = progress
        self._output = output
        self._grown = grown
        self._keeps_output = keeps_output
        self._output_size = -1
        self._lines: deque[bytes] = deque(maxlen=TAIL_LINES)
        self._partial = {"out": b"", "err": b""}
        self._last: ParsedLine | None = None
        self._looked_at = self._moved_at = self._started_at = time.monotonic()

    def feed(self, name: str, chunk: bytes) -> None:
        if name == "out" and self._keeps_output:
            if len(self.kept) < KEPT_OUTPUT_BYTES:
                self.kept += chunk
            return
        *lines, partial = (self._partial[name] + chunk).replace(b"\r", b"\n").split(b"\n")
        self._partial[name] = partial[-LINE_BYTES:]
        for line in lines:
            if line:
                self._line(name, line[:LINE_BYTES])

    def finish(self, name: str) -> None:
        if self._partial[name]:
            self.feed(name, b"\n")

    def tail(self) -> str:
        return b"\n".join(self._lines).decode("utf-8", "replace")

    def fresh(self) -> bool:
        return time.monotonic() - self._started_at < 1

    def stalled_for(self, now: float) -> float:
        """Return seconds since the last progress; looks at the output at most once a second."""
        if self._output is not None and now - self._looked_at >= min(1.0, now - self._moved_at):
            self._looked_at = now
            try:
                size = os.stat(self._output).st_size
            except FileNotFoundError:
                size = -1
            if size > self._output_size:
                self._output_size, self._moved_at = size, now
                if self._grown:
                    self._grown(size)
        return now - self._moved_at

    def excuse(self, seconds: float) -> None:
        """Do not count `seconds` as time without progress."""
        self._moved_at += seconds

    def _line(self, name: str, line: bytes) -> None:
        parsed = self._parse_line(line) if self._parse_line else None
        if parsed is None:
            if name == "err":
                self._lines.append(line)
            return
        if parsed.kind == "progress":
            if parsed != self._last:
                self._last, self._moved_at = parsed, time.monotonic()
                if self._progress:
                    self._progress(parsed)
            return
        self._lines.append(line)
        kept = self.errors if parsed.kind == "error" else self.warnings
        if len(kept) < KEPT_MESSAGES:
            kept.append(parsed.text)


def _start(call: Call, video: str, stack: ExitStack) -> subprocess.Popen[bytes]:
    argv, fds = list(call.argv), list(call.fds)
    for position, content in call.inputs:
        stream = stack.enter_context(_anonymous(content))
        argv[position] += b"/dev/fd/%d" % stream.fileno()
        fds.append(stream.fileno())
    try:
        # the process is waited for in `run`, whatever happens there
        process = subprocess.Popen(
            argv,
            cwd=call.cwd,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pass_fds=fds,
            start_new_session=True,
        )
    except OSError as error:
        why = f"cannot be started: {error.strerror}"
        raise ToolError(video, _words(call), 127, "", why, cause="moment") from error
    for stream_ in (process.stdout, process.stderr):
        if stream_ is not None:
            stack.enter_context(stream_)
    return process


def _anonymous(content: bytes) -> IO[bytes]:
    stream = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the caller's stack closes it
    stream.write(content)
    stream.seek(0)
    return stream


def _environment() -> dict[bytes, bytes]:
    kept = {
        name.encode(): os.fsencode(value) for name in _KEPT_ENVIRONMENT if (value := os.environ.get(name))
    }
    return {**kept, b"LC_ALL": b"C.UTF-8", b"AV_LOG_FORCE_NOCOLOR": b"1"}


def _read_ready(selector: selectors.BaseSelector, watch: _Watch, wait_s: float) -> None:
    if not selector.get_map():
        return
    for key, _ in selector.select(wait_s):
        for chunk in _chunks(key.fd):
            if not chunk:
                watch.finish(key.data)
                selector.unregister(key.fileobj)
                break
            watch.feed(key.data, chunk)


def _chunks(fd: int) -> Iterator[bytes]:
    """Yield what a non-blocking pipe holds, at most 4 MiB; empty bytes are its end."""
    for _ in range(64):
        try:
            yield os.read(fd, 65536)
        except BlockingIOError:
            return


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):  # gone; macOS says EPERM of a zombie's group
        pass


def _words(call: Call) -> list[str]:
    return [os.fsdecode(word) for word in call.argv]
