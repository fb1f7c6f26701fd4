"""What a store has recorded of videos, as a test compares it."""

from __future__ import annotations

from vpo_tasks.state.store import Store
from vpo_tasks.state.up_to_date import RecordedState


def known_videos(store: Store, below: bytes = b"/") -> dict[bytes, RecordedState]:
    """Return what is recorded of a folder and everything below it, by path."""
    return {row[0]: RecordedState._make(row[1:]) for row in store.records_below(below)}
