"""Videos of the shapes that are met in real libraries: odd sizes, cut recordings, fields, old AVI files."""

from __future__ import annotations

import itertools
import json
import subprocess

import pytest

from tests.integration.test_encode_keeps import POLICY, encode, ffmpeg, frame_times, stream
from tests.support.fake_tools import wheel_toolbox
from tests.support.media import need_tool
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.packet_counts import count_packets

COPY = """
schema_version: 13
name: c
phases:
  - name: p
    rules:
      match: all
      items:
        - name: r
          when: exists(video)
          then: {set_container_metadata: {field: title, value: Other}}
"""
AUDIO = "    transcode: {audio: {to: ac3, preserve: [], bitrate: 96k}}\n"


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("to", ["h264", "hevc", "vp9", "av1"])
def test_a_picture_of_odd_size_is_encoded(world, to, name):
    path = world.media / "a.mkv"
    source = "testsrc=s=85x47:r=25:d=0.4,format=yuv420p,setsar=8/9"
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", "ffv1", path)
    result = encode(world, to=to, ffmpeg_name=name)
    found = stream(path)
    size = (84, 46) if to in {"h264", "hevc"} else (85, 47)
    assert found["codec_name"] == to
    assert (int(found["width"]), int(found["height"])) == size
    assert found["sample_aspect_ratio"] == "8:9"
    assert any("85x47 is cut to 84x46" in text for text in result["warnings"]) == (size == (84, 46))
    again = json.loads(world.vpo("process", "--json", world.media).stdout)
    assert again["summary"]["up_to_date_count"] == 1


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_what_an_edit_list_cuts_off_is_not_missed(world, suffix, name):
    whole, path = world.root / "whole.mp4", world.media / "a.mp4"
    source = ("-f", "lavfi", "-i", "testsrc=s=64x48:d=3", "-f", "lavfi", "-i", "sine=d=3")
    ffmpeg(*source, "-c:v", "libx264", "-preset", "ultrafast", "-bf", 2, "-g", 75, "-c:a", "aac", whole)
    ffmpeg("-ss", 1.6, "-i", whole, "-c", "copy", path)  # most of the pictures are there, and hidden
    shown = len(frame_times_shown(path))
    result = encode(world, to="hevc", container="" if suffix == "mp4" else "mkv", ffmpeg_name=name)
    made = frame_times_shown(result["final_file"])
    assert len(made) == shown < 40
    assert made[-1] - made[0] == pytest.approx((shown - 1) / 25, abs=0.002)
    again = json.loads(world.vpo("process", "--json", world.media).stdout)
    assert again["summary"]["up_to_date_count"] == 1


def frame_times_shown(path) -> list[float]:
    probe = need_tool("ffprobe")
    words = ["-v", "error", "-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "csv=p=0"]
    answer = subprocess.run([probe, *words, str(path)], capture_output=True, check=True, text=True).stdout
    return [float(line.strip(",")) for line in answer.split()]


@pytest.mark.parametrize("name", ["path", "wheel"])
def test_pictures_that_an_avi_leaves_out_are_not_missed_in_matroska(world, name):
    path = world.media / "a.avi"
    source = ("-f", "lavfi", "-i", "testsrc=s=64x48:d=1.2", "-vf", "select='not(eq(n,1)+eq(n,2)+eq(n,9))'")
    ffmpeg(*source, "-fps_mode", "vfr", "-c:v", "msmpeg4", path)
    convert(world, "mkv", name)
    times = frame_times(world.media / "a.mkv")
    assert len(times) == 27
    assert times[:3] == pytest.approx([0, 0.12, 0.16], abs=0.002)


def convert(world, target, ffmpeg_name) -> dict:
    container = f"container: {{target: {target}, on_incompatible_codec: transcode}}"
    world.write_policy(f"schema_version: 13\nname: c\nphases:\n  - name: p\n    {container}\n")
    if ffmpeg_name == "wheel":
        (world.bin / "ffmpeg").symlink_to(wheel_toolbox().tools["ffmpeg"].path)
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 0, done.stderr + done.stdout
    (result,) = json.loads(done.stdout)["results"]
    again = json.loads(world.vpo("process", "--json", world.media).stdout)
    assert again["summary"]["up_to_date_count"] == 1
    return result


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("codec", ["libxvid", "mpeg4", "libx264"])
def test_pictures_of_an_avi_with_b_frames_are_encoded_in_order(world, codec, name):
    # libxvid packs two pictures into one chunk, as DivX did; H.264 does not say how far it reorders
    source = ("-f", "lavfi", "-i", "testsrc=s=64x48:d=1.6")
    ffmpeg(*source, "-c:v", codec, "-bf", 2, world.media / "a.avi", exe=need_tool("ffmpeg"))
    result = encode(world, to="hevc", container="mkv", ffmpeg_name=name)
    times = frame_times_shown(result["final_file"])
    assert len(times) > 30
    steps = [round(later - earlier, 3) for earlier, later in itertools.pairwise(times)]
    assert steps == [0.04] * len(steps)


def make_avi(path, codec, *more):
    """A second of pictures that move, with B-frames; libxvid packs two into one chunk, as DivX did."""
    source = ("-f", "lavfi", "-i", "testsrc=s=64x48:d=1.2", "-f", "lavfi", "-i", "sine=d=1.2")
    words = ("-c:v", codec, "-bf", 2, "-c:a", "libmp3lame", "-metadata", "title=Film")
    ffmpeg(*source, *words, *more, path, exe=need_tool("ffmpeg"))


@pytest.mark.parametrize("codec", ["libxvid", "mpeg4", "libx264"])
def test_pictures_of_an_avi_with_b_frames_are_copied_in_order(world, codec, mkvtoolnix):
    make_avi(world.media / "a.avi", codec, "-metadata:s:a", "title=Original")
    before = digests_of_pictures(world.media / "a.avi")
    result = convert(world, "mkv", "path")
    assert result["tool"] == ("ffmpeg" if codec == "mpeg4" else "mkvmerge")
    media = read_media(result["final_file"])
    assert (media.tags["title"], media.tracks[1].title) == ("Film", "Original")
    assert digests_of_pictures(result["final_file"]) == before
    if codec != "libxvid":  # what is packed stays so, and is dated by its decoder
        times = frame_times_shown(result["final_file"])
        assert times == sorted(times)


def digests_of_pictures(path) -> list[str]:
    words = ["-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"]
    return [line.rpartition(",")[2] for line in ffmpeg(*words).splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(
    ("target", "more", "reason"),
    [
        ("mkv", "", "mkvmerge is missing"),
        ("mp4", "", "without their times"),
        ("mkv", AUDIO, "without their times"),
    ],
    ids=["no mkvmerge", "mp4", "sound encoded"],
)
def test_pictures_without_times_are_not_copied_where_they_would_get_wrong_ones(world, target, more, reason):
    path = world.media / "a.avi"
    make_avi(path, "libxvid")
    content = path.read_bytes()
    world.write_policy(
        f"schema_version: 13\nname: c\nphases:\n  - name: p\n    container: {{target: {target}}}\n{more}"
    )
    if not more and target == "mkv":
        (world.bin / "ffmpeg").symlink_to(wheel_toolbox().tools["ffmpeg"].path)
        world.environ["PATH"] = str(world.bin)
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 1
    (result,) = json.loads(done.stdout)["results"]
    assert reason in result["error"]
    assert path.read_bytes() == content


def test_an_avi_with_packed_b_frames_is_changed_in_place(world):
    path = world.media / "a.avi"
    make_avi(path, "libxvid")
    before = digests_of_pictures(path)
    world.write_policy(f"schema_version: 13\nname: c\nphases:\n  - name: p\n{AUDIO}")
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 0, done.stderr + done.stdout
    assert [track.codec for track in read_media(str(path)).tracks] == ["mpeg4", "ac3"]
    assert digests_of_pictures(path) == before


def test_matroska_that_holds_avi_as_it_was_is_copied_by_mkvmerge_only(world, mkvtoolnix):
    plain, path = world.root / "a.avi", world.media / "a.mkv"
    make_avi(plain, "mpeg4")
    subprocess.run([need_tool("mkvmerge"), "-q", "-o", path, plain], check=True)
    before = digests_of_pictures(path)
    world.write_policy(COPY)
    done = world.vpo("process", "--json", "--output", world.root / "out", world.media)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["tool"] == "mkvmerge"
    assert digests_of_pictures(world.root / "out" / "a.mkv") == before
    (world.bin / "ffmpeg").symlink_to(wheel_toolbox().tools["ffmpeg"].path)
    done = world.vpo("process", "--output", world.root / "more", world.media, env={"PATH": str(world.bin)})
    assert done.returncode == 1
    assert "mkvmerge is missing" in done.stderr


def make_recording(path, codec, *, cut: float) -> None:
    """A transport stream of four seconds with a key frame in each; `cut` of its bytes are missing in front."""
    source = ("-f", "lavfi", "-i", "testsrc2=s=96x64:d=4", "-f", "lavfi", "-i", "sine=d=4")
    words = (
        ("-c:v", codec, "-preset", "ultrafast") if codec.startswith("lib") else ("-c:v", codec, "-b:v", "1M")
    )
    ffmpeg(*source, *words, "-g", 25, "-bf", 2, "-c:a", "ac3", path)
    data = path.read_bytes()
    path.write_bytes(data[int(len(data) * cut) // 188 * 188 :])


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("codec", ["mpeg2video", "libx264", "libx265"])
@pytest.mark.parametrize("target", ["mkv", "mp4", ""])
def test_a_recording_that_begins_between_key_frames_is_encoded(world, target, codec, name):
    path = world.media / "a.ts"
    make_recording(path, codec, cut=0.37)
    world.configure('[discovery]\nextensions = ["ts", "mkv", "mp4"]')
    to = "hevc" if codec != "libx265" else "h264"
    result = encode(world, to=to, container=target, ffmpeg_name=name)
    assert any("pictures are missing or damaged" in text for text in result["warnings"]), result["warnings"]
    times = frame_times_shown(result["final_file"])
    assert times[-1] - times[0] > 1.8
    assert [track.codec for track in read_media(result["final_file"]).tracks] == [to, "ac3"]
    again = json.loads(world.vpo("process", "--json", world.media).stdout)
    assert again["summary"]["up_to_date_count"] == 1


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("codec", ["mpeg2video", "libx264", "libx265"])
def test_a_recording_that_begins_between_key_frames_is_copied_whole(world, codec, name):
    path = world.media / "a.ts"
    make_recording(path, codec, cut=0.37)
    world.configure('[discovery]\nextensions = ["ts", "mkv"]')
    before = count_packets(str(path), read_media(str(path)))
    result = convert(world, "mkv", name)
    after = count_packets(result["final_file"], read_media(result["final_file"]))
    assert [count.packets for count in after] == [count.packets for count in before]


def test_a_recording_that_is_damaged_elsewhere_is_refused(world):
    path = world.media / "a.ts"
    make_recording(path, "libx264", cut=0)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 188 * 188
    del data[middle : middle + 188 * 6]
    path.write_bytes(data)
    world.configure('[discovery]\nextensions = ["ts"]')
    world.write_policy(POLICY.format(to="hevc", container="    container: {target: mkv}\n", more=""))
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 1
    assert json.loads(done.stdout)["results"][0]["error_kind"] in ("ToolError", "VerifyError")


@pytest.mark.parametrize("name", ["path", "wheel"])
def test_what_an_old_telephone_recorded_is_changed_in_place(world, name):
    path = world.media / "a.mp4"
    source = ("-f", "lavfi", "-i", "testsrc=s=176x144:d=1", "-f", "lavfi", "-i", "sine=d=1:r=8000")
    ffmpeg(
        *source,
        "-map",
        0,
        "-map",
        1,
        "-map",
        1,
        "-c:v",
        "h263",
        "-c:a",
        "aac",
        "-ac",
        1,
        "-f",
        "3gp",
        path,
        exe=need_tool("ffmpeg"),
    )
    keep = "keep_audio: {languages: [jpn], fallback: {mode: keep_first}}"
    world.write_policy(f"schema_version: 13\nname: c\nphases:\n  - name: p\n    {keep}\n")
    if name == "wheel":
        (world.bin / "ffmpeg").symlink_to(wheel_toolbox().tools["ffmpeg"].path)
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 0, done.stderr + done.stdout
    assert [track.codec for track in read_media(str(path)).tracks] == ["h263", "aac"]
    again = json.loads(world.vpo("process", "--json", world.media).stdout)
    assert again["summary"]["up_to_date_count"] == 1


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("suffix", ["mkv", "ts", "mp4"])
def test_interlaced_video_stays_interlaced_in_h264(world, suffix, order, name):
    path = world.media / f"a.{suffix}"
    fields = ("-vf", f"interlace=scan={order}", "-flags", "+ildct+ilme", "-c:v", "mpeg2video", "-b:v", "1M")
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=128x96:r=50:d=1", *fields, path)
    world.configure('[discovery]\nextensions = ["ts", "mkv", "mp4"]')
    result = encode(world, to="h264", ffmpeg_name=name)
    assert not any("combs" in text for text in result["warnings"])
    assert stream(path)["field_order"] != "progressive"
    assert read_media(str(path)).tracks[0].interlaced
    words = ["-v", "error", "-select_streams", "v", "-show_entries", "frame=interlaced_frame,top_field_first"]
    shown = subprocess.run(
        [need_tool("ffprobe"), *words, "-of", "csv=p=0", path], capture_output=True, text=True, check=True
    )
    frames = {tuple(line.strip(",").split(",")[:2]) for line in shown.stdout.split()}
    assert frames == {("1", "1" if order == "tff" else "0")}


def test_interlaced_video_is_scaled_by_fields_of_whole_pairs_of_rows(world):
    # 100x74 is nearer the shape: FFmpeg's scaler writes past the end of such a picture, and may die of it
    path = world.media / "a.mkv"
    fields = ("-vf", "interlace", "-flags", "+ildct+ilme", "-c:v", "mpeg2video", "-b:v", "1M")
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=128x96:r=50:d=0.4", *fields, path)
    encode(world, to="h264", more=", max_width: 100")
    found = stream(path)
    assert (found["width"], found["height"]) == (100, 72)
    assert found["field_order"] != "progressive"


@pytest.mark.parametrize(("to", "more"), [("hevc", ""), ("vp9", ""), ("hevc", ", max_width: 100")])
def test_interlaced_video_that_will_not_be_marked_is_said_to_be_so_before(world, to, more):
    path = world.media / "a.mkv"
    fields = ("-vf", "interlace", "-flags", "+ildct+ilme", "-c:v", "mpeg2video", "-b:v", "1M")
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=128x96:r=50:d=0.4", *fields, path)
    world.write_policy(POLICY.format(to=to, container="", more=more))
    planned = world.vpo("process", "--dry-run", "-v", world.media)
    assert "players may show combs" in planned.stdout + planned.stderr
    encode(world, to=to, more=more)
