"""`vpo undo`: take back what an earlier run did."""

from __future__ import annotations

import os
import time

import click

from vpo_tasks.config import load_config
from vpo_tasks.disk.journal import HeaderRecord
from vpo_tasks.disk.undo_store import StoredUndo
from vpo_tasks.errors import EXIT_FAILED, EXIT_OK, UsageError
from vpo_tasks.report.console import Console
from vpo_tasks.report.text import escape, human_bytes
from vpo_tasks.run.opening import resolve_interrupted
from vpo_tasks.run.undo import choose, find_entries, undo_all
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store
from vpo_tasks.state.undo_folders import UndoFolders


@click.command(short_help="Take back what a run did, as far as originals are kept.")
@click.argument("what", required=False, metavar="[RUN|FILE]")
@click.option("--list", "as_list", is_flag=True, help="Show what can be undone, the newest first.")
def undo(what: str | None, as_list: bool) -> int:
    """Undo RUN (see --list), the last change of FILE, or the last run.

    A video that has changed since is left as it is. The next `vpo process` would change the videos again:
    edit the policy first.
    """
    config = load_config()
    console = Console()
    with DaemonConnectionPool(config.database_path) as pool:
        folders, store = UndoFolders(pool), Store(pool)
        settled = not as_list and resolve_interrupted(folders, what, config, store, console)
        found = find_entries(folders, what if as_list else None)
        if as_list:
            console.answer("\n".join(map(_line, found)) or "nothing can be undone")
            return EXIT_OK
        try:
            chosen = choose(found, folders, what)
        except UsageError:
            if settled:  # by an undo that was interrupted, nothing is left to do
                return EXIT_OK
            raise
        outcomes = undo_all(chosen, store, folders, config.locks_path)
    failed = 0
    for outcome in outcomes:
        if outcome.error is None:
            console.output(f"undone: {escape(outcome.path)}")
        else:
            failed += 1
            console.error(f"not undone: {escape(outcome.path)}: {escape(outcome.error)}")
    return EXIT_FAILED if failed else EXIT_OK


def _line(entry: StoredUndo) -> str:
    record = entry.record
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.at))
    kind = "header" if isinstance(record, HeaderRecord) else "original"
    old, new = entry.source, entry.video
    named = f" (was {escape(os.fsdecode(os.path.basename(old)))})" if old != new else ""
    size = human_bytes(entry.size)
    return f"{escape(record.run)}  {when}  {kind:<8}  {size:>9}  {escape(os.fsdecode(new))}{named}"
