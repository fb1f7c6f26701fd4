"""What a run would do with videos that are recorded, but not as complying: planned as in a dry run.

In words for `vpo status`, so that videos of which the same is asked fall into one group. No video is opened.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from vpo_tasks.errors import ToolMissing
from vpo_tasks.report.summary import STEP_WORDS

if TYPE_CHECKING:
    from vpo_tasks.report.result import FileProcessingResult
    from vpo_tasks.tasks.batch import BatchController
    from vpo_tasks.tasks.run import Run
    from vpo_tasks.tasks.survey import Stale


def reason_of(phase: str | None, error: str) -> str:
    """Return why a video fails, so that the same trouble in two videos reads the same: numbers left out."""
    prefix = f"phase {phase}: " if phase else ""
    return prefix + re.sub(r"\d+", "…", " ".join(error.split()))


def look_ahead(run: Run) -> dict[bytes, str | None]:
    """Return why each recorded video is to do, by path; None: the policy in force asks nothing of it.

    Of a video that is not in the answer only a look into it can tell.
    """
    recorded = [item for item in run.survey.stale if item.verdict == "replan"]
    if not recorded:
        return {}
    controller = run.controller(take_odd=False)
    try:
        controller.processor()
        return _plan_all(recorded, controller)
    except ToolMissing as error:  # a run would end here
        return {item.found.path: f"cannot be planned: {error}" for item in recorded}
    finally:
        controller.close()


def _plan_all(items: list[Stale], controller: BatchController) -> dict[bytes, str | None]:
    from vpo_tasks.tasks.rehearsal import foretell  # planning: only where something is to plan

    whys: dict[bytes, str | None] = {}
    goes_to: dict[bytes, bytes] = {}

    def tell(result: FileProcessingResult) -> None:
        path = os.fsencode(result.path)
        whys[path] = _why(result)
        if result.final_path is not None:
            goes_to[path] = os.fsencode(result.final_path)

    # a dry run looks into the rivals for a name; here what is recorded of them decides, below
    alone = [item._replace(rivals=()) for item in items]
    for recorded in controller.recorded(alone):
        if recorded.media is not None and not foretell(recorded, recorded.media, controller, tell):
            whys[recorded.stale.found.path] = None
    for item in items:
        path = item.found.path
        if item.rivals and goes_to.get(path, path) != path and _is_contested(item, goes_to):
            whys[path] = "would fail: another video has or would get the same name"
    return whys


def _is_contested(item: Stale, goes_to: dict[bytes, bytes]) -> bool:
    name = os.path.basename(goes_to[item.found.path])
    return any(os.path.basename(goes_to.get(rival, rival)) == name for rival in item.rivals)


def _why(result: FileProcessingResult) -> str | None:
    if result.status == "changed":
        phases = list(dict.fromkeys(change.phase for change in result.changes))
        noun = "phase" if len(phases) == 1 else "phases"
        return f"to be changed by {STEP_WORDS.get(result.step, result.step)} ({noun} {', '.join(phases)})"
    if result.status == "failed":
        return f"would fail: {reason_of(result.failed_phase, result.error or 'failed')}"
    if result.status == "skipped":
        return f"would be skipped: {result.reason}"
    if result.final_path not in (None, result.path):
        return "as the policy says, to be copied to the output folder"
    return None
