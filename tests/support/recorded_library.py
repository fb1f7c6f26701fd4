"""A library of which only the records matter: its files hold a few bytes, what is in them stands in the database."""

from __future__ import annotations

import io
import os
from pathlib import Path

from vpo_tasks.config import VPOConfig
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.report.console import Console
from vpo_tasks.run.context import RunContext, RunOptions
from vpo_tasks.run.opening import open_run
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store
from vpo_tasks.state.up_to_date import head_tail_digest

ENGLISH_ONLY = """schema_version: 13
name: films
phases:
  - name: sound
    keep_audio: {languages: [eng], fallback: {mode: keep_all}}
"""


class RecordedLibrary:
    """A folder with a policy, a state folder, and runs over them. `said` holds what was told."""

    def __init__(self, root: Path) -> None:
        self.media = root / "media"
        self.media.mkdir()
        self.config = VPOConfig(str(root / "state"))
        self.said = io.StringIO()
        self.console = Console(self.said, self.said)
        self.write_policy(ENGLISH_ONLY)

    def write_policy(self, text: str) -> None:
        (self.media / "policy.yaml").write_text(text)

    def pool(self) -> DaemonConnectionPool:
        return DaemonConnectionPool(self.config.database_path)

    def add(
        self, name: str, holds: MediaInfo | None = None, *, size: int = 100, digest: bytes | None = None
    ) -> Path:
        """Add a file; recorded with what it `holds`, and as compliant under `digest`."""
        path = self.media / name
        path.write_bytes(os.fsencode(name).ljust(size, b"."))
        if holds is not None:
            with self.pool() as pool:
                Store(pool).record(
                    os.fsencode(path),
                    Identity.of(path.stat()),
                    digest=digest,
                    media=holds,
                    fingerprint=head_tail_digest(os.fsencode(path)),
                    status="unchanged",
                )
        return path

    def open(self, *paths: Path, **options: object) -> RunContext:
        """Open a run over the folder, or over `paths`."""
        asked = RunOptions(**options)  # type: ignore[arg-type]
        return open_run([str(path) for path in paths or (self.media,)], asked, self.config, self.console)

    def digest(self) -> bytes:
        """Return the digest of the policy in force."""
        (self.media / "x.mkv").write_bytes(b"x")
        try:
            with self.open() as run:
                return run.digest
        finally:
            (self.media / "x.mkv").unlink()
