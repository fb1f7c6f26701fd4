"""doit's LOADER: caps `-n`, maps `--continue`, and makes tasks only for what the bulk check calls stale.

It extends doit's own dodo.py loader, so a user's further tasks go on working.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from doit.cmd_base import DodoTaskLoader

from vpo_tasks.doit_plugin.host import current_host
from vpo_tasks.doit_plugin.session import Library, raise_exit
from vpo_tasks.errors import UsageError
from vpo_tasks.trusted import Refused, open_file


class VpoLoader(DodoTaskLoader):  # type: ignore[misc]
    """Chosen by `loader = vpo` in the doit.cfg that `vpo init` writes."""

    desc = "vpo: videos as tasks, workers capped at half the cores"

    def setup(self, opt_values: Any) -> None:
        """Import the dodo.py; keep the command's options, which DOIT_CONFIG is merged into later."""
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a name that is no UTF-8
        self._options = opt_values
        self._refuse_anothers(opt_values)
        super().setup(opt_values)

    @staticmethod
    def _refuse_anothers(opt_values: Any) -> None:
        """End the run when what lies here is another user's: a dodo.py is a program, and would be run."""
        found = {"doit.cfg": "; make it yours, or run vpo process"}
        if "dodoFile" not in opt_values._non_default_keys:  # noqa: SLF001 - doit offers no other way to tell
            dodo = os.path.join(opt_values["cwdPath"] or "", opt_values["dodoFile"])
            found[dodo] = "; name it with -f to use it all the same"
        for path, hint in found.items():
            try:
                with open_file(path, named=False):
                    pass
            except Refused as error:
                raise_exit(UsageError(f"{os.path.abspath(path)}: {error.strerror}{hint}"))
            except OSError:
                continue  # doit says so, if it misses it

    def load_tasks(self, cmd: Any, pos_args: list[str]) -> list[Any]:
        """Return the tasks the command needs."""
        try:
            host = current_host()
        except UsageError:
            return super().load_tasks(cmd, pos_args)  # type: ignore[no-any-return] # no videos in this dodo.py
        if isinstance(host, Library) and cmd.execute_tasks:
            self._prepare_run(host, pos_args)
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
