"""After a policy edit: what is stored of each video is planned again in bulk, before any task is made.

A video that complies all the same is recorded with the new digest and never opened; only the others go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vpo_tasks.library.bulk_check import Stale
    from vpo_tasks.run.processor import WorkflowProcessor
    from vpo_tasks.state.store import Store


def record_compliant(
    stale: list[Stale], store: Store, processor: WorkflowProcessor, digest: bytes
) -> list[Stale]:
    """Return what is left to look at; what complies by its stored MediaInfo is recorded at once."""
    suspects = {item.found.path for item in stale if item.verdict == "replan" and item.target is None}
    compliant = [
        path for path, media in store.stored_media(sorted(suspects)) if processor.complies(path, media)
    ]
    if not compliant:
        return stale
    store.comply(compliant, digest)
    done = set(compliant)
    return [item for item in stale if item.found.path not in done]
