"""What the probe pool and its processes say to each other: msgpack behind a four-byte length."""

from __future__ import annotations

import struct
from typing import Literal

import msgspec

from vpo_tasks.media.model import MediaInfo, StreamCount

Question = Literal["probe", "count", "demux", "follow"]
LENGTH_PREFIX = struct.Struct(">I")
MAX_MESSAGE = 64 << 20


class Request(msgspec.Struct, frozen=True, array_like=True):
    """One question about one file. Paths travel as the bytes that they are on disk.

    `follow` begins a count and goes on with it to offset `until`; the next `count` of that file ends it.
    """

    what: Question
    path: bytes
    until: int = 0


class Answer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An answer, a reason why there is none, or (nothing set) a sign that the work goes on."""

    media: MediaInfo | None = None
    counts: tuple[StreamCount, ...] | None = None
    followed: int | None = None
    """The offset that a count has come to."""
    error: str | None = None
    unreadable: bool = False
    """The error is the system's, not the video's."""

    @property
    def is_final(self) -> bool:
        found = (self.media, self.counts, self.followed, self.error)
        return any(part is not None for part in found)


def pack(message: Request | Answer) -> bytes:
    """Return the message as it goes through the pipe."""
    body = msgspec.msgpack.encode(message)
    return LENGTH_PREFIX.pack(len(body)) + body
