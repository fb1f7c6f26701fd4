"""A pool of probe processes. A video that crashes or hangs one costs that video its probe, nothing else."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType

import msgspec

from vpo_tasks.errors import CRASHES, ProbeError, SilentError, UnreadableError
from vpo_tasks.media.model import MediaInfo, StreamCount
from vpo_tasks.media.probe_messages import LENGTH_PREFIX, MAX_MESSAGE, Answer, Question, Request, pack

# Isolated mode: a media folder may hold an `av.py`. The parent's search path keeps editable installs working.
_START = "import sys; sys.path[:] = sys.argv[1:]; from vpo_tasks.media.probe_process import main; main()"

_DECODER = msgspec.msgpack.Decoder(Answer)
_END_S = 5.0
_STRIDE_BYTES = 32 << 20
"""Of a file that is followed, as much at a time: it is in memory still, and a question costs a moment."""

SILENCE_S = 60.0
"""How long a process may stay silent unless a person has less patience."""
_PAUSED_S = 5.0
"""A wait ends so much later than it should only where all of us were stopped."""


class ProbePool:
    """At most `size` processes, started when first needed. Any thread may ask; `size` bounds those served.

    `timeout_s` is how long a process may stay silent: a probe has that long, a count (which may read a whole
    file) that long between two signs of progress.
    """

    def __init__(self, size: int, timeout_s: float = SILENCE_S, command: Sequence[str] | None = None) -> None:
        """`command` replaces the program that is run: another build of the reader, or a test's."""
        self._timeout_s = timeout_s
        self._command = tuple(command) if command is not None else _reader_command()
        self._slots = threading.BoundedSemaphore(max(size, 1))
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._children: set[_Child] = set()
        self._closed = False

    def __enter__(self) -> ProbePool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def probe(self, path: str) -> MediaInfo:
        """Return what is in the video. Raise ProbeError with a reason in one line."""
        media = self._ask(path, "probe").media
        if media is None:
            raise ProbeError(path, "the probe process answered something else")
        return media

    def count(self, path: str, *, demux: bool = False) -> tuple[StreamCount, ...]:
        """Return packets and times of every track but attachments. Raise ProbeError with a reason.

        `demux` has FFmpeg read every packet instead of taking the cheapest exact way.
        """
        counts = self._ask(path, "demux" if demux else "count").counts
        if counts is None:
            raise ProbeError(path, "the probe process answered something else")
        return counts

    @contextmanager
    def following(self, path: str) -> Iterator[FollowingCount]:
        """Return what counts a file while a tool reads it; meanwhile this thread must ask nothing else."""
        follower = FollowingCount(self, path)
        try:
            yield follower
        finally:
            follower.end()

    def close(self) -> None:
        """End all processes. Who still waits for an answer gets a ProbeError."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for child in self._children:
                child.kill()
            self._children.difference_update(idle)
        for child in idle:
            child.end()

    def _ask(self, path: str, what: Question) -> Answer:
        with self._slots, self._lent(path) as lent:
            return lent.ask(_request(what, path))

    @contextmanager
    def _lent(self, path: str) -> Iterator[_Lent]:
        """Lend a process for questions about one file; one that did not answer is ended."""
        lent = _Lent(self._take(path), path, self._timeout_s)
        try:
            yield lent
        finally:
            self._give_back(lent.child, usable=lent.is_well)

    def lend_now(self, path: str, stack: ExitStack) -> _Lent | None:
        """Lend a process until the stack is closed; None when all are busy. Raise ProbeError."""
        if not self._slots.acquire(blocking=False):
            return None
        stack.callback(self._slots.release)
        return stack.enter_context(self._lent(path))

    def _take(self, path: str) -> _Child:
        while True:
            with self._lock:
                if self._closed:
                    raise ProbeError(path, "probing was ended")
                if not self._idle:
                    try:
                        child = _Child(self._command)
                    except OSError as error:
                        why = f"the probe process cannot start: {error}"
                        raise UnreadableError(path, why) from error
                    self._children.add(child)
                    return child
                child = self._idle.pop()
                if child.is_alive():
                    return child
                self._children.discard(child)
            child.end()  # killed from outside while idle

    def _give_back(self, child: _Child, *, usable: bool) -> None:
        with self._lock:
            if usable and not self._closed:
                self._idle.append(child)
                return
            self._children.discard(child)
        child.end()


def _request(what: Question, path: str, until: int = 0) -> Request:
    return Request(what, os.fsencode(os.path.abspath(path)), until)


class _Lent:
    """A process that is lent out. Raises ProbeError for every answer that is none."""

    def __init__(self, child: _Child, path: str, timeout_s: float) -> None:
        self.child = child
        self.is_well = True
        self._path = path
        self._timeout_s = timeout_s

    def ask(self, request: Request) -> Answer:
        self.is_well = False
        answer = self.child.ask(self._path, request, self._timeout_s)
        self.is_well = True
        if answer.error is not None:
            raise (UnreadableError if answer.unreadable else ProbeError)(self._path, answer.error)
        return answer


class FollowingCount:
    """A count of a Matroska file that goes on while a tool reads the file, so that it is read once.

    It is only ever a help: what it cannot do is done at the end, from the beginning.
    """

    def __init__(self, pool: ProbePool, path: str) -> None:
        self._pool = pool
        self._path = path
        self._stack = ExitStack()
        self._lent: _Lent | None = None
        self._reached = 0
        self._is_off = False

    def go_on(self, until: int) -> None:
        """Count up to an offset in bytes that the tool has passed. Never raises."""
        if self._is_off or until - self._reached < _STRIDE_BYTES:
            return
        self._reached = until
        try:
            if self._lent is None:
                self._lent = self._pool.lend_now(self._path, self._stack)
            if self._lent is not None:
                self._lent.ask(_request("follow", self._path, until))
        except ProbeError:
            self.end()
            self._is_off = True

    def count(self) -> tuple[StreamCount, ...]:
        """Return what `ProbePool.count` does. Raise ProbeError."""
        counts = None
        if self._lent is not None:
            with suppress(ProbeError):
                counts = self._lent.ask(_request("count", self._path)).counts
        self.end()
        return self._pool.count(self._path) if counts is None else counts

    def end(self) -> None:
        """Give the process back. May be called again."""
        self._lent = None
        self._stack.close()


def _reader_command() -> tuple[str, ...]:
    folders = (os.path.abspath(folder) for folder in sys.path if folder)
    return (sys.executable, "-I", "-X", "utf8", "-c", _START, *folders)


class _Child:
    """One probe process and the two pipes to it. Used by one thread at a time; any thread may kill it."""

    def __init__(self, command: Sequence[str]) -> None:
        # its own session: the terminal's Ctrl-C is for us to handle
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            start_new_session=True,
        )

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        """Kill and reap the process and close the pipes. It only reads, so there is nothing to wait for."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        with suppress(subprocess.TimeoutExpired):  # it may hang over a disk, where no signal reaches it
            self._process.wait(_END_S)

    def ask(self, path: str, request: Request, silence_s: float) -> Answer:
        """Send a request and wait for its answer. Raise ProbeError when the process dies or falls silent."""
        stdin = self._process.stdin
        try:
            if stdin is not None:
                stdin.write(pack(request))  # far smaller than a pipe holds, so it is never short
        except BrokenPipeError as error:
            raise self._obituary(path) from error
        while True:
            deadline = time.monotonic() + silence_s
            (length,) = LENGTH_PREFIX.unpack(self._read(path, LENGTH_PREFIX.size, deadline, silence_s))
            if length > MAX_MESSAGE:
                raise ProbeError(path, "the probe process answered too much")
            try:
                answer = _DECODER.decode(self._read(path, length, deadline, silence_s))
            except msgspec.MsgspecError as error:
                raise ProbeError(path, "the probe process answered something else") from error
            if answer.is_final:
                return answer

    def _read(self, path: str, count: int, deadline: float, silence_s: float) -> bytes:
        stdout = self._process.stdout
        if stdout is None:
            raise ProbeError(path, "the probe process has no output")
        ready = select.poll()  # select() fails on descriptors from 1024 on
        ready.register(stdout, select.POLLIN)
        parts, missing = [], count
        while missing:
            if not ready.poll(max(deadline - time.monotonic(), 0) * 1000):
                if time.monotonic() - deadline > _PAUSED_S:
                    # we were stopped ourselves (SIGSTOP, a frozen container), and the process with us
                    deadline = time.monotonic() + silence_s
                    continue
                raise SilentError(path, f"could not be read: no progress in {silence_s:g} s")
            part = os.read(stdout.fileno(), min(missing, 1 << 20))
            if not part:
                raise self._obituary(path)
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _obituary(self, path: str) -> ProbeError:
        """Return the error for a process that is gone: only a crash can be the video's doing."""
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return UnreadableError(path, "could not be read: the probe process closed its output")
        if -code in CRASHES:
            return ProbeError(
                path, f"could not be read: it crashed the probe process ({_signal_name(-code)})"
            )
        how = f"was ended by {_signal_name(-code)}" if code < 0 else f"ended (exit {code})"
        return UnreadableError(path, f"could not be read: the probe process {how}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
