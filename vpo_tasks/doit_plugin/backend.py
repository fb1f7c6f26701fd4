"""doit's BACKEND over the state database: a video's record is the state of record, in one place.

What doit asks of a video task is answered from its record, and what doit saves of it is dropped: the run
writes the record itself, per video, at once (doit would write at the end of the run). Other tasks of a
user's dodo.py are kept in a table of their own, also written at once.
"""

from __future__ import annotations

import json
import os
from typing import Any

from doit.dependency import FileChangedChecker

from vpo_tasks.doit_plugin.host import Host, current_host
from vpo_tasks.doit_plugin.video_tasks import TASK, relative_path
from vpo_tasks.state.up_to_date import RecordedState

_VIDEO = f"{TASK}:"


class IdentityChecker(FileChangedChecker):  # type: ignore[misc]
    """Compares identity (device, inode, size, mtime), never content; an action may consume its file."""

    def exists(self, file_path: str) -> bool:
        return os.path.exists(file_path)

    def info(self, file_path: str) -> os.stat_result | None:
        """Return the stat result; None for a file that is gone, which the task then reports as vanished."""
        try:
            return os.stat(file_path)
        except OSError:
            return None

    def check_modified(self, _path: str, file_stat: os.stat_result | None, state: list[int]) -> bool:
        """Tell whether the file is another than `state` says."""
        return file_stat is None or _identity(file_stat) != list(state)

    def get_state(self, dep: str, _current_state: object) -> list[int] | None:
        """Return the identity; None when the action consumed the file (avi → mkv)."""
        status = self.info(dep)
        return None if status is None else _identity(status)


def _identity(status: os.stat_result) -> list[int]:
    return list(RecordedState.of_status(status, None)[:4])


class VpoBackend:
    """What doit's Dependency asks of a database."""

    desc = "vpo's state database"

    def __init__(self, name: str, codec: object = None, *, module_name: str | None = None) -> None:
        del codec, module_name  # values are kept as JSON, and the database's place is not doit's to choose
        self.name = name
        self._host: Host = current_host()
        self._scope = f"{os.fsdecode(self._host.root)}|"
        self._others: dict[str, dict[str, Any]] = {}

    def get(self, task: str, key: str) -> Any:
        """Return one saved value of a task, or None."""
        if not task.startswith(_VIDEO) or key == "ignore:":
            return self._values(task).get(key)
        if key == "checker:":
            return IdentityChecker.__name__
        if not os.path.isabs(key):
            return None
        known = self._known(task)
        return list(known[:4]) if known is not None else None

    def set(self, task: str, key: str, value: Any) -> None:
        """Save one value at once."""
        if task.startswith(_VIDEO) and key != "ignore:":
            return
        self._values(task)[key] = value
        self._host.store.save_doit_value(self._scoped(task), key, json.dumps(value))

    def in_(self, task: str) -> bool:
        """Tell whether anything is saved of a task."""
        return bool(self._values(task)) or (task.startswith(_VIDEO) and self._known(task) is not None)

    def remove(self, task: str) -> None:
        """Forget a task. While a run is on, a failed video's record is the run's business."""
        if task.startswith(_VIDEO):
            if not self._host.running:
                self._host.store.forget(self._path(task))
                self._forget(task)
        else:
            self._forget(task)

    def remove_all(self) -> None:
        """Forget every task of this library."""
        self._host.store.forget_below(self._host.root)
        self._host.store.forget_doit(_safe(self._scope))
        self._others = {}

    def dump(self) -> None:
        """Nothing is left to write: everything was written when it happened."""

    def _forget(self, task: str) -> None:
        self._others.pop(task, None)
        self._host.store.forget_doit(_safe(self._scope), self._scoped(task))

    def _values(self, task: str) -> dict[str, Any]:
        if task not in self._others:
            saved = self._host.store.doit_values(self._scoped(task))
            self._others[task] = {key: json.loads(value) for key, value in saved.items()}
        return self._others[task]

    def _scoped(self, task: str) -> str:
        return _safe(self._scope + task)

    def _known(self, task: str) -> RecordedState | None:
        return self._host.store.known_video(self._path(task))

    def _path(self, task: str) -> bytes:
        return os.path.join(self._host.root, relative_path(task[len(_VIDEO) :]))


def _safe(text: str) -> str:
    """Return text that SQLite can hold: a folder's name may be no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
