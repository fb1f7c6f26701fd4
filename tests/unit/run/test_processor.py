"""One video from a job to a result: what leaves it alone, what fails it, what is done."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.support.execute import DirectProbes, make_environment
from tests.support.fake_tools import wheel_toolbox
from tests.support.tracks import policy, video
from vpo_tasks.errors import Interrupted
from vpo_tasks.media.identity import Identity
from vpo_tasks.plan.evaluate import prepare
from vpo_tasks.policy.model import Container, KeepAudio, Phase
from vpo_tasks.run.estimates import Budget, Estimates
from vpo_tasks.run.jobs import Content, VideoJob
from vpo_tasks.run.planner import Planner
from vpo_tasks.run.processor import ProcessSettings, WorkflowProcessor

RIGHT, WRONG = video("a1 aac eng"), video("a1 aac eng, a2 aac fre")
ENGLISH = Phase(name="english", keep_audio=KeepAudio(languages=("eng",), fallback="keep_all"))
MATROSKA = Phase(name="box", container=Container(target="mkv"))
IMPOSSIBLE = Phase(name="none", keep_audio=KeepAudio(languages=("jpn",), fallback="error"))


@pytest.fixture
def environment(tmp_path):
    return make_environment(tmp_path, toolbox=wheel_toolbox())


@pytest.fixture
def processor(environment):
    def made(phase=ENGLISH, budget=None, environment=environment, **settings):
        planner = Planner(prepare([policy(phase)]), frozenset({"ffmpeg"}), None)
        told = ProcessSettings(planner, Estimates({}), **settings)
        return WorkflowProcessor(told, environment, lambda *_: None, budget or Budget())

    return made


@pytest.fixture
def media(tmp_path):
    (tmp_path / "media").mkdir()
    return tmp_path / "media"


def recorded(path, holds, **fields):
    """A job for a file of which the content is recorded, so that nobody opens it."""
    path.write_bytes(b"x")
    return VideoJob(str(path), Identity.of(path.stat()), holds, **fields)


def film(media, template, name="a.mp4"):
    path = media / name
    shutil.copy(template, path)
    return path, VideoJob(str(path), Identity.of(path.stat()))


def test_a_video_that_complies_is_left_and_known_by_its_record(processor, media):
    result = processor().process(recorded(media / "a.mkv", RIGHT))
    assert (result.status, result.compliant, result.changes) == ("unchanged", True, ())


def test_a_video_is_changed_and_what_is_recorded_is_what_is_there_then(processor, media, templates):
    path, job = film(media, templates.messy(".mp4"))
    result = processor().process(job)
    assert (result.status, result.compliant, result.step) == ("changed", True, "remux")
    assert result.identity.same_video(Identity.of(path.stat()))
    assert [track.language for track in DirectProbes().probe(str(path)).tracks[1:]] == ["eng"]
    assert result.media.tracks == DirectProbes().probe(str(path)).tracks
    assert processor().process(job._replace(identity=result.identity)).status == "unchanged"


def test_a_record_of_a_file_that_has_changed_is_not_believed(processor, media, templates):
    path, job = film(media, templates.messy(".mp4"))
    stale = job.identity._replace(mtime_ns=1)
    assert processor(dry_run=True).process(job._replace(identity=stale, media=RIGHT)).status == "changed"
    assert path.stat().st_mtime_ns == job.identity.mtime_ns


def test_a_dry_run_says_where_it_would_go_and_changes_nothing(processor, media):
    job = recorded(media / "a.MP4", video("a1 aac eng", "mp4"))
    result = processor(MATROSKA, dry_run=True).process(job)
    assert (result.status, result.final_path) == ("changed", str(media / "a.mkv"))
    assert os.listdir(media) == ["a.MP4"]


def test_a_video_with_several_names_is_left_unless_links_are_to_be_broken(processor, media):
    job = recorded(media / "a.mkv", WRONG)
    os.link(media / "a.mkv", media / "b.mkv")
    left = processor().process(job)
    assert (left.status, left.reason) == ("skipped", "hard-linked")
    assert processor(dry_run=True, break_hardlinks=True).process(job).status == "changed"


def test_what_is_gone_or_no_file_is_skipped(processor, media):
    job = recorded(media / "a.mkv", WRONG)
    os.unlink(job.path)
    assert processor().process(job).reason == "vanished"
    os.mkfifo(job.path)
    assert processor().process(job).reason == "not a regular file"


def test_what_is_no_film_fails_with_the_kind_of_error(processor, media):
    result = processor().process(recorded(media / "a.mkv", None))
    assert (result.status, result.error_kind, result.compliant) == ("failed", "ProbeError", False)
    assert result.duration_s > 0


def test_a_failure_once_the_run_was_ended_is_only_its_echo(processor, environment, media):
    environment.children.terminate_all()
    with pytest.raises(Interrupted):
        processor().process(recorded(media / "a.mkv", None))


def test_a_plan_that_fails_names_its_phase(processor, media):
    result = processor(IMPOSSIBLE).process(recorded(media / "a.mkv", RIGHT))
    assert (result.status, result.failed_phase, result.error_kind) == ("failed", "none", "PlanError")


def test_a_plan_that_was_made_before_is_carried_out_only_as_it_was(processor, media):
    job = recorded(media / "a.mkv", WRONG)
    changes = processor(dry_run=True).process(job).changes
    assert processor(dry_run=True).process(job._replace(expected=changes)).status == "changed"
    other = processor(dry_run=True).process(job._replace(expected=()))
    assert other.reason == "not as planned any more: other changes would be made"
    now = Content(job.identity._replace(size=7), 1, WRONG)
    later = processor(dry_run=True).preview(job._replace(expected=changes), now)
    assert later.reason == "not as planned any more: the video has changed"


def test_a_name_that_another_video_has_or_would_get_fails_it(processor, media, templates):
    job = recorded(media / "a.mp4", video("a1 aac eng", "mp4"))
    rival, _ = film(media, templates.right(".mp4"), "a.mov")
    result = processor(MATROSKA, dry_run=True).process(job._replace(rivals=(str(rival),)))
    assert f"{rival} would become {media}/a.mkv too" in result.error
    there, _ = film(media, templates.right(), "a.mkv")
    result = processor(MATROSKA, dry_run=True).process(job._replace(rivals=(str(there),)))
    assert f"{there} has that name already" in result.error


def test_a_new_name_that_no_filesystem_takes_fails_before_any_work(processor, media):
    job = recorded(media / ("a" * 252 + ".ts"), video("a1 aac eng", "mpegts"))
    assert "longer than 255 bytes" in processor(MATROSKA).process(job).error


def test_what_does_not_fit_the_budget_is_skipped_and_what_was_written_counts(processor, media, templates):
    path, job = film(media, templates.messy(".mp4"))
    size = path.stat().st_size
    budget = Budget(write_bytes=size)
    assert processor(budget=budget).process(job).status == "changed"
    _, second = film(media, templates.messy(".mp4"), "b.mp4")
    assert processor(budget=budget).process(second).reason.startswith("max-write: ")


def test_work_that_fails_gives_its_budget_back_and_leaves_the_video(processor, media, environment, templates):
    path, job = film(media, templates.messy(".mp4"))
    before = path.read_bytes()
    budget = Budget(write_bytes=path.stat().st_size)
    broken = environment._replace(ledger=type(environment.ledger)(1 << 60))
    failed = processor(budget=budget, environment=broken).process(job)
    assert (failed.status, failed.error_kind, failed.changes) == ("failed", "SpaceError", ())
    assert failed.failed_phase == "english"
    assert path.read_bytes() == before
    assert processor(budget=budget).process(job).status == "changed"


def test_a_preview_opens_nothing(processor, tmp_path):
    job = VideoJob(str(tmp_path / "nowhere.mkv"), Identity(1, 2, 3, 4), WRONG)
    result = processor(dry_run=True).preview(job, Content(job.identity, 1, WRONG))
    assert (result.status, result.size_before) == ("changed", 3)


def test_what_is_foreseen_and_complies_is_told_from_records_only(processor):
    job = VideoJob("/m/a.mkv", Identity(1, 2, 3, 4), WRONG)
    seconds, _ = processor().foresee(job)
    assert seconds > 0
    assert processor().foresee(job._replace(media=None)) is None
    assert processor().complies(b"/m/a.mkv", RIGHT)
    assert not processor().complies(b"/m/a.mkv", WRONG)
    assert not processor(IMPOSSIBLE).complies(b"/m/a.mkv", RIGHT)


def test_with_an_output_folder_the_video_stays_and_a_compliant_one_goes_there_too(
    processor, media, templates, tmp_path
):
    out = tmp_path / "out"
    out.mkdir()
    for name, template in (("a.mp4", templates.messy(".mp4")), ("b.mp4", templates.right(".mp4"))):
        path, job = film(media, template, name)
        before = path.read_bytes()
        result = processor().process(job._replace(target=str(out / name)))
        assert (result.final_path, path.read_bytes()) == (str(out / name), before)
        assert result.target_identity.same_video(Identity.of((out / name).stat()))
        assert result.identity == job.identity
    assert (out / "b.mp4").read_bytes() == before


def test_another_file_in_the_output_folder_is_not_overwritten_unless_it_was_made_of_this(
    processor, media, templates, tmp_path
):
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "a.mp4"
    target.write_bytes(b"mine")
    _, job = film(media, templates.messy(".mp4"))
    job = job._replace(target=str(target))
    assert processor().process(job).status == "failed"
    assert target.read_bytes() == b"mine"
    assert processor().process(job._replace(made=(str(target),))).status == "changed"
