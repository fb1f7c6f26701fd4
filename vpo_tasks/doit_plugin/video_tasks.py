"""Videos as doit tasks, under names that are readable, unique, and made of what doit and a shell take."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from doit.exceptions import TaskError, TaskFailed

from vpo_tasks.library.bulk_check import Stale
from vpo_tasks.media.identity import Identity
from vpo_tasks.run.batch import BatchController
from vpo_tasks.state.store import Store
from vpo_tasks.state.up_to_date import is_made, verdict_on

TASK = "process"

# doit refuses `=`, expands `*`, and reads a leading `-` as an option; `%` is the escape itself; control
# characters, what turns the reading direction and bytes that are no UTF-8 would reach the terminal
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069%=*?\[\]\udc80-\udcff]|^-|^_"
)
_ESCAPED = re.compile(rb"%([0-9A-F]{2})")


def task_name(relative: bytes) -> str:
    """Return the name under `process:` for a path relative to the library, or a whole path; percent-encoded
    where needed."""
    text = os.fsdecode(relative)
    return _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in os.fsencode(match[0])), text)


def relative_path(name: str) -> bytes:
    """Return the path a name stands for: the inverse of `task_name`."""
    return _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), os.fsencode(name))


def full_name(relative: bytes) -> str:
    """Return doit's name of a video's task."""
    return f"{TASK}:{task_name(relative)}"


class VideoTasks:
    """Makes the doit task of a video. `controller` is asked for when the first action runs, not before.

    A video below `root` is named by its path from there, any other by its whole path: no two have one name.
    """

    def __init__(
        self,
        store: Store,
        digest: bytes,
        controller: Callable[[], BatchController],
        *,
        root: bytes | None = None,
    ) -> None:
        self._store = store
        self._digest = digest
        self._controller = controller
        self._prefix = None if root is None else root.rstrip(b"/") + b"/"
        self._process = os.getpid()

    def dicts(self, items: Iterable[Stale], *, stale: Collection[bytes]) -> Iterator[dict[str, Any]]:
        """Yield what a `task_process` generator yields; `stale` are the paths the bulk check calls stale."""
        for item in items:
            yield self.task(item) | {"meta": {"stale": item.found.path in stale}}

    def task(self, item: Stale) -> dict[str, Any]:
        """Return the task of one video: its file is the dependency, its target only under --output.

        In-place work has no target: a file that is dependency and target of one task is a cycle to doit.
        """
        path = os.fsdecode(item.found.path)
        return {
            "name": task_name(self._relative(item.found.path)),
            "doc": None,
            "file_dep": [path],
            "targets": self._targets(item),
            "actions": [(self._act, [item])],
            "uptodate": [_Recorded(self, item)],
            # doit would swap sys.stdout for the whole process, under every other thread's feet
            "io": {"capture": False},
            "clean": [],
        }

    def is_up_to_date(self, item: Stale) -> bool:
        """The same judgement as the bulk check's, for one video, on what is there now."""
        try:
            status = os.stat(item.found.path)
        except OSError:
            return False
        record = self._store.known_video(item.found.path)
        verdict = verdict_on(item.found.path, Identity.of(status), self._digest, record, self._store.adopt)
        if item.target is None:
            return verdict == "up-to-date"
        return is_made(verdict, self._store.targets_of(item.found.path).items(), self._digest)

    def _relative(self, path: bytes) -> bytes:
        if self._prefix is None or not path.startswith(self._prefix):
            return path  # of another folder searched, or reached through a link
        return path[len(self._prefix) :]

    def _targets(self, item: Stale) -> list[str]:
        if item.target is None or item.rivals:
            return []  # doit aborts the whole run over a target with two sources; here only those videos fail
        made = sorted(self._store.targets_of(item.found.path))
        # where it went the last time, if it went anywhere: the container decides about the extension
        return [os.fsdecode(made[0] if made else item.target)]

    def _act(self, item: Stale) -> bool | TaskFailed | TaskError:
        if os.getpid() != self._process:  # a fork has our locks and connections in an unknown state
            return TaskError("videos are processed by threads of one process: leave out `-P process`")
        result = self._controller().handle(item)
        if result is None:
            return TaskFailed("not started: the run is stopping", report=False)
        if result.failed_before:
            return True  # nothing was tried: it neither stops the run nor holds back a user's further tasks
        if result.status == "failed":
            # told already, in full; doit only needs to know
            return TaskFailed(result.error or "failed", report=False)
        return True


class _Recorded:
    """The up-to-date check of one video, with a name a person understands in `doit info`."""

    def __init__(self, tasks: VideoTasks, item: Stale) -> None:
        self._tasks = tasks
        self._item = item

    def __call__(self) -> bool:
        return self._tasks.is_up_to_date(self._item)

    def __repr__(self) -> str:
        command = f"vpo why {shlex.quote(os.fsdecode(self._item.found.path))}"
        return f"the video is as recorded, and recorded as compliant with the policy in force ({command})"
