"""The processor that the options and the configuration make."""

from __future__ import annotations

import threading

import pytest

from tests.support.fake_tools import toolbox_of, wheel_toolbox
from tests.support.tracks import video
from vpo_tasks.errors import ToolMissing
from vpo_tasks.media.identity import Identity
from vpo_tasks.run import environment
from vpo_tasks.run.environment import make_processor, threads_each
from vpo_tasks.run.jobs import Content, VideoJob
from vpo_tasks.tools.toolbox import Toolbox

WRONG = video("a1 aac eng, a2 aac fre", size_bytes=100)
TITLED = video('a1 aac eng "Stereo"', size_bytes=100)
TITLES = "schema_version: 13\nphases:\n  - {name: t, audio_actions: {clear_all_titles: true}}\n"


@pytest.fixture
def made(recorded, monkeypatch):
    """Have the processor of a run do something with one recorded video, with the wheel's ffmpeg only."""
    monkeypatch.setattr(environment, "find_tools", wheel_toolbox)

    def make(media, do, **options):
        path = recorded.add("a.mkv", media)
        with recorded.open(**options) as run:
            processor = make_processor(run, stop=threading.Event(), progress=lambda *_: None)
            try:
                return do(processor, VideoJob(str(path), Identity.of(path.stat()), media))
            finally:
                processor.close()

    return make


def process(processor, job):
    return processor.process(job)


def preview(processor, job):
    return processor.preview(job, Content(job.identity, 1, job.media))


def test_without_any_tool_a_run_does_not_begin(recorded, monkeypatch):
    monkeypatch.setattr(environment, "find_tools", lambda: Toolbox({}))
    recorded.add("a.mkv", WRONG)
    with recorded.open() as run, pytest.raises(ToolMissing, match="vpo doctor"):
        make_processor(run, stop=threading.Event(), progress=lambda *_: None)


def preview_of(made, media, **options):
    result = made(media, preview, dry_run=True, **options)
    return result.step, result.tool


def test_the_tools_found_are_those_that_plans_are_for(made):
    assert preview_of(made, WRONG) == ("remux", "ffmpeg")


def test_what_goes_to_an_output_folder_is_never_edited_in_place(made, recorded, tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "find_tools", lambda: toolbox_of("mkvmerge", "/a"))
    recorded.write_policy(TITLES)
    assert preview_of(made, TITLED)[0] == "header-edit"
    assert preview_of(made, TITLED, output=str(tmp_path / "out"))[0] == "remux"


def test_only_the_chosen_phases_are_carried_out(made, recorded):
    recorded.write_policy(TITLES + "  - {name: two, video_actions: {clear_all_titles: true}}\n")
    assert preview_of(made, TITLED, phases=("two",))[0] == "none"


def test_a_dry_run_writes_nothing_and_a_budget_of_nothing_begins_nothing(made):
    assert made(WRONG, process, dry_run=True).status == "changed"
    result = made(WRONG, process, max_write=0)
    assert (result.status, result.reason.partition(":")[0]) == ("skipped", "max-write")
    result = made(WRONG, process, budget_s=0.0)
    assert (result.status, result.reason.partition(":")[0]) == ("skipped", "budget")


def test_encoders_share_the_cores_unless_a_person_says_how_many(recorded):
    for name in ("a.mkv", "b.mkv"):
        recorded.add(name, WRONG)
    recorded.config = recorded.config._replace(cpu_count=8)
    with recorded.open(workers=2) as run:
        shared = threads_each(run)
    with recorded.open(workers=1) as run:
        assert threads_each(run) == 2 * shared
    with recorded.open(threads=3) as run:
        assert threads_each(run) == 3
