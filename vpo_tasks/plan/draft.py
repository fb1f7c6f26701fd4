"""The state that phases are simulated on, and why each part of it came to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple

import msgspec

from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.plan.model import Encode, OnError

UNKNOWN_CODECS = frozenset({"", "none", "unknown"})
"""What a track's codec is called where FFmpeg does not know it."""

DraftEdit = tuple[int | None, str]
"""Which track (its index in the source; None is the file) and what of it (`Change.what`)."""


class Cause(msgspec.Struct, frozen=True, gc=False):
    """Who asked for an edit, and why in words."""

    policy: str
    phase: str
    operation: str
    reason: str
    rule: str | None = None


class Refusal(Exception):
    """An operation cannot be done on this video; it leaves no trace. Never seen outside this package."""

    def __init__(self, operation: str, reason: str, rule: str | None = None) -> None:
        super().__init__(operation, reason, rule)
        self.operation = operation
        self.reason = reason
        self.rule = rule


class Draft(msgspec.Struct, eq=False):
    """A video in the making. Tracks keep their source index as identity; made ones get indexes past it.

    Everything it holds is replaced when it changes, never changed itself, so that a copy costs little. Every
    edit replaces `causes` too: while that is the same object, the video is the same.
    `edited` says what was edited, one word (`Change.what`) an edit, in the order of the edits.
    `made` maps a made track to the source track it is encoded from.
    """

    source: MediaInfo
    tracks: tuple[Track, ...] = ()
    container: str = ""
    format_name: str = ""
    tags: Mapping[str, str] = {}
    encodes: Mapping[int, Encode] = {}
    made: Mapping[int, int] = {}
    causes: Mapping[DraftEdit, Cause] = {}
    edited: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    keep_mtime: bool = True
    mtime_s: float | None = None

    def __post_init__(self) -> None:
        self.tracks = self.source.tracks
        self.container = self.source.container
        self.format_name = self.source.format_name
        self.tags = self.source.tags

    copy: ClassVar[Callable[[Draft], Draft]] = msgspec.Struct.__copy__  # type: ignore[attr-defined]
    """Returns a draft that goes its own way."""

    def adopt(self, other: Draft) -> None:
        """Become what another draft is."""
        self.source = other.source
        self.tracks = other.tracks
        self.container = other.container
        self.format_name = other.format_name
        self.tags = other.tags
        self.encodes = other.encodes
        self.made = other.made
        self.causes = other.causes
        self.edited = other.edited
        self.warnings = other.warnings
        self.keep_mtime = other.keep_mtime
        self.mtime_s = other.mtime_s

    @property
    def video(self) -> tuple[object, ...]:
        """What the video is, apart from who asked for it: equal when nothing would differ."""
        return self.tracks, self.container, self.tags, self.encodes, self.mtime_s

    @property
    def next_index(self) -> int:
        """The index for the next track that is made."""
        return 1 + max([*(track.index for track in self.source.tracks), *self.made], default=-1)

    def of_type(self, kind: str) -> list[Track]:
        """Return the tracks of one type, in order."""
        return [track for track in self.tracks if track.type == kind]

    def warn(self, text: str) -> None:
        """Say something to the owner of the video."""
        self.warnings = (*self.warnings, text)

    def note(self, edit: DraftEdit, cause: Cause) -> None:
        """Remember who asked for an edit; the last one counts."""
        self.causes = {**self.causes, edit: cause}
        self.edited = (*self.edited, edit[1])

    def _require_decodable(self, index: int, cause: Cause) -> None:
        """Raise Refusal when the track of the source that this one is, or is made from, cannot be decoded."""
        index = self.made.get(index, index)
        for track in self.source.tracks:
            if (track.encrypted or track.codec in UNKNOWN_CODECS) and track.index == index:
                why = "it is encrypted" if track.encrypted else "its codec is unknown"
                raise Refusal(cause.operation, f"{track.type} {track.codec} cannot be encoded: {why}")

    def put(self, track: Track, what: str, cause: Cause) -> None:
        """Put an edited track in the place of the one with its index."""
        self.tracks = tuple([track if present.index == track.index else present for present in self.tracks])
        self.note((track.index, what), cause)

    def insert(self, place: int, track: Track, source: Track, encode: Encode, cause: Cause) -> None:
        """Put in a new track, encoded from `source`, at a place in the list of tracks."""
        self.tracks = (*self.tracks[:place], track, *self.tracks[place:])
        self._require_decodable(source.index, cause)
        # made from a made track: the essence comes from the source of that one
        self.made = {**self.made, track.index: self.made.get(source.index, source.index)}
        self.encodes = {**self.encodes, track.index: encode}
        self.note((track.index, "created"), cause)

    def set_default(self, track: Track, value: bool, cause: Cause) -> None:
        """Set the default flag."""
        if track.default != value:
            self.put(msgspec.structs.replace(track, default=value), "default", cause)

    def set_forced(self, track: Track, value: bool, cause: Cause) -> None:
        """Set the forced flag."""
        if track.forced != value:
            self.put(msgspec.structs.replace(track, forced=value), "forced", cause)

    def set_language(self, track: Track, language: str, cause: Cause) -> None:
        """Set the language; it must be normalised."""
        if track.language != language:
            self.put(msgspec.structs.replace(track, language=language), "language", cause)

    def set_title(self, track: Track, title: str | None, cause: Cause) -> None:
        """Set or clear the title."""
        if (track.title or None) != title:
            self.put(msgspec.structs.replace(track, title=title), "title", cause)

    def add_role(self, track: Track, role: str, cause: Cause) -> None:
        """Set a further disposition (`comment`, …)."""
        if role not in track.dispositions:
            dispositions = tuple(sorted((*track.dispositions, role)))
            self.put(msgspec.structs.replace(track, dispositions=dispositions), "role", cause)

    def title_before(self, track: Track) -> str | None:
        """Return the title that the source gives the track, whatever has been cleared since."""
        index = self.made.get(track.index, track.index)
        for found in self.source.tracks:
            if found.index == index:
                return found.title
        return track.title

    def set_tag(self, name: str, value: str | None, cause: Cause) -> None:
        """Set a tag of the container; None deletes it."""
        if self.tags.get(name) == value:
            return
        tags = {key: text for key, text in self.tags.items() if key != name}
        if value is not None:
            tags[name] = value
        self.tags = tags
        self.note((None, f"tag:{name}"), cause)

    def remove(self, track: Track, cause: Cause) -> None:
        """Take a track out."""
        self.tracks = tuple([present for present in self.tracks if present.index != track.index])
        self.note((track.index, "removed"), cause)

    def encode(self, track: Track, encode: Encode, cause: Cause) -> None:
        """Have a track encoded; `track` is what comes out of it.

        There is one encode, from the source: what an earlier one was to make smaller, this one makes smaller.
        Raise Refusal when nobody could decode it.
        """
        self._require_decodable(track.index, cause)
        earlier = self.encodes.get(track.index)
        if earlier is not None:
            encode = msgspec.structs.replace(
                encode,
                channels=encode.channels or earlier.channels,
                width=encode.width or earlier.width,
                height=encode.height or earlier.height,
                scale_algorithm=encode.scale_algorithm or earlier.scale_algorithm,
            )
        self.encodes = {**self.encodes, track.index: encode}
        self.put(track, "codec", cause)


class Scope(NamedTuple):
    """Whose edits these are, policy and phase, and the mode of the phase's errors."""

    policy: str
    phase: str
    on_error: OnError

    def cause(self, operation: str, reason: str, rule: str | None = None) -> Cause:
        """Return the cause of an edit."""
        return Cause(self.policy, self.phase, operation, reason, rule)
