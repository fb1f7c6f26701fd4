"""The process that opens videos, so that a damaged one can crash or hang it and nothing else.

Reads requests from stdin, answers on stdout, ends when stdin does.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import stat
import threading
import time
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from vpo_tasks.errors import ProbeError, UnreadableError
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.packet_counts import Following, count_packets
from vpo_tasks.media.probe_messages import LENGTH_PREFIX, Answer, Request, pack

_MEMORY_BYTES = 4 << 30
"""More than the index of any real video; a size field that lies must not eat the machine."""

_PROGRESS_S = 1.0


def main() -> None:
    """Answer requests until stdin ends."""
    _settle()
    requests, answers = _take_pipes()
    threading.Thread(target=_end_with, args=(requests.fileno(),), daemon=True).start()
    decoder, reader = msgspec.msgpack.Decoder(Request), ProbeReader()
    while len(head := requests.read(LENGTH_PREFIX.size)) == LENGTH_PREFIX.size:
        (length,) = LENGTH_PREFIX.unpack(head)
        request = decoder.decode(requests.read(length))
        try:
            _send(answers, reader.answer(request, answers))
        except BrokenPipeError:
            return  # nobody is left to be told


def _settle() -> None:
    """Bound what a crash or a lie in a file can cost. Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for limit, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, _MEMORY_BYTES)):
        try:
            resource.setrlimit(limit, (value, resource.getrlimit(limit)[1]))
        except (ValueError, OSError):
            continue  # macOS refuses an address-space limit; a lower hard limit is as good


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the two pipes to ourselves: nothing that a library prints may end up among the answers."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)
    return requests, answers


def _end_with(pipe: int) -> None:
    """End when nobody is left to ask, also in the middle of a video that hangs the reader."""
    watch = select.poll()
    watch.register(pipe, 0)  # an end of the pipe is told unasked
    while not watch.poll():
        pass
    os._exit(0)


def _send(answers: BinaryIO, message: Answer) -> None:
    data = memoryview(pack(message))
    while data:  # unbuffered, so a write may be short
        data = data[answers.write(data) :]


class ProbeReader:
    """Does what is asked. Between two questions it holds at most one count that is under way."""

    def __init__(self) -> None:
        self._following: Following | None = None

    def answer(self, request: Request, answers: BinaryIO, progress_s: float = _PROGRESS_S) -> Answer:
        """Do what is asked, sending a sign of progress every so often; every failure becomes a reason."""
        told_at = time.monotonic()

        def tell_progress() -> None:
            nonlocal told_at
            if time.monotonic() - told_at >= progress_s:
                told_at = time.monotonic()
                _send(answers, Answer())

        try:
            return self._answer(request, tell_progress)
        except ProbeError as error:
            return Answer(error=error.detail, unreadable=isinstance(error, UnreadableError))
        except BrokenPipeError:
            raise
        except MemoryError:
            why = f"needs more than {_MEMORY_BYTES >> 30} GiB of memory to be read, or there is none left"
            return Answer(error=why, unreadable=True)
        except OSError as error:
            return Answer(error=f"could not be read: {error.strerror or error}", unreadable=True)
        except (ValueError, ArithmeticError) as error:
            return Answer(error=f"could not be read: {error}")
        except (AttributeError, LookupError, TypeError) as error:
            # PyAV has None for what FFmpeg does not know: one video must not end the process for it
            return Answer(error=f"could not be read: {type(error).__name__}: {error}")

    def _answer(self, request: Request, on_progress: Callable[[], None]) -> Answer:
        path = os.fsdecode(request.path)
        following, self._following = self._following, None
        if following is not None and following.path == path and request.what in ("follow", "count"):
            if request.what == "follow":
                return self._go_on(following, request.until, on_progress)
            try:
                return Answer(counts=following.finish(on_progress))
            except ProbeError:
                pass  # from the beginning, by whatever way is left
        elif following is not None:
            following.close()
        _check_regular(path)
        media = read_media(path)
        if request.what == "probe":
            return Answer(media=media)
        if request.what == "follow":
            return self._go_on(Following(path, media), request.until, on_progress)
        return Answer(counts=count_packets(path, media, on_progress, demux=request.what == "demux"))

    def _go_on(self, following: Following, until: int, on_progress: Callable[[], None]) -> Answer:
        try:
            following.go_on(until, on_progress)
        except BaseException:
            following.close()
            raise
        self._following = following
        return Answer(followed=until)


def _check_regular(path: str) -> None:
    """Refuse what is no file with content, before anything opens it: a FIFO would block."""
    try:
        found = os.stat(path)
    except FileNotFoundError as error:
        raise ProbeError(path, "does not exist") from error
    except OSError as error:
        raise UnreadableError(path, f"cannot be read: {(error.strerror or '').lower()}") from error
    if stat.S_ISDIR(found.st_mode):
        raise ProbeError(path, "is a directory")
    if not stat.S_ISREG(found.st_mode):
        raise ProbeError(path, "is not a regular file")
    if not found.st_size:
        raise ProbeError(path, "is empty")


if __name__ == "__main__":
    main()
