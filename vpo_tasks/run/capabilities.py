"""What the policies in force may have to encode, and which ffmpeg can do it: part of what "up to date" means.

An up-to-date run answers from the database: two queries and a look at ffmpeg's file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vpo_tasks.errors import ToolMissing
from vpo_tasks.programs import find_ffmpegs
from vpo_tasks.state.measurements import Measurements

if TYPE_CHECKING:
    from vpo_tasks.policy.model import Phase, Policy
    from vpo_tasks.run.policies import PolicySet


class Need(NamedTuple):
    """A codec that may have to be encoded, and FFmpeg's encoders of which any will do.

    Without `must`, what needs it is left out where it is missing.
    """

    codec: str
    encoders: tuple[str, ...]
    must: bool

    def met_by(self, encoders: frozenset[str]) -> bool:
        return bool(encoders.intersection(self.encoders))


class Capabilities(NamedTuple):
    """The ffmpeg to use and what it has; both None when the policies encode nothing, or there is none."""

    needs: tuple[Need, ...] = ()
    ffmpeg: str | None = None
    encoders: frozenset[str] | None = None

    @property
    def stamp(self) -> bytes:
        """What of it decides about plans; empty when nothing does."""
        had = self.encoders or frozenset()
        names = sorted({name for need in self.needs for name in need.encoders if name in had})
        return "\0".join(names).encode() if self.needs else b""

    def require(self) -> None:
        """Raise ToolMissing when something that must be encoded cannot be."""
        if self.encoders is None:
            return
        for need in self.needs:
            if need.must and not need.met_by(self.encoders):
                hint = (
                    f"{self.ffmpeg} has none, or is older than 5.1; a full build has one, as the one that "
                    "`pip install imageio-ffmpeg` brings"
                    if self.encoders
                    else f"{self.ffmpeg} did not say what it has; the next run asks again"
                )
                raise ToolMissing(f"the encoder {' or '.join(need.encoders)}", f"encoding {need.codec}", hint)


def find_capabilities(policies: PolicySet, measurements: Measurements) -> Capabilities:
    """Return what the policies need, and the best ffmpeg for it: the one on PATH unless another has more."""
    kept = measurements.needs(policies.digest)
    if kept is None:
        kept = _as_text(_needs(policies.models, policies.phases))
        measurements.keep_needs(policies.digest, kept)
    needs = tuple(_from_text(kept))
    if not needs:
        return Capabilities()
    best: Capabilities | None = None
    for ffmpeg, _ in find_ffmpegs():
        found = Capabilities(needs, ffmpeg, _encoders_of(ffmpeg, measurements))
        if all(need.met_by(found.encoders or frozenset()) for need in needs):
            return found
        best = best or found
    return best or Capabilities(needs)


def digest_with(digest: bytes, capabilities: Capabilities) -> bytes:
    """Return the digest of the policies in force, the capabilities that their evaluation reads included."""
    if not capabilities.needs:
        return digest
    return hashlib.blake2b(digest + capabilities.stamp, digest_size=16).digest()


def _encoders_of(ffmpeg: str, measurements: Measurements) -> frozenset[str]:
    try:
        status = os.stat(ffmpeg)
    except OSError:
        return frozenset()
    known = measurements.encoders(os.fsencode(ffmpeg), status.st_mtime_ns, status.st_size)
    if known is not None:
        return known
    from vpo_tasks.tools.encoders import ask_encoders  # once for every ffmpeg

    found = ask_encoders(ffmpeg)
    if found:
        measurements.keep_encoders(os.fsencode(ffmpeg), status.st_mtime_ns, status.st_size, found)
    return found


def _needs(policies: Sequence[Policy], phases: Sequence[str]) -> list[Need]:
    found: dict[str, Need] = {}
    for policy in policies:
        for phase in policy.phases:
            if not phases or phase.name in phases:
                for need in _needs_of(phase):
                    old = found.get(need.codec)
                    names = tuple(dict.fromkeys((*(old.encoders if old else ()), *need.encoders)))
                    found[need.codec] = Need(need.codec, names, need.must or (old is not None and old.must))
    return sorted(found.values())


def _needs_of(phase: Phase) -> Iterator[Need]:
    # function-local: only a policy seen for the first time
    from vpo_tasks.plan.encoding import hardware_encoders, software_encoders
    from vpo_tasks.policy.codecs import canonical_codec

    if phase.transcode is not None:
        video, audio = phase.transcode.video, phase.transcode.audio
        if video is not None:
            hardware = hardware_encoders(video.to, video.hw)
            software = software_encoders(video.to) if video.hw_fallback or not hardware else ()
            yield Need(video.to, (*software, *hardware), must=True)
        if audio is not None:
            yield Need(audio.to, software_encoders(audio.to), must=True)
    if phase.audio_synthesis is not None:
        for track in phase.audio_synthesis.tracks:
            yield Need(track.codec, software_encoders(track.codec), must=False)
    if phase.container is not None and phase.container.on_incompatible_codec == "transcode":
        yield Need("aac", software_encoders("aac"), must=True)
        for mapping in phase.container.codec_mappings.values():
            # a mapping may as well name a text format, or a codec that the plan refuses; several words,
            # which no codec's name has, would not survive being kept as a line of words
            codec = canonical_codec(mapping.codec)
            if mapping.action in (None, "transcode") and codec.split() == [codec]:
                yield Need(codec, software_encoders(codec), must=False)


def _as_text(needs: Sequence[Need]) -> str:
    return "\n".join(f"{need.codec} {int(need.must)} {' '.join(need.encoders)}" for need in needs)


def _from_text(text: str) -> Iterator[Need]:
    for line in text.splitlines():
        codec, must, *encoders = line.split()
        yield Need(codec, tuple(encoders), must == "1")
