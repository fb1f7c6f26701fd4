"""`vpo demo`: the whole program at work on a small library of real videos, made on the spot.

It runs the same commands a person would type, and checks after each one that what it announced is what
happened.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from typing import NamedTuple

import click

from vpo_tasks.cli import demo_library as library
from vpo_tasks.errors import EXIT_FAILED, EXIT_OK
from vpo_tasks.programs import on_path
from vpo_tasks.report.text import count_noun, escape

FIRST = frozenset(
    name for video in library.VIDEOS if video.in_first_run for name in (video.name, video.becomes)
)
SECOND = frozenset(video.becomes for video in library.VIDEOS if video.in_second_policy)
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
    library.prepare_library(folder)
    _title("A small library, a second of real video each")
    library.fill(folder, lambda line: click.echo(f"  {escape(line)}"))
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
    click.echo(f"\n$ rm {shlex.quote(theatre.path(library.BROKEN))}")
    library.remove_broken(folder)
    theatre.play(Scene("Without the broken file", ("process", folder), _NOTHING, 0))
    _title("The policy changes: German audio goes too")
    old, new = library.EDIT
    click.echo(f"  {escape(theatre.path(library.POLICY))}\n    - {old}\n    + {new}")
    library.edit_policy(folder)
    theatre.play(Scene("Only the videos with German audio are touched", ("process", folder), SECOND, 0))
    return theatre.close()


class _Theatre:
    """Runs the scenes and keeps what did not happen as announced."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._home = os.path.abspath(os.path.join(folder, library.STATE))
        self._surprises: list[str] = []

    def path(self, name: str) -> str:
        """Return a demo video's path as the commands name it."""
        return os.path.join(self._folder, name)

    def play(self, scene: Scene) -> None:
        """Print a command, run it, and compare what it did with what was announced."""
        _title(scene.title)
        click.echo(f"$ {escape(self._command_line(scene.arguments))}\n")
        before = library.look(self._folder)
        sys.stdout.flush()
        done = subprocess.run(
            [sys.executable, "-m", "vpo_tasks.cli.main", *scene.arguments],
            env={**os.environ, "VPO_HOME": self._home},
            stdin=subprocess.DEVNULL,
            check=False,
        )
        written = library.touched(before, library.look(self._folder))
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
