"""`vpo process`: bring videos in line with a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vpo_tasks.config import load_config, parse_duration_s, parse_size_bytes
from vpo_tasks.library.quick_check import begun_quick_check

if TYPE_CHECKING:
    from vpo_tasks.report.console import Console
    from vpo_tasks.report.result import BatchResult

    _Type = click.ParamType[Any]
else:  # generic from click 8.2 on, and for the type checker only
    _Type = click.ParamType


class DurationArgument(_Type):
    """Seconds, from `90s`, `10m` or `2h`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return float(value) if isinstance(value, (int, float)) else parse_duration_s(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class SizeArgument(_Type):
    """Bytes, from `500MB`, `2GB` or a plain number."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_size_bytes(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(short_help="Bring videos in line with a policy.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(), metavar="PATH...")
@click.option(
    "-p",
    "--policy",
    "policies",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Policy to apply; several apply in the order given. Default: policy.yaml in the folder or above it.",
)
@click.option("-w", "--workers", type=click.IntRange(min=1), metavar="N", help="Videos in hand at once.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be done and why; touch nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.option(
    "--on-error",
    type=click.Choice(["skip", "continue", "fail"]),
    help="In place of the policy's own: leave the video (skip), go on with its next phase (continue), "
    "or stop the run (fail).",
)
@click.option("--phases", multiple=True, metavar="A,B", help="Only these phases of the policy.")
@click.option("--force", is_flag=True, help="Look at every video, up to date or not.")
@click.option("--retry-failed", is_flag=True, help="Try again what failed before and has not changed since.")
@click.option(
    "--accept-missing",
    is_flag=True,
    help="Go on although no recorded video is there, and forget those that are gone.",
)
@click.option(
    "--order",
    type=click.Choice(["path", "cost", "gain"]),
    help="Which video first: by name, the longest work, or the most bytes saved an hour. "
    "Default: the longest, with several workers.",
)
@click.option(
    "--budget",
    "budget_s",
    type=DurationArgument(),
    metavar="TIME",
    help="Begin nothing that would not be done in this time (90m, 6h).",
)
@click.option(
    "--max-write",
    type=SizeArgument(),
    metavar="SIZE",
    help="Begin nothing that would write more than this in all (500GB).",
)
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Threads of each encoder.")
@click.option(
    "-R", "--recursive/--no-recursive", default=True, help="Search folders in folders (the default)."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Leave the videos alone and put compliant ones under DIR, in the same folders.",
)
@click.option(
    "--link", is_flag=True, help="With --output: hard-link what complies already instead of copying."
)
@click.option("-v", "--verbose", is_flag=True, help="Say for every video what changed and why.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def process(paths: tuple[str, ...], quiet: bool, verbose: bool, as_json: bool, **asked: Any) -> int:
    """Bring the videos in PATH... (files, or folders with all that is in them) in line with a policy.

    A video that is up to date is skipped; the others are changed safely: each is the complete old one or the
    complete, verified new one at any moment.
    """
    config = load_config()
    with begun_quick_check(paths, config, policy_named=bool(asked["policies"])) as quick_check:
        # function-local: another process looks at the library while these are imported
        from vpo_tasks.doit_plugin.runner import run_batch
        from vpo_tasks.report.console import Console
        from vpo_tasks.run.context import RunOptions
        from vpo_tasks.run.opening import open_run

        options = RunOptions(json=as_json, **asked)
        console = Console(quiet=quiet or as_json, verbose=verbose)
        with open_run(paths, options, config, console, quick_check=quick_check) as run:
            result, code = run_batch(run)
    answer(console, result, as_json=as_json)
    return code


def answer(console: Console, result: BatchResult, *, as_json: bool) -> None:
    """Say what a run came to: in one document, or as the console is verbose or quiet.

    Raises OSError when there is no room for it.
    """
    from vpo_tasks.report.summary import failed_before_text, summary_text  # as above

    if as_json:
        from vpo_tasks.report.document import batch_as_json  # only --json pays for it

        console.answer(batch_as_json(result))
    elif not console.quiet:
        console.answer(summary_text(result, verbose=console.verbose))
    elif result.failed_before_count:
        console.error(failed_before_text(result))
