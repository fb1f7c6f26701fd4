"""The rule that says whether a video is up to date: the only place, for the bulk check and for each task.

Accelerators (library/quick_check.py, the sets of library/bulk_check.py) say only "unchanged since judged".

Standard library only. Integers are as SQLite keeps them (`signed`), so that both sides compare as they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Literal

from vpo_tasks.media.identity import Identity
from vpo_tasks.state.recorded import RecordedState, head_tail_digest
from vpo_tasks.state.store import Store

Verdict = Literal["up-to-date", "replan", "same-file", "changed", "new"]
"""`replan`: the video is as recorded, the policy is not. `same-file`: size and mtime are as recorded, device
or inode are not; the fingerprint decides. `changed` and `new`: the video must be inspected."""


def judge(known: RecordedState | None, found: RecordedState) -> Verdict:
    """Return the verdict on a video found with this identity; `found.digest` is of the policy in force."""
    if known is None:
        return "new"
    if found == known:
        return "up-to-date"
    if found.size != known.size or found.mtime_ns != known.mtime_ns:
        return "changed"
    if found.inode != known.inode or found.device != known.device:
        return "same-file"
    return "replan"


def verdict_on(
    path: bytes, identity: Identity, digest: bytes, store: Store, record: RecordedState | None
) -> Verdict:
    """Return the verdict on one video that is there with this identity, under the policy in force, `digest`.

    `same-file` is decided here, by the recorded sample of head and tail; a new device or inode of the same
    video is then recorded.
    """
    verdict = judge(record, RecordedState.of(identity, digest))
    if verdict != "same-file" or record is None:
        return verdict
    details = store.details(path)
    if details is None or details.fingerprint is None or details.fingerprint != head_tail_digest(path):
        return "changed"
    store.adopt(path, identity)
    return "up-to-date" if record.digest == digest else "replan"


def is_made(verdict: Verdict, made: Iterable[tuple[bytes, RecordedState]], digest: bytes) -> bool:
    """Tell whether a video and what was made of it in an output folder are up to date.

    `made` are the targets with what is recorded of them; one that is as made for this policy will do.
    """
    return verdict in {"up-to-date", "replan"} and any(
        _is_as_made(path, record, digest) for path, record in made
    )


def _is_as_made(target: bytes, record: RecordedState, digest: bytes) -> bool:
    if record.digest != digest:
        return False
    try:
        here = RecordedState.of_status(os.stat(target), digest)
    except OSError:
        return False
    return judge(record, here) == "up-to-date"
