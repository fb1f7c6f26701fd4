"""Which tracks of a new file are the source's own, and not made from one of its."""

from __future__ import annotations

import pytest

from tests.support.tracks import plan
from vpo_tasks.execute.carry_over import originals_of
from vpo_tasks.policy.load import parse_policy

COPY = "default_flags: {}"
ENCODE = "transcode: {audio: {to: opus, bitrate: 64k}}"
SYNTHESIS = (
    "audio_synthesis: {tracks: [{name: stereo, codec: aac, channels: stereo, position: %s, "
    "source: {prefer: [{channels: max}]}}]}"
)
REMOVE = "keep_audio: {languages: [eng]}"


def planned(*operations: str):
    text = "schema_version: 13\nphases:\n"
    text += "".join(f"  - name: p{place}\n    {words}\n" for place, words in enumerate(operations))
    (phases,) = [parse_policy(text.encode(), "p.yaml").phases]
    return plan("v0 h264, a1 ac3 eng 6ch, a2 ac3 fre 6ch, s3 eng, t4", *phases)


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ((COPY,), {0: 0, 1: 1, 2: 2, 3: 3, 4: 4}),
        ((REMOVE,), {0: 0, 1: 1, 2: 3, 3: 4}),
        ((ENCODE,), {0: 0, 1: 1, 2: 2, 3: 3, 4: 4}),
        ((SYNTHESIS % "after_source",), {0: 0, 1: 1, 3: 2, 4: 3, 5: 4}),
        ((SYNTHESIS % "end", ENCODE), {0: 0, 1: 1, 2: 2, 4: 3, 5: 4}),
        (("track_order: [subtitle_main, audio_main, video]",), {0: 3, 1: 1, 2: 0, 3: 2, 4: 4}),
    ],
)
def test_a_track_that_is_made_from_another_is_none_of_the_sources(operations, expected):
    found = planned(*operations)
    assert originals_of(found) == expected
