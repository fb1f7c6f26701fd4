"""`plan`: planning one video under a policy of many phases, against loading what is known of the video.

In one process: what a run after a policy edit does for each video, without everything around it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from bench.command import BenchError, Side, in_turn
from bench.series import Row
from bench.table import Options
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.media.probe import ProbePool
from vpo_tasks.media.sample import SampleTrack, make_sample
from vpo_tasks.plan.evaluate import Prepared, evaluate, prepare
from vpo_tasks.plan.model import Context
from vpo_tasks.policy.load import load_policy
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store

_RUNS = 9
_SLICE_S = 0.2
_POLICY = """
schema_version: 13
name: many phases
config:
  audio_languages: [eng, jpn, und]
  subtitle_languages: [eng, und]
  commentary_patterns: [commentary, director]
  on_error: continue
phases:
  - name: audio
    keep_audio:
      languages: [eng, jpn]
      fallback: {mode: content_language}
  - name: subtitles
    keep_subtitles: {languages: [eng, jpn], preserve_forced: true}
  - name: attachments
    filter_attachments: {remove_all: false}
  - name: order
    track_order: [video, audio_main, audio_alternate, subtitle_main, audio_commentary, attachment]
  - name: flags
    default_flags: {set_preferred_audio_default: true, clear_other_defaults: true}
  - name: rules
    rules:
      match: all
      items:
        - name: high definition
          when: {exists: {track_type: video, height: {gte: 720}}}
          then: [{warn: "{filename}"}]
        - name: too many subtitles
          when: {count: {track_type: subtitle, gt: 40}}
          then: [{warn: "{filename}"}]
  - name: container
    container: {target: mkv}
"""


def measure(options: Options) -> list[Row]:
    """Return a row for a video that complies and one for a video that must be changed."""
    path = os.path.join(options.scratch, "policy.yaml")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(_POLICY)
    policies = prepare([load_policy(path)])
    messy = _probe(options.scratch)
    right = evaluate(policies, messy, Context(path="/library/a.mkv")).result
    rows = []
    with DaemonConnectionPool(os.path.join(options.scratch, "home", "state.db")) as pool:
        store = Store(pool)
        for what, media, is_right in (("complies", right, True), ("must be changed", messy, False)):
            key = os.fsencode(what)
            store.record(
                key, Identity(1, 1, 1, 1), digest=None, media=media, fingerprint=None, status="unchanged"
            )
            ours, theirs = in_turn(
                options.runs or _RUNS,
                _microseconds(_planning(policies, media, is_right=is_right)),
                _microseconds(_loading(store, key)),
            )
            title = f"plan a video of {len(media.tracks)} tracks that {what}, 7 phases"
            rows.append(Row(title, ours, "loading its MediaInfo from SQLite", theirs, "µs"))
    return rows


def _probe(scratch: str) -> MediaInfo:
    languages = ("jpn", "eng", "ger")
    tracks = [SampleTrack("video", default=True)]
    tracks += [SampleTrack("subtitle", language=language) for language in languages]
    tracks += [SampleTrack("audio", language=language, default=True) for language in languages]
    path = os.path.join(scratch, "video.mkv")
    make_sample(path, tracks, seconds=0.4)
    with ProbePool(1) as probes:
        return probes.probe(path)


def _planning(policies: Prepared, media: MediaInfo, *, is_right: bool) -> Callable[[], object]:
    context = Context(path="/library/a.mkv")

    def work() -> object:
        return evaluate(policies, media, context)

    if evaluate(policies, media, context).is_empty is not is_right:
        raise BenchError("the policy does not plan what the row says")
    return work


def _loading(store: Store, key: bytes) -> Callable[[], object]:
    def work() -> object:
        details = store.details(key)
        if details is None or details.media is None:
            raise BenchError("the record cannot be read")
        return details

    return work


def _microseconds(work: Callable[[], object]) -> Side:
    """Return a side: how long one piece of `work` takes, over as many as fit into a moment."""

    def side() -> float:
        count, started = 0, time.perf_counter()
        while (seconds := time.perf_counter() - started) < _SLICE_S:
            work()
            count += 1
        return seconds / count * 1e6

    return side
