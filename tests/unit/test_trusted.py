"""What is read, and whose words count."""

from __future__ import annotations

import os

import pytest

from vpo_tasks.trusted import Refused, open_file, read_file

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to others")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "words"
    path.write_bytes(b"words")
    return str(path)


@pytest.mark.parametrize("named", [True, False])
def test_a_file_of_ours_is_read_up_to_a_size(file, named):
    assert read_file(file, 100, named=named) == b"words"
    assert read_file(os.fsencode(file), 3, named=named) == b"wor"


@pytest.mark.parametrize("named", [True, False])
def test_links_of_ours_lead_to_it(file, tmp_path, named):
    os.symlink("words", tmp_path / "one")
    os.symlink(tmp_path / "one", tmp_path / "two")
    assert read_file(str(tmp_path / "two"), 100, named=named) == b"words"
    os.symlink("circle", tmp_path / "circle")
    with pytest.raises(OSError, match="symbolic links"):
        read_file(str(tmp_path / "circle"), 100, named=named)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("place", "what"), [("/dev/zero", "a device"), ("/tmp", "a folder")])
def test_what_is_no_file_is_not_read(place, what, named):
    with pytest.raises(Refused, match=f"is {what}, not a file"):
        read_file(place, 1, named=named)


@pytest.mark.parametrize("named", [True, False])
def test_a_fifo_is_not_waited_for(tmp_path, named):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Refused, match="is a FIFO, not a file"):
        read_file(str(tmp_path / "fifo"), 1, named=named)


def test_a_pipe_that_the_runner_hands_over_is_read_to_its_end():
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, b"one ")
        os.write(writer, b"two")
        os._exit(0)
    os.close(writer)
    try:
        assert read_file(f"/dev/fd/{reader}", 100, named=True) == b"one two"
    finally:
        os.close(reader)
        os.wait()


@as_root
def test_anothers_file_is_read_only_if_named(file):
    os.chown(file, 65534, -1)
    assert read_file(file, 100, named=True) == b"words"
    with pytest.raises(Refused, match=r"belongs to nobody \(uid 65534\), not to you"):
        read_file(file, 100, named=False)


@as_root
def test_anothers_link_to_a_file_of_ours_is_anothers_choice(file, tmp_path):
    os.symlink("words", tmp_path / "link")
    os.chown(tmp_path / "link", 65534, -1, follow_symlinks=False)
    assert read_file(str(tmp_path / "link"), 100, named=True) == b"words"
    with pytest.raises(Refused, match="is a link that belongs to nobody"):
        read_file(str(tmp_path / "link"), 100, named=False)


@as_root
def test_roots_file_is_believed_by_everybody(file):
    os.chmod(file, 0o644)
    child = os.fork()
    if child == 0:
        os.chmod(os.path.dirname(file), 0o755)
        descriptor = os.open(os.path.dirname(file), os.O_RDONLY)
        os.setuid(65534)
        os.fchdir(descriptor)
        os._exit(read_file("words", 9, named=False) != b"words")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_nothing_is_left_open(file, tmp_path):
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        with open_file(file, named=False):
            pass
        for path in (str(tmp_path), "/dev/null"):
            with pytest.raises(Refused):
                open_file(path, named=True)
    assert len(os.listdir("/dev/fd")) == before
