"""Which folders hold an undo store: an index only, for what lies in a store says all that undoing needs."""

from __future__ import annotations

import os
import time

from vpo_tasks.disk import UNDO_FOLDER
from vpo_tasks.state.pool import DaemonConnectionPool


class UndoFolders:
    """Folders of videos with something to undo, and when the oldest of it was done. Safe from any thread."""

    def __init__(self, pool: DaemonConnectionPool) -> None:
        self._pool = pool

    def note(self, video: bytes) -> None:
        """Take in the folder of a video that was just processed, if there is a store in it."""
        folder = os.path.dirname(video)
        if os.path.isdir(os.path.join(folder, UNDO_FOLDER)):
            self._pool.execute_write(
                "INSERT OR IGNORE INTO undo_folders (folder, since) VALUES (?, ?)", (folder, time.time())
            )

    def folders(self, before: float | None = None) -> list[bytes]:
        """Return the folders, or those with something older than a time (seconds since the epoch)."""
        if before is None:
            rows = self._pool.execute_read("SELECT folder FROM undo_folders ORDER BY folder")
        else:
            rows = self._pool.execute_read("SELECT folder FROM undo_folders WHERE since < ?", (before,))
        return [row[0] for row in rows]

    def update(self, oldest: dict[bytes, float | None]) -> None:
        """Take over when the oldest entry of each folder was made; None: nothing is left in it."""
        with self._pool.transaction() as connection:
            for folder, since in oldest.items():
                if since is None:
                    connection.execute("DELETE FROM undo_folders WHERE folder = ?", (folder,))
                else:
                    connection.execute("UPDATE undo_folders SET since = ? WHERE folder = ?", (since, folder))
