"""A plan: what will differ and why, and the one step that makes it so. Frozen values only."""

from __future__ import annotations

from typing import Literal

import msgspec

from vpo_tasks.media.model import MediaInfo

OnError = Literal["skip", "continue", "fail"]
Value = str | int | float | bool | None
StepKind = Literal["none", "header-edit", "remux", "encode"]


class Change(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One thing that will differ.

    `what` is a fixed word: `default`, `forced`, `title`, `language`, `removed`, `order`, `container`,
    `tag:<name>`, `codec`, `created`, `size` (video dimensions), `timestamp`. `track` is the track's index in the
    source (None: the container or file), and `label` names it for a person (`audio 1 (eng ac3 5.1)`).
    """

    policy: str
    phase: str
    operation: str
    what: str
    reason: str
    rule: str | None = None
    track: int | None = None
    label: str | None = None
    old: Value = None
    new: Value = None


class Encode(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How one output stream is encoded. Rates in bit/s, sizes in pixels, after scaling."""

    codec: str
    bitrate: int | None = None
    channels: int | None = None
    crf: int | None = None
    min_rate: int | None = None
    max_rate: int | None = None
    two_pass: bool = False
    preset: str | None = None
    tune: str | None = None
    width: int | None = None
    height: int | None = None
    scale_algorithm: str | None = None
    hw: str = "none"
    hw_fallback: bool = True
    extra_args: tuple[str, ...] = ()


class Stream(msgspec.Struct, frozen=True, omit_defaults=True):
    """One output stream: the source track it is made from, and how. No `encode` is a stream copy."""

    source: int
    encode: Encode | None = None


class PhaseOutcome(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What became of a phase in the simulation."""

    policy: str
    phase: str
    outcome: Literal["completed", "failed", "skipped", "pending"]
    reason: str = ""
    modified: bool = False


class PlanFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A phase that cannot be done. `on_error` is the mode in force for that phase."""

    policy: str
    phase: str
    operation: str
    reason: str
    on_error: OnError


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The net effect of all phases on one video.

    `streams[i]` says where `result.tracks[i]` comes from; `result` numbers its tracks from 0 in output order.
    Failures do not undo what earlier phases (or, under `continue`, the other ones) ask for.
    """

    source: MediaInfo
    result: MediaInfo
    streams: tuple[Stream, ...]
    changes: tuple[Change, ...] = ()
    phases: tuple[PhaseOutcome, ...] = ()
    failures: tuple[PlanFailure, ...] = ()
    warnings: tuple[str, ...] = ()
    keep_mtime: bool = True

    @property
    def is_empty(self) -> bool:
        """True when nothing differs."""
        return not self.changes


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The cheapest way to carry out a plan: at most one pass. Bytes are estimates made before the work."""

    kind: StepKind
    tool: Literal["mkvpropedit", "mkvmerge", "ffmpeg"] | None = None
    reads_bytes: int = 0
    writes_bytes: int = 0
    why: str = ""
    """Why this and nothing cheaper, in words."""
