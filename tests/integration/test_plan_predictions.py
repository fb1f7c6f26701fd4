"""Every operation on real media with real tools: a probe of the output finds what the plan predicted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.execute import make_environment
from tests.support.fake_tools import real_toolbox, require_tool, wheel_toolbox
from vpo_tasks.execute.replace import carry_out
from vpo_tasks.execute.work import Replacement
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.media.synthetic import SampleChapter, SampleTrack, make_sample
from vpo_tasks.plan.compile import compile_step
from vpo_tasks.plan.containers import UNWRITABLE_TAGS
from vpo_tasks.plan.evaluate import check_convergence, evaluate
from vpo_tasks.policy.load import parse_policy

T = SampleTrack
CHAPTERS = (SampleChapter(0, 0.5, "one"), SampleChapter(0.5, 1, "two"))
TAGS = {"title": "Film", "comment": "junk"}
MKV = (
    T("video", "mpeg4", title="junk"),
    T("audio", "ac3", "fre", "VFF", default=True),
    T("audio", "aac", "eng", channels=6),
    T("audio", "aac", "eng", "Commentary"),
    T("subtitle", "subrip", "fre", forced=True, default=True),
    T("subtitle", "ass", "eng"),
    T("subtitle", "subrip", "ger"),
    T("attachment", "ttf", filename="font.ttf"),
    T("attachment", "png", filename="cover.png"),
)
MP4 = (
    T("video", "h264", title="junk"),
    T("audio", "aac", "fre", "VFF", default=True),
    T("audio", "aac", "eng"),
    T("subtitle", "mov_text", "fre", forced=True, default=True),
    T("subtitle", "mov_text", "eng"),
    T("attachment", "png"),
)
OPERATIONS = {
    "audio_actions": "audio_actions: {clear_all_titles: true}",
    "subtitle_actions": "subtitle_actions: {clear_all_forced: true}",
    "video_actions": "video_actions: {clear_all_titles: true}",
    "to mkv": "container: {target: mkv}",
    "to mp4": "container: {target: mp4, on_incompatible_codec: transcode}",
    "keep_audio": "keep_audio: {languages: [eng]}",
    "keep_subtitles": "keep_subtitles: {languages: [en]}",
    "no subtitles": "keep_subtitles: {remove_all: true}",
    "filter_attachments": "filter_attachments: {remove_all: true}",
    "track_order": "track_order: [subtitle_main, audio_main, video]",
    "default_flags": "default_flags: {set_preferred_subtitle_default: true}",
    "set_forced": 'rules: {match: all, items: [{name: r, when: "exists(video)", then: {set_forced: {}}}]}',
    "set_default": 'rules: {match: all, items: [{name: r, when: "exists(video)", then: {set_default: {track_type: audio, language: eng}}}]}',
    "set_language": 'rules: {match: all, items: [{name: r, when: "exists(video)", then: {set_language: {track_type: audio, new_language: ger}}}]}',
    "set a tag": 'rules: {match: all, items: [{name: r, when: "exists(video)", then: {set_container_metadata: {field: genre, value: Drama & “ü”}}}]}',
    "delete a tag": 'rules: {match: all, items: [{name: r, when: "exists(video)", then: {set_container_metadata: {field: comment, value: ""}}}]}',
    "everything": """keep_audio: {languages: [eng]}
    keep_subtitles: {languages: [eng]}
    track_order: [video, subtitle_main, audio_main]
    default_flags: {}
    video_actions: {clear_all_titles: true}""",
}  # fmt: skip
WAYS = ["mkv with mkvtoolnix", "mkv with ffmpeg alone", "mp4"]
SEVEN_PHASES = """schema_version: 13
phases:
  - {name: clean, video_actions: {clear_all_titles: true}}
  - {name: audio, keep_audio: {languages: [eng]}}
  - {name: subtitles, keep_subtitles: {languages: [eng]}}
  - {name: fonts, filter_attachments: {remove_all: true}}
  - {name: order, track_order: [subtitle_main, video, audio_main]}
  - {name: flags, default_flags: {}}
  - {name: time, file_timestamp: {mode: preserve}}
"""


def shape(media: MediaInfo) -> dict[str, object]:
    """Return all that a plan promises of its result."""
    core = [track for track in media.tracks if track.type in ("video", "audio", "subtitle")]
    return {
        "container": (media.container, media.format_name, media.doc_type),
        "tracks": [(t.type, t.codec, t.language, t.title, t.default, t.forced, t.channels, t.width, t.height) for t in core],
        "attachments": [track.codec for track in media.of_type("attachment")],
        # an MP4 may start with the audio encoder's delay, a few hundredths of a second
        "chapters": [(round(chapter.start_s, 1), chapter.title) for chapter in media.chapters],
        "tags": {name: text for name, text in media.tags.items() if name not in UNWRITABLE_TAGS},
    }  # fmt: skip


def bring_in_line(path: str, policy_text: str, folder: Path, toolbox):
    """Plan, carry out and return (plan, output's MediaInfo); None when nothing is to be done."""
    policies = [parse_policy(policy_text.encode(), "p.yaml")]
    plan = evaluate(policies, read_media(path))
    assert plan.failures == ()
    if plan.is_empty:
        return None
    check_convergence(policies, plan)
    step = compile_step(plan, toolbox.names)
    done = carry_out(
        Replacement(path, Identity.of(os.stat(path)), plan, step), make_environment(folder, toolbox=toolbox)
    )
    found = read_media(done.final_path)
    again = evaluate(policies, found)
    assert (again.changes, again.failures) == ((), ())
    return plan, found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_output_is_what_the_plan_predicted(tmp_path: Path, operation: str, way: str) -> None:
    if way == "mkv with mkvtoolnix":
        require_tool("mkvmerge")
    toolbox = wheel_toolbox() if way == "mkv with ffmpeg alone" else real_toolbox()
    path = str(tmp_path / ("a.mp4" if way == "mp4" else "a.mkv"))
    make_sample(path, MP4 if way == "mp4" else MKV, tags=TAGS, chapters=CHAPTERS)
    text = f"schema_version: 13\nphases:\n  - name: p\n    {OPERATIONS[operation]}\n"
    outcome = bring_in_line(path, text, tmp_path, toolbox)
    if outcome is None:
        assert (operation, way[:3]) in {("to mkv", "mkv"), ("to mp4", "mp4")}
        return
    plan, found = outcome
    assert shape(found) == shape(plan.result)


@pytest.mark.parametrize("toolbox", [real_toolbox, wheel_toolbox])
def test_seven_phases_are_one_pass(tmp_path: Path, toolbox) -> None:
    path = str(tmp_path / "a.mkv")
    make_sample(path, MKV, tags=TAGS, chapters=CHAPTERS)
    before = os.stat(path)
    outcome = bring_in_line(path, SEVEN_PHASES, tmp_path, toolbox())
    assert outcome is not None
    plan, found = outcome
    assert {change.phase for change in plan.changes} >= {"clean", "audio", "subtitles", "fonts", "order"}
    assert shape(found) == shape(plan.result)
    assert abs(os.stat(path).st_mtime - before.st_mtime) < 1


@pytest.mark.parametrize(("name", "tracks"), [("a.avi", (T("video"), T("audio"))), ("a.ts", (T("video"), T("audio", language="eng"))), ("a.mov", (T("video"), T("audio", language="ger")))])  # fmt: skip
def test_other_containers_become_matroska_as_predicted(tmp_path: Path, name: str, tracks) -> None:
    path = str(tmp_path / name)
    make_sample(path, tracks)
    text = "schema_version: 13\nphases:\n  - {name: p, container: {target: mkv}, default_flags: {}}\n"
    outcome = bring_in_line(path, text, tmp_path, wheel_toolbox())
    assert outcome is not None
    assert shape(outcome[1]) == shape(outcome[0].result)
