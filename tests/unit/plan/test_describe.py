"""Plans in words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.tracks import plan
from vpo_tasks.plan.describe import change_as_dict, describe_change, describe_failures
from vpo_tasks.plan.model import Change
from vpo_tasks.policy.model import Exists, Fail, KeepAudio, Phase, Rule, Rules

BASE: dict[str, Any] = {"policy": "p", "phase": "one", "operation": "o", "reason": "why"}
LINES: list[tuple[dict[str, Any], str]] = [
    ({"what": "removed", "label": 'audio 2 (fre ac3 5.1 "VFF")'}, 'audio 2 (fre ac3 5.1 "VFF"): remove — why'),
    ({"what": "default", "label": "x", "old": False, "new": True}, "x: set the default flag — why"),
    ({"what": "forced", "label": "x", "old": True, "new": False}, "x: clear the forced flag — why"),
    ({"what": "title", "label": "x", "old": "junk"}, 'x: clear the title "junk" — why'),
    ({"what": "language", "label": "x", "old": "und", "new": "jpn"}, 'x: set the language to "jpn" (was "und") — why'),
    ({"what": "tag:comment", "new": "y"}, 'file: set the tag comment to "y" — why'),
    ({"what": "container", "old": "avi", "new": "mkv"}, "file: convert avi to mkv — why"),
    ({"what": "order", "label": "audio 2, audio 1", "old": "0 1", "new": "1 0"}, "file: put the tracks into the order audio 2, audio 1 — why"),
    ({"what": "codec", "label": "x", "old": "dts", "new": "aac"}, "x: encode dts to aac — why"),
    ({"what": "size", "label": "x", "old": "1920x800", "new": "1280x532"}, "x: scale 1920x800 to 1280x532 — why"),
    ({"what": "created", "label": "x", "new": "aac"}, "x: make (aac) — why"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "line"), LINES, ids=[row[0]["what"] for row in LINES])
def test_each_kind_of_change_reads_as_a_sentence(fields, line):
    assert describe_change(Change(**BASE, **fields)) == line


def test_a_new_order_names_the_tracks_as_the_other_lines_do():
    planned = plan("v0 D, a1 fre D, a2 eng, s3", track_order=("video", "audio_main", "audio_alternate"))
    (line,) = map(describe_change, planned.changes)
    assert line == (
        "file: put the tracks into the order video 1, audio 2, audio 1, subtitle 1"
        " — track_order is video, audio_main, audio_alternate"
    )


def test_failures_of_several_phases_and_rules_are_told_apart():
    stop = Rule(name="stop", when=Exists(track_type="video"), then=(Fail(message="not this one"),))
    planned = plan(
        "v0 D, a1 fre D",
        Phase(name="a", keep_audio=KeepAudio(languages=("eng",))),
        Phase(name="b", rules=Rules(match="first", items=(stop,))),
    )
    assert describe_failures(planned.failures) == (
        "keep_audio: 0 audio tracks would be left of fre, and at least 1 must be (languages: eng)"
        "; phase b: rules (rule stop): not this one"
    )


def test_json_has_every_key():
    document = change_as_dict(Change(**BASE, what="removed", track=2))
    assert json.loads(json.dumps(document)) == {
        **BASE,
        "what": "removed",
        "track": 2,
        "rule": None,
        "label": None,
        "old": None,
        "new": None,
        "description": "file: remove — why",
    }
