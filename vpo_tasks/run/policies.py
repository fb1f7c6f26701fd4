"""Which policies are in force: found, stamped, parsed only when needed; and what they ask of ffmpeg.

What they may have to encode, and which ffmpeg can do it, is part of what "up to date" means. An up-to-date
run answers all of it from the database and a look at the files of policies and ffmpeg.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vpo_tasks import __version__
from vpo_tasks.errors import PolicyError, ToolMissing, UsageError
from vpo_tasks.library.discover import POLICY_FILE
from vpo_tasks.policy.version import EVALUATION_VERSION
from vpo_tasks.programs import find_ffmpegs
from vpo_tasks.state.measurements import Measurements
from vpo_tasks.state.store import PolicyStamp, Store
from vpo_tasks.trusted import Refused, open_file

if TYPE_CHECKING:
    from vpo_tasks.library.discover import Discovery
    from vpo_tasks.plan.model import OnError
    from vpo_tasks.policy.model import Phase, Policy

POLICY_NAME = os.fsdecode(POLICY_FILE)
_SHOWN_POLICIES = 5
_STRICTEST: tuple[OnError, ...] = ("fail", "skip", "continue")


def find_policy(paths: Sequence[str], configured: str | None) -> str:
    """Return the policy for a run without -p: `policy.yaml` in the folder or above, else the configured one.

    Raises UsageError when there is none, or when the paths have different ones.
    """
    found = {policy for path in paths if (policy := _nearest(path)) is not None}
    if len(found) > 1:
        listing = ", ".join(sorted(found))
        raise UsageError(f"the given paths have different policies ({listing}): name one with -p")
    if found:
        return found.pop()
    if configured is not None:
        return configured
    for path in paths:
        try:
            os.lstat(path)
        except OSError as error:  # the policy is not what is missing
            raise UsageError(f"{path}: {error.strerror or error}") from error
    raise UsageError(
        f"no policy: there is no {POLICY_NAME} in {paths[0] if paths else '.'} or above it, and none in the "
        f"configuration; write one with `vpo init {paths[0] if paths else '.'}` or name one with -p"
    )


def _nearest(path: str) -> str | None:
    folder = os.path.realpath(path)
    if not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    while True:
        candidate = os.path.join(folder, POLICY_NAME)
        if os.path.isfile(candidate):
            return candidate
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def check_nearest(found: Discovery, in_force: str) -> None:
    """Raise UsageError when another policy than the one in force lies nearer to a video of the run.

    What is left out is no longer among the videos, and so its policies do not count either.
    """
    nearer = {os.fsdecode(path): os.path.dirname(path) for path in found.policies}
    for folder in found.led_to:
        policy = _nearest(os.fsdecode(folder))
        if policy is not None:
            nearer.setdefault(policy, folder)
    others = {
        policy: os.fsdecode(folder)
        for policy, folder in sorted(nearer.items())
        if _is_another(policy, in_force) and _has_videos(found, folder)
    }
    if not others:
        return
    listing = ", ".join([*others][:_SHOWN_POLICIES])
    if len(others) > _SHOWN_POLICIES:
        listing += f" and {len(others) - _SHOWN_POLICIES:,} more"
    import shlex  # only who is told what to type pays for it

    raise UsageError(
        f"the videos have different policies: {in_force} for all, and nearer to some of them {listing}; "
        f"type `vpo process {shlex.quote(next(iter(others.values())))}` for such a folder alone, "
        f"`--policy {shlex.quote(in_force)}` to let one policy govern all, or leave the folder out of this "
        "run with `exclude` under [discovery] or a .vpoignore"
    )


def _is_another(policy: str, in_force: str) -> bool:
    if policy == in_force or not os.path.isfile(policy):
        return False
    try:
        return not os.path.samefile(policy, in_force)
    except OSError:
        return True


def _has_videos(found: Discovery, folder: bytes) -> bool:
    below = folder.rstrip(b"/") + b"/"
    return any(video.path.startswith(below) for video in found.videos)


class PolicySet:
    """The policies of a run, in order. An up-to-date run is answered from stamps, without parsing.

    Those that nobody `named` must be the runner's or root's. Only with `any_arguments` may they give ffmpeg
    what a policy may not (policy/ffmpeg_args.py).
    """

    def __init__(
        self,
        paths: Sequence[str],
        store: Store,
        *,
        phases: Sequence[str] = (),
        on_error: OnError | None = None,
        named: bool = True,
        any_arguments: bool = False,
    ) -> None:
        if phases and len(paths) > 1:
            raise UsageError("--phases cannot be combined with several policies")
        self.paths = tuple(os.path.abspath(path) for path in paths)
        self.phases = tuple(name for part in phases for name in map(str.strip, part.split(",")) if name)
        self._override = on_error
        self.named = named
        self._any_arguments = any_arguments
        self._loaded: dict[str, Policy] = {}
        self._doubts: dict[str, tuple[str, ...]] = {}
        self._models: tuple[Policy, ...] | None = None
        self._stamps = tuple(self._stamp(path, store) for path in self.paths)
        if self.phases:
            self._check_phases()

    @property
    def names(self) -> tuple[str, ...]:
        """The policies' names, in order."""
        return tuple(stamp.name for stamp in self._stamps)

    @property
    def digest(self) -> bytes:
        """Digest of what the policies together ask for (16 bytes)."""
        parts = b"".join(stamp.digest for stamp in self._stamps)
        phases = "\0".join(self.phases).encode()
        return hashlib.blake2b(parts + b"\0" + phases, digest_size=16).digest()

    @property
    def on_error(self) -> OnError:
        """The mode that governs the batch: the command line's, else the strictest of the policies'."""
        if self._override is not None:
            return self._override
        modes = {stamp.on_error for stamp in self._stamps}
        return next(mode for mode in _STRICTEST if mode in modes)

    @property
    def models(self) -> tuple[Policy, ...]:
        """The parsed policies, with `--on-error` in place of their own where it was given."""
        if self._models is None:
            self._models = tuple(_with_mode(self._load(path), self._override) for path in self.paths)
        return self._models

    @property
    def doubts(self) -> tuple[str, ...]:
        """What every run says of the policies: languages that nobody knows."""
        return tuple(doubt for path in self.paths for doubt in self._doubts.get(path, ()))

    def needs(self) -> str:
        """Return what the policies may have to encode, a line for each codec. Parses them."""
        return "\n".join(
            f"{need.codec} {int(need.must)} {' '.join(need.encoders)}"
            for need in _needs(self.models, self.phases)
        )

    def _load(self, path: str) -> Policy:
        if path not in self._loaded:
            from vpo_tasks.policy.load import read_policy  # only a run that plans parses YAML

            loaded = read_policy(path, named=self.named)
            if loaded.unsafe and not self._any_arguments:
                raise PolicyError(path, loaded.unsafe)
            self._loaded[path] = loaded.policy
            self._doubts[path] = tuple(issue.located(path) for issue in loaded.languages)
        return self._loaded[path]

    def _check_phases(self) -> None:
        known = [phase.name for phase in self.models[0].phases]
        unknown = [name for name in self.phases if name not in known]
        if unknown:
            raise UsageError(f"no phase {', '.join(unknown)} in {self.paths[0]}: it has {', '.join(known)}")

    def _stamp(self, path: str, store: Store) -> PolicyStamp:
        state = _file_state(path, named=self.named)
        remembered = store.policy_stamp(os.fsencode(path))
        if remembered is not None and remembered.stamp == state:
            return remembered
        from vpo_tasks.policy.digest import policy_digest  # only a policy not seen before is parsed here

        policy = self._load(path)
        stamp = PolicyStamp(state, policy_digest([policy]), policy.name, policy.config.on_error)
        if not self._doubts[path]:  # else it is read every time, so that every run says so
            store.remember_policy(os.fsencode(path), stamp)
        return stamp


def _file_state(path: str, *, named: bool) -> str:
    try:
        with open_file(path, named=named) as opened:
            status = opened.status
    except Refused as error:
        hint = "" if named else "; name it with --policy to use it all the same"
        raise UsageError(f"policy {path}: {error.strerror}{hint}") from error
    except OSError as error:
        raise UsageError(f"policy {path}: {error.strerror or error}") from error
    parts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return ":".join((__version__, *map(str, (EVALUATION_VERSION, *parts))))


def _with_mode(policy: Policy, mode: OnError | None) -> Policy:
    if mode is None:
        return policy
    import msgspec  # only a run that plans gets here

    phases = tuple(msgspec.structs.replace(phase, on_error=None) for phase in policy.phases)
    config = msgspec.structs.replace(policy.config, on_error=mode)
    return msgspec.structs.replace(policy, phases=phases, config=config)


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
    """The ffmpeg to use and what it has; both None when the policies encode nothing, or there is none.

    `policies_digest` is the policy digest: of what the policies alone ask for.
    """

    policies_digest: bytes
    needs: tuple[Need, ...] = ()
    ffmpeg: str | None = None
    encoders: frozenset[str] | None = None

    @property
    def digest(self) -> bytes:
        """The digest in force (16 bytes): of the policies and the capabilities that decide about plans."""
        if not self.needs:
            return self.policies_digest
        had = self.encoders or frozenset()
        names = sorted({name for need in self.needs for name in need.encoders if name in had})
        return hashlib.blake2b(self.policies_digest + "\0".join(names).encode(), digest_size=16).digest()

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


def find_capabilities(policies: PolicySet, store: Store, measurements: Measurements) -> Capabilities:
    """Return what the policies need, and the best ffmpeg for it: the one on PATH unless another has more."""
    digest = policies.digest
    kept = store.policy_needs(digest, policies.needs)
    needs = tuple(_from_text(kept))
    if not needs:
        return Capabilities(digest)
    best: Capabilities | None = None
    for ffmpeg, _ in find_ffmpegs():
        found = Capabilities(digest, needs, ffmpeg, _encoders_of(ffmpeg, measurements))
        if all(need.met_by(found.encoders or frozenset()) for need in needs):
            return found
        best = best or found
    return best or Capabilities(digest, needs)


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
        measurements.remember_encoders(os.fsencode(ffmpeg), status.st_mtime_ns, status.st_size, found)
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


def _from_text(text: str) -> Iterator[Need]:
    for line in text.splitlines():
        codec, must, *encoders = line.split()
        yield Need(codec, tuple(encoders), must == "1")
