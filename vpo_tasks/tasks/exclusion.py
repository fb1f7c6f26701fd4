"""Which of the videos found a person wants left out: `.vpoignore`, `[discovery] exclude`, samples and so on.

A file named on the command line is never left out, as its extension does not matter either.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vpo_tasks.discover import IGNORE_FILE, Discovery
from vpo_tasks.errors import ConfigError, Issue

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

    from vpo_tasks.config import DiscoveryConfig

_MAX_BYTES = 1 << 20
_NO_PATTERN = (ValueError, re.error)
"""What pathspec raises for a line that is none; the latter for a range such as `[z-a]`."""

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
    spec: GitIgnoreSpec
    kind: str


def leave_out(found: Discovery, config: DiscoveryConfig) -> tuple[Discovery, dict[str, int]]:
    """Return what was found without what is to be left out, and how many videos that is, by kind.

    Raise ConfigError for a pattern that is none, or a `.vpoignore` that cannot be read.
    """
    counts = Counter({"hidden": found.hidden} if found.hidden else {})
    folders = [path for path in found.searched if os.path.isdir(path)]
    ignore_files = {*found.ignore_files, *_above(folders)}
    kinds = [kind for kind in config.skip if kind in _KINDS]
    if not (ignore_files or config.exclude or kinds):
        return found, dict(counts)
    kind_of = exclusions(ignore_files, config.exclude, kinds, folders)
    named = set(found.searched)
    videos = []
    for video in found.videos:
        kind = None if video.path in named else kind_of(video.path)
        if kind is None:
            videos.append(video)
        else:
            counts[kind] += 1
    odd = [thing for thing in found.odd if thing.path in named or kind_of(thing.path) is None]
    return found._replace(videos=videos, odd=odd), dict(counts)


def why_left_out(path: bytes, root: bytes, config: DiscoveryConfig) -> str | None:
    """Return the kind as which a run over the folder `root` leaves out a file in it, None if it does not."""
    names = os.fsdecode(path[len(_prefix(root)) :]).split("/")
    if "hidden" in config.skip and any(name.startswith(".") for name in names):
        return "hidden"
    if os.path.splitext(names[-1])[1].lower().lstrip(".") not in config.extensions:
        return "of another extension"
    kinds = [kind for kind in config.skip if kind in _KINDS]
    return exclusions(_above([path]), config.exclude, kinds, [root])(path)


def exclusions(
    ignore_files: set[bytes], patterns: Sequence[str], kinds: Sequence[str], folders: Sequence[bytes]
) -> Callable[[bytes], str | None]:
    """Return the function that says of a path why it is left out: `ignored`, `excluded`, a kind, or None.

    `folders` are the searched ones: the configuration's patterns and the kinds count from there.
    """
    configured = _spec("[discovery] exclude", patterns) if patterns else None
    rules = [_Rules(_prefix(folder), configured, "excluded") for folder in folders if configured is not None]
    rules += [
        _Rules(_prefix(os.path.dirname(path)), _spec(os.fsdecode(path), _lines(path)), "ignored")
        for path in ignore_files
    ]
    # the innermost has the last word; a .vpoignore has it over the configuration
    rules.sort(key=lambda rule: (rule.kind == "ignored", len(rule.prefix)), reverse=True)
    return _Exclusions(rules, kinds, {_prefix(folder) for folder in folders}).kind_of


class _Exclusions:
    """Decides folder by folder, as git does: nothing in a folder that is left out can be taken back in."""

    def __init__(self, rules: Sequence[_Rules], kinds: Sequence[str], roots: set[bytes]) -> None:
        self._rules = rules
        self._kinds = kinds
        self._roots = roots
        self._outermost = {*roots, *(rule.prefix for rule in rules)}
        self._folders: dict[bytes, str | None] = {}

    def kind_of(self, path: bytes) -> str | None:
        folder, name = path.rsplit(b"/", 1)
        kind = self._of_folder(folder + b"/") or self._by_rule(path, os.fsdecode(path))
        return kind or self._by_name(os.path.splitext(os.fsdecode(name))[0], 1)

    def _of_folder(self, prefix: bytes) -> str | None:
        if prefix == b"/" or not any(prefix.startswith(top) for top in self._outermost):
            return None
        if prefix not in self._folders:
            above, name = prefix[:-1].rsplit(b"/", 1)
            kind = self._of_folder(above + b"/") or self._by_rule(prefix, os.fsdecode(prefix))
            if kind is None and any(prefix != root and prefix.startswith(root) for root in self._roots):
                kind = self._by_name(os.fsdecode(name), 0)
            self._folders[prefix] = kind
        return self._folders[prefix]

    def _by_rule(self, path: bytes, text: str) -> str | None:
        for rule in self._rules:
            if path.startswith(rule.prefix) and path != rule.prefix:
                verdict = rule.spec.check_file(text[len(os.fsdecode(rule.prefix)) :]).include
                if verdict is not None:
                    return rule.kind if verdict else None
        return None

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
            if os.path.isfile(path):
                found.add(path)
    return found


def _lines(path: bytes) -> list[str]:
    try:
        with open(path, "rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(os.fsdecode(path), [Issue(0, 0, "", error.strerror or "cannot be read")]) from error
    if len(data) > _MAX_BYTES:
        raise ConfigError(
            os.fsdecode(path), [Issue(0, 0, "", "is larger than 1 MiB: not a list of patterns")]
        )
    return os.fsdecode(data.removeprefix(b"\xef\xbb\xbf")).splitlines()


def _spec(path: str, lines: Sequence[str]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec  # only who leaves something out pays for it

    try:
        return GitIgnoreSpec.from_lines(lines)
    except _NO_PATTERN:
        raise ConfigError(path, [_issue(number, line) for number, line in _invalid(lines)]) from None


def _invalid(lines: Sequence[str]) -> list[tuple[int, str]]:
    from pathspec import GitIgnoreSpec

    invalid = []
    for number, line in enumerate(lines, 1):
        try:
            GitIgnoreSpec.from_lines([line])
        except _NO_PATTERN:
            invalid.append((number, line))
    return invalid


def _issue(number: int, line: str) -> Issue:
    return Issue(number, 1, "", f"{line!r} is not a pattern as .gitignore has them")
