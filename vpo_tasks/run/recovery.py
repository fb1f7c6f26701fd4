"""What a crashed run left in the folders of this one: settled before anything else is looked at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vpo_tasks.disk.locks import path_key
from vpo_tasks.disk.sidecars import id_of
from vpo_tasks.disk.space import SpaceLedger
from vpo_tasks.execute.recover import recover_all
from vpo_tasks.execute.work import Environment
from vpo_tasks.media.probe import ProbePool
from vpo_tasks.tools.running import Children
from vpo_tasks.tools.toolbox import find_tools

if TYPE_CHECKING:
    from vpo_tasks.config import VPOConfig
    from vpo_tasks.library.bulk_check import Survey
    from vpo_tasks.report.console import Console
    from vpo_tasks.state.store import Store


def recover_private(
    private: Sequence[bytes], config: VPOConfig, store: Store, console: Console
) -> tuple[str, ...]:
    """Settle what the `.vpo-…` files speak of. Return a line for each video concerned, already shown."""
    notes: list[str] = []
    with ProbePool(1) as probes:
        environment = Environment(
            toolbox=find_tools(),
            children=Children(),
            probes=probes,
            ledger=SpaceLedger(config.safety.min_free),
            locks_dir=config.locks_path,
        )
        for note in recover_all(private, environment):
            if note.outcome == "in-hand":
                continue
            store.invalidate(os.fsencode(note.path))
            text = f"{note.path}: {note.detail}"
            notes.append(text)
            if note.outcome == "kept":
                console.warning(f"an interrupted change: {text}")
            else:
                console.message(f"recovered: {text}")
    return tuple(notes)


def recover_output(
    private: Sequence[bytes], survey: Survey, config: VPOConfig, store: Store, console: Console
) -> tuple[str, ...]:
    """Do as `recover_private` with what lies in an output folder, but for what videos of this run settle.

    Of the others the source was renamed, converted or deleted since, or is not to be worked on: nothing of
    this run would lead there.
    """
    ours = {path_key(os.fsdecode(item.found.path)) for item in survey.stale}
    keys = ((path, id_of(os.path.basename(path))) for path in private)
    left = [path for path, id_ in keys if id_ is not None and id_[:16] not in ours]
    return recover_private(left, config, store, console) if left else ()
