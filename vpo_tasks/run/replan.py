"""After a policy edit: what is stored of each video is planned again in bulk, before any task is made.

A video that complies all the same is recorded with the new digest and never opened; only the others go on.
"""

from __future__ import annotations

from vpo_tasks.run.batch import BatchController
from vpo_tasks.run.context import RunContext


def without_compliant(run: RunContext, controller: BatchController) -> RunContext:
    """Return the run without the videos that comply by what is stored of them; they are recorded so."""
    if run.options.force:
        return run
    stale = run.survey.stale
    suspects = {item.found.path for item in stale if item.verdict == "replan" and item.target is None}
    processor = controller.processor()
    compliant = {
        path for path, media in run.store.stored_media(sorted(suspects)) if processor.complies(path, media)
    }
    if not compliant:
        return run
    run.store.comply(sorted(compliant), run.digest)
    controller.count_unchanged(len(compliant))
    left = [item for item in stale if item.found.path not in compliant]
    return run._replace(survey=run.survey._replace(stale=left))
