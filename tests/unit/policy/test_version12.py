"""Policies of version 12: each rename and each difference, told by the version 13 text that means the same."""

from __future__ import annotations

import pytest

from tests.support.policy_text import document, issues_of, load, load_phase, warnings_of
from vpo_tasks.policy import model as m
from vpo_tasks.policy.digest import policy_digest
from vpo_tasks.policy.load import parse_policy
from vpo_tasks.policy.written import dump_policy

RULE = "{name: r, when: {exists: {track_type: audio}}, then: {warn: x}}"

# Version 12, version 13.
SAME = [
    ("cfg: {audio_language_preference: [ger]}", "cfg: {audio_languages: [ger]}"),
    ("cfg: {subtitle_language_preference: []}", "cfg: {subtitle_languages: []}"),
    ("cfg: {commentary_patterns: [x], on_error: fail}", "cfg: {commentary_patterns: [x], on_error: fail}"),
    ("audio_filter: {languages: [eng], minimum: 2}", "keep_audio: {languages: [eng], minimum: 2}"),
    ("subtitle_filter: {remove_all: true}", "keep_subtitles: {remove_all: true}"),
    ("attachment_filter: {remove_all: true}", "filter_attachments: {remove_all: true}"),
    (f"conditional: [{RULE}]", f"rules: {{match: first, items: [{RULE}]}}"),
    ("skip_when: {container: [mkv]}", "skip_when: {mode: any, container: [mkv]}"),
    ("audio_actions: {clear_all_titles: true}", "audio_actions: {clear_all_titles: true}"),
    ("container: {target: mp4}", "container: {target: mp4}"),
    ("file_timestamp: {mode: now}", "file_timestamp: {mode: now}"),
    ("transcode: {video: {target_codec: HEVC}}", "transcode: {video: {to: hevc, hw: none}}"),
    (
        "transcode: {video: {target_codec: hevc, quality: {crf: 20, preset: slow, tune: grain, two_pass: true}}}",
        "transcode: {video: {to: hevc, crf: 20, preset: slow, tune: grain, two_pass: true, hw: none}}",
    ),
    (
        "transcode: {video: {target_codec: hevc, quality: {mode: bitrate, bitrate: 4M}}}",
        "transcode: {video: {to: hevc, target_bitrate: 4M, hw: none}}",
    ),
    (
        "transcode: {video: {target_codec: hevc, quality: {mode: constrained_quality, crf: 20, max_bitrate: 8M, min_bitrate: 1M}}}",
        "transcode: {video: {to: hevc, crf: 20, max_bitrate: 8M, min_bitrate: 1M, hw: none}}",
    ),
    (
        "transcode: {video: {target_codec: av1, quality: {mode: constrained_quality, max_bitrate: 8M}}}",
        "transcode: {video: {to: av1, crf: 30, max_bitrate: 8M, hw: none}}",
    ),
    (
        "transcode: {video: {target_codec: hevc, quality: {mode: crf, crf: 20, max_bitrate: 8M}}}",
        "transcode: {video: {to: hevc, crf: 20, hw: none}}",
    ),
    (
        "transcode: {video: {target_codec: hevc, scaling: {max_resolution: 720p, max_width: 9, max_height: 8, algorithm: bicubic}}}",
        "transcode: {video: {to: hevc, max_resolution: 720p, max_width: 9, max_height: 8, scale_algorithm: bicubic, hw: none}}",
    ),
    (
        "transcode: {video: {target_codec: hevc, hardware_acceleration: {}}}",
        "transcode: {video: {to: hevc, hw: auto}}",
    ),
    (
        "transcode: {video: {target_codec: hevc, hardware_acceleration: {enabled: qsv, fallback_to_cpu: false}}}",
        "transcode: {video: {to: hevc, hw: qsv, hw_fallback: false}}",
    ),
    (
        "transcode: {video: {target_codec: hevc, skip_if: {codec_matches: [x265]}, ffmpeg_args: [-an]}}",
        "transcode: {video: {to: hevc, skip_if: {codec_matches: [x265]}, ffmpeg_args: [-an], hw: none}}",
    ),
    (
        "transcode: {audio: {preserve_codecs: [dts], transcode_to: AC3, transcode_bitrate: 448k}}",
        "transcode: {audio: {preserve: [dts], to: ac3, bitrate: 448k}}",
    ),
    ("phases: [{name: a}, {name: b, depends_on: [a]}]", "phases: [{name: a}, {name: b, depends_on: [a]}]"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), SAME)
def test_version_12_means_what_its_version_13_spelling_means(old, new):
    assert load(old, 12) == load(new, 13)
    assert policy_digest([load(old, 12)]) == policy_digest([load(new, 13)])


REFUSED = [
    ("keep_audio: {languages: [eng]}", "version 12 calls it audio_filter"),
    ("rules: {match: all, items: []}", "version 12 calls it conditional"),
    ("skip_when: {mode: all, container: [mkv]}", "unknown key"),
    ("skip_when: {}", "no condition"),
    ("transcode: {video: {to: hevc}}", "version 12 calls it target_codec"),
    ("transcode: {video: {target_codec: hevc, quality: {mode: cbr}}}", "is unknown"),
    ("transcode: {video: {target_codec: hevc, quality: {mode: bitrate}}}", "needs quality.bitrate"),
    ("transcode: {video: {target_codec: hevc, quality: {mode: bitrate, bitrate: 4M, crf: 20}}}", "exclude"),
    ("transcode: {video: {target_codec: hevc, quality: {mode: crf, bitrate: 4M}}}", "exclude"),
    ("transcode: {video: {target_codec: hevc, quality: {bitrate: 4M}}}", "exclude"),
    ("conditional: []", "empty list"),
    ("cfg: {audio_languages: [eng]}", "version 12 calls it audio_language_preference"),
    ("schema_version: 12\naudio_language_preference: []", "empty list"),
    ("schema_version: 12\nworkflow: {phases: [encode]}", "is unknown"),
    ("schema_version: 12\ntranscode: {target_video_codec: hevc, destination: '{title}'}", "give --output"),
    ("schema_version: 12\ntranscode: {target_crf: 20}", "without target_video_codec"),
    ("schema_version: 12\ntrack_order: [video]\nconfig: {}", "unknown key"),
]


@pytest.mark.parametrize(("fragment", "message"), REFUSED)
def test_version_12_mistake_is_refused(fragment, message):
    assert any(message in issue.message for issue in issues_of(fragment, 12)), issues_of(fragment, 12)


def flat(body):
    return parse_policy(f"schema_version: 12\n{body}\n".encode(), "flat.yaml")


def test_flat_policy_is_one_phase_that_orders_and_flags():
    policy = flat("audio_language_preference: [jpn]\naudio_filter: {languages: [jpn]}")
    (phase,) = policy.phases
    assert phase.name == "apply"
    assert phase.keep_audio == m.KeepAudio(languages=("jpn",))
    assert phase.default_flags == m.DefaultFlags()
    assert phase.track_order[0] == "video"
    assert policy.config.audio_languages == ("jpn",)
    assert policy.config.commentary_patterns == ("commentary", "director")


def test_flat_workflow_makes_its_phases():
    policy = flat(
        "workflow: {phases: [analyze, apply, transcode], auto_process: true, on_error: skip}\n"
        "track_order: [video]\n"
        "transcode: {video: {target_codec: hevc}}\n"
        f"conditional: [{RULE}]"
    )
    analyze, apply, transcode = policy.phases
    assert policy.config.on_error == "skip"
    assert analyze.transcription.enabled
    assert apply.track_order == ("video",)
    assert apply.rules.match == "first"
    assert transcode.transcode.video == m.VideoTranscode(to="hevc", hw="none")


@pytest.mark.parametrize(
    ("body", "audio"),
    [
        ("target_video_codec: h264, target_crf: 20", None),
        ("target_video_codec: h264, target_crf: 20, audio_transcode_to: ac3", None),
        (
            "target_video_codec: h264, target_crf: 20, audio_preserve_codecs: [dts]",
            m.AudioTranscode(preserve=("dts",)),
        ),
        (
            "target_video_codec: h264, target_crf: 20, audio_downmix: stereo, audio_transcode_bitrate: 128k",
            m.AudioTranscode(preserve=(), bitrate=128_000),
        ),
    ],
)
def test_flat_transcode_copies_audio_unless_told_what_to_preserve(body, audio):
    (phase,) = flat(f"workflow: {{phases: [transcode]}}\ntranscode: {{{body}}}").phases
    assert phase.transcode == m.Transcode(video=m.VideoTranscode(to="h264", crf=20, hw="none"), audio=audio)


def test_flat_downmix_is_one_more_track_from_the_one_with_most_channels():
    (phase,) = flat(
        "workflow: {phases: [transcode]}\ntranscode: {audio_downmix: '5.1', audio_transcode_to: ac3}"
    ).phases
    (track,) = phase.audio_synthesis.tracks
    assert (track.codec, track.channels, track.prefer) == ("ac3", 6, (m.SourceCriterion(channels="max"),))
    assert track.create_if == m.Exists(track_type="audio", where=m.TrackFilter(channels=("gt", 2)))


def test_flat_parts_without_effect_draw_warnings():
    body = "schema_version: 12\nworkflow: {auto_process: true}\ntranscode: {video: {target_codec: hevc}}"
    assert [warning.message.split()[0] for warning in warnings_of(body)] == [
        "transcode",
        "workflow.auto_process",
    ]


@pytest.mark.parametrize("old", [old for old, _ in SAME] + ["schema_version: 12\ntranscode: {audio_downmix: stereo}\nworkflow: {phases: [analyze, apply, transcode]}"])  # fmt: skip
def test_version_12_shown_as_version_13_is_equal(old):
    policy = parse_policy(document(old, 12).encode(), "x.yaml")
    assert parse_policy(dump_policy(policy).encode(), "y.yaml") == policy


def test_expression_is_taken_in_version_12_too():
    rules = load_phase("conditional: [{name: r, when: 'exists(audio)', then: []}]", 12).rules
    assert rules.items[0].when == m.Exists(track_type="audio")
