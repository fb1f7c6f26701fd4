"""Which of the videos found a person wants left out: `.vpoignore`, `[discovery] exclude`, samples and so on.

A file named on the command line is never left out, as its extension does not matter either. A `.vpoignore`
that cannot be believed or used stops its folder: to process what it may have wanted left out is worse than to
wait.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vpo_tasks.errors import ConfigError, Issue
from vpo_tasks.library.discover import IGNORE_FILE, Discovery, Odd
from vpo_tasks.trusted import Refused, read_file

if TYPE_CHECKING:
    from vpo_tasks.config import DiscoveryConfig
    from vpo_tasks.library.globs import Globs

STOPPED = "stopped"
"""The kind of what lies below a `.vpoignore` that cannot be used."""

_MAX_BYTES = 1 << 20
_MAX_MATCHING_S = 10.0
"""Processor time for one file's patterns: 20 of them over a million videos."""

# folder and file names as Plex, Jellyfin, Kodi and release groups use them; the stem is without extension
_KINDS: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    kind: (re.compile(folder, re.IGNORECASE), re.compile(stem, re.IGNORECASE))
    for kind, folder, stem in (
        ("samples", r"samples?", r"sample|sample-.*|.*[-._ ]sample"),
        ("trailers", r"trailers?", r"trailer|.*[-._ ]trailer\d*"),
        (
            "extras",
            r"extras?|featurettes?|behind the scenes|deleted scenes|interviews?|scenes|shorts|clips|other",
            r".*-(?:behindthescenes|deleted|deletedscene|featurette|interview|scene|short|clip|extra|other)",
        ),
    )
}


class _Rules(NamedTuple):
    """The patterns of one file (or of the configuration), which hold below `prefix` (with its slash)."""

    prefix: bytes
    globs: Globs
    kind: str


class Exclusions(NamedTuple):
    """`kind_of` says of a path why it is left out: `ignored`, `excluded`, `stopped`, a kind; or None.

    `stopped` are the folders of unusable `.vpoignore` files, with the reason; it may grow while one asks.
    """

    kind_of: Callable[[bytes], str | None]
    stopped: dict[bytes, str]


def leave_out(found: Discovery, config: DiscoveryConfig) -> tuple[Discovery, dict[str, int]]:
    """Return what was found without what is to be left out, and how many videos that is, by kind.

    Raise ConfigError for a pattern of the configuration that is none.
    """
    counts = Counter({"hidden": found.hidden} if found.hidden else {})
    folders = [path for path in found.searched if os.path.isdir(path)]
    ignore_files = {*found.ignore_files, *_above(folders)}
    kinds = [kind for kind in config.skip if kind in _KINDS]
    if not (ignore_files or config.exclude or kinds):
        return found, dict(counts)
    kind_of, stopped = exclusions(ignore_files, config.exclude, kinds, folders)
    named = set(found.searched)
    told = {video.path: None if video.path in named else kind_of(video.path) for video in found.videos}
    odd = [thing for thing in found.odd if thing.path in named or kind_of(thing.path) is None]
    for folder, reason in stopped.items():
        # also what was let through before the file's time was up
        told.update((path, STOPPED) for path in told if path.startswith(folder) and path not in named)
        odd.append(Odd(folder.rstrip(b"/") or b"/", reason, failed=True))
    counts.update(kind for kind in told.values() if kind is not None)
    videos = [video for video in found.videos if told[video.path] is None]
    return found._replace(videos=videos, odd=odd), dict(counts)


def why_left_out(path: bytes, root: bytes, config: DiscoveryConfig) -> str | None:
    """Return the kind as which a run over the folder `root` leaves out a file in it, None if it does not."""
    names = os.fsdecode(path[len(_prefix(root)) :]).split("/")
    if "hidden" in config.skip and any(name.startswith(".") for name in names):
        return "hidden"
    if os.path.splitext(names[-1])[1].lower().lstrip(".") not in config.extensions:
        return "of another extension"
    kinds = [kind for kind in config.skip if kind in _KINDS]
    return exclusions(_above([path]), config.exclude, kinds, [root]).kind_of(path)


def exclusions(
    ignore_files: set[bytes], patterns: Sequence[str], kinds: Sequence[str], folders: Sequence[bytes]
) -> Exclusions:
    """Return what says of a path whether it is left out.

    `folders` are the searched ones: the configuration's patterns and the kinds count from there.
    """
    configured = _configured(patterns) if patterns else None
    rules = [_Rules(_prefix(folder), configured, "excluded") for folder in folders if configured is not None]
    decider = _Exclusions(rules, ignore_files, kinds, {_prefix(folder) for folder in folders})
    decider.look_at_files()
    return Exclusions(decider.kind_of, decider.stopped)


class _IgnoreFile:
    """A `.vpoignore` in use, and the processor time that its patterns have taken."""

    def __init__(self, prefix: bytes, globs: Globs) -> None:
        self.prefix = prefix
        self.length = len(os.fsdecode(prefix))
        self.seconds = 0.0
        self._globs = globs

    def decide(self, text: str, *, is_folder: bool) -> bool | None:
        began = time.thread_time()
        decided = self._globs.decide(text[self.length :], is_folder=is_folder)
        self.seconds += time.thread_time() - began
        return decided

    @property
    def is_too_slow(self) -> bool:
        return self.seconds > _MAX_MATCHING_S


class _Exclusions:
    """Decides folder by folder, as git does: nothing in a folder that is left out can be taken back in."""

    def __init__(
        self, configured: Sequence[_Rules], files: set[bytes], kinds: Sequence[str], roots: set[bytes]
    ) -> None:
        self._configured = sorted(configured, key=lambda rules: len(rules.prefix), reverse=True)
        self._files = {_prefix(os.path.dirname(path)): path for path in files}
        self._in_use: dict[bytes, _IgnoreFile] = {}
        self._chains: dict[bytes, tuple[_IgnoreFile, ...]] = {}
        self._kinds = kinds
        self._roots = roots
        self._outermost = {*roots, *self._files}
        self._folders: dict[bytes, str | None] = {}
        self.stopped: dict[bytes, str] = {}

    def look_at_files(self) -> None:
        """Read every file that holds somewhere: an unusable one is told, whether videos lie below or not."""
        for prefix in sorted(self._files, key=len):
            self._of_folder(prefix)

    def kind_of(self, path: bytes) -> str | None:
        folder, name = path.rsplit(b"/", 1)
        kind = self._of_folder(folder + b"/") or self._by_rule(path, is_folder=False)
        return kind or self._by_name(os.path.splitext(os.fsdecode(name))[0], 1)

    def _of_folder(self, prefix: bytes) -> str | None:
        if not any(prefix.startswith(top) for top in self._outermost):
            return None
        if prefix not in self._folders:
            kind = None
            if prefix != b"/":
                above, name = prefix[:-1].rsplit(b"/", 1)
                kind = self._of_folder(above + b"/") or self._by_rule(prefix[:-1], is_folder=True)
                if kind is None and any(prefix != root and prefix.startswith(root) for root in self._roots):
                    kind = self._by_name(os.fsdecode(name), 0)
            if kind is None and prefix in self._files:
                kind = self._take_up(prefix)
            self._folders[prefix] = kind
        return self._folders[prefix]

    def _take_up(self, prefix: bytes) -> str | None:
        """Read a folder's own file. Returns STOPPED when it cannot be used."""
        try:
            self._in_use[prefix] = _IgnoreFile(prefix, _read(self._files[prefix]))
        except _Unusable as error:
            return self._stop(prefix, str(error))
        return None

    def _stop(self, prefix: bytes, why: str) -> str:
        self.stopped[prefix] = f"not looked into: its {os.fsdecode(IGNORE_FILE)} {why}"
        return STOPPED

    def _by_rule(self, path: bytes, *, is_folder: bool) -> str | None:
        # the innermost has the last word; a .vpoignore has it over the configuration
        text = os.fsdecode(path)
        for file in self._files_over(path.rsplit(b"/", 1)[0] + b"/"):
            decided = None if file.is_too_slow else file.decide(text, is_folder=is_folder)
            if file.is_too_slow:
                return self._stop(
                    file.prefix, f"takes more than {_MAX_MATCHING_S:.0f} s to compare with the names here"
                )
            if decided is not None:
                return "ignored" if decided else None
        for rules in self._configured:
            if path.startswith(rules.prefix):
                decided = rules.globs.decide(text[len(os.fsdecode(rules.prefix)) :], is_folder=is_folder)
                if decided is not None:
                    return rules.kind if decided else None
        return None

    def _files_over(self, prefix: bytes) -> tuple[_IgnoreFile, ...]:
        """Return the files that hold in a folder, the innermost first."""
        if not self._in_use:
            return ()
        if prefix not in self._chains:
            own = self._in_use.get(prefix)
            outer = () if prefix == b"/" else self._files_over(prefix[:-1].rsplit(b"/", 1)[0] + b"/")
            self._chains[prefix] = outer if own is None else (own, *outer)
        return self._chains[prefix]

    def _by_name(self, name: str, which: int) -> str | None:
        return next((kind for kind in self._kinds if _KINDS[kind][which].fullmatch(name)), None)


def _prefix(folder: bytes) -> bytes:
    return folder.rstrip(b"/") + b"/"


def _above(folders: Sequence[bytes]) -> set[bytes]:
    """Return the ignore files above the searched folders: they hold for a part of a library too."""
    found = set()
    for folder in folders:
        above = folder
        while above != b"/":
            above = os.path.dirname(above)
            path = os.path.join(above, IGNORE_FILE)
            if os.path.lexists(path):
                found.add(path)
    return found


class _Unusable(ValueError):
    """A `.vpoignore` cannot be used; its text follows the file's name."""


def _read(path: bytes) -> Globs:
    from vpo_tasks.library.globs import Globs, NoPattern  # only who leaves something out pays for it

    try:
        data = read_file(path, _MAX_BYTES + 1, named=False)
    except Refused as error:
        hint = "; remove it, or make it yours" if "belongs" in error.reason else ""
        raise _Unusable(f"{error.reason}{hint}") from error
    except OSError as error:
        raise _Unusable(f"cannot be read: {error.strerror or error}") from error
    if len(data) > _MAX_BYTES:
        raise _Unusable("is larger than 1 MiB: not a list of patterns")
    try:
        return Globs(os.fsdecode(data.removeprefix(b"\xef\xbb\xbf")).splitlines())
    except NoPattern as error:
        raise _Unusable(f"{f'line {error.line}: ' if error.line else ''}{error.why}") from error


def _configured(patterns: Sequence[str]) -> Globs:
    from vpo_tasks.library.globs import Globs, NoPattern

    try:
        return Globs(patterns)
    except NoPattern as error:
        raise ConfigError(
            "[discovery] exclude", [Issue(error.line, min(error.line, 1), "", error.why)]
        ) from error
