"""A draft against its source → the plan: the net difference, each part with its cause."""

from __future__ import annotations

import msgspec

from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.plan.containers import UNWRITABLE_TAGS, file_cause, is_changed, is_webm
from vpo_tasks.plan.draft import Cause, Draft
from vpo_tasks.plan.model import Change, PhaseOutcome, Plan, PlanFailure, Stream, Value
from vpo_tasks.plan.names import name_track, short_name
from vpo_tasks.plan.rules_order import TRAILING


def build_plan(draft: Draft, phases: tuple[PhaseOutcome, ...], failures: tuple[PlanFailure, ...]) -> Plan:
    """Return the plan that leads from the source to the draft."""
    result = source = draft.source
    streams: tuple[Stream, ...] | None = None
    changes: list[Change] = []
    if is_changed(draft):
        written = draft.copy()
        trailing = [track for track in written.tracks if track.type in TRAILING]
        if trailing:
            leading = [track for track in written.tracks if track.type not in TRAILING]
            written.tracks = (*leading, *trailing)
        changes = _net_changes(written)
        if changes:
            draft = written
            result = _predict(draft)
            streams = tuple([_stream(draft, track) for track in draft.tracks])
    return Plan(
        source=source,
        result=result,
        streams=tuple([Stream(track.index) for track in source.tracks]) if streams is None else streams,
        changes=(*changes, *_timestamp_change(draft)),
        phases=phases,
        failures=failures,
        warnings=tuple(dict.fromkeys(draft.warnings)),
        keep_mtime=draft.keep_mtime,
        mtime_s=draft.mtime_s,
    )


def _stream(draft: Draft, track: Track) -> Stream:
    return Stream(draft.made.get(track.index, track.index), draft.encodes.get(track.index))


def structural_cause(draft: Draft) -> Cause:
    """Return who asked for the edit that weighs most: removal or order before flags."""
    for what in ("removed", "created", "codec", "order"):
        for (_, edit), cause in draft.causes.items():
            if edit == what:
                return cause
    return file_cause(draft, "")


def _predict(draft: Draft) -> MediaInfo:
    """Return what a probe of the output will show. Sizes and rates are left to the probe."""
    tags = draft.tags
    converted = draft.container != draft.source.container
    if converted:
        tags = {name: text for name, text in tags.items() if name not in UNWRITABLE_TAGS}
    return msgspec.structs.replace(
        draft.source,
        container=draft.container,
        format_name=draft.format_name,
        doc_type=_doc_type(draft),
        tags=dict(tags),
        tracks=tuple(
            [
                track if track.index == position else msgspec.structs.replace(track, index=position)
                for position, track in enumerate(draft.tracks)
            ]
        ),
    )


def _doc_type(draft: Draft) -> str | None:
    """Return `webm` only while every track may be in one."""
    if draft.container != "mkv":
        return None
    return "webm" if is_webm(draft) else "matroska"


def _net_changes(draft: Draft) -> list[Change]:
    source = draft.source
    changes: list[Change] = []
    if draft.container != source.container:
        changes.append(_change(draft, None, "container", source.container, draft.container))
    present = {track.index: track for track in draft.tracks}
    for original in source.tracks:
        track = present.get(original.index)
        if track is original:
            continue
        if track is not None:
            changes += _track_changes(draft, original, track)
        else:
            changes.append(_change(draft, original, "removed", None, None))
    if draft.made:
        made = [track for track in draft.tracks if track.index in draft.made]
        changes += [_change(draft, track, "created", None, track.codec) for track in made]
    left = [t for t in draft.tracks if t.index not in draft.made and t.type not in TRAILING]
    kept = [t.index for t in left]
    before = [t.index for t in source.tracks if t.index in present and t.type not in TRAILING]
    if kept != before:
        names = ", ".join(short_name(source, track) for track in left)
        order = _change(draft, None, "order", _join(before), _join(kept))
        changes.append(msgspec.structs.replace(order, label=names))
    for name in sorted({*source.tags, *draft.tags}) if draft.tags != source.tags else ():
        old, new = source.tags.get(name), draft.tags.get(name)
        if old != new:
            changes.append(_change(draft, None, f"tag:{name}", old, new))
    return changes


def _track_changes(draft: Draft, original: Track, track: Track) -> list[Change]:
    changes = []
    for what in ("default", "forced", "language", "title"):
        old, new = getattr(original, what), getattr(track, what)
        if old != new:
            changes.append(_change(draft, original, what, old, new))
    if track.dispositions != original.dispositions:
        roles = [role for role in track.dispositions if role not in original.dispositions]
        changes += [_change(draft, original, "role", None, role) for role in roles]
    if track.index in draft.encodes:
        changes.append(_change(draft, original, "codec", original.codec, track.codec))
        if (original.width, original.height) != (track.width, track.height):
            old, new = f"{original.width}x{original.height}", f"{track.width}x{track.height}"
            changes.append(_change(draft, original, "size", old, new))
    return changes


def _change(draft: Draft, track: Track | None, what: str, old: Value, new: Value) -> Change:
    """Return the change with the cause that decided last."""
    index = track.index if track is not None else None
    cause = draft.causes.get((index, what))
    if cause is None:
        cause = file_cause(draft, "comes with the rewrite")
    return Change(
        policy=cause.policy,
        phase=cause.phase,
        operation=cause.operation,
        what=what,
        reason=cause.reason,
        rule=cause.rule,
        track=index if index is None or index not in draft.made else None,
        label=name_track(draft.source, track) if track is not None else None,
        old=old,
        new=new,
    )


def _timestamp_change(draft: Draft) -> list[Change]:
    if draft.mtime_s is None:
        return []
    return [_change(draft, None, "timestamp", None, draft.mtime_s)]


def _join(indexes: list[int]) -> str:
    return " ".join(map(str, indexes))
