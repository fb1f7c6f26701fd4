"""What a crashed run left in the folders of this one: settled before anything else is looked at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vpo_tasks.execute.recover import recover_all
from vpo_tasks.execute.run_tool import Children
from vpo_tasks.execute.space import SpaceLedger
from vpo_tasks.execute.tools import find_tools
from vpo_tasks.execute.work import Kit
from vpo_tasks.media.probe import ProbePool

if TYPE_CHECKING:
    from vpo_tasks.config import VPOConfig
    from vpo_tasks.report.console import Console
    from vpo_tasks.state.store import Store


def recover_private(
    private: Sequence[bytes], config: VPOConfig, store: Store, console: Console
) -> tuple[str, ...]:
    """Settle what the `.vpo-…` files speak of. Return a line for each video concerned, already shown."""
    notes: list[str] = []
    with ProbePool(1) as probes:
        kit = Kit(
            toolbox=find_tools(),
            children=Children(),
            probes=probes,
            ledger=SpaceLedger(config.safety.min_free),
            locks_dir=config.locks_path,
        )
        for note in recover_all(private, kit):
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
