"""One run over some videos: what becomes of a mistake of ours."""

from __future__ import annotations

import io
import os
from typing import Any, cast

from vpo_tasks.library.bulk_check import Stale
from vpo_tasks.library.discover import Found
from vpo_tasks.media.identity import Identity
from vpo_tasks.report.console import Console
from vpo_tasks.report.progress import ProgressTracker
from vpo_tasks.report.result import FileProcessingResult
from vpo_tasks.run.batch import BatchController, BatchSettings
from vpo_tasks.run.failure_memory import FailureMemory
from vpo_tasks.state.failures import Failures
from vpo_tasks.state.measurements import Measurements
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store
from vpo_tasks.state.undo_folders import UndoFolders


class Unrecordable:
    """A processor that says of every video what no database holds."""

    def process(self, job):
        return FileProcessingResult(job.path, "changed", job.path, identity=Identity(1, 1, 1 << 70, 1))

    def kill(self):
        """End the tools: it has none."""


def test_a_bug_while_a_video_is_recorded_is_told_as_one_and_not_passed_over(tmp_path):
    path = tmp_path / "a.mkv"
    path.write_bytes(b"x")
    said = io.StringIO()
    settings = BatchSettings(1, 1, "skip", b"d" * 16, ("p",), log_path=str(tmp_path / "vpo.log"))
    with DaemonConnectionPool(str(tmp_path / "state.db")) as pool:
        controller = BatchController(
            settings,
            Store(pool),
            Console(said, said),
            ProgressTracker(1),
            lambda _: cast("Any", Unrecordable()),
            memory=FailureMemory(Failures(pool), b"d" * 16, str),
            undo=UndoFolders(pool),
            measurements=Measurements(pool),
        )
        found = Found(os.fsencode(path), 1, 1, 1, 1, 1, 1)
        result = controller.handle(Stale(found, "new"))
    assert result.status == "failed"
    assert result.error.startswith("a bug in vpo: OverflowError")
    assert controller.has_bug
    assert controller.batch_result(1, 0).fail_count == 1
    assert "OverflowError" in (tmp_path / "vpo.log").read_text()
