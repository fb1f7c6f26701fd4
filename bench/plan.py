"""`plan`: what it costs to plan one video with a policy of seven phases, once it is known what is in it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from bench.command import in_turn
from bench.series import Row
from bench.table import Options
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo, Track
from vpo_tasks.plan.evaluate import evaluate, prepare
from vpo_tasks.policy.load import parse_policy
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store

_RUNS = 5
_VIDEOS = 1000

POLICY = b"""schema_version: 13
name: rich
config: {audio_languages: [eng, und], subtitle_languages: [eng, fre]}
phases:
  - name: clean
    audio_actions: {clear_all_forced: true}
    video_actions: {clear_all_titles: true}
    filter_attachments: {remove_all: true}
  - name: container
    container: {target: mkv}
    skip_when: {mode: any, container: [mkv]}
  - name: tracks
    keep_audio: {languages: [eng, und], fallback: {mode: keep_first}}
    keep_subtitles: {languages: [eng, fra], preserve_forced: true}
  - name: order
    track_order: [video, audio_main, audio_alternate, audio_commentary, subtitle_main, subtitle_forced]
    depends_on: [tracks]
  - name: flags
    default_flags: {preferred_audio_codec: [eac3, ac3]}
  - name: rules
    rules:
      match: all
      items:
        - name: foreign
          when: "exists(audio, lang == jpn) and not exists(audio, lang == eng)"
          then: {set_forced: {language: eng}}
        - name: many
          when: "count(audio, not_commentary == true) > 4"
          then: {warn: "{filename} has many audio tracks"}
        - name: title
          when: "container_meta(title)"
          then: {set_container_metadata: {field: comment, value: ""}}
  - name: time
    file_timestamp: {mode: preserve}
"""

MEDIA = MediaInfo(
    container="mkv",
    format_name="matroska,webm",
    doc_type="matroska",
    size_bytes=4 << 30,
    duration_s=5400.0,
    tags={"title": "Film", "comment": "junk"},
    tracks=(
        Track(index=0, type="video", codec="h264", default=True, width=1920, height=1080),
        Track(index=1, type="audio", codec="aac", language="fre", channels=2, default=True),
        Track(index=2, type="audio", codec="ac3", language="eng", channels=6, title="Main"),
        Track(index=3, type="audio", codec="aac", language="eng", channels=2, title="Commentary"),
        Track(index=4, type="subtitle", codec="subrip", language="fre", forced=True),
        Track(index=5, type="subtitle", codec="subrip", language="eng"),
        Track(index=6, type="subtitle", codec="ass", language="ger"),
        Track(index=7, type="attachment", codec="ttf", filename="font.ttf"),
    ),
)


def plan_microseconds(videos: int = _VIDEOS) -> dict[str, float]:
    """Return what planning one video costs, in µs: one that complies, and one of which much must change."""
    return {what: side() for what, side in _sides(videos).items()}


def measure(options: Options) -> list[Row]:
    """Compare with loading the same video's record from the state database."""
    videos, runs = options.files or _VIDEOS, options.runs or _RUNS
    with DaemonConnectionPool(os.path.join(options.scratch, "state.db")) as pool:
        store = Store(pool)
        path = b"/media/a.mkv"
        identity = Identity(1, 2, 3, 4)
        store.record(path, identity, digest=None, media=MEDIA, fingerprint=None, status="unchanged")
        rows = []
        for what, side in _sides(videos).items():
            loading = _per_video(lambda: store.details(path), videos)
            ours, theirs = in_turn(runs, side, loading)
            rows.append(Row(what, ours, "loading its record", theirs, "µs/video"))
    return rows


def _sides(videos: int) -> dict[str, Callable[[], float]]:
    prepared = prepare([parse_policy(POLICY, "rich.yaml")])
    compliant = evaluate(prepared, MEDIA).result
    return {
        "plan a compliant video": _per_video(lambda: evaluate(prepared, compliant), videos),
        "plan a video to be changed": _per_video(lambda: evaluate(prepared, MEDIA), videos),
    }


def _per_video(work: Callable[[], object], videos: int) -> Callable[[], float]:
    """Return a side that does the work so many times and says how long one took, in µs."""

    def side() -> float:
        started = time.perf_counter()
        for _ in range(videos):
            work()
        return (time.perf_counter() - started) / videos * 1e6

    return side
