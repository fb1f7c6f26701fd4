"""doit's LOADER: caps `-n`, maps `--continue`, and makes tasks only for what the bulk check calls stale.

It extends doit's own dodo.py loader, so a user's further tasks go on working.
"""

from __future__ import annotations

import sys
from typing import Any

from doit.cmd_base import DodoTaskLoader

from vpo_tasks.errors import UsageError
from vpo_tasks.tasks.door import current_door
from vpo_tasks.tasks.library import Library


class VpoLoader(DodoTaskLoader):  # type: ignore[misc]
    """Chosen by `loader = vpo` in the doit.cfg that `vpo init` writes."""

    desc = "vpo: videos as tasks, workers capped at half the cores"

    def setup(self, opt_values: Any) -> None:
        """Import the dodo.py; keep the command's options, which DOIT_CONFIG is merged into later."""
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a name that is no UTF-8
        self._options = opt_values
        super().setup(opt_values)

    def load_tasks(self, cmd: Any, pos_args: list[str]) -> list[Any]:
        """Return the tasks the command needs."""
        try:
            door = current_door()
        except UsageError:
            return super().load_tasks(cmd, pos_args)  # type: ignore[no-any-return] # no videos in this dodo.py
        if isinstance(door, Library) and cmd.execute_tasks:
            self._prepare_run(door, pos_args)
        return super().load_tasks(cmd, pos_args)  # type: ignore[no-any-return]

    def _prepare_run(self, library: Library, names: list[str]) -> None:
        options = self._options
        options["par_type"] = "thread"
        options["num_process"] = library.clamp(max(1, options["num_process"]))
        mode: Any = None
        if "continue" in options._non_default_keys:  # noqa: SLF001 - doit offers no other way to tell
            mode = "skip" if options["continue"] else "fail"
        options["continue"] = library.decide_on_error(mode) != "fail"
        if options["always"]:
            library.retry_failed()
        else:
            library.select(names)
