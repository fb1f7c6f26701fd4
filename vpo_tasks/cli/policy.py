"""`vpo policy`: check policies, show one as understood, print the schema for editors."""

from __future__ import annotations

import click

from vpo_tasks.cli.policy_diff import diff
from vpo_tasks.errors import EXIT_USAGE, PolicyError
from vpo_tasks.report.text import count_noun, escape, escape_lines

_FILE = click.Path(path_type=str)


@click.group()
def policy() -> None:
    """Check policies, show what one means, compare two over the library, help editors."""


policy.add_command(diff)


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
    from vpo_tasks.policy.dump import dump_policy
    from vpo_tasks.policy.load import load_policy

    click.echo(dump_policy(load_policy(file)), nl=False)


@policy.command()
def schema() -> None:
    """Print the JSON Schema of policies, for editors."""
    # function-local: `vpo --help` needs none of it
    from vpo_tasks.policy.schema import schema_text

    click.echo(schema_text(), nl=False)
