"""The language of a track where its file has a tag of BCP 47: what the file says, and what a policy names."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.support.fake_tools import require_tool
from tests.support.library import VIDEO
from tests.support.tools import need_tool
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.matroska.ebml import open_source
from vpo_tasks.media.mp4.fields import make_extended_language
from vpo_tasks.media.mp4.layout import plan_patches
from vpo_tasks.media.mp4.tree import append_at, locate, read_boxes
from vpo_tasks.media.synthetic import SampleTrack, make_sample

KEEP = """
schema_version: 13
phases:
  - {{name: keep, keep_audio: {{languages: [{wanted}], fallback: {{mode: keep_first}}}}}}
"""


def with_tags(path, *tags):
    """Make a video with a sound track for each tag, by mkvmerge."""
    require_tool("mkvmerge")
    plain = path.with_name("plain.mkv")
    tracks = (VIDEO, *(SampleTrack("audio", "aac", None, tag) for tag in tags))
    make_sample(str(plain), tracks, seconds=0.5)
    words = [word for place, tag in enumerate(tags, 1) for word in ("--language", f"{place}:{tag}")]
    subprocess.run(
        [str(shutil.which("mkvmerge")), "-q", "-o", str(path), *words, str(plain)], check=True, timeout=60
    )
    plain.unlink()


def languages(path):
    return [track.language for track in read_media(str(path)).of_type("audio")]


def test_matroska_says_region_and_script(tmp_path):
    with_tags(tmp_path / "a.mkv", "pt-BR", "zh-Hant-TW", "es-419", "deu", "yue")
    assert languages(tmp_path / "a.mkv") == ["pt-BR", "zh-Hant-TW", "es-419", "ger", "yue"]


def test_the_tag_overrules_the_older_field(tmp_path):
    editor = need_tool("mkvpropedit")
    path = tmp_path / "a.mkv"
    with_tags(path, "eng")
    edit = ["--edit", "track:a1", "--set", "language-ietf=fr"]
    subprocess.run([editor, "-q", str(path), *edit], check=True, timeout=60)
    assert languages(path) == ["fre"]


def test_mp4_says_region_and_script(tmp_path):
    path = tmp_path / "a.mp4"
    make_sample(str(path), (VIDEO, SampleTrack("audio", "aac", "por")), seconds=0.5)
    with open_source(str(path)) as source:
        tree = read_boxes(source)
    place = list(locate(tree.movie.atom, b"trak", b"mdia"))[1]
    edited = append_at(tree.movie.atom, place, make_extended_language("pt-BR"))
    with path.open("r+b") as stream:
        patches = plan_patches(tree, edited)
        for offset, data in patches.writes:
            stream.seek(offset)
            stream.write(data)
        stream.truncate(patches.size)
    assert languages(path) == ["pt-BR"]


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ("pt-BR", ["pt-BR"]),
        ("pt", ["pt-BR", "pt-PT"]),
        ("zh-Hant", ["zh-TW"]),
        ("por, zh-Hans", ["pt-BR", "pt-PT"]),
    ],
)
def test_a_policy_names_one_kind_of_a_language_or_every_kind(world, wanted, left):
    with_tags(world.media / "a.mkv", "pt-BR", "pt-PT", "zh-TW")
    world.write_policy(KEEP.format(wanted=wanted))
    done = world.vpo("process", world.media)
    assert done.returncode == 0, done.stdout + done.stderr
    assert languages(world.media / "a.mkv") == left


def test_two_languages_in_one_field_are_the_first_of_them(tmp_path):
    path = tmp_path / "a.ts"
    make_sample(str(path), (VIDEO, SampleTrack("audio", "mp2", "deu,eng")), seconds=0.5)
    assert languages(path) == ["ger"]
