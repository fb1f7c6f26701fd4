"""`vpo init`: make a folder ready for `doit` and `vpo process`. Overwrites nothing."""

from __future__ import annotations

import os
from importlib import resources

import click

from vpo_tasks.errors import FileError, UsageError
from vpo_tasks.report.text import escape
from vpo_tasks.trusted import read_file

TEMPLATES = ("policy.yaml", "dodo.py", "doit.cfg")

# what a kept file has to hold for `doit` to find the videos, and how to add it
_NEEDED = {
    "dodo.py": (b"vpo_tasks", "from vpo_tasks.dodo import DOIT_CONFIG, task_process"),
    "doit.cfg": (b"vpo", "[GLOBAL] loader = vpo, reporter = vpo, backend = vpo (a line each)"),
}


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path())
def init(folder: str) -> None:
    """Write policy.yaml, dodo.py and doit.cfg to DIR (default: this folder).

    Files that are there already are kept as they are.
    """
    if not os.path.isdir(folder):
        raise UsageError(f"{folder} is not a folder; make it first, or name the folder of your videos")
    for name in TEMPLATES:
        path = os.path.join(folder, name)
        if create_file(path, read_template(name)):
            click.echo(f"written  {escape(path)}")
        else:
            click.echo(f"kept     {escape(path)}")
            _advise(name, path)
    click.echo(f"\nNext: read {escape(os.path.join(folder, 'policy.yaml'))}, then see what it would do:")
    click.echo(f"  vpo process --dry-run {_argument(folder)}")


def read_template(name: str) -> bytes:
    """Return a template as it will be written."""
    return resources.files("vpo_tasks.cli").joinpath("templates").joinpath(name).read_bytes()


def create_file(path: str, content: bytes) -> bool:
    """Write a file that is not there yet; return False when something is. Raise FileError."""
    try:
        # "x" never opens what exists, not even through a symlink: so this needs no replace protocol
        with open(path, "xb") as stream:
            try:
                stream.write(content)
                stream.flush()
            except OSError:
                os.unlink(path)
                raise
    except FileExistsError:
        return False
    except OSError as error:
        raise FileError(path, f"cannot be written: {error.strerror}") from error
    return True


def _advise(name: str, path: str) -> None:
    if name not in _NEEDED:
        return
    mark, advice = _NEEDED[name]
    try:
        found = mark in read_file(path, 1 << 20, named=True)
    except OSError:
        return
    if not found:
        click.echo(f"         it does not know of vpo yet; add: {advice}")


def _argument(folder: str) -> str:
    import shlex  # 4 ms that only this command pays

    return shlex.quote(escape(folder))
