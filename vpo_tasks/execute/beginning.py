"""Recordings that begin between two key frames: what their decoder says of it is no failure.

A television recording begins wherever it was switched on. The pictures up to the first key frame hang on ones
that are not there; no player shows them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from vpo_tasks.execute.base import Heard
from vpo_tasks.media.model import StreamCount
from vpo_tasks.plan.model import Plan

_BEGINNING_S = 10.0
"""Errors that are heard later, by the position of the output, are errors."""
_CONTEXT = re.compile(rb"^\[(?:dec:)?(\w+) @ ")


class Beginning:
    """Listens like a tool's `hear`, but sets apart what decoders and parsers of pictures miss at first."""

    def __init__(self, hear: Callable[[bytes], Heard | None], plan: Plan) -> None:
        self.missed: str | None = None
        """The first thing that was missed."""
        self._hear = hear
        self._decoders = {track.codec.encode() for track in plan.source.of_type("video")}
        self._position_s = 0.0

    def __call__(self, line: bytes) -> Heard | None:
        heard = self._hear(line)
        if heard is None:
            return None
        if heard.position_s is not None:
            self._position_s = heard.position_s
        context = _CONTEXT.match(line)
        by_decoder = context is not None and context[1] in self._decoders
        if by_decoder and heard.kind != "progress" and self._position_s < _BEGINNING_S:
            if heard.kind == "error":
                self.missed = self.missed or heard.text
            return None
        return heard


def pictures_missing(plan: Plan, counts: Sequence[StreamCount]) -> int:
    """Return how many pictures come before the first key frame."""
    pictures = {track.index for track in plan.source.of_type("video")}
    return sum(count.packets - count.seen.packets for count in counts if count.index in pictures)
