"""Names that speak of another container than is in the file."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tests.support.tools import need_tool
from vpo_tasks.media.synthetic import SampleTrack, make_sample

SOUND = SampleTrack("audio", "ac3")


@pytest.mark.parametrize(("made", "name", "target"), [("a.mkv", "a.mp4", "mkv"), ("a.mp4", "a.mkv", "mp4")])
def test_a_file_named_for_the_other_container_is_told(world, tmp_path, made, name, target):
    make_sample(str(tmp_path / made), [SampleTrack("video", "mpeg4"), SOUND], seconds=0.4)
    shutil.copy(tmp_path / made, world.media / name)
    world.write_policy(f"schema_version: 13\nphases:\n  - {{name: p, container: {{target: {target}}}}}\n")
    for words in (["--dry-run"], []):
        result = json.loads(world.vpo("process", "--json", *words, world.media).stdout)["results"][0]
        assert result["status"] in ("unchanged", "skipped")
        assert any(
            f"its name ends in .{name[2:]}: rename it to .{target}" in text for text in result["warnings"]
        )


def test_a_webm_that_will_be_none_any_more_is_told(world):
    path = world.media / "a.webm"
    picture = ("-f", "lavfi", "-i", "testsrc=s=128x96:r=10:d=0.4")
    command = [need_tool("ffmpeg"), "-v", "error", *picture, "-c:v", "libvpx", "-cpu-used", "8", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    world.configure('[discovery]\nextensions = ["webm"]')
    video = "{to: hevc, preset: ultrafast, hw: none, keep_if_larger: true}"
    world.write_policy(f"schema_version: 13\nphases:\n  - {{name: p, transcode: {{video: {video}}}}}\n")
    for words in (["--dry-run"], []):
        result = json.loads(world.vpo("process", "--json", *words, world.media).stdout)["results"][0]
        assert result["error"] is None
        assert (
            "it is no WebM any more (hevc): rename it to .mkv, for players go by the name"
            in result["warnings"]
        )
