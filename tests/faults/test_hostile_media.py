"""Media made to harm: no file is opened or written that should not be, and limits are clear errors."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.execute import plan_for
from tests.support.library import ENGLISH, FRENCH, VIDEO, read_tree
from tests.support.matroska import matroska, track
from tests.support.media import need_tool
from tests.support.tracks import video
from vpo_tasks.disk.folders import OpenFile
from vpo_tasks.execute.in_place.change import HeaderRefused
from vpo_tasks.execute.in_place.matroska import matroska_change

TITLES = "schema_version: 13\nphases:\n  - name: t\n    audio_actions: {clear_all_titles: true}\n    default_flags: {}\n"

ENCODE = "schema_version: 13\nphases:\n  - name: t\n    transcode: {video: {to: h264, crf: 30, preset: ultrafast}}\n"


def merge(*arguments) -> None:
    subprocess.run([need_tool("mkvmerge"), "-q", "-o", *map(str, arguments)], check=True)


def only_result(world):
    done = world.vpo("process", "--json", world.media)
    (result,) = json.loads(done.stdout)["results"]
    return result


def test_an_attachment_named_out_of_its_folder_is_kept_and_written_nowhere(world):
    payload = world.root / "payload.txt"
    payload.write_text("owned")
    merge(
        world.media / "a.mkv", world.templates.messy(), "--attachment-name", "../../escaped.txt",
        "--attachment-mime-type", "text/plain", "--attach-file", payload,
    )  # fmt: skip
    before = set(read_tree(world.root))
    assert only_result(world)["status"] == "changed"
    new = {name for name in set(read_tree(world.root)) - before if not name.startswith("home/")}
    assert new == set()
    attachments = json.loads(world.vpo("inspect", "--json", world.media / "a.mkv").stdout)
    assert "escaped.txt" in json.dumps(attachments)


@pytest.mark.slow
def test_more_streams_than_the_tools_read_is_a_clear_error(world):
    (world.root / "s.srt").write_text("1\n00:00:00,000 --> 00:00:00,300\nhi\n")
    many = [word for _ in range(1000) for word in ("--language", "0:fre", world.root / "s.srt")]
    merge(world.media / "a.mkv", world.templates.messy(), *many)
    before = read_tree(world.media)
    result = only_result(world)
    assert result["status"] == "failed"
    assert "1000 streams or more" in result["error"]
    assert read_tree(world.media) == before


def test_many_streams_below_the_limit_are_processed(world):
    world.write_policy(TITLES)
    (world.root / "s.srt").write_text("1\n00:00:00,000 --> 00:00:00,300\nhi\n")
    many = [word for _ in range(200) for word in ("--language", "0:fre", world.root / "s.srt")]
    merge(world.media / "a.mkv", world.templates.messy(), *many)
    assert only_result(world)["status"] == "changed"


def test_playlists_and_addresses_named_as_videos_open_no_other_file_and_no_socket(world):
    secret = world.root / "secret.mkv"
    shutil.copy(world.templates.messy(), secret)
    (world.media / "hls.mkv").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n{secret}\n#EXTINF:9,\nhttp://127.0.0.1:9/x\n#EXT-X-ENDLIST\n"
    )
    (world.media / "concat.mkv").write_text(f"ffconcat version 1.0\nfile {secret}\n")
    shutil.copy(world.templates.messy(), world.media / "http:x.mkv")
    trace = world.root / "trace"
    through = (need_tool("strace"), "-f", "-qq", "-o", str(trace), "-e", "trace=open,openat,connect")
    done = world.vpo("process", "--json", world.media, through=through)
    results = {
        result["file"].rsplit("/", 1)[-1]: result["status"] for result in json.loads(done.stdout)["results"]
    }
    assert results == {"hls.mkv": "failed", "concat.mkv": "failed", "http:x.mkv": "changed"}
    calls = trace.read_text()
    assert "http:x.mkv" in calls, "the trace saw the run"
    assert "secret.mkv" not in calls
    assert "AF_INET" not in calls


@pytest.mark.parametrize("pixels", [65_535, 1 << 31, (1 << 56) - 1])
@pytest.mark.parametrize("policy", ["flags", "encode"])
def test_huge_dimensions_cost_one_video_and_no_huge_memory(world, pixels, policy):
    if policy == "encode":
        world.write_policy(ENCODE)
    huge, _good = world.add("huge.mkv", "good.mkv")
    size = (f"pixel-width={pixels}", f"pixel-height={pixels}")
    edit = [word for setting in size for word in ("--set", setting)]
    subprocess.run([need_tool("mkvpropedit"), "-q", huge, "--edit", "track:v1", *edit], check=True)
    before = huge.read_bytes()
    most_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    done = world.vpo("process", "--json", world.media)
    results = {os.path.basename(found["file"]): found for found in json.loads(done.stdout)["results"]}
    assert done.returncode in (0, 1), done.stderr
    assert results["good.mkv"]["status"] == "changed"
    assert "a bug" not in done.stderr
    if results["huge.mkv"]["status"] == "failed":
        assert results["huge.mkv"]["error"]
        assert huge.read_bytes() == before
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < max(most_kb, 500_000)
    assert world.leftovers() == []


def test_titles_that_are_no_text_and_command_a_terminal_reach_neither_terminal_nor_json(world):
    named = world.templates.get("named.mkv", VIDEO, ENGLISH, FRENCH._replace(title="zzzzzzzz"))
    data = named.read_bytes()
    assert data.count(b"zzzzzzzz") == 1
    (world.media / "a.mkv").write_bytes(data.replace(b"zzzzzzzz", b"\x1b[2J\xff\xfe\x9b\x07"))
    for command in (("inspect",), ("process", "-n", "-v"), ("process", "-v"), ("process", "--json")):
        target = world.media / "a.mkv" if command == ("inspect",) else world.media
        done = world.vpo(*command, target)
        assert done.returncode == 0, done.stderr
        for sign in ("\x1b", "\x07", "\x9b", "\udcff"):
            assert sign not in done.stdout + done.stderr
    assert world.leftovers() == []


def test_header_of_a_file_of_empty_clusters_without_an_index_is_not_looked_for_for_ever(
    tmp_path: Path,
) -> None:
    path = tmp_path / "film.mkv"
    entry = track(1, 1, b"V_MPEG4/ISO/ASP")
    path.write_bytes(matroska(b"\x1f\x43\xb6\x75\x80" * 1_000_100, tracks=(entry,)))
    with open(path, "rb") as stream, pytest.raises(HeaderRefused, match="clusters cannot be followed"):
        matroska_change(OpenFile(stream.fileno(), os.fsencode(path)), plan_for(video("v0 mpeg4")))
