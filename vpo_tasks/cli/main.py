"""The `vpo` command: a table of commands, each imported when it is typed, and the one error boundary."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple, TextIO

import click

from vpo_tasks import __version__
from vpo_tasks.errors import EXIT_BUG, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, VpoError
from vpo_tasks.report.text import describe_error, escape, escape_lines

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class Command(NamedTuple):
    """Where a command is, and its line in `vpo --help`, kept here so that help imports none of them."""

    module: str
    attribute: str
    short_help: str


COMMANDS = {
    "process": Command("vpo_tasks.cli.process", "process", "Bring videos in line with a policy."),
    "plan": Command("vpo_tasks.cli.plan", "plan", "Plan what would be done, into a file if you like."),
    "apply": Command("vpo_tasks.cli.plan", "apply", "Carry out a plan made before, exactly."),
    "status": Command("vpo_tasks.cli.status", "status", "Show where a library stands."),
    "why": Command("vpo_tasks.cli.why", "why", "Say why a video would be processed, or not."),
    "inspect": Command("vpo_tasks.cli.inspect", "inspect", "Show what is in a video."),
    "policy": Command("vpo_tasks.cli.policy", "policy", "Check, show and compare policies."),
    "undo": Command("vpo_tasks.cli.undo", "undo", "Take back what a run did, as far as originals are kept."),
    "init": Command("vpo_tasks.cli.init", "init", "Make a folder ready for `doit` and `vpo process`."),
    "doctor": Command("vpo_tasks.cli.doctor", "doctor", "Show the tools found and what is missing."),
    "demo": Command("vpo_tasks.cli.demo", "demo", "See it at work on a small library made on the spot."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports only the one asked for."""

    def __init__(self, table: Mapping[str, Command], **settings: Any) -> None:
        super().__init__(**settings)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click\'s
        """Return the names in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the signature is click\'s
        """Import and return a command; None for a name that is not in the table."""
        entry = self.table.get(cmd_name)
        if entry is None:
            return None
        command = getattr(import_module(entry.module), entry.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.module}.{entry.attribute} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the signature is click\'s
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.short_help) for name, entry in self.table.items()])


def make_group(table: Mapping[str, Command]) -> click.Group:
    """Return the top command over `table`."""
    version = click.version_option(
        __version__, "-V", "--version", prog_name="vpo", message="%(prog)s %(version)s"
    )
    group = LazyGroup(
        table,
        name="vpo",
        help="Bring a library of videos in line with a policy, in parallel, and never do anything twice.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        callback=lambda: None,
    )
    return version(group)


def main(argv: Sequence[str] | None = None, table: Mapping[str, Command] = COMMANDS) -> int:
    """Run one command line and return its exit code; never raises."""
    _occupy_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that is not UTF-8 gets escapes, not a crash
            stream.reconfigure(errors="backslashreplace")
    try:
        arguments = None if argv is None else list(argv)
        code = make_group(table).main(args=arguments, prog_name="vpo", standalone_mode=False)
        sys.stdout.flush()
    except VpoError as error:
        _say(describe_error(error))
        return error.exit_code
    except click.Abort:
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        _say_usage(error)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _discard(sys.stdout)
        return EXIT_FAILED
    except SystemExit as error:
        return _exit_code(error.code)
    except Exception as error:  # noqa: BLE001 - the boundary: whatever is left is a bug of ours
        if isinstance(error, OSError) and error.errno in _NO_ROOM and error.filename is None:
            _discard(sys.stdout)
            _say(f"error: standard output: {error.strerror}")
            return EXIT_FAILED
        _say(_report_bug(error))
        return EXIT_BUG
    return _exit_code(code)


def _occupy_standard_streams() -> None:
    """Let what was closed (`>&-`) lead nowhere: else a file of ours gets its number, and we no stream."""
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8")


def _exit_code(code: object) -> int:
    return code if isinstance(code, int) and not isinstance(code, bool) else EXIT_OK


def _say(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):  # nobody listens any more
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    from vpo_tasks.report.console import discard  # only who has lost a reader pays for it

    discard(stream)


def _say_usage(error: click.ClickException) -> None:
    context = error.ctx if isinstance(error, click.UsageError) else None
    if type(error).__name__ == "NoArgsIsHelpError":  # click 8.2 on: its message is the whole help
        _say(error.format_message())
        return
    if context is not None:
        _say(context.get_usage())
        _say(f"Try 'vpo{_subcommand(context)} --help'.")
    _say(f"error: {escape(error.format_message())}")


def _subcommand(context: click.Context) -> str:
    return context.command_path.removeprefix("vpo")


def _report_bug(error: Exception) -> str:
    """Append the traceback to the log and return the line for a person."""
    from vpo_tasks.report.buglog import bug_details, bug_text, write_bug  # only a bug pays for it

    path = write_bug(error, _log_path(), repr(sys.argv))
    line = f"error: this is a bug in vpo: {escape(bug_text(error))}"
    return f"{line} (details in {escape(path)})" if path else escape_lines(bug_details(error)) + line


def _log_path() -> str:
    from vpo_tasks.config import VPOConfig, load_config  # only a bug pays for it

    try:
        return load_config().log_path
    except VpoError:
        return VPOConfig(os.path.abspath(os.path.expanduser(os.environ.get("VPO_HOME") or "~/.vpo"))).log_path


if __name__ == "__main__":
    sys.exit(main())
