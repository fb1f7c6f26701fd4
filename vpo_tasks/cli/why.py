"""`vpo why`: why a video would be processed, or would not."""

from __future__ import annotations

import os

import click

from vpo_tasks.config import load_config
from vpo_tasks.errors import UsageError
from vpo_tasks.queries.why import explain, explanation_document, explanation_lines
from vpo_tasks.report.console import Console
from vpo_tasks.run.context import RunOptions
from vpo_tasks.run.opening import nothing_found, open_run


@click.command()
@click.argument("file", type=click.Path(), metavar="FILE")
@click.option(
    "-p", "--policy", "policies", multiple=True, type=click.Path(), metavar="FILE", help="As for vpo process."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
def why(file: str, policies: tuple[str, ...], as_json: bool) -> None:
    """Say whether FILE is up to date and why, what the policy asks of it, and when it runs again.

    Nothing is written; the video is opened only when what is recorded of it does not hold.
    """
    if os.path.isdir(file):
        raise UsageError(f"{file} is a folder: name one video (`vpo status` tells of a whole library)")
    console = Console(quiet=True)
    options = RunOptions(policies=policies, dry_run=True)
    with open_run([file], options, load_config(), console, allow_none=True) as run:
        if not run.discovery.videos and not run.discovery.odd:
            raise nothing_found(run)
        explanation = explain(run)
    if as_json:
        import json  # only --json pays for it

        console.answer(json.dumps(explanation_document(explanation), indent=2))
    else:
        console.answer("\n".join(explanation_lines(explanation)))
