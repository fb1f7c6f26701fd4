"""A cover stored as an ordinary video track is never taken for the film, whatever it is and wherever it stands."""

from __future__ import annotations

import itertools
import json
import subprocess

import pytest

from tests.support.fake_tools import wheel_toolbox
from tests.support.media import need_tool
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.film import film_of

HEVC = """
schema_version: 13
name: c
phases:
  - name: p
    {more}
    transcode: {{video: {{to: hevc, crf: 40, preset: ultrafast, hw: none, keep_if_larger: true}}}}
    default_flags: {{}}
"""
PLACES = [
    *itertools.product(("mjpeg", "png"), ("mkv", "mp4", "mov"), ("first", "last")),
    *itertools.product(("gif",), ("mkv", "mov"), ("first", "last")),
    *itertools.product(("mjpeg", "png", "bmp"), ("avi",), ("first", "last")),
]


def ffmpeg(*words):
    argv = [wheel_toolbox().tools["ffmpeg"].path, "-nostdin", "-v", "error", "-y", *map(str, words)]
    done = subprocess.run(argv, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """A film of 48 pictures with sound, for AVI without reordering, and one picture of every kind."""
    folder = tmp_path_factory.mktemp("parts")
    film = ("-f", "lavfi", "-i", "testsrc2=s=320x180:r=24:d=2", "-f", "lavfi", "-i", "sine=d=2")
    ffmpeg(*film, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", folder / "film.mkv")
    ffmpeg(*film, "-c:v", "mpeg4", "-c:a", "ac3", folder / "film.avi")
    picture = ("-f", "lavfi", "-i", "testsrc=s=600x900", "-frames:v", "1")
    for suffix in ("jpg", "png", "gif", "bmp"):
        ffmpeg(*picture, folder / f"cover.{suffix}")
    return folder


def put_together(parts, target, codec, place, *more):
    film = parts / ("film.avi" if target.suffix == ".avi" else "film.mkv")
    cover = parts / f"cover.{codec.replace('mjpeg', 'jpg')}"
    inputs = [cover, film] if place == "first" else [film, cover]
    words = [word for path in inputs for word in ("-i", path)]
    ffmpeg(*words, "-map", "0", "-map", "1", "-c", "copy", "-strict", "-2", *more, target)


def shown(path):
    """Codec and number of packets of every video track, as ffprobe counts."""
    words = ("-select_streams", "v", "-count_packets", "-show_entries", "stream=codec_name,nb_read_packets")
    argv = [need_tool("ffprobe"), "-v", "error", *words, "-of", "json", path]
    streams = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)["streams"]
    return [(stream["codec_name"], int(stream["nb_read_packets"])) for stream in streams]


@pytest.mark.parametrize(("codec", "suffix", "place"), PLACES)
def test_the_film_is_known_wherever_the_cover_stands(parts, tmp_path, codec, suffix, place):
    path = tmp_path / f"a.{suffix}"
    put_together(parts, path, codec, place)
    media = read_media(str(path))
    videos = media.of_type("video")
    assert [track.still for track in videos] == ([True, False] if place == "first" else [False, True])
    assert film_of(media.tracks).codec in ("h264", "mpeg4")


@pytest.mark.parametrize(("codec", "suffix", "place"), [place for place in PLACES if place[0] != "bmp"])
def test_the_film_is_encoded_and_the_cover_copied(world, parts, codec, suffix, place):
    if suffix == "avi":
        world.write_policy(HEVC.format(more="container: {target: mkv}"))
    else:
        world.write_policy(HEVC.format(more=""))
    source = world.media / f"a.{suffix}"
    put_together(parts, source, codec, place)
    before = shown(source)
    done = world.vpo("process", "-v", world.media)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = [path for path in world.media.iterdir() if path.suffix in (".mkv", ".mp4", ".mov")]
    after = shown(path)
    film, cover = (1, 0) if place == "first" else (0, 1)
    assert len(after) == 2
    assert after[film] == ("hevc", 48)
    assert after[cover] == before[cover]
    media = read_media(str(path))
    assert [track.codec for track in media.of_type("video") if track.default] == ["hevc"]
    again = world.vpo("process", "-v", world.media)
    assert again.returncode == 0
    assert shown(path) == after


def test_in_fragments_too_the_film_is_known(parts, tmp_path):
    path = tmp_path / "a.mp4"
    put_together(parts, path, "png", "first", "-movflags", "frag_keyframe+empty_moov+default_base_moof")
    assert [track.still for track in read_media(str(path)).of_type("video")] == [True, False]


def test_a_film_of_pictures_is_a_film_with_or_without_a_cover(parts, tmp_path):
    film, both = tmp_path / "film.mkv", tmp_path / "both.mkv"
    ffmpeg("-i", parts / "film.mkv", "-c:v", "mjpeg", "-c:a", "copy", film)
    ffmpeg("-i", parts / "cover.jpg", "-i", film, "-map", "0", "-map", "1", "-c", "copy", both)
    assert [track.still for track in read_media(str(film)).of_type("video")] == [False]
    assert [track.still for track in read_media(str(both)).of_type("video")] == [True, False]


def test_a_film_that_begins_after_the_cover_is_still_the_film(parts, tmp_path):
    path = tmp_path / "a.mkv"
    words = (
        "-i",
        parts / "cover.jpg",
        "-itsoffset",
        "20",
        "-i",
        parts / "film.mkv",
        "-map",
        "0",
        "-map",
        "1",
    )
    ffmpeg(*words, "-c", "copy", path)
    assert [track.still for track in read_media(str(path)).of_type("video")] == [True, False]


def test_sound_with_a_cover_has_no_film_and_the_cover_is_left_alone(world, parts):
    world.write_policy(HEVC.format(more="skip_when: {mode: any, resolution: 720p}"))
    path = world.media / "a.mkv"
    ffmpeg(
        "-i", parts / "cover.jpg", "-i", parts / "film.mkv", "-map", "0", "-map", "1:a", "-c", "copy", path
    )
    before = shown(path)
    done = world.vpo("process", "-v", world.media)
    assert done.returncode == 0, done.stdout + done.stderr
    assert shown(path) == before == [("mjpeg", 1)]


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov"])
def test_a_second_film_is_copied_by_an_encode(world, parts, suffix):
    world.write_policy(HEVC.format(more=""))
    path = world.media / f"a.{suffix}"
    second = ("-f", "lavfi", "-i", "testsrc=s=160x90:r=24:d=2")
    words = ("-i", parts / "film.mkv", *second, "-map", "0", "-map", "1", "-c", "copy", "-c:v:1", "mpeg4")
    ffmpeg(*words, path)
    done = world.vpo("process", "-v", world.media)
    assert done.returncode == 0, done.stdout + done.stderr
    assert shown(path) == [("hevc", 48), ("mpeg4", 48)]


def test_the_conditions_of_a_policy_mean_the_film(world, parts):
    rule = (
        "{match: all, items: [{name: big, when: 'exists(video, height >= 800)', then: {fail: big}}, "
        "{name: two, when: 'count(video) > 1', then: {fail: two}}]}"
    )
    text = "schema_version: 13\nname: c\nphases:\n  - name: p\n    rules: " + rule + "\n"
    world.write_policy(
        text + "  - {name: q, skip_when: {mode: any, resolution_under: 720p}, container: {target: mp4}}\n"
    )
    path = world.media / "a.mkv"
    put_together(parts, path, "mjpeg", "first")
    done = world.vpo("process", "-v", world.media)
    assert done.returncode == 0, done.stdout + done.stderr
    assert path.exists()
