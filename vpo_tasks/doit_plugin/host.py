"""How doit's plugins find each other.

doit makes its loader, backend and reporter itself and has no way to hand anything from one to the next; the
library that the loader (or a bare dodo.py) opened is therefore kept here, once a process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from vpo_tasks.errors import UsageError

if TYPE_CHECKING:
    from vpo_tasks.state.store import Store


class Host(Protocol):
    """A library opened through doit. `root` is the media folder; `running` is true while tasks execute."""

    root: bytes
    running: bool

    @property
    def store(self) -> Store: ...

    def begin(self) -> None:
        """Tasks are about to run."""

    def up_to_date(self, task: Any) -> None:
        """doit found a video's task up to date."""

    def finish(self, *, is_only_ours: bool) -> None:
        """No task will run any more. `is_only_ours`: whatever failed was a video, or waited for one."""


_hosts: list[Host] = []


def set_host(host: Host) -> None:
    """Make `host` the one that the plugins find."""
    _hosts[:] = [host]


def current_host() -> Host:
    """Return the open library. Raises UsageError when there is none."""
    if not _hosts:
        raise UsageError("the vpo backend needs vpo's tasks: see the dodo.py that `vpo init` writes")
    return _hosts[0]
