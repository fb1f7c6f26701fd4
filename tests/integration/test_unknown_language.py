"""A language that nobody knows in a policy costs no track, and every run says so."""

from __future__ import annotations

import pytest

from tests.support.library import ENGLISH, VIDEO
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleTrack, make_sample

POLICY = """
schema_version: 13
config: {{subtitle_languages: [eng], on_error: skip{more}}}
phases:
  - name: subtitles
    keep_subtitles: {{languages: [egn]}}
"""
SAID = "policy.yaml:6:34: phases[0].keep_subtitles.languages[0]: 'egn' is no language that anybody knows (did you mean eng?)"


@pytest.fixture
def film(world):
    path = world.media / "a.mkv"
    make_sample(str(path), (VIDEO, ENGLISH, SampleTrack("subtitle", "subrip", "eng")), seconds=0.5)
    return path


def test_the_phase_fails_before_any_work_and_every_run_warns(world, film):
    policy = world.write_policy(POLICY.format(more=""))
    before = film.read_bytes()
    assert SAID in world.vpo("policy", "check", policy).stderr
    for words in (["-n"], [], ["--retry-failed"]):
        done = world.vpo("process", *words, world.media)
        assert done.returncode == 1
        assert SAID in done.stderr
        assert "removes nothing by this list: 'egn'" in done.stdout + done.stderr
    assert film.read_bytes() == before


def test_an_up_to_date_run_warns_too(world, film):
    text = POLICY.format(more="").replace("keep_subtitles", "keep_audio").replace("[egn]", "[egn, eng]")
    world.write_policy(text)
    for _ in range(3):
        done = world.vpo("process", world.media)
        assert done.returncode == 0, done.stderr
        assert "'egn' is no language" in done.stderr


def test_listed_as_an_extra_language_it_is_meant(world, film):
    world.write_policy(POLICY.format(more=", extra_languages: [egn]"))
    done = world.vpo("process", world.media)
    assert (done.returncode, "egn" in done.stderr) == (0, False)
    assert read_media(str(film)).of_type("subtitle") == ()
