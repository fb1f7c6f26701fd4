"""Real tools on real videos: the output probes as the plan said, whatever the tool, container and name."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.execute import flip_default, make_environment, plan_for, work_for
from tests.support.fake_tools import fake_tool, real_toolbox, require_tool, wheel_toolbox
from vpo_tasks.disk.locks import video_lock
from vpo_tasks.disk.space import SpaceLedger
from vpo_tasks.errors import LockedError, ReplaceError, SpaceError, VanishedError, VerifyError
from vpo_tasks.execute.replace import carry_out, export_unchanged
from vpo_tasks.execute.work import Replacement
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import Track
from vpo_tasks.media.synthetic import SampleChapter, SampleTrack, make_sample
from vpo_tasks.plan.model import Encode
from vpo_tasks.tools.toolbox import Toolbox

T = SampleTrack
CHAPTERS = (SampleChapter(0, 0.5, "one"), SampleChapter(0.5, 1, "two"))
TAGS = {"title": "Hello", "artist": "me"}
RICH = (
    T("video", "mpeg4", default=True),
    T("audio", "aac", "eng", "Main", default=True),
    T("audio", "ac3", "fre", "VF", dispositions=("comment",)),
    T("subtitle", "subrip", "eng", "Full"),
    T("subtitle", "ass", "ger", forced=True),
    T("attachment", "ttf", filename="font.ttf"),
    T("attachment", "png", filename="cover.png"),
)
MP4 = (
    T("video", "h264", default=True),
    T("audio", "aac", "eng", "Main", default=True),
    T("audio", "ac3", "fre", "VF"),
    T("subtitle", "mov_text", "eng", "Full", default=True),
    T("attachment", "png"),
)


def relabel(track: Track) -> Track:
    if track.type not in {"audio", "subtitle"}:
        return track
    return msgspec.structs.replace(
        track, title="Neu: “ü”", language="ita", default=not track.default, forced=not track.forced
    )


def rename_mp4(track: Track) -> Track:
    if track.type not in {"audio", "subtitle"}:
        return track
    return msgspec.structs.replace(track, title="Neu: “ü”", language="ger")


def all_default(track: Track) -> Track:
    """MP4 has no file without a default track of each kind."""
    return track if track.type == "attachment" else msgspec.structs.replace(track, default=True)


def into(codec: str, *, default: bool | None = None) -> Callable[[Track], Track]:
    def change(track: Track) -> Track:
        if track.type != "subtitle":
            return track
        return msgspec.structs.replace(
            track, codec=codec, default=track.default if default is None else default
        )

    return change


TO_MKV: dict[str, Any] = {"container": "mkv", "doc_type": "matroska"}
TO_MP4 = {"container": "mp4", "doc_type": None}
CASES: dict[str, tuple[str, tuple[SampleTrack, ...], dict[str, Any]]] = {
    "mkv-copied": ("mkv", RICH, {}),
    "mkv-flags-languages-titles": ("mkv", RICH, {"change": relabel}),
    "mkv-order": ("mkv", RICH, {"keep": [0, 4, 3, 2, 1, 5, 6]}),
    "mkv-tracks-and-attachments-removed": ("mkv", RICH, {"keep": [0, 2, 4, 6]}),
    "mkv-all-attachments-removed": ("mkv", RICH, {"keep": [0, 1, 2, 3, 4]}),
    "mkv-no-subtitles": ("mkv", RICH, {"keep": [0, 1, 5, 6]}),
    "mkv-tags": ("mkv", RICH, {"tags": {"title": "A & <B>", "genre": "x"}}),
    "mkv-tags-gone": ("mkv", RICH, {"tags": {}}),
    "webm": ("webm", (T("video"), T("audio")), {"change": relabel}),
    "mkv-audio-encoded": (
        "mkv", RICH, {"encode": {1: Encode(codec="ac3", bitrate=96_000, channels=1)},
                      "change": lambda t: msgspec.structs.replace(t, codec="ac3", channels=1) if t.index == 1 else t},
    ),
    "mp4-copied": ("mp4", MP4, {}),
    "mp4-languages-titles": ("mp4", MP4, {"change": rename_mp4}),
    "mp4-order-and-removal": ("mp4", MP4, {"keep": [0, 2, 1, 5], "change": all_default}),
    "mov-copied": ("mov", MP4[:2], {}),
    "avi-copied": ("avi", (T("video"), T("audio", "mp3")), {}),
    "avi-to-mkv": ("avi", (T("video"), T("audio", "mp3")), TO_MKV),
    "avi-to-mp4": ("avi", (T("video"), T("audio", "mp3")), {"container": "mp4", "change": all_default}),
    "mov-to-mp4": ("mov", MP4[:2], {"container": "mp4"}),
    "ts-to-mkv": ("ts", (T("video"), T("audio")), TO_MKV),
    "mpg-to-mkv": ("mpg", (T("video"), T("audio")), TO_MKV),
    "mkv-to-mp4": (
        "mkv", RICH, {**TO_MP4, "keep": [0, 1, 3], "encode": {3: Encode(codec="mov_text")},
                      "change": into("mov_text", default=True)},
    ),
    "mp4-to-mkv": (
        "mp4", MP4, {**TO_MKV, "encode": {3: Encode(codec="subrip")}, "change": into("subrip")},
    ),
}  # fmt: skip
TOOLS: dict[str, tuple[str, Callable[[], Toolbox]]] = {
    "mkvmerge": ("mkvmerge", real_toolbox),
    "ffmpeg": ("ffmpeg", real_toolbox),
    "wheel": ("ffmpeg", wheel_toolbox),
}


def can_do(tool: str, case: str) -> bool:
    """Tell whether a tool is ever asked for this: mkvmerge only copies Matroska to Matroska."""
    suffix, _, wanted = CASES[case]
    copies_matroska = suffix in {"mkv", "webm"} and not {"container", "encode"} & wanted.keys()
    return tool != "mkvmerge" or copies_matroska


def pairs(cases: Iterable[str], tools: Iterable[str]) -> list[tuple[str, str]]:
    return [(case, tool) for case in cases for tool in tools if can_do(tool, case)]


@pytest.mark.parametrize(("case", "tool"), pairs(CASES, TOOLS))
def test_output_is_what_the_plan_says(tmp_path: Path, case: str, tool: str) -> None:
    suffix, tracks, wanted = CASES[case]
    name, toolbox = TOOLS[tool]
    require_tool(name)
    path = tmp_path / f"film.{suffix}"
    has_chapters = suffix in {"mkv", "mp4"}
    make_sample(
        str(path), tracks, tags=TAGS if has_chapters else None, chapters=CHAPTERS if has_chapters else ()
    )
    plan = plan_for(read_media(str(path)), **wanted)
    done = carry_out(work_for(str(path), plan, name), make_environment(tmp_path, toolbox=toolbox()))
    found = read_media(done.final_path)
    fields = ("type", "codec", "language", "title", "default", "forced")
    got = [[getattr(t, field) for field in fields] for t in found.tracks if t.type != "attachment"]
    expected = [[getattr(t, field) for field in fields] for t in plan.result.tracks if t.type != "attachment"]
    assert got == expected
    assert found.container == plan.result.container
    assert [c.title for c in found.chapters] == [c.title for c in plan.result.chapters]
    assert len(found.of_type("attachment")) == len(plan.result.of_type("attachment"))
    assert {name for name in os.listdir(tmp_path) if name != "locks"} == {os.path.basename(done.final_path)}


@pytest.mark.parametrize("tool", ["mkvmerge", "ffmpeg"])
@pytest.mark.parametrize(
    "name",
    [b"-film.mkv", b"@film.mkv", b"new\nline.mkv", b"100%=x y'\".mkv", b"bytes-\xff\xfe.mkv", b"http:x.mkv",
     "映画".encode() * 41 + b"x.mkv", b"(a) + b.mkv"],
    ids=["dash", "at", "newline", "quotes", "not-utf-8", "address", "255-bytes", "brackets"],
)  # fmt: skip
def test_every_name_works_with_every_tool(tmp_path: Path, tool: str, name: bytes) -> None:
    require_tool(tool)
    folder = os.path.join(os.fsencode(tmp_path), b"dir \xff")
    os.mkdir(folder)
    path = os.fsdecode(os.path.join(folder, name))
    plain = str(tmp_path / "plain.mkv")
    make_sample(plain, [T("video", "mpeg4"), T("audio", "ac3", "eng")])
    os.link(plain, path)
    os.unlink(plain)
    done = carry_out(
        work_for(path, plan_for(read_media(path), change=flip_default), tool), make_environment(tmp_path)
    )
    assert done.final_path == path
    assert os.listdir(folder) == [name]
    assert read_media(path).of_type("audio")[0].default


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "library" / "film.mkv"
    path.parent.mkdir()
    make_sample(str(path), [T("video", "mpeg4"), T("audio", "ac3", "eng")])
    return path


def flags_work(film: Path, **rest: Any) -> Replacement:
    return work_for(str(film), plan_for(read_media(str(film)), change=flip_default), **rest)


def test_mode_times_and_attributes_are_carried_over(film: Path, tmp_path: Path) -> None:
    os.chmod(film, 0o640)
    os.utime(film, ns=(1_500_000_000_123_456_789, 1_400_000_000_987_654_321))
    try:
        os.setxattr(film, "user.note", b"mine")
    except OSError:
        pytest.skip("no extended attributes here")
    carry_out(flags_work(film), make_environment(tmp_path))
    status = os.stat(film)
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert status.st_mtime_ns == 1_400_000_000_987_654_321
    assert os.getxattr(film, "user.note") == b"mine"


def test_only_the_time_is_set_when_only_the_time_differs(film: Path, tmp_path: Path) -> None:
    before = film.read_bytes()
    work = flags_work(film)
    plan = msgspec.structs.replace(work.plan, mtime_s=1e9, keep_mtime=False)
    step = msgspec.structs.replace(work.step, kind="none", tool=None)
    done = carry_out(work._replace(plan=plan, step=step), make_environment(tmp_path))
    assert os.stat(film).st_mtime == 1e9
    assert done.identity.mtime_ns == 10**18
    assert film.read_bytes() == before


def test_locked_video_is_left_to_its_holder(film: Path, tmp_path: Path) -> None:
    environment, work = make_environment(tmp_path), flags_work(film)
    with video_lock(environment.locks_dir, str(film), work.identity), pytest.raises(LockedError):
        carry_out(work, environment)
    with video_lock(environment.locks_dir, "/elsewhere", work.identity), pytest.raises(LockedError):
        carry_out(work, environment)
    carry_out(work, environment)


def test_changed_or_vanished_source_is_given_up_before_any_write(film: Path, tmp_path: Path) -> None:
    work = flags_work(film)
    os.utime(film, ns=(1, 1))
    with pytest.raises(ReplaceError, match="changed"):
        carry_out(work, make_environment(tmp_path))
    film.unlink()
    with pytest.raises(VanishedError):
        carry_out(work, make_environment(tmp_path))
    assert os.listdir(film.parent) == []


def test_existing_new_name_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "film.avi"
    make_sample(str(path), [T("video"), T("audio", "mp3")])
    (tmp_path / "film.mkv").write_text("precious")
    plan = plan_for(read_media(str(path)), **TO_MKV)
    with pytest.raises(ReplaceError, match="exists"):
        carry_out(work_for(str(path), plan), make_environment(tmp_path))
    assert (tmp_path / "film.mkv").read_text() == "precious"
    assert path.exists()


def test_target_elsewhere_leaves_the_source_alone_and_overwrites_only_its_own(
    film: Path, tmp_path: Path
) -> None:
    before, target = film.read_bytes(), tmp_path / "out" / "deep" / "film.mkv"
    work = flags_work(film)._replace(destination=str(target))
    environment = make_environment(tmp_path)
    done = carry_out(work, environment)
    assert done.final_path == str(target)
    assert film.read_bytes() == before
    made = target.read_bytes()
    # nobody knows any more that it is ours, and it is what would be made
    assert carry_out(work, environment)._replace(bytes_read=0) == done._replace(
        bytes_read=0, bytes_written=0, warnings=()
    )
    assert target.read_bytes() == made
    os.utime(target, ns=(1, 1))
    with pytest.raises(ReplaceError, match="not ours"):
        carry_out(work, environment)
    assert target.read_bytes() == made
    carry_out(work._replace(may_overwrite=True), environment)
    assert os.listdir(target.parent) == ["film.mkv"]


@pytest.mark.parametrize("link", [False, True], ids=["copy", "link"])
def test_compliant_video_is_exported_as_it_is(film: Path, tmp_path: Path, link: bool) -> None:
    target = tmp_path / "out" / "film.mkv"
    for _ in range(2):  # the second time over its own older target
        done = export_unchanged(
            str(film), str(target), make_environment(tmp_path), identity=Identity.of(os.stat(film)),
            media=read_media(str(film)), link=link, may_overwrite=target.exists(),
        )  # fmt: skip
        assert target.read_bytes() == film.read_bytes()
        assert os.path.samefile(film, target) == link
        assert done.identity.same_video(Identity.of(os.stat(target)))
        assert os.listdir(target.parent) == ["film.mkv"]


def test_what_can_never_fit_fails_before_it_writes(film: Path, tmp_path: Path) -> None:
    environment = make_environment(tmp_path)._replace(ledger=SpaceLedger(1 << 60))
    with pytest.raises(SpaceError):
        carry_out(flags_work(film), environment)
    assert os.listdir(film.parent) == ["film.mkv"]


def test_refused_output_is_thrown_away(film: Path, tmp_path: Path) -> None:
    before = film.read_bytes()

    def refuse(_media: object) -> None:
        raise ReplaceError(str(film), "still not compliant")

    with pytest.raises(ReplaceError, match="still not"):
        carry_out(flags_work(film), make_environment(tmp_path, recheck=refuse))
    assert film.read_bytes() == before
    assert os.listdir(film.parent) == ["film.mkv"]


def test_two_workers_on_one_video_process_it_once(film: Path, tmp_path: Path) -> None:
    work, outcomes = flags_work(film), []

    def run() -> None:
        try:
            carry_out(work, make_environment(tmp_path))
            outcomes.append("done")
        except (LockedError, ReplaceError) as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("done") == 1
    assert os.listdir(film.parent) == ["film.mkv"]


def test_progress_reaches_the_end(film: Path, tmp_path: Path) -> None:
    seen: list[float | None] = []
    carry_out(
        flags_work(film), make_environment(tmp_path, progress=lambda fraction, _speed: seen.append(fraction))
    )
    assert seen
    assert all(value is not None and 0 <= value <= 1 for value in seen)


def test_wheel_alone_is_a_toolbox(tmp_path: Path) -> None:
    from vpo_tasks.tools.toolbox import find_tools

    toolbox: Toolbox = find_tools(path_env=str(tmp_path))
    assert toolbox.names == {"ffmpeg"}
    assert toolbox.tools["ffmpeg"].origin == "imageio-ffmpeg"
    assert toolbox.with_versions().tools["ffmpeg"].version[0] in "n123456789"


COMPARED = ["mkv-order", "webm", "mkv-audio-encoded", "mp4-languages-titles"]


@pytest.mark.parametrize(("case", "tool"), pairs(COMPARED, ["mkvmerge", "ffmpeg"]))
def test_full_verification_compares_every_packet(tmp_path: Path, case: str, tool: str) -> None:
    suffix, tracks, wanted = CASES[case]
    require_tool(tool)
    path = tmp_path / f"film.{suffix}"
    make_sample(str(path), tracks)
    plan = plan_for(read_media(str(path)), **wanted)
    done = carry_out(work_for(str(path), plan, tool, verify="full"), make_environment(tmp_path))
    assert done.warnings == ()


def test_full_verification_finds_one_flipped_bit(film: Path, tmp_path: Path) -> None:
    body = (
        "subprocess.run([real] + sys.argv[1:], check=True, close_fds=False)\n"
        "if 'streamhash' not in sys.argv:\n"
        "    data = bytearray(open(output, 'rb').read()); data[len(data) // 2] ^= 1; open(output, 'wb').write(data)\n"
    )
    before = film.read_bytes()
    environment = make_environment(tmp_path, toolbox=fake_tool(str(tmp_path), body))
    with pytest.raises(VerifyError, match="content of stream"):
        carry_out(flags_work(film, verify="full"), environment)
    assert film.read_bytes() == before
