"""`vpo plan`: what `vpo process --dry-run` shows, and a file of it; `vpo apply`: carry that out."""

from __future__ import annotations

from typing import Any

import click

from vpo_tasks.cli.process import answer
from vpo_tasks.config import load_config
from vpo_tasks.doit_plugin.runner import run_batch
from vpo_tasks.errors import EXIT_FAILED, EXIT_OK
from vpo_tasks.queries.plan_file import check_place, has_refused, open_plan, plan_of, read_plan, write_plan
from vpo_tasks.report.console import Console
from vpo_tasks.run.context import RunOptions
from vpo_tasks.run.opening import open_run


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATH]...")
@click.option(
    "-o", "plan_file", type=click.Path(dir_okay=False), metavar="FILE", help="Write the plan there."
)
@click.option(
    "-p", "--policy", "policies", multiple=True, type=click.Path(), metavar="FILE", help="As for vpo process."
)
@click.option("-w", "--workers", type=click.IntRange(min=1), metavar="N", help="Videos in hand at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.option(
    "--on-error", type=click.Choice(["skip", "continue", "fail"]), help="In place of the policy's own."
)
@click.option("--phases", multiple=True, metavar="A,B", help="Only these phases of the policy.")
@click.option("--force", is_flag=True, help="Look at every video, up to date or not.")
@click.option("--retry-failed", is_flag=True, help="Plan what failed before, too.")
@click.option(
    "-R", "--recursive/--no-recursive", default=True, help="Search folders in folders (the default)."
)
@click.option(
    "--output", type=click.Path(file_okay=False), metavar="DIR", help="Plan for vpo process --output DIR."
)
@click.option("--link", is_flag=True, help="With --output: hard-link what complies already.")
@click.option("-v", "--verbose", is_flag=True, help="Name the phase and the rule behind each change.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def plan(
    paths: tuple[str, ...], plan_file: str | None, quiet: bool, verbose: bool, as_json: bool, **asked: Any
) -> int:
    """Say what would be done to the videos in PATH (default: here) and why; touch none of them.

    With -o the plan is written to FILE; `vpo apply FILE` does exactly that later.
    """
    if plan_file is not None:
        check_place(plan_file)
    options = RunOptions(json=as_json, dry_run=True, **asked)
    console = Console(quiet=quiet or as_json, verbose=verbose)
    with open_run(paths or (".",), options, load_config(), console) as run:
        result, code = run_batch(run)
        if plan_file is not None and not result.interrupted:
            write_plan(plan_file, plan_of(run, result))
    answer(console, result, as_json=as_json)
    return code


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
    answer(console, result, as_json=as_json)
    return EXIT_FAILED if code == EXIT_OK and has_refused(result.results) else code
