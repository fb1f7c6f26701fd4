"""Mistakes of one mapping are told together, and nothing is left out in silence."""

from __future__ import annotations

import pytest

from tests.support.policy_text import issues_of, load, load_phase, warnings_of
from tests.unit.policy.test_load import mapping, rule

SEVERAL = [
    ("transcode: {video: {to: hevc, crf: 20, target_bitrate: 3M, prest: slow}}", ["unknown key", "exclude each other"]),
    ("transcode: {video: {crf: 20, target_bitrate: 3M}}", ["to is missing", "exclude each other"]),
    ("transcription: {reorder_commentary: true, enable: true}", ["unknown key", "needs detect_commentary"]),
    (mapping("codec: aac, bitrate: 256k, action: remove, rate: 1"), ["unknown key", "no meaning"]),
    (rule("then: {set_language: {new_language: eng, from_plugin_metadata: {plugin: a, field: b}}}"), ["track_type is missing", "exactly one"]),
    ("schema_version: '13'\nphases: [{name: p, keep_audoi: {}}]", ["without quotes", "did you mean keep_audio?"]),
    ("schema_version: '12'\nphases: [{name: p, audio_fliter: {}}]", ["without quotes", "did you mean audio_filter?"]),
]  # fmt: skip


@pytest.mark.parametrize(("fragment", "messages"), SEVERAL)
def test_mistakes_of_one_mapping_are_told_at_once(fragment, messages):
    issues = issues_of(fragment)
    assert len(issues) == len(messages)
    for message in messages:
        assert any(message in issue.message for issue in issues), issues


@pytest.mark.parametrize(
    "fragment",
    [
        "phases: [{name: a}, {name: b, run_if: {phase_modifed: a}}]",
        "phases: [{name: a}, {name: b, run_if: {phase_modified: 5}}]",
        rule("then: {set_language: {track_type: audio, new_language: 5}}"),
        rule("then: {set_language: {track_type: audio, new_langauge: eng}}"),
        rule(when="when: {container_metadata: {field: t, operatr: exists}}"),
        rule(when="when: {container_metadata: {field: t, value: []}}"),
        "transcription: {reorder_commentary: true, detect_commentary: maybe}",
        mapping("codec: 5"),
    ],
)
def test_what_follows_from_a_mistake_is_no_mistake_of_its_own(fragment):
    assert len(issues_of(fragment)) == 1


@pytest.mark.parametrize(
    ("fragment", "message"),
    [
        ("default_flags:", "is empty, which is the same as leaving it out"),
        ("keep_subtitles:", "is empty, which is the same as leaving it out"),
        ("transcode: {video: }", "is empty, which is the same as leaving it out"),
        ("transcode: {video: {to: hevc, two_pass: true}}", "two_pass has no effect here"),
        ("transcode: {video: {to: hevc, max_resolution: 720p, max_width: 500}}", "max_resolution wins"),
        (mapping("codec: aac").replace("target: mp4", "target: mkv"), "no effect with the target mkv"),
    ],
)
def test_what_has_no_effect_draws_a_warning(fragment, message):
    (warning,) = warnings_of(fragment)
    assert message in warning.message


@pytest.mark.parametrize(
    "fragment", ["phases: [{name: p}]\nconfig:", "phases: [{name: p}]\ndescription:", "depends_on:"]
)
def test_what_is_empty_without_harm_draws_none(fragment):
    assert warnings_of(fragment) == ()


def test_an_empty_fallback_is_none():
    assert (
        load_phase("keep_audio: {languages: [eng], fallback: }")
        == load("keep_audio: {languages: [eng]}").phases[0]
    )
