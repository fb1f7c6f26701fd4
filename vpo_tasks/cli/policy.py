"""`vpo policy`: check policies, show one as understood, print the schema for editors."""

from __future__ import annotations

import os

import click

from vpo_tasks.errors import EXIT_USAGE, PolicyError, UsageError
from vpo_tasks.report.console import Console
from vpo_tasks.report.text import count_noun, escape, escape_lines

_FILE = click.Path(path_type=str)


@click.group()
def policy() -> None:
    """Check policies, show what one means, compare two over the library, help editors."""


@policy.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_FILE)
@click.pass_context
def check(context: click.Context, files: tuple[str, ...]) -> None:
    """Load each FILE: one line each, or every issue with its line and column."""
    # function-local: `vpo --help` needs none of it
    from vpo_tasks.config import load_config
    from vpo_tasks.policy.load import read_policy

    any_arguments = load_config().safety.trust_ffmpeg_args
    failed = False
    for path in files:
        try:
            found, warnings, unsafe, _ = read_policy(path)
            if unsafe and not any_arguments:
                raise PolicyError(path, unsafe)
        except PolicyError as error:
            failed = True
            click.echo(escape_lines(str(error)), err=True)
            continue
        for warning in warnings:
            click.echo(escape(f"warning: {warning.located(path)}"), err=True)
        phases = ", ".join(phase.name for phase in found.phases)
        click.echo(escape(f"{path}: {found.name}: {count_noun(len(found.phases), 'phase')} ({phases})"))
    if failed:
        context.exit(EXIT_USAGE)


@policy.command()
@click.argument("file", metavar="FILE", type=_FILE)
def show(file: str) -> None:
    """Print FILE as understood: names of version 13, defaults filled in."""
    # function-local: `vpo --help` needs none of it
    from vpo_tasks.policy.load import load_policy
    from vpo_tasks.policy.written import dump_policy

    click.echo(dump_policy(load_policy(file)), nl=False)


@policy.command()
def schema() -> None:
    """Print the JSON Schema of policies, for editors."""
    # function-local: `vpo --help` needs none of it
    from vpo_tasks.policy.written import schema_text

    click.echo(schema_text(), nl=False)


@click.command()
@click.argument("old", type=click.Path(), metavar="OLD")
@click.argument("new", type=click.Path(), metavar="NEW")
@click.argument("path", type=click.Path(), default=".", metavar="[PATH]")
@click.option("--list", "list_videos", is_flag=True, help="Name each video and what would differ.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
def diff(old: str, new: str, path: str, list_videos: bool, as_json: bool) -> None:
    """Compare what policies OLD and NEW would do to the videos recorded in PATH (default: here).

    Nothing is written and no video is opened: the answer comes from what earlier runs found in them.
    """
    # function-local: `vpo policy check` needs neither planning nor the database
    from vpo_tasks.config import load_config
    from vpo_tasks.queries.policy_diff import compare_policies, difference_document, difference_lines
    from vpo_tasks.state.pool import DaemonConnectionPool

    if not os.path.lexists(path):
        raise UsageError(f"{path}: no such file or folder")
    with DaemonConnectionPool(load_config().database_path, read_only=True) as pool:
        found = compare_policies(old, new, pool, os.fsencode(os.path.realpath(path)))
    console = Console(quiet=True)
    if as_json:
        import json  # only --json pays for it

        console.answer(json.dumps(difference_document(found, list_videos=list_videos), indent=2))
    else:
        console.answer("\n".join(difference_lines(found, list_videos=list_videos)))


policy.add_command(diff)
