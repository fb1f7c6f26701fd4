"""`vpo demo`: the whole program at work on a small library of real videos, made on the spot.

It runs the same commands a person would type, and checks after each one that what it announced is what
happened.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import NamedTuple

import click

from vpo_tasks.cli.init import create_file, read_template
from vpo_tasks.errors import EXIT_FAILED, EXIT_OK, UsageError
from vpo_tasks.media.synthetic import SampleTrack, make_sample
from vpo_tasks.programs import on_path
from vpo_tasks.report.text import count_noun, escape

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
FIRST = frozenset(name for video in VIDEOS if video.in_first_run for name in (video.name, video.becomes))
SECOND = frozenset(video.becomes for video in VIDEOS if video.in_second_policy)
_NOTHING: frozenset[str] = frozenset()


class Scene(NamedTuple):
    """One command. `touches` are the videos that it may and must write; `exit_code` is how it must end."""

    title: str
    arguments: tuple[str, ...]
    touches: frozenset[str]
    exit_code: int


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path())
def demo(folder: str | None) -> int:
    """Make a small library in DIR (default: a new temporary folder) and process it, step by step.

    DIR must be new, empty or a former demo. Your own videos and your own state are not touched.
    """
    folder = folder or tempfile.mkdtemp(prefix="vpo-demo-")
    prepare_library(folder)
    _title("A small library, a second of real video each")
    fill(folder, lambda line: click.echo(f"  {escape(line)}"))
    theatre = _Theatre(folder)
    theatre.play(
        Scene("What is wrong with a video?", ("inspect", theatre.path("films/Wrong Flags.mkv")), _NOTHING, 0)
    )
    theatre.play(
        Scene(
            "What would be done, and why? (nothing is touched)", ("process", "--dry-run", folder), _NOTHING, 1
        )
    )
    theatre.play(
        Scene(
            "Do it. (The broken file fails, all others are done: exit code 1)", ("process", folder), FIRST, 1
        )
    )
    theatre.play(
        Scene(
            "Again: only the broken file is looked at, nothing is done twice",
            ("process", folder),
            _NOTHING,
            1,
        )
    )
    click.echo(f"\n$ rm {shlex.quote(theatre.path(BROKEN))}")
    remove_broken(folder)
    theatre.play(Scene("Without the broken file", ("process", folder), _NOTHING, 0))
    _title("The policy changes: German audio goes too")
    old, new = EDIT
    click.echo(f"  {escape(theatre.path(POLICY))}\n    - {old}\n    + {new}")
    edit_policy(folder)
    theatre.play(Scene("Only the videos with German audio are touched", ("process", folder), SECOND, 0))
    return theatre.close()


class _Theatre:
    """Runs the scenes and keeps what did not happen as announced."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._home = os.path.abspath(os.path.join(folder, STATE))
        self._surprises: list[str] = []

    def path(self, name: str) -> str:
        """Return a demo video's path as the commands name it."""
        return os.path.join(self._folder, name)

    def play(self, scene: Scene) -> None:
        """Print a command, run it, and compare what it did with what was announced."""
        _title(scene.title)
        click.echo(f"$ {escape(self._command_line(scene.arguments))}\n")
        before = look(self._folder)
        sys.stdout.flush()
        done = subprocess.run(
            [sys.executable, "-m", "vpo_tasks.cli.main", *scene.arguments],
            env={**os.environ, "VPO_HOME": self._home},
            stdin=subprocess.DEVNULL,
            check=False,
        )
        written = touched(before, look(self._folder))
        if done.returncode != scene.exit_code:
            self._note(f"{scene.arguments[0]} ended with {done.returncode} instead of {scene.exit_code}")
        for name in sorted(scene.touches - written):
            self._note(f"{name} was not touched")
        for name in sorted(written - scene.touches):
            self._note(f"{name} was touched")

    def close(self) -> int:
        """Say what to type next; return the exit code."""
        if self._surprises:
            _title(f"Not everything happened as announced: {count_noun(len(self._surprises), 'surprise')}")
            for surprise in self._surprises:
                click.echo(f"  {escape(surprise)}")
            click.echo("  `vpo doctor` shows what is missing here.")
            return EXIT_FAILED
        vpo = _program()
        _title("Everything happened as announced. What to type next")
        click.echo(f"  {vpo} init /path/to/your/videos")
        click.echo("      writes a commented policy there (and what `doit` needs); read it, change it")
        click.echo(f"  {vpo} process --dry-run /path/to/your/videos")
        click.echo("      says what would change and why; touches nothing")
        click.echo(f"  {vpo} process /path/to/your/videos")
        click.echo("      does it; as often as you like")
        click.echo(f"\n  The demo's folder, {escape(self._folder)}, can be deleted.")
        return EXIT_OK

    def _note(self, surprise: str) -> None:
        click.echo(f"! not as announced: {escape(surprise)}")
        self._surprises.append(surprise)

    def _command_line(self, arguments: tuple[str, ...]) -> str:
        home = shlex.quote(self._home)
        return f"VPO_HOME={home} {_program()} {shlex.join(arguments)}"


def _program() -> str:
    """Return how this very command can be typed again."""
    started_as = sys.argv[0]
    if os.path.basename(started_as) != "vpo":
        return f"{shlex.quote(sys.executable)} -m vpo_tasks.cli.main"
    found = on_path("vpo")
    same = found is not None and os.path.realpath(found) == os.path.realpath(started_as)
    return "vpo" if same else shlex.quote(started_as)


def _title(text: str) -> None:
    click.echo(f"\n== {text}")


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
