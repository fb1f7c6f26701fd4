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

    `what` is a fixed word: `default`, `forced`, `title`, `language`, `role` (a further disposition),
    `removed`, `order`, `container`, `tag:<name>`, `codec`, `created`, `size` (video dimensions) or
    `timestamp`. `track` is the track's index in the source (None: the container or file), and `label` names
    it for a person (`audio 1 (eng ac3 5.1)`). An `order` has indexes in `old` and `new`, and in `label` the
    tracks by name: `video 1, audio 2, audio 1`.
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
    """None with a size: the picture is cut to it, not scaled."""
    hw: str = "none"
    hw_fallback: bool = True
    extra_args: tuple[str, ...] = ()
    hdr: Literal["hdr10", "hlg"] | None = None
    interlaced: bool = False
    """Pictures are of two fields; software H.264 keeps them apart."""
    discard_larger: bool = False
    """Larger than what it replaces, it is thrown away and the source's track is kept."""


class Stream(msgspec.Struct, frozen=True, omit_defaults=True):
    """One output stream: the source track it is made from, and how. No `encode` is a stream copy."""

    source: int
    encode: Encode | None = None


class LanguageAnalysis(msgspec.Struct, frozen=True, kw_only=True):
    """What a listener heard on one audio track. Shares are of all speech, 0 to 1."""

    primary: str
    primary_share: float
    secondary: dict[str, float] = {}


class Originality(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an audio track is the original or dubbed, and how sure that is (0 to 1)."""

    original: bool
    confidence: float


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What evaluation may know beside the video itself. None means that nobody can tell.

    `metadata` is external metadata, plugin to field to value, all names lower case; an empty one means that
    no plugin knows the video. `analyses` and `originals` are keyed by track index in the source.
    """

    path: str = ""
    phases: tuple[str, ...] | None = None
    metadata: dict[str, dict[str, Value]] | None = None
    encoders: frozenset[str] | None = None
    """FFmpeg encoders at hand."""
    mtime_s: float | None = None
    analyses: dict[int, LanguageAnalysis] | None = None
    originals: dict[int, Originality] | None = None
    can_encode: bool = True
    """Whether the operations `transcode` and `audio_synthesis` can be carried out."""
    failed_encodes: dict[tuple[str, str], str] | None = None
    """(policy, phase) whose encode failed when it was tried, and why: the phase has failed."""
    larger: frozenset[str] = frozenset()
    """Encodes (`plan.encoding.encode_key`) of this video that came out larger than what they replace."""


class PhaseOutcome(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What became of a phase in the simulation."""

    policy: str
    phase: str
    outcome: Literal["completed", "failed", "skipped", "pending"]
    reason: str = ""
    modified: bool = False


class PlanFailure(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A phase that cannot be done. `on_error` is the mode in force for that phase."""

    policy: str
    phase: str
    operation: str
    reason: str
    on_error: OnError
    rule: str | None = None


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
    mtime_s: float | None = None
    """The modification time to set, seconds since the epoch; None: as `keep_mtime` says."""

    @property
    def is_empty(self) -> bool:
        """True when nothing differs."""
        return not self.changes


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The cheapest way to carry out a plan: at most one pass. Bytes are estimates made before the work."""

    kind: StepKind
    tool: Literal["mkvmerge", "ffmpeg"] | None = None
    """None: no tool is needed."""
    reads_bytes: int = 0
    writes_bytes: int = 0
    why: str = ""
    """Why this and nothing cheaper, in words."""
