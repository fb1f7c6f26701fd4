"""The small library that `vpo demo` makes: what is in each video, and what its policy does to it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import NamedTuple

from vpo_tasks.cli.init import create_file, read_template
from vpo_tasks.errors import UsageError
from vpo_tasks.media.synthetic import SampleTrack, make_sample

# not `.vpo-…`: such names are journals and parts of replacements, and a run would look into them
MARKER = ".made-by-vpo-demo"
STATE = ".state"
POLICY = "policy.yaml"
EDIT = ("languages: [eng, ger, und]", "languages: [eng, und]")
_MARKER_TEXT = b"Made by `vpo demo`, which may make this folder's videos anew.\n"


class DemoVideo(NamedTuple):
    """A video to make. `becomes` is its name after the first run; the flags say which runs touch it."""

    name: str
    about: str
    tracks: tuple[SampleTrack, ...]
    becomes: str
    in_first_run: bool
    in_second_policy: bool = False


DEMO_VIDEO = SampleTrack("video", default=True)


def _audio(language: str | None, *, default: bool = False, title: str | None = None) -> SampleTrack:
    return SampleTrack("audio", language=language, default=default, title=title)


def _subtitle(language: str, *, default: bool = False, forced: bool = False) -> SampleTrack:
    return SampleTrack("subtitle", language=language, default=default, forced=forced)


VIDEOS = (
    DemoVideo(
        "films/Already Right.mkv", "nothing to do",
        (DEMO_VIDEO, _audio("eng", default=True), _subtitle("eng")),
        "films/Already Right.mkv", in_first_run=False,
    ),
    DemoVideo(
        "films/Wrong Flags.mkv", "German plays by default, and so does a subtitle",
        (DEMO_VIDEO, _audio("eng"), _audio("ger", default=True), _subtitle("eng", default=True)),
        "films/Wrong Flags.mkv", in_first_run=True, in_second_policy=True,
    ),
    DemoVideo(
        "films/Four Languages.mkv", "audio in four languages, subtitles in three",
        (
            DEMO_VIDEO, _audio("eng", default=True), _audio("fre", title="VF"), _audio("ita"), _audio("ger"),
            _subtitle("eng"), _subtitle("fre"), _subtitle("spa", forced=True),
        ),
        "films/Four Languages.mkv", in_first_run=True, in_second_policy=True,
    ),
    DemoVideo(
        "films/Subtitle First.mkv", "tracks in a strange order",
        (DEMO_VIDEO, _subtitle("eng"), _audio("eng", default=True)),
        "films/Subtitle First.mkv", in_first_run=True,
    ),
    DemoVideo(
        "phone/Holiday.mp4", "a French audio track in an MP4",
        (DEMO_VIDEO, _audio("eng", default=True), _audio("fre")),
        "phone/Holiday.mp4", in_first_run=True,
    ),
    DemoVideo(
        "phone/Garden.mov", "nothing to do in a QuickTime file", (DEMO_VIDEO, _audio("eng", default=True)),
        "phone/Garden.mov", in_first_run=False,
    ),
    DemoVideo(
        "old/Tape.avi", "an AVI, which becomes Matroska", (DEMO_VIDEO, _audio(None)),
        "old/Tape.mkv", in_first_run=True,
    ),
)  # fmt: skip

BROKEN = "films/Broken.mkv"


def prepare_library(folder: str) -> None:
    """Make `folder`, or clear a former demo's own files out of it. Raise UsageError for any other folder."""
    marker = os.path.join(folder, MARKER)
    if os.path.isfile(marker):
        _clear(folder)
        return
    try:
        os.makedirs(folder, exist_ok=True)
        occupied = bool(os.listdir(folder))
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}") from error
    if occupied:
        raise UsageError(f"{folder} is there and is no former demo; name a new folder: vpo demo DIR")
    create_file(marker, _MARKER_TEXT)


def _clear(folder: str) -> None:
    """Remove what a demo makes, by name; what a person put there stays."""
    made = {name for video in VIDEOS for name in (video.name, video.becomes)} | {BROKEN, POLICY}
    for name in made:
        path = os.path.join(folder, name)
        if os.path.lexists(path):
            os.unlink(path)
    state = os.path.join(folder, STATE)
    if os.path.isdir(state):
        shutil.rmtree(state)


def fill(folder: str, tell: Callable[[str], None]) -> None:
    """Make the videos and the policy in a prepared folder; `tell` hears of each one."""
    for seed, video in enumerate(VIDEOS):
        path = os.path.join(folder, video.name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        make_sample(path, video.tracks, seed=seed, seconds=1.0, size=(96, 64))
        tell(f"{video.name:<26} {video.about}")
    _break(folder, seed=len(VIDEOS))
    tell(f"{BROKEN:<26} cut off in the middle, as a download may be")
    create_file(os.path.join(folder, POLICY), read_template("demo-policy.yaml"))


def _break(folder: str, seed: int) -> None:
    path = os.path.join(folder, BROKEN)
    make_sample(path, (DEMO_VIDEO, _audio("eng", default=True)), seed=seed)
    os.truncate(path, os.path.getsize(path) * 6 // 10)


def remove_broken(folder: str) -> None:
    """Remove the broken video."""
    os.unlink(os.path.join(folder, BROKEN))


def edit_policy(folder: str) -> None:
    """Take German out of the policy's audio languages."""
    path = os.path.join(folder, POLICY)
    old, new = EDIT
    text = read_template("demo-policy.yaml").decode()
    os.unlink(path)
    create_file(path, text.replace(old, new, 1).encode())


def look(folder: str) -> dict[str, tuple[int, ...]]:
    """Return a stamp for each of the demo's videos that is there; any write to a video changes its stamp."""
    stamps: dict[str, tuple[int, ...]] = {}
    for name in {name for video in VIDEOS for name in (video.name, video.becomes)} | {BROKEN}:
        try:
            status = os.stat(os.path.join(folder, name))
        except FileNotFoundError:
            continue
        stamps[name] = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return stamps


def touched(before: dict[str, tuple[int, ...]], after: dict[str, tuple[int, ...]]) -> set[str]:
    """Return the names that are new, gone or written since `before`."""
    return {name for name in before | after if before.get(name) != after.get(name)}
