"""Loading: what is a policy and what is not, and how it is said."""

from __future__ import annotations

import time

import pytest

from tests.support.policy_text import document, issues_of, load, load_phase, warnings_of
from vpo_tasks.errors import Issue, PolicyError
from vpo_tasks.policy import model as m
from vpo_tasks.policy.load import load_policy, load_policy_with_warnings, parse_policy
from vpo_tasks.policy.written import dump_policy

WHEN_VIDEO = "exists: {track_type: video}"


def rule(then="then: []", when=f"when: {{{WHEN_VIDEO}}}"):
    return f"rules: {{match: first, items: [{{name: r, {when}, {then}}}]}}"


def synthesis(extra="", channels="2", codec="aac", name="n", prefer="[{channels: max}]"):
    return (
        f"audio_synthesis: {{tracks: [{{name: {name}, codec: {codec}, channels: {channels}, "
        f"source: {{prefer: {prefer}}}{extra}}}]}}"
    )


def mapping(body):
    return (
        f"container: {{target: mp4, on_incompatible_codec: transcode, codec_mappings: {{dts: {{{body}}}}}}}"
    )


# policy-format 9.1: row, fragment, whether it loads.
LOADING_ROWS = [
    ("L1", "phases: [{name: p}]", True),
    ("L2", 'schema_version: "13"\nphases: [{name: p}]', False),
    ("L3", "phases: [{name: Fix}, {name: fix}]", False),
    ("L4", "phases: [{name: Phases}]", False),
    ("L5", "phases: [{name: A}, {name: b, depends_on: [a]}]", False),
    ("L6a", "keep_audio: {languages: [DEU]}", False),
    ("L6b", "keep_audio: {languages: [de]}", True),
    ("L6c", "keep_audio: {languages: []}", False),
    ("L7", "cfg: {audio_languages: []}", True),
    ("L8a", "track_order: []", False),
    ("L8b", "track_order: [video, subtitle_alternate]", False),
    ("L9a", "skip_when: {video_codec: [av1]}", False),
    ("L10", "skip_when: {mode: all}", False),
    ("L11a", "transcode: {video: {to: H264}}", True),
    ("L11b", "transcode: {video: {to: x265}}", False),
    ("L12", "transcode: {video: {to: av1, crf: 30, target_bitrate: 3M}}", False),
    ("L13", "transcode: {video: {to: av1, skip_if: {}}}", False),
    ("L14", "transcription: {reorder_commentary: true}", False),
    ("L15", rule(when="when: {or: [{exists: {track_type: video}}]}"), False),
    ("L16a", rule("then: {}"), False),
    ("L16b", rule("then: []"), True),
    ("L17a", mapping('codec: aac, bitrate: "256"'), False),
    ("L17b", mapping('codec: aac, bitrate: "31k"'), False),
    ("L17c", mapping('codec: aac, bitrate: "1.5m"'), True),
    ("L17d", mapping('codec: aac, bitrate: "1.6m"'), False),
    ("L18", 'transcode: {video: {to: av1, ffmpeg_args: ["-vf", "a;b"]}}', False),
    ("L19a", synthesis(channels="9"), False),
    ("L19b", synthesis(channels='"6"'), False),
    ("L19c", synthesis(channels="6"), True),
    ("L19d", synthesis(channels='"7.1"'), True),
    ("L20", "phases: [{name: x}, {name: y, run_if: {phase_modified: x, phase_completed: x}}]", False),
    ("L21", rule(when='when: "exists(audio) AND exists(video)"'), False),
    ("L22", rule("then: {set_forced: {track_type: audio}}"), False),
]


@pytest.mark.parametrize(
    ("fragment", "loads"), [row[1:] for row in LOADING_ROWS], ids=[row[0] for row in LOADING_ROWS]
)
def test_loading_row(fragment, loads):
    assert (issues_of(fragment) == ()) is loads


def test_loading_row_l9_under_version_12_means_any():
    assert load_phase("skip_when: {video_codec: [av1]}", 12).skip_when == m.SkipWhen(
        mode="any", video_codec=("av1",)
    )


# policy-format 7: fragment, path of the issue, part of its message.
MISTAKES = [
    ("schema_version: 11\nphases: [{name: p}]", "schema_version", "is not 13 or 12"),
    ("schema_version: true\nphases: [{name: p}]", "schema_version", "is not 13 or 12"),
    ("schema_version: 13.0\nphases: [{name: p}]", "schema_version", "is not 13 or 12"),
    ('schema_version: "12"\nphases: [{name: p}]', "schema_version", "without quotes"),
    ("schema_version: 13", "", "phases is missing"),
    ("schema_version: 13\ntrack_order: [video]", "", "put track_order into a phase"),
    ("schema_version: 12\nconfig: {}", "", "phases is missing"),
    ("phases: []", "phases", "at least one phase"),
    ("phases: {name: p}", "phases", "not a list of phases"),
    ("phases: [p]", "phases[0]", "not a mapping"),
    ("phases: [{}]", "phases[0]", "name is missing"),
    ("phases: [{name: p}]\nphasen: 1", "phasen", "did you mean phases?"),
    ("phases: [{name: p}]\nname: ' '", "name", "is blank"),
    (f"phases: [{{name: p}}]\nname: {'x' * 201}", "name", "longer than 200"),
    ("phases: [{name: p}]\nname: 12", "name", "put it in quotes"),
    ("phases: [{name: 1p}]", "phases[0].name", "not a name"),
    (f"phases: [{{name: {'p' * 65}}}]", "phases[0].name", "not a name"),
    ("phases: [{name: CONFIG}]", "phases[0].name", "reserved"),
    ("phases: [{name: ä}]", "phases[0].name", "not a name"),
    ("phases: [{name: a, depends_on: [b]}, {name: b}]", "phases[0].depends_on[0]", "does not stand earlier"),
    ("phases: [{name: a, depends_on: [a]}]", "phases[0].depends_on[0]", "does not stand earlier"),
    ("phases: [{name: apply}, {name: b, depends_on: [aply]}]", "phases[1].depends_on[0]", "did you mean apply?"),
    ("phases: [{name: a}, {name: b, run_if: {phase_modified: c}}]", "phases[1].run_if.phase_modified", "is no phase"),
    ("phases: [{name: a}, {name: b, run_if: {}}]", "phases[1].run_if", "exactly one"),
    ("cfg: {audio_languages: [english]}", "config.audio_languages[0]", "two or three small letters"),
    ("cfg: {subtitle_languages: eng}", "config.subtitle_languages", "not a list"),
    ("cfg: {commentary_patterns: ['[']}", "config.commentary_patterns[0]", "not a regular expression"),
    ("cfg: {on_error: stop}", "config.on_error", "is unknown"),
    ("cfg: {audio_language_preference: [eng]}", "config.audio_language_preference", "it is audio_languages now"),
    ("audio_filter: {languages: [eng]}", "phases[0].audio_filter", "it is keep_audio now"),
    ("keep_audoi: {}", "phases[0].keep_audoi", "did you mean keep_audio?"),
    ("keep_audio: {}", "phases[0].keep_audio", "languages is missing"),
    ("keep_audio: {languages: [eng], minimum: 0}", "phases[0].keep_audio.minimum", "1 or more"),
    ("keep_audio: {languages: [eng], minimum: }", "phases[0].keep_audio.minimum", "an empty value"),
    ("keep_audio: {languages: [eng], fallback: {mode: first}}", "phases[0].keep_audio.fallback.mode", "keep_first"),
    ("keep_audio: {languages: [eng], fallback: keep_all}", "phases[0].keep_audio.fallback", "not a mapping"),
    ("keep_subtitles: {fallback: {mode: keep_all}}", "phases[0].keep_subtitles.fallback", "unknown key"),
    ("keep_subtitles: {languages: [en1]}", "phases[0].keep_subtitles.languages[0]", "small letters"),
    ("keep_subtitles: {remove_all: maybe}", "phases[0].keep_subtitles.remove_all", "not true or false"),
    ("keep_subtitles: {remove_all: 2}", "phases[0].keep_subtitles.remove_all", "not true or false"),
    ("commentary_patterns: [x]", "phases[0].commentary_patterns", "unknown key"),
    ("container: {}", "phases[0].container", "target is missing"),
    ("container: {target: MKV}", "phases[0].container.target", "did you mean mkv?"),
    ("container: {target: mkv, on_incompatible_codec: drop}", "phases[0].container.on_incompatible_codec", "unknown"),
    (mapping("bitrate: 256k"), "phases[0].container.codec_mappings.dts", "codec is missing"),
    (mapping("codec: ' '"), "phases[0].container.codec_mappings.dts.codec", "is blank"),
    (mapping("codec: aac, bitrate: 192"), "phases[0].container.codec_mappings.dts.bitrate", "put it in quotes"),
    (mapping("codec: aac, bitrate: xk"), "phases[0].container.codec_mappings.dts.bitrate", "not a bitrate"),
    (mapping("codec: aac, bitrate: 256k, action: remove"), "phases[0].container.codec_mappings.dts", "no meaning"),
    ("transcode: {target_codec: hevc}", "phases[0].transcode.target_codec", "unknown key"),
    ("transcode: {video: {}}", "phases[0].transcode.video", "to is missing"),
    ("transcode: {video: {to: hevc, preset: placebo}}", "phases[0].transcode.video.preset", "is unknown"),
    ("transcode: {video: {to: hevc, tune: psnr}}", "phases[0].transcode.video.tune", "is unknown"),
    ("transcode: {video: {to: hevc, crf: 52}}", "phases[0].transcode.video.crf", "between 0 and 51"),
    ("transcode: {video: {to: hevc, max_width: 0}}", "phases[0].transcode.video.max_width", "1 or more"),
    ("transcode: {video: {to: hevc, hw: true}}", "phases[0].transcode.video.hw", "not one of auto"),
    ("transcode: {video: {to: hevc, max_resolution: 2160p}}", "phases[0].transcode.video.max_resolution", "not one"),
    ("transcode: {video: {to: hevc, scale_algorithm: spline}}", "phases[0].transcode.video.scale_algorithm", "unknown"),
    ("transcode: {video: {to: hevc, target_bitrate: -3M}}", "phases[0].transcode.video.target_bitrate", "not a bitrate"),
    ("transcode: {video: {to: hevc, target_bitrate: 3000000}}", "phases[0].transcode.video.target_bitrate", "quotes"),
    (f"transcode: {{video: {{to: hevc, ffmpeg_args: [{'a, ' * 51}]}}}}", "phases[0].transcode.video.ffmpeg_args", "50"),
    (f"transcode: {{video: {{to: hevc, ffmpeg_args: [{'a' * 1025}]}}}}", "phases[0].transcode.video.ffmpeg_args[0]", "1024"),
    ("transcode: {audio: {to: wav}}", "phases[0].transcode.audio.to", "is unknown"),
    ("skip_when: {mode: any, resolution: 8k}", "phases[0].skip_when.resolution", "not one of"),
    ("skip_when: {mode: any, file_size_under: 5}", "phases[0].skip_when.file_size_under", "not text"),
    ("skip_when: {mode: any, file_size_under: '5'}", "phases[0].skip_when.file_size_under", "not a file size"),
    ("skip_when: {mode: any, duration_over: 1h 30m}", "phases[0].skip_when.duration_over", "not a duration"),
    ("skip_when: {mode: any, video_codec: av1}", "phases[0].skip_when.video_codec", "not a list"),
    ("rules: {items: [{name: r, when: exists(video), then: []}]}", "phases[0].rules", "match is missing"),
    ("rules: {match: first, items: []}", "phases[0].rules.items", "empty list"),
    (rule().replace("name: r", "name: ' '"), "phases[0].rules.items[0].name", "is blank"),
    (rule(when="when: {}"), "phases[0].rules.items[0].when", "exactly one kind"),
    (rule(when="when: 5"), "phases[0].rules.items[0].when", "not a condition"),
    (rule(when=f"when: {{{WHEN_VIDEO}, not: {{{WHEN_VIDEO}}}}}"), "phases[0].rules.items[0].when", "exactly one kind"),
    (rule(when="when: {exist: {track_type: video}}"), "phases[0].rules.items[0].when.exist", "did you mean exists?"),
    (rule(when="when: {exists: {track_type: sound}}"), "phases[0].rules.items[0].when.exists.track_type", "is unknown"),
    (rule(when="when: {count: {track_type: audio}}"), "phases[0].rules.items[0].when.count", "exactly one of eq"),
    (rule(when="when: {count: {track_type: audio, eq: 1, gt: 2}}"), "phases[0].rules.items[0].when.count", "exactly one"),
    (rule(when="when: {exists: {track_type: audio, channels: {}}}"), "phases[0].rules.items[0].when.exists.channels", "exactly"),
    (rule(when="when: {exists: {track_type: audio, channels: 5.1}}"), "phases[0].rules.items[0].when.exists.channels", "whole"),
    (rule(when="when: {exists: {track_type: audio, title: {}}}"), "phases[0].rules.items[0].when.exists.title", "exactly"),
    (rule(when="when: {exists: {track_type: audio, title: {regex: '('}}}"), "phases[0].rules.items[0].when.exists.title.regex", "regular"),
    (rule(when="when: {container_metadata: {field: t}}"), "phases[0].rules.items[0].when.container_metadata", "value is missing"),
    (rule(when="when: {container_metadata: {field: t, operator: lt, value: x}}"), "phases[0].rules.items[0].when.container_metadata", "needs a number"),
    (rule(when="when: {container_metadata: {field: 1t, value: x}}"), "phases[0].rules.items[0].when.container_metadata.field", "field name"),
    (rule(when="when: {plugin_metadata: {plugin: 'a b', field: t, value: x}}"), "phases[0].rules.items[0].when.plugin_metadata.plugin", "plugin name"),
    (rule(when="when: {audio_is_multi_language: {threshold: 1.5}}"), "phases[0].rules.items[0].when.audio_is_multi_language.threshold", "between 0 and 1"),
    (rule(when="when: {is_original: {min_confidence: -0.1}}"), "phases[0].rules.items[0].when.is_original.min_confidence", "between"),
    (rule(when="when: 'exists(audio'"), "phases[0].rules.items[0].when", "character 13"),
    (rule("then: {set_language: {track_type: audio}}"), "phases[0].rules.items[0].then.set_language", "exactly one of"),
    (rule("then: {set_language: {track_type: audio, new_language: a, from_plugin_metadata: {plugin: a, field: b}}}"), "phases[0].rules.items[0].then.set_language", "exactly one of"),
    (rule("then: {set_container_metadata: {field: a}}"), "phases[0].rules.items[0].then.set_container_metadata", "exactly one of"),
    (rule("then: [{warn: a}, {wran: b}]"), "phases[0].rules.items[0].then[1].wran", "did you mean warn?"),
    (rule("then: stop"), "phases[0].rules.items[0].then", "not an action"),
    (rule("then: {set_default: {}}"), "phases[0].rules.items[0].then.set_default", "track_type is missing"),
    (rule("then: [], els: []"), "phases[0].rules.items[0].els", "did you mean else?"),
    ("audio_synthesis: {tracks: []}", "phases[0].audio_synthesis.tracks", "empty list"),
    (synthesis(name="a/b"), "phases[0].audio_synthesis.tracks[0].name", "part of a path"),
    (synthesis(name="' '"), "phases[0].audio_synthesis.tracks[0].name", "is blank"),
    (synthesis(codec="mp3"), "phases[0].audio_synthesis.tracks[0].codec", "is unknown"),
    (synthesis(channels="5.1"), "phases[0].audio_synthesis.tracks[0].channels", "put it in quotes"),
    (synthesis(channels="quad"), "phases[0].audio_synthesis.tracks[0].channels", "not mono"),
    (synthesis(", bitrate: 192"), "phases[0].audio_synthesis.tracks[0].bitrate", "put it in quotes"),
    (synthesis(", position: 0"), "phases[0].audio_synthesis.tracks[0].position", "from 1 on"),
    (synthesis(", position: first"), "phases[0].audio_synthesis.tracks[0].position", "after_source"),
    (synthesis(", language: english"), "phases[0].audio_synthesis.tracks[0].language", "small letters"),
    (synthesis(", create_if: 'exists('"), "phases[0].audio_synthesis.tracks[0].create_if", "character"),
    (synthesis(prefer="[]"), "phases[0].audio_synthesis.tracks[0].source.prefer", "empty list"),
    (synthesis(prefer="[{}]"), "phases[0].audio_synthesis.tracks[0].source.prefer[0]", "is empty"),
    (synthesis(prefer="[{channels: {max: true, min: true}}]"), "phases[0].audio_synthesis.tracks[0].source.prefer[0].channels", "exactly one"),
    (synthesis(prefer="[{channels: {max: false}}]"), "phases[0].audio_synthesis.tracks[0].source.prefer[0].channels", "exactly one"),
    ("transcription: {confidence_threshold: 2}", "phases[0].transcription.confidence_threshold", "between 0 and 1"),
    ("file_timestamp: {mode: never}", "phases[0].file_timestamp.mode", "is unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("fragment", "where", "message"), MISTAKES)
def test_mistake_is_refused_where_it_stands(fragment, where, message):
    issues = issues_of(fragment)
    assert [issue.where for issue in issues] == [where]
    assert message in issues[0].message
    assert issues[0].line > 0
    assert issues[0].column > 0


def test_all_mistakes_of_a_file_are_told_at_once_with_their_places():
    text = (
        "schema_version: 13\n"
        "config: {on_error: stop}\n"
        "phases:\n"
        "  - name: tidy\n"
        "    keep_audio:\n"
        "      languages: [eng, DEU]\n"
        "  - name: Tidy\n"
        "    keep_subtitle: {}\n"
        "    transcode: {video: {to: hevc, crf: 60}}\n"
    )
    with pytest.raises(PolicyError) as caught:
        parse_policy(text.encode(), "policy.yaml")
    assert [(issue.line, issue.column, issue.where) for issue in caught.value.issues] == [
        (2, 20, "config.on_error"),
        (6, 24, "phases[0].keep_audio.languages[1]"),
        (7, 11, "phases[1].name"),
        (8, 5, "phases[1].keep_subtitle"),
        (9, 40, "phases[1].transcode.video.crf"),
    ]
    assert (
        str(caught.value)
        .splitlines()[1]
        .startswith("policy.yaml:6:24: phases[0].keep_audio.languages[1]: 'DEU'")
    )


# policy-format 1.3: fragment, the value it becomes.
COERCIONS = [
    *[(f"keep_subtitles: {{remove_all: {text}}}", True) for text in ("true", "1", "1.0", "yes", "On", "T", "'Y'", "'TRUE'")],
    *[(f"keep_subtitles: {{remove_all: {text}}}", False) for text in ("false", "0", "no", "OFF", "f", "'n'", "'False'")],
    *[(f"keep_audio: {{languages: [eng], minimum: {text}}}", 3) for text in ("3", "'3'", "3.0", "0x3", "' 3 '")],
    *[(f"transcription: {{confidence_threshold: {text}}}", 1.0) for text in ("1", "1.0", "'1'", "'1e0'")],
]  # fmt: skip


@pytest.mark.parametrize(("fragment", "value"), COERCIONS)
def test_scalar_is_taken_for_what_the_field_needs(fragment, value):
    phase = load_phase(fragment)
    found = (
        (phase.keep_subtitles and phase.keep_subtitles.remove_all)
        if phase.keep_subtitles
        else phase.keep_audio.minimum
        if phase.keep_audio
        else phase.transcription.confidence_threshold
    )
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["1.5", "'x'", "true", "'1_000'", "1e400", ".inf", "9" * 5000])
def test_what_is_no_whole_number_is_refused(text):
    (issue,) = issues_of(f"keep_audio: {{languages: [eng], minimum: {text}}}")
    assert "not a whole number" in issue.message


@pytest.mark.parametrize("text", [".nan", ".inf", "x", "true", "[1]"])
def test_what_is_no_number_is_refused(text):
    (issue,) = issues_of(f"transcription: {{confidence_threshold: {text}}}")
    assert "not a number" in issue.message


@pytest.mark.parametrize(
    "key",
    [
        "keep_subtitles",
        "default_flags",
        "transcode",
        "skip_when",
        "run_if",
        "depends_on",
        "on_error",
        "rules",
        "container",
    ],
)
def test_empty_mapping_value_equals_leaving_it_out(key):
    assert load(f"{key}:") == load("phases: [{name: p}]")


def test_norwegian_is_no_switch_and_yes_is_no_language():
    phase = load_phase("keep_subtitles: {languages: [no], preserve_forced: yes}")
    assert phase.keep_subtitles == m.KeepSubtitles(languages=("no",), preserve_forced=True)


def test_spelled_out_defaults_equal_left_out_ones():
    spelled = load(
        "keep_audio: {languages: [eng], minimum: 1, fallback: {mode: error}, keep_music_tracks: true}\n"
        "transcode: {video: {to: HEVC, crf: 28, preset: medium, hw: auto}, audio: {to: aac, bitrate: 192000}}".replace(
            "192000", "'192000'"
        )
    )
    assert spelled == load("keep_audio: {languages: [eng]}\ntranscode: {video: {to: hevc}, audio: {}}")


def test_name_is_the_documents_or_the_files():
    assert parse_policy(document("phases: [{name: p}]").encode(), "/x/My films.v2.yaml").name == "My films.v2"
    assert (
        parse_policy(document("phases: [{name: p}]\nname: ' Series '").encode(), "/x/y.yaml").name == "Series"
    )


def test_several_actions_in_one_mapping_run_in_the_order_of_the_language():
    phase = load_phase(
        rule("then: [{fail: b, warn: a, skip_track_filter: true}, {skip_video_transcode: false}, {warn: c}]")
    )
    assert phase.rules.items[0].then == (
        m.Skip(what="track_filter"),
        m.Warn(message="a"),
        m.Fail(message="b"),
        m.Warn(message="c"),
    )


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ("crf: 20", {"quality": "crf", "crf": 20}),
        (
            "target_bitrate: 4M, two_pass: true",
            {"quality": "bitrate", "target_bitrate": 4_000_000, "two_pass": True},
        ),
        ("crf: 20, max_bitrate: 8M", {"quality": "constrained_quality", "crf": 20, "max_bitrate": 8_000_000}),
        ("crf: 28, max_bitrate: 8M", {"quality": "constrained_quality", "max_bitrate": 8_000_000}),
        ("max_bitrate: 4M", {"quality": "crf"}),
        ("", {}),
    ],
)
def test_rates_decide_the_quality_mode(rates, expected):
    video = load_phase(f"transcode: {{video: {{to: hevc, {rates}}}}}").transcode.video
    assert video == m.VideoTranscode(to="hevc", **expected)


WARNINGS = [
    ("container: {target: mp4, codec_mappings: {dts: {codec: aac}}}", "codec_mappings has no effect"),
    (mapping("codec: dts-hd"), "no codec that MP4 takes"),
    ("file_timestamp: {mode: now, fallback: skip}", "fallback has no effect"),
    ("file_timestamp: {date_source: radarr}", "date_source has no effect"),
    ("transcode: {video: {to: av1, max_bitrate: 4M}}", "max_bitrate has no effect"),
    ("transcode: {video: {to: av1, upscale: true}}", "upscale has no effect"),
    ("skip_when: {mode: any, video_codec: [], container: [mkv]}", "never trips"),
    (rule("then: {warn: 'in {file_name}'}"), "did you mean filename?"),
    (rule("then: {fail: '{'}"), "no partner"),
    (rule(when="when: {container_metadata: {field: t, operator: exists, value: 1}}"), "value means nothing"),
]


@pytest.mark.parametrize(("fragment", "message"), WARNINGS)
def test_doubtful_part_draws_a_warning(fragment, message):
    (warning,) = warnings_of(fragment)
    assert message in warning.message
    assert warning.line > 0


def test_else_that_never_runs_draws_a_warning():
    item = "{name: r, when: 'exists(audio)', then: [], else: {warn: x}}"
    (warning,) = warnings_of(f"rules: {{match: first, items: [{item}, {item}]}}")
    assert "never runs" in warning.message


def test_skip_when_of_empty_lists_never_skips():
    assert load_phase("skip_when: {mode: all, video_codec: []}").skip_when is None


@pytest.mark.parametrize("data", [b"", b"\n", b"# only a comment\n", b"---\n", b"null\n"])
def test_empty_file_is_refused(data):
    with pytest.raises(PolicyError, match="is empty"):
        parse_policy(data, "policy.yaml")


@pytest.mark.parametrize("data", [b"[1]", b"policy", b"13"])
def test_document_that_is_no_mapping_is_refused(data):
    with pytest.raises(PolicyError, match="is not a policy"):
        parse_policy(data, "policy.yaml")


def test_missing_file_folder_and_odd_name_are_policy_errors(tmp_path):
    for path in (str(tmp_path / "none.yaml"), str(tmp_path), "a\0b"):
        with pytest.raises(PolicyError, match="cannot be read"):
            load_policy(path)


def test_file_whose_name_is_not_utf8_loads(tmp_path):
    path = f"{tmp_path}/film\udcff.yaml"
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(document("phases: [{name: p}]"))
    policy, warnings = load_policy_with_warnings(path)
    assert policy.name == "film\ufffd"
    assert parse_policy(dump_policy(policy).encode(), "x.yaml") == policy
    assert warnings == ()


def test_ten_thousand_phases_load():
    phases = "\n".join(
        f"  - {{name: p{number}, keep_subtitles: {{languages: [eng]}}}}" for number in range(10_000)
    )
    assert len(load(f"phases:\n{phases}").phases) == 10_000


@pytest.mark.slow
def test_ten_thousand_mistakes_are_told_without_a_stall():
    phases = "\n".join(
        f"  - {{name: p{number}, keep_audoi: {{}}, depends_on: [zz{number}]}}" for number in range(5_000)
    )
    start = time.monotonic()
    assert len(issues_of(f"phases:\n{phases}")) == 10_000
    assert time.monotonic() - start < 60


def test_conditions_nested_to_the_bound_load_and_beyond_it_are_refused():
    def nested(depth):
        return rule(when=f"when: {'{not: ' * depth}{{{WHEN_VIDEO}}}{'}' * depth}")

    assert issues_of(nested(40)) == ()
    (issue,) = issues_of(nested(5000))
    assert "nested deeper" in issue.message


def test_anchors_aliases_and_merge_keys_share_parts():
    policy = load(
        "phases:\n"
        "  - name: a\n"
        "    keep_subtitles: &kept {languages: &codes [eng, ger], preserve_forced: true}\n"
        "  - name: b\n"
        "    keep_subtitles: {<<: *kept, preserve_forced: false}\n"
        "  - name: c\n"
        "    keep_audio: {languages: *codes}\n"
    )
    assert policy.phases[1].keep_subtitles == m.KeepSubtitles(languages=("eng", "ger"))
    assert policy.phases[2].keep_audio == m.KeepAudio(languages=("eng", "ger"))


def test_mistake_in_a_shared_part_is_told_once_per_use():
    issues = issues_of("phases: [{name: a, keep_audio: &k {languages: [DEU]}}, {name: b, keep_audio: *k}]")
    assert [issue.where for issue in issues] == [
        "phases[0].keep_audio.languages[0]",
        "phases[1].keep_audio.languages[0]",
    ]


def test_issue_of_a_duplicate_key_has_its_path():
    issues = issues_of("keep_audio: {languages: [eng], languages: [ger]}")
    assert issues == (Issue(4, 36, "phases[0].keep_audio.languages", "given twice, first in line 4"),)


LANGUAGE_PLACES = [
    "cfg: {audio_languages: [egn]}",
    "cfg: {subtitle_languages: [egn]}",
    "keep_audio: {languages: [eng, egn]}",
    "keep_subtitles: {languages: [egn]}",
    "skip_when: {mode: any, subtitle_language_exists: egn}",
    "rules: {match: all, items: [{name: r, when: {exists: {track_type: audio, language: egn}}, then: []}]}",
    "rules: {match: all, items: [{name: r, when: 'count(audio, lang in [eng, egn]) > 1', then: []}]}",
    "rules: {match: all, items: [{name: r, when: 'not is_dubbed(lang == egn)', then: []}]}",
    "rules: {match: all, items: [{name: r, when: {is_original: {language: egn}}, then: []}]}",
    "rules: {match: all, items: [{name: r, when: {audio_is_multi_language: {primary_language: egn}}, then: []}]}",
    "rules: {match: all, items: [{name: r, when: exists(audio), then: {set_forced: {language: egn}}}]}",
    "rules: {match: all, items: [{name: r, when: exists(audio), then: {set_default: {track_type: audio, language: egn}}}]}",
    "rules: {match: all, items: [{name: r, when: exists(audio), then: {set_language: {track_type: audio, new_language: egn}}}]}",
    "rules: {match: all, items: [{name: r, when: exists(audio), then: {set_language: {track_type: audio, new_language: eng, match_language: egn}}}]}",
    "audio_synthesis: {tracks: [{name: s, codec: aac, channels: 2, source: {prefer: [{language: egn}]}}]}",
    "audio_synthesis: {tracks: [{name: s, codec: aac, channels: 2, language: egn, source: {prefer: [{channels: max}]}}]}",
    "audio_synthesis: {tracks: [{name: s, codec: aac, channels: 2, skip_if_exists: {language: [egn]}, source: {prefer: [{channels: max}]}}]}",
]  # fmt: skip


@pytest.mark.parametrize("fragment", LANGUAGE_PLACES)
def test_a_language_that_nobody_knows_loads_with_a_warning_wherever_it_stands(fragment):
    (warning,) = warnings_of(fragment)
    assert warning.message.startswith("'egn' is no language that anybody knows (did you mean eng?)")
    assert warning.line > 0
    assert warnings_of(fragment.replace("egn", "ger")) == ()


@pytest.mark.parametrize("fragment", LANGUAGE_PLACES)
def test_an_extra_language_is_meant(fragment):
    if fragment.startswith("cfg: "):
        text = fragment.replace("cfg: {", "cfg: {extra_languages: [egn], ")
        assert warnings_of(text) == ()
        return
    body = "\n".join(f"    {line}" for line in fragment.splitlines())
    text = f"schema_version: 13\nconfig: {{extra_languages: [egn]}}\nphases:\n  - name: p\n{body}\n"
    assert warnings_of(text) == ()


def test_version_12_warns_too():
    text = "schema_version: 12\naudio_language_preference: [egn]\naudio_filter: {languages: [egn]}\n"
    assert len(warnings_of(text, 12)) == 2
