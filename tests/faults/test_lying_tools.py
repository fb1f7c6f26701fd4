"""Tools that say success of an output that is whole, plays, and yet is not what was asked for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.execute import flip_default, make_environment, plan_for, work_for
from tests.support.fake_tools import fake_tool, require_tool
from tests.support.tools import need_tool
from vpo_tasks.errors import FileError, VerifyError
from vpo_tasks.execute.replace import carry_out
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.packet_counts import count_packets
from vpo_tasks.media.synthetic import SampleTrack, make_sample

TRACKS = (
    SampleTrack("video", "h264"),
    SampleTrack("audio", "ac3"),
    SampleTrack("audio", "ac3"),
    SampleTrack("subtitle", "ass"),
    SampleTrack("subtitle", "subrip"),
    SampleTrack("attachment", "ttf", filename="a.ttf"),
)
HONEST = "subprocess.run([real] + sys.argv[1:], check=True)\n"
PATCHED = HONEST + "import re\nd = bytearray(open(output, 'rb').read())\n{}\nopen(output, 'wb').write(d)\n"
ARGUED = "a = sys.argv[1:]\n{}\nsubprocess.run([real] + a, check=True)\n"
EDITED = HONEST + "subprocess.run(['mkvpropedit', '-q', output, {}], check=True, stdout=subprocess.DEVNULL)\n"
# a block becomes a void element by one byte; one in front of it says which track it is of
SUBTITLE_BLOCK = r"m = re.search(rb'\xa0[\x80-\xff]\xa1[\x80-\xff]\x85', d); "
SOUND = r"[m for m in re.finditer(rb'\xa3[\x40-\x7f].\x82..\x80\x0b\x77', d, re.DOTALL)]"

LIES = {
    "sound of another track": ARGUED.format("i, j = a.index('0:1'), a.index('0:2'); a[i], a[j] = a[j], a[i]"),
    "the same sound twice": ARGUED.format("a[a.index('0:2')] = '0:1'"),
    "all a minute later": ARGUED.format("a[-1:-1] = ['-output_ts_offset', '60']"),
    "another attachment of that name": PATCHED.format(
        r"m = re.search(rb'a\.ttf.*?\x46\x5c[\x40-\x7f].', d, re.DOTALL); d[m.end() + 9] ^= 1"
    ),
    "subtitles without their styles": PATCHED.format(
        "i = d.index(b'[Script Info]'); n = int.from_bytes(d[i - 2 : i], 'big') & 0x3FFF; "
        "d[i - 4 : i] = b'\\xec' + (0x200000 | n).to_bytes(3, 'big')"
    ),
    "a subtitle less": PATCHED.format(SUBTITLE_BLOCK + r"d[m.start()] = 0xEC"),
    "a piece of sound less": PATCHED.format(f"d[{SOUND}[3].start()] = 0xEC"),
    "a piece of sound in another track": PATCHED.format(f"d[{SOUND}[3].start() + 3] = 0x83"),
}
LEFT_OUT = {
    "no colours": EDITED.format(
        "'--edit', 'track:v1', '--delete', 'colour-matrix-coefficients', '--delete', "
        "'colour-transfer-characteristics', '--delete', 'colour-primaries'"
    ),
    "another shape": EDITED.format(
        "'--edit', 'track:v1', '--delete', 'display-width', '--delete', 'display-height'"
    ),
}
NOISE = {
    "silence": f"for m in {SOUND}: d[m.end() : m.end() + 300] = bytes(300)",
    "two pieces of sound in the wrong order": f"m, n = {SOUND}[2:4]; "
    "x, y = slice(m.end(), m.end() + 300), slice(n.end(), n.end() + 300); d[x], d[y] = d[y], d[x]",
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video with colours and a shape in its header, and two tracks that nothing tells apart but their sound."""
    require_tool("mkvmerge")
    need_tool("mkvpropedit")
    folder = tmp_path_factory.mktemp("original")
    make_sample(str(folder / "made.mkv"), TRACKS, seconds=2)
    make_sample(str(folder / "other.mkv"), TRACKS[:2], seconds=2, seed=7)
    path = folder / "film.mkv"
    words = ["--colour-matrix-coefficients", "0:9", "--colour-transfer-characteristics", "0:16"]
    words += ["--colour-primaries", "0:9", "--display-dimensions", "0:128x48", "--title", ""]
    words += ["--audio-tracks", "1", str(folder / "made.mkv"), "--no-video", str(folder / "other.mkv")]
    subprocess.run(["mkvmerge", "-q", "-o", path, *words, "--track-order", "0:0,0:1,1:1,0:3,0:4"])
    media = read_media(str(path))
    assert (media.tracks[0].color_transfer, media.tracks[0].pixel_aspect) == ("smpte2084", 2.0)
    assert media.tracks[1].language == media.tracks[2].language
    return path


def attempt(original: Path, folder: Path, body: str, verify: str = "standard") -> tuple[Path, bytes]:
    (folder / "library").mkdir()
    film = folder / "library" / "film.mkv"
    shutil.copy(original, film)
    plan = plan_for(read_media(str(film)), change=flip_default)
    asked_to_read = "if output == 'pipe:1': os.execv(real, [real] + sys.argv[1:])\n"
    environment = make_environment(folder, toolbox=fake_tool(str(folder), asked_to_read + body))
    carry_out(work_for(str(film), plan, verify=verify), environment)
    return film, original.read_bytes()


@pytest.mark.parametrize("lie", LIES)
def test_what_differs_from_the_plan_is_refused_and_the_original_stays(
    original: Path, tmp_path: Path, lie: str
) -> None:
    with pytest.raises(VerifyError):
        attempt(original, tmp_path, LIES[lie])
    film = tmp_path / "library" / "film.mkv"
    assert film.read_bytes() == original.read_bytes()
    assert os.listdir(film.parent) == ["film.mkv"]


@pytest.mark.parametrize("lie", LEFT_OUT)
def test_what_a_tool_leaves_out_of_the_header_is_put_back(original: Path, tmp_path: Path, lie: str) -> None:
    film, _ = attempt(original, tmp_path, LEFT_OUT[lie])
    before, after = (read_media(str(path)).tracks[0] for path in (original, film))
    for field in ("color_transfer", "color_primaries", "color_space", "pixel_aspect", "width", "height"):
        assert getattr(after, field) == getattr(before, field), field
    assert film.read_bytes() != original.read_bytes()


@pytest.mark.parametrize("lie", NOISE)
def test_full_verification_sees_other_content_of_the_same_size(
    original: Path, tmp_path: Path, lie: str
) -> None:
    with pytest.raises(FileError, match="content of stream 1|ffmpeg: "):
        attempt(original, tmp_path, PATCHED.format(NOISE[lie]), verify="full")
    assert (tmp_path / "library" / "film.mkv").read_bytes() == original.read_bytes()


def test_an_entry_that_mkvmerge_counts_and_ffmpeg_does_not_never_moves_the_choice(
    original: Path, tmp_path: Path
) -> None:
    # of four alike the second is made a menu's buttons, the last is kept beside the first
    sounds = []
    for seed in range(4):
        sounds.append(tmp_path / f"{seed}.mkv")
        make_sample(str(sounds[-1]), TRACKS[:2], seconds=1, seed=seed)
    film = tmp_path / "library" / "film.mkv"
    film.parent.mkdir()
    more = [word for sound in sounds[1:] for word in ("--no-video", sound)]
    subprocess.run(["mkvmerge", "-q", "-o", film, sounds[0], *more])
    data = bytearray(film.read_bytes())
    data[[found.end() - 1 for found in re.finditer(rb"\x83\x81\x02", data)][1]] = 0x12
    film.write_bytes(data)
    media = read_media(str(film))
    assert [track.entry for track in media.tracks] == [None, None, 3, 4]
    before = {count.index: count.mark for count in count_packets(str(film), media)}
    assert len(set(before.values())) == 4
    carry_out(work_for(str(film), plan_for(media, keep=[0, 1, 3]), "mkvmerge"), make_environment(tmp_path))
    after = count_packets(str(film), read_media(str(film)))
    assert [count.mark for count in after] == [before[0], before[1], before[3]]


@pytest.mark.parametrize("verify", ["standard", "full"])
def test_the_same_tools_honest_work_is_taken(original: Path, tmp_path: Path, verify: str) -> None:
    film, before = attempt(original, tmp_path, PATCHED.format("pass"), verify)
    assert film.read_bytes() != before
