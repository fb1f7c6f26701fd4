"""Plans in words."""

from __future__ import annotations

import json

import pytest

from tests.support.tracks import plan, video
from vpo_tasks.plan.compile import compile_step
from vpo_tasks.plan.describe import change_as_dict, describe_change, describe_plan
from vpo_tasks.plan.model import Change
from vpo_tasks.policy.model import KeepAudio

BASE = {"policy": "p", "phase": "one", "operation": "o", "reason": "why"}
LINES = [
    ({"what": "removed", "label": 'audio 2 (fre ac3 5.1 "VFF")'}, 'audio 2 (fre ac3 5.1 "VFF"): remove — why'),
    ({"what": "default", "label": "x", "old": False, "new": True}, "x: set the default flag — why"),
    ({"what": "forced", "label": "x", "old": True, "new": False}, "x: clear the forced flag — why"),
    ({"what": "title", "label": "x", "old": "junk"}, 'x: clear the title "junk" — why'),
    ({"what": "language", "label": "x", "old": "und", "new": "jpn"}, 'x: set the language to "jpn" (was "und") — why'),
    ({"what": "tag:comment", "new": "y"}, 'file: set the tag comment to "y" — why'),
    ({"what": "container", "old": "avi", "new": "mkv"}, "file: convert avi to mkv — why"),
    ({"what": "order", "old": "0 1 2", "new": "0 2 1"}, "file: reorder tracks 0 1 2 to 0 2 1 — why"),
    ({"what": "codec", "label": "x", "old": "dts", "new": "aac"}, "x: encode dts to aac — why"),
    ({"what": "size", "label": "x", "old": "1920x800", "new": "1280x532"}, "x: scale 1920x800 to 1280x532 — why"),
    ({"what": "created", "label": "x", "new": "aac"}, "x: make (aac) — why"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "line"), LINES, ids=[row[0]["what"] for row in LINES])
def test_each_kind_of_change_reads_as_a_sentence(fields, line):
    assert describe_change(Change(**BASE, **fields)) == line


def test_a_plan_reads_top_to_bottom():
    planned = plan(video('v0 D, a1 eng D, a2 fre 6ch "VFF"'), keep_audio=KeepAudio(languages=("eng",)))
    assert describe_plan(planned, compile_step(planned, frozenset({"ffmpeg"}))) == [
        'audio 2 (fre ac3 5.1 "VFF"): remove — fre is not eng',
        "remux by ffmpeg — tracks differ; nothing is encoded",
    ]


def test_a_plan_that_fails_says_where_and_why():
    planned = plan("v0 D, a1 fre D", keep_audio=KeepAudio(languages=("eng",)))
    (line,) = describe_plan(planned)
    assert line.startswith("phase one fails: keep_audio — 0 audio tracks would be left of fre")


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
