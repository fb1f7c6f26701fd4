"""The file's modification time: `file_timestamp` (policy-format 3.12)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timezone

from vpo_tasks.plan.draft import Draft, Refusal, Scope
from vpo_tasks.plan.model import Context, Value
from vpo_tasks.policy.model import FileTimestamp

_OPERATION = "file_timestamp"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_FIELDS = {
    "radarr": ("release_date", "digital_release", "physical_release", "cinema_release"),
    "sonarr": ("release_date", "air_date", "premiere_date"),
}


def set_timestamp(draft: Draft, operation: FileTimestamp, scope: Scope, context: Context) -> None:
    """Plan the modification time. Raise Refusal when a release date is asked for and nobody knows."""
    if operation.mode != "release_date":
        draft.keep_mtime = operation.mode == "preserve"
        return
    if context.metadata is None:
        raise Refusal(_OPERATION, "needs release_date, not available yet")
    date = release_date(context.metadata, operation.date_source)
    if date is None:
        draft.keep_mtime = operation.fallback == "preserve"
        return
    wanted = date.timestamp()
    draft.keep_mtime = context.mtime_s is not None and abs(context.mtime_s - wanted) < 1
    draft.mtime_s = None if draft.keep_mtime else wanted
    draft.note((None, "timestamp"), scope.cause(_OPERATION, f"released on {date:%Y-%m-%d}"))


def release_date(metadata: dict[str, dict[str, Value]], source: str) -> datetime | None:
    """Return midnight UTC of the release, or None."""
    for plugin, field in _candidates(metadata, source):
        value = metadata.get(plugin, {}).get(field)
        if isinstance(value, str) and _DATE.fullmatch(value):
            try:
                return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=timezone.utc)
            except ValueError:
                return None
    return None


def _candidates(metadata: dict[str, dict[str, Value]], source: str) -> Iterator[tuple[str, str]]:
    """Yield where to look, best first; `auto` follows the source that the metadata itself names."""
    plugins: tuple[str, ...] = (source,) if source != "auto" else ("radarr", "sonarr")
    if source == "auto":
        named = [p for p in plugins if metadata.get(p, {}).get("external_source") == p]
        plugins = tuple(named) or plugins
    for plugin in plugins:
        for field in _FIELDS[plugin]:
            yield plugin, field
