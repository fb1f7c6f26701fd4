"""`vpo policy diff`: what an edit of a policy would do to the library, before it is made."""

from __future__ import annotations

import os

import click

from vpo_tasks.errors import UsageError
from vpo_tasks.report.console import Console


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
    from vpo_tasks.state.pool import DaemonConnectionPool
    from vpo_tasks.tasks.replanning import compare_policies, difference_document, difference_lines

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
