"""`vpo apply`: carry out a plan that `vpo plan -o` wrote."""

from __future__ import annotations

import click

from vpo_tasks.config import load_config
from vpo_tasks.doit_plugin.runner import run_batch
from vpo_tasks.errors import EXIT_FAILED, EXIT_OK
from vpo_tasks.queries.plan_file import has_refused, open_plan, read_plan
from vpo_tasks.report.console import Console
from vpo_tasks.report.summary import summary_text


@click.command()
@click.argument("plan_file", type=click.Path(dir_okay=False), metavar="PLAN")
@click.option("-w", "--workers", type=click.IntRange(min=1), metavar="N", help="Videos in hand at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.option("-v", "--verbose", is_flag=True, help="Say for every video what changed and why.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def apply(plan_file: str, workers: int | None, as_json: bool, verbose: bool, quiet: bool) -> int:
    """Do what PLAN says, and nothing else.

    A video that has changed since, or of which the policy would ask something else now, is refused: it stays
    as it is, is reported as skipped, and the exit code is 1.
    """
    plan = read_plan(plan_file)
    console = Console(quiet=quiet or as_json, verbose=verbose)
    with open_plan(plan, load_config(), console, workers=workers, as_json=as_json) as run:
        result, code = run_batch(run)
    if as_json:
        from vpo_tasks.report.document import batch_as_json  # only --json pays for it

        console.answer(batch_as_json(result))
    elif not quiet:
        console.answer(summary_text(result, verbose=verbose))
    return EXIT_FAILED if code == EXIT_OK and has_refused(result.results) else code
