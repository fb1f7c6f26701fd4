"""Videos of the shapes that are met in real libraries: odd sizes, cut recordings, fields, old AVI files."""

from __future__ import annotations

import json

import pytest

from tests.integration.test_encode_keeps import encode, ffmpeg, stream


@pytest.mark.parametrize("name", ["path", "wheel"])
@pytest.mark.parametrize("to", ["h264", "hevc", "vp9", "av1"])
def test_a_picture_of_odd_size_is_encoded(world, to, name):
    path = world.media / "a.mkv"
    source = "testsrc=s=85x47:r=25:d=0.4,format=yuv420p,setsar=8/9"
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", "ffv1", path)
    result = encode(world, to=to, ffmpeg_name=name)
    found = stream(path)
    size = (84, 46) if to in {"h264", "hevc"} else (85, 47)
    assert (found["codec_name"], found["width"], found["height"]) == (to, *size)
    assert found["sample_aspect_ratio"] == "8:9"
    assert any("85x47 is cut to 84x46" in text for text in result["warnings"]) == (size == (84, 46))
    again = json.loads(world.vpo("process", "--json", world.media).stdout)
    assert again["summary"]["up_to_date_count"] == 1
