"""QuickTime and MP4 sources, whichever ffmpeg does the work: languages it can name, titles that stay away."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.support.library import ENGLISH, VIDEO

POLICY = """schema_version: 13
phases:
  - name: p
    audio_actions: {{clear_all_titles: true}}
    rules:
      match: all
      items:
        - name: german
          when: exists(audio)
          then: [{{set_language: {{track_type: audio, new_language: {language}}}}}]
{convert}"""
CONVERT = "    container: {target: mkv}\n"


@pytest.fixture(params=["ffmpeg on PATH", "ffmpeg of the wheel"])
def tools(request, world):
    if request.param == "ffmpeg of the wheel":
        world.environ["PATH"] = str(world.bin)
    return world


def audio_after(world, name, source, policy):
    world.write_policy(policy)
    shutil.copy(world.templates.get(source, VIDEO, ENGLISH._replace(title="Old")), world.media / source)
    done = world.vpo("process", world.media)
    assert done.returncode == 0, done.stderr
    tracks = json.loads(world.vpo("inspect", "--json", world.media / name).stdout)["tracks"]
    (audio,) = [track for track in tracks if track["type"] == "audio"]
    return audio["language"], audio.get("title")


@pytest.mark.parametrize("language", ["ger", "fre", "cze", "dut"])
def test_a_quicktime_file_takes_the_spelling_that_it_knows(tools, language):
    policy = POLICY.format(language=language, convert="")
    assert audio_after(tools, "titled.mov", "titled.mov", policy) == (language, None)


@pytest.mark.parametrize("source", ["titled.mp4", "titled.mov"])
def test_a_cleared_title_does_not_come_back_in_matroska(tools, source):
    policy = POLICY.format(language="ger", convert=CONVERT)
    assert audio_after(tools, "titled.mkv", source, policy) == ("ger", None)
