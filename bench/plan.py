"""`plan`: planning one video under a policy of many phases, against loading what is known of the video.

In one process: what a run after a policy edit does for each video, without everything around it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import NamedTuple

from bench.command import BenchError, Side, in_turn
from bench.series import Row
from bench.table import Options
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.media.probe import ProbePool
from vpo_tasks.media.synthetic import SampleTrack, make_sample
from vpo_tasks.plan.evaluate import Prepared, check_convergence, evaluate, prepare
from vpo_tasks.plan.model import Context, Plan
from vpo_tasks.policy.load import load_policy
from vpo_tasks.state.pool import DaemonConnectionPool
from vpo_tasks.state.store import Store

_RUNS = 9
_SLICE_S = 0.2
_CONTEXT = Context(path="/library/a.mkv")
_SEVEN_PHASES = """
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
_ALL_OPERATIONS = """
schema_version: 13
name: all operations
config:
  audio_languages: [eng, jpn, und]
  subtitle_languages: [eng, und]
  on_error: continue
phases:
  - name: clean
    audio_actions: {clear_all_forced: true}
    subtitle_actions: {clear_all_forced: true}
    keep_audio:
      languages: [eng, jpn]
      fallback: {mode: content_language}
    keep_subtitles: {languages: [eng, jpn]}
    filter_attachments: {remove_all: true}
    track_order: [video, audio_main, audio_alternate, subtitle_main]
    default_flags: {set_subtitle_default_when_audio_differs: true}
  - name: rules
    skip_when: {mode: all, container: [avi], video_codec: [av1]}
    rules:
      match: all
      items:
        - name: foreign
          when: "not exists(audio, lang == eng) and exists(subtitle, lang in [eng, jpn])"
          then: [{set_forced: {language: eng}}]
        - name: many languages
          when: "count(audio, channels >= 1) >= 2 or container_meta(title)"
          then: [{set_container_metadata: {field: comment, value: checked}}]
  - name: stereo
    depends_on: [clean]
    audio_synthesis:
      tracks:
        - name: tablet
          codec: aac
          channels: mono
          source: {prefer: [{language: eng}, {not_commentary: true}, {channels: max}]}
          skip_if_exists: {codec: [opus], channels: {gte: 2}}
          title: Tablet
          position: after_source
  - name: shrink
    run_if: {phase_completed: clean}
    transcode:
      video: {to: av1, crf: 30, max_resolution: 1080p, skip_if: {codec_matches: [vp9]}, hw: none}
      audio: {preserve: [flac], to: opus, bitrate: 128k}
    file_timestamp: {mode: preserve}
"""


class _Case(NamedTuple):
    """Whose planning is measured; `checked` adds the check of convergence that a run makes before work."""

    what: str
    policies: Prepared
    media: MediaInfo
    is_right: bool = False
    checked: bool = False


def measure(options: Options) -> list[Row]:
    """Return a row for each case: microseconds to plan one video, and to load its MediaInfo."""
    rows = []
    with DaemonConnectionPool(os.path.join(options.scratch, "home", "state.db")) as pool:
        store = Store(pool)
        for case in _cases(options.scratch):
            key = os.fsencode(case.what)
            store.record(
                key, Identity(1, 1, 1, 1), digest=None, media=case.media, fingerprint=None, status="unchanged"
            )
            ours, theirs = in_turn(
                options.runs or _RUNS,
                _microseconds(_planning(case)),
                _microseconds(_loading(store, key)),
            )
            title = f"plan a video of {len(case.media.tracks)} tracks that {case.what}"
            rows.append(Row(title, ours, "loading its MediaInfo from SQLite", theirs, "µs"))
    return rows


def _cases(scratch: str) -> list[_Case]:
    seven, every = (_prepare(scratch, text) for text in (_SEVEN_PHASES, _ALL_OPERATIONS))
    messy = _probe(scratch)
    right = evaluate(seven, messy, _CONTEXT).result
    return [
        _Case("complies, 7 phases", seven, right, is_right=True),
        _Case("must be changed, 7 phases", seven, messy),
        _Case("must be changed, 7 phases, and check that it comes to rest", seven, messy, checked=True),
        _Case("must be changed, all operations", every, messy),
        _Case("must be changed, all operations, and check that it comes to rest", every, messy, checked=True),
    ]


def _prepare(scratch: str, text: str) -> Prepared:
    path = os.path.join(scratch, "policy.yaml")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    return prepare([load_policy(path)])


def _probe(scratch: str) -> MediaInfo:
    languages = ("jpn", "eng", "ger")
    tracks = [SampleTrack("video", default=True)]
    tracks += [SampleTrack("subtitle", language=language) for language in languages]
    tracks += [SampleTrack("audio", language=language, default=True) for language in languages]
    path = os.path.join(scratch, "video.mkv")
    make_sample(path, tracks, seconds=0.4)
    with ProbePool(1) as probes:
        return probes.probe(path)


def _planning(case: _Case) -> Callable[[], object]:
    def plan() -> Plan:
        return evaluate(case.policies, case.media, _CONTEXT)

    def plan_and_check() -> Plan:
        found = plan()
        check_convergence(case.policies, found, _CONTEXT)
        return found

    found = plan_and_check()
    if found.is_empty is not case.is_right or found.failures:
        raise BenchError("the policy does not plan what the row says")
    return plan_and_check if case.checked else plan


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
