"""Commands that end in every way a command can, for the tests of the boundary."""

from __future__ import annotations

import os
import sys

import click

from vpo_tasks import errors

RAISED = {
    "ok": None,
    "usage": errors.UsageError("no videos in /media"),
    "policy": errors.PolicyError(
        "p.yaml", [errors.Issue(3, 5, "phases", "first"), errors.Issue(9, 1, "", "second")]
    ),
    "config": errors.ConfigError("c.toml", [errors.Issue(0, 0, "", "broken")]),
    "tool": errors.ToolMissing("mkvmerge", "remuxing", "install mkvtoolnix"),
    "file": errors.ProbeError("/media/a\x1b.mkv", "truncated"),
    "state": errors.StateError("/home/state.db", "is no database"),
    "interrupted": errors.Interrupted("stopped"),
    "ctrl-c": KeyboardInterrupt(),
    "exit": SystemExit(1),
    "click-exit": click.exceptions.Exit(1),
    "bug": KeyError("oops\nsecond line"),
    "unreadable": PermissionError(13, "Permission denied", "/x"),
}


@click.command()
@click.argument("how", type=click.Choice(list(RAISED)))
def end(how: str) -> None:
    error = RAISED[how]
    if error is not None:
        raise error


@click.command()
@click.argument("code", type=int)
def give(code: int) -> int:
    return code


@click.command()
def shout() -> None:
    for _ in range(10_000):
        print("a line that nobody reads any more")


@click.command()
def show_name() -> None:
    print(os.fsdecode(b"\xff"), "日本", file=sys.stdout)
