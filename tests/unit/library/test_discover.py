"""Which videos a run sees: each once, whatever the way to it."""

from __future__ import annotations

import os
import pwd
import threading

import pytest

from vpo_tasks.errors import UsageError
from vpo_tasks.library.discover import discover

EXTENSIONS = ("mkv", "mp4")


def names(discovery, root):
    return sorted(os.fsdecode(os.path.relpath(found.path, os.fsencode(root))) for found in discovery.videos)


def search(*paths, recursive=True):
    return discover([os.fsencode(path) for path in paths], EXTENSIONS, recursive=recursive)


@pytest.fixture
def root(tmp_path):
    for name in ("a.mkv", "B.MP4", "notes.txt", "deep/er/c.mkv", "mkv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path


def test_videos_are_found_by_extension_in_any_case_and_depth(root):
    assert names(search(root), root) == ["B.MP4", "a.mkv", "deep/er/c.mkv"]


def test_not_recursive_stays_in_the_folder(root):
    assert names(search(root, recursive=False), root) == ["B.MP4", "a.mkv"]


def test_a_given_file_counts_whatever_its_extension(root):
    assert names(search(root / "notes.txt"), root) == ["notes.txt"]


def test_the_same_place_given_twice_counts_once(root):
    assert names(search(root, root / "a.mkv", root / "deep", root / "."), root) == names(search(root), root)


def test_symbolic_links_to_files_and_folders_lead_to_the_same_videos(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "far.mkv").write_bytes(b"far")
    (root / "again.mkv").symlink_to(root / "a.mkv")
    (root / "loop").symlink_to(root)
    (root / "far").symlink_to(elsewhere)
    found = names(search(root), root)
    assert len(found) == 4
    assert os.path.relpath(elsewhere / "far.mkv", root) in found


def test_hard_links_are_each_their_own_video(root):
    os.link(root / "a.mkv", root / "z.mkv")
    found = search(root)
    assert [video.links for video in found.videos if video.path.endswith((b"a.mkv", b"z.mkv"))] == [2, 2]


def test_odd_things_named_like_videos_are_named_with_a_reason(root):
    os.mkfifo(root / "pipe.mkv")
    (root / "gone.mkv").symlink_to(root / "nowhere")
    (root / "folder.mkv").mkdir()
    (root / "folder.mkv" / "inside.mkv").write_bytes(b"x")
    found = search(root)
    reasons = {os.path.basename(odd.path): odd.reason for odd in found.odd}
    assert reasons == {
        b"pipe.mkv": "not a regular file but a FIFO",
        b"gone.mkv": "dangling symbolic link",
        b"folder.mkv": "is a folder",
    }
    assert "folder.mkv/inside.mkv" in names(found, root)
    assert not any(odd.failed for odd in found.odd)


def test_a_given_dangling_link_is_odd_and_a_missing_path_is_a_usage_error(root):
    (root / "gone.mkv").symlink_to(root / "nowhere")
    assert search(root / "gone.mkv").odd[0].reason == "dangling symbolic link"
    with pytest.raises(UsageError, match="missing: No such file"):
        search(root / "missing")


def test_our_own_files_are_handed_on_and_hidden_ones_only_counted(root):
    for name in (".vpo-1a.json", ".vpo-1a.part", "._a.mkv", ".trash/old.mkv", ".nothing"):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    found = search(root)
    assert sorted(os.path.basename(path) for path in found.private) == [b".vpo-1a.json", b".vpo-1a.part"]
    assert names(found, root) == ["B.MP4", "a.mkv", "deep/er/c.mkv"]
    assert found.hidden == 2


def test_names_that_are_not_utf8_or_as_long_as_names_get(root):
    odd = os.fsencode(root) + b"/\xff=\n%.mkv"
    long = os.fsencode(root) + b"/" + ("長" * 83).encode() + b"xx.mkv"
    for path in (odd, long):
        with open(path, "wb") as stream:
            stream.write(path)
    assert len(os.path.basename(long)) == 255
    assert {odd, long} <= {video.path for video in search(root).videos}


def test_a_folder_that_cannot_be_searched_is_a_failure_because_videos_may_be_missed(root):
    folder = os.open(root, os.O_RDONLY)
    for _ in range(17):  # past PATH_MAX, where no absolute path reaches any more
        os.mkdir("d" * 250, dir_fd=folder)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    found = search(root)
    assert [(odd.reason, odd.failed) for odd in found.odd] == [
        ("cannot be searched: File name too long", True)
    ]
    assert names(found, root) == ["B.MP4", "a.mkv", "deep/er/c.mkv"]


def test_a_hidden_link_in_a_circle_hides_nothing_else(root):
    (root / ".circle").symlink_to(".circle")
    found = search(root)
    assert found.odd == []
    assert names(found, root) == ["B.MP4", "a.mkv", "deep/er/c.mkv"]


def test_folders_that_go_while_they_are_searched_hide_no_video_beside_them(root):
    stop = threading.Event()

    def come_and_go(number):
        folder = root / f"unpacking{number}"
        while not stop.is_set():
            (folder / "inside").mkdir(parents=True)
            (folder / "inside").rmdir()
            folder.rmdir()

    threads = [threading.Thread(target=come_and_go, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(300):
            found = search(root)
            assert found.odd == []
            assert names(found, root) == ["B.MP4", "a.mkv", "deep/er/c.mkv"]
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_an_empty_folder_finds_nothing_and_says_where_it_looked(tmp_path):
    found = search(tmp_path)
    assert found.videos == []
    assert found.searched == [os.fsencode(tmp_path.resolve())]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to others")
@pytest.mark.parametrize(
    ("maker", "owner", "followed"),
    [
        ("root", "root", True),
        ("nobody", "nobody", True),
        ("nobody", "root", False),
        ("nobody", "daemon", False),
        ("root", "nobody", False),
    ],
)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_link_is_followed_to_its_makers_own_and_ours_only_if_we_made_it(
    root, tmp_path_factory, kind, *, maker, owner, followed
):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "far.mkv").write_bytes(b"far")
    place, link = (elsewhere, root / "far") if kind == "folder" else (elsewhere / "far.mkv", root / "far.mkv")
    link.symlink_to(place)
    give(place, owner)
    give(link, maker)
    found = search(root)
    assert any(video.path.endswith(b"/far.mkv") for video in found.videos) is followed
    reasons = {odd.path: odd.reason for odd in found.odd}
    assert (os.fsencode(link) in reasons) is not followed
    if not followed:
        assert reasons[os.fsencode(link)].startswith(f"a symbolic link of {maker} (uid ")
        assert names(search(place), elsewhere) == ["far.mkv"]  # who names it means it


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to others")
def test_a_link_of_ours_that_leads_through_anothers_link_is_not_followed(root, tmp_path_factory):
    theirs, private = tmp_path_factory.mktemp("theirs"), tmp_path_factory.mktemp("private")
    (private / "far.mkv").write_bytes(b"far")
    (theirs / "on").symlink_to(private)
    give(theirs / "on", "nobody")
    (root / "far.mkv").symlink_to(theirs / "on" / "far.mkv")
    assert len(search(root).videos) == 3
    assert "of nobody" in search(root).odd[0].reason


def give(path, owner):
    os.chown(path, pwd.getpwnam(owner).pw_uid, -1, follow_symlinks=False)
