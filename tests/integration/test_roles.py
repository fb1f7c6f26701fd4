"""Real files whose commentary is known by a flag or by a title that the same run clears."""

from __future__ import annotations

import pytest

from tests.support.library import VIDEO
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleTrack, make_sample

CLEAR = """
schema_version: 13
config: {{audio_languages: [eng]}}
phases:
  - {{name: clear, audio_actions: {{clear_all_titles: true}}{more}}}
  - {{name: flags, default_flags: {{}}}}
"""
SUFFIXES = ["mkv", "mp4", "mov"]


def run(world, path):
    done = world.vpo("process", "-v", world.media)
    assert done.returncode == 0, done.stdout + done.stderr
    found = read_media(str(path)).of_type("audio")
    stamp = path.stat().st_mtime_ns, path.stat().st_ino
    world.vpo("process", world.media, env={"VPO_HOME": str(world.root / "another home")})
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == stamp, "a second run has nothing to do"
    return found


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("filters", ["", ", keep_audio: {languages: [eng]}"], ids=["header", "copy"])
def test_a_commentary_told_by_its_title_stays_one_when_titles_are_cleared(world, suffix, filters):
    world.write_policy(CLEAR.format(more=filters))
    path = world.media / f"a.{suffix}"
    commentary = SampleTrack("audio", "aac", "eng", "Commentary", default=True)
    extra = (SampleTrack("audio", "aac", "fre"),) if filters else ()
    make_sample(
        str(path), (VIDEO, commentary, SampleTrack("audio", "aac", "eng", "Main"), *extra), seconds=0.5
    )
    first, second = run(world, path)
    assert (first.default, second.default, second.title) == (False, True, None)
    if suffix == "mov":
        assert first.title == "Commentary"
    else:
        assert (first.title, first.dispositions) == (None, ("comment",))


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("flag", ["comment", "visual_impaired"])
def test_a_commentary_told_by_its_flag_is_never_the_default(world, suffix, flag):
    (world.media / "policy.yaml").unlink()
    world.vpo("init", world.media)
    path = world.media / f"a.{suffix}"
    tracks = (
        SampleTrack("audio", "aac", "eng", default=True, dispositions=(flag,)),
        SampleTrack("audio", "aac", "eng"),
    )
    make_sample(str(path), (VIDEO, *tracks), seconds=0.5)
    first, second = run(world, path)
    assert (first.default, second.default) == (False, True)
    assert flag in first.dispositions
