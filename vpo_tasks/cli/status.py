"""`vpo status`: where a library stands, from the database and one directory walk."""

from __future__ import annotations

import click

from vpo_tasks.config import load_config
from vpo_tasks.queries.status import status_document, status_lines, take_status
from vpo_tasks.report.console import Console
from vpo_tasks.run.context import RunOptions
from vpo_tasks.run.opening import open_run


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATH]...")
@click.option(
    "-p", "--policy", "policies", multiple=True, type=click.Path(), metavar="FILE", help="As for vpo process."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.option("-v", "--verbose", is_flag=True, help="Name the videos.")
def status(paths: tuple[str, ...], policies: tuple[str, ...], as_json: bool, verbose: bool) -> None:
    """Say how many videos in PATH (default: here) comply, what is to do, and what failed and why.

    No video is opened and nothing is written.
    """
    console = Console(quiet=as_json, verbose=verbose)
    options = RunOptions(policies=policies, dry_run=True)
    with open_run(paths or (".",), options, load_config(), console, allow_none=True) as run:
        status_now = take_status(run)
    if as_json:
        import json  # only --json pays for it

        console.answer(json.dumps(status_document(status_now), indent=2))
    else:
        console.answer("\n".join(status_lines(status_now, verbose)))
