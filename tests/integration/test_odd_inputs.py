"""Broken and odd things where videos should be: one clear line each, and the rest is processed."""

from __future__ import annotations

import json
import os
import re
import shutil

import pytest

from tests.support.fake_tools import remuxer
from tests.support.library import read_tree
from tests.support.rights import bound_by_modes


@pytest.fixture
def odd(world):
    world.add("good1.mkv", "good2.mp4")
    (world.media / "empty.mkv").write_bytes(b"")
    (world.media / "text.mkv").write_text("not a video\n" * 100)
    whole = world.templates.messy().read_bytes()
    (world.media / "truncated.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    whole = world.templates.messy(".mp4").read_bytes()
    (world.media / "truncated.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    (world.media / "garbage.mkv").write_bytes(bytes(range(256)) * 200)
    (world.media / "folder.mkv").mkdir()
    os.mkfifo(world.media / "fifo.mkv")
    (world.media / "dangling.mkv").symlink_to(world.media / "nowhere")
    return world


EXPECTED = {
    "good1.mkv": "changed",
    "good2.mp4": "changed",
    "empty.mkv": "failed",
    "text.mkv": "failed",
    "truncated.mkv": "failed",
    "truncated.mp4": "failed",
    "garbage.mkv": "failed",
    "folder.mkv": "skipped",
    "fifo.mkv": "skipped",
    "dangling.mkv": "skipped",
}


def test_each_fails_or_is_skipped_with_one_clear_line_and_the_rest_is_processed(odd):
    before = {name: data for name, data in files(odd).items() if not name.startswith("good")}
    done = odd.vpo("process", "--json", odd.media)
    assert done.returncode == 1
    results = {os.path.basename(result["file"]): result for result in json.loads(done.stdout)["results"]}
    assert {name: result["status"] for name, result in results.items()} == EXPECTED
    for name, status in EXPECTED.items():
        if status == "failed":
            lines = [line for line in done.stderr.splitlines() if name in line]
            assert len(lines) == 1, (name, done.stderr)
    assert "empty" in results["empty.mkv"]["error"]
    assert "truncated" in results["truncated.mkv"]["error"]
    assert "folder" in results["folder.mkv"]["reason"]
    assert "FIFO" in results["fifo.mkv"]["reason"]
    assert "dangling" in results["dangling.mkv"]["reason"]
    assert {name: data for name, data in files(odd).items() if not name.startswith("good")} == before
    assert odd.leftovers() == []


def files(world) -> dict[str, bytes]:
    return {
        name: (world.media / name).read_bytes()
        for name in os.listdir(world.media)
        if (world.media / name).is_file() and not (world.media / name).is_symlink()
    }


def test_the_same_through_doit(odd):
    (odd.media / "dodo.py").write_text("from vpo_tasks.dodo import DOIT_CONFIG, task_process\n")
    done = odd.doit("-n", 2)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for name, status in EXPECTED.items():
        assert status == "changed" or name in done.stdout + done.stderr


def test_an_unreadable_file_fails_alone(world):
    world.add("good.mkv")
    (locked,) = world.add("locked.mkv")
    locked.chmod(0o000)
    # root reads everything, unless it gives up the right to
    through = bound_by_modes()
    done = world.vpo("process", "--json", world.media, through=through)
    assert done.returncode == 1, done.stderr
    results = {os.path.basename(r["file"]): r for r in json.loads(done.stdout)["results"]}
    assert results["good.mkv"]["status"] == "changed"
    assert results["locked.mkv"]["status"] == "failed"
    assert "ermission" in results["locked.mkv"]["error"]


def test_a_video_that_vanishes_while_running_is_skipped(world):
    world.add("a.mkv", "z.mkv")
    shutil.copy(world.templates.messy(), world.media / "m.mkv")
    gone = str(world.media / "m.mkv")
    removed = f"if os.path.exists({gone!r}):\n    os.unlink({gone!r})\n"
    world.put_tool(remuxer(), removed + "os.execv(real, [real, *words])\n")
    done = world.vpo("process", "--json", "-w", 1, world.media)
    results = {os.path.basename(r["file"]): r for r in json.loads(done.stdout)["results"]}
    assert (results["m.mkv"]["status"], results["m.mkv"]["reason"]) == ("skipped", "vanished")
    assert results["z.mkv"]["status"] == "changed"
    assert done.returncode == 0


def test_a_source_replaced_during_the_work_survives(world):
    (path,) = world.add("a.mkv")
    foreign_file = world.templates.right().read_bytes()
    staged = world.root / "new.mkv"
    staged.write_bytes(foreign_file)
    arrives = f"os.rename({str(staged)!r}, {str(path)!r})\n"
    world.put_tool(remuxer(), arrives + "os.execv(real, [real, *words])\n")
    world.vpo("process", "--json", world.media)
    assert path.read_bytes() == foreign_file
    assert world.leftovers() == []


def test_terminal_escapes_in_titles_and_names_never_reach_the_terminal(world):
    from tests.support.library import ENGLISH, FRENCH, VIDEO

    evil = world.templates.get("evil.mkv", VIDEO, ENGLISH, FRENCH._replace(title="\x1b]0;owned\x07\x1b[2J"))
    shutil.copy(evil, world.media / "x\x1b[31m.mkv")
    done = world.vpo("process", "-v", world.media)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "\x07" not in done.stdout + done.stderr


def test_a_playlist_named_like_a_video_opens_no_other_file(world):
    secret = world.root / "secret.mkv"
    shutil.copy(world.templates.messy(), secret)
    (world.media / "hls.mkv").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    )
    (world.media / "concat.mkv").write_text(f"ffconcat version 1.0\nfile {secret}\n")
    before = read_tree(world.root)
    done = world.vpo("process", "-n", "--json", world.media)
    assert done.returncode == 1
    assert {result["status"] for result in json.loads(done.stdout)["results"]} == {"failed"}
    assert read_tree(world.root) == before


def test_a_state_folder_that_cannot_be_written_says_so_and_how_to_name_another(world):
    world.add("a.mkv")
    world.home.mkdir(mode=0o555)
    through = bound_by_modes()
    done = world.vpo("process", world.media, through=through)
    assert (done.returncode, done.stdout) == (4, "")
    assert "VPO_HOME names another" in done.stderr
    assert world.vpo("process", "--dry-run", world.media, through=through).returncode == 0


def test_a_time_beyond_what_the_database_holds_is_a_time_like_any_other(world):
    made = world.add("a.mkv", "b.mkv", "deep/c.mkv")
    made[1].write_text("no video")
    for path in made:
        os.utime(path, ns=(2**63 + 10**18, 2**63 + 10**18))
    if made[0].stat().st_mtime_ns < 2**63:
        pytest.skip("this file system holds no such time")
    done = world.vpo("process", "--json", world.media)
    assert done.returncode == 1, done.stderr
    assert "bug" not in done.stderr
    summary = json.loads(done.stdout)["summary"]
    assert (summary["changed_count"], summary["fail_count"], summary["failed_before_count"]) == (2, 1, 0)
    made[2].rename(world.media / "new name.mkv")
    summary = json.loads(world.vpo("process", "--json", world.media).stdout)["summary"]
    assert (summary["up_to_date_count"], summary["failed_before_count"]) == (2, 1)
    assert json.loads(world.vpo("why", "--json", made[0]).stdout)["up_to_date"]
    (world.media / "dodo.py").write_text("from vpo_tasks.dodo import DOIT_CONFIG, task_process\n")
    assert re.search(r"up to date +2$", world.doit().stdout, re.MULTILINE)


def test_a_folder_that_may_not_be_written_is_said_to_be_what_is_in_the_way(world):
    (path,) = world.add("closed/a.mkv")
    path.parent.chmod(0o555)
    through = bound_by_modes()
    done = world.vpo("process", world.media, through=through)
    path.parent.chmod(0o755)
    assert done.returncode == 1
    assert "its folder may not be written (Permission denied)" in done.stderr
    assert json.loads(world.vpo("process", "--json", world.media).stdout)["summary"]["changed_count"] == 1
