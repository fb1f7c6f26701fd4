"""What is read back from a new video, and compared."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest

from tests.support.execute import make_environment, plan_for, work_for
from tests.support.fake_tools import wheel_toolbox
from tests.support.media import sample
from vpo_tasks.disk.folders import open_folder, opened
from vpo_tasks.errors import LargerError, ProbeError, VerifyError
from vpo_tasks.execute.comparison import compare, probe, refuse_larger
from vpo_tasks.execute.work import Versions
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.media.synthetic import SampleTrack
from vpo_tasks.plan.model import Encode

TRACKS = (SampleTrack("video", "mpeg4"), SampleTrack("audio", "mp3"))


@pytest.fixture
def environment(tmp_path):
    return make_environment(tmp_path, toolbox=wheel_toolbox())


@pytest.fixture
def versions(tmp_path):
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder(os.fsencode(tmp_path)))
        yield lambda old, new: Versions(
            stack.enter_context(opened(folder.at(old))), stack.enter_context(opened(folder.at(new))), ()
        )


def damage(path, offset):
    with open(path, "r+b") as stream:
        stream.seek(offset, os.SEEK_END)
        stream.write(bytes(40))


def test_a_full_verification_sees_a_changed_packet_that_a_count_does_not(tmp_path, environment, versions):
    before, after = (
        sample(tmp_path, "a.avi", *TRACKS, seconds=2.0),
        sample(tmp_path, "b.avi", *TRACKS, seconds=2.0),
    )
    work = work_for(before, plan_for(read_media(before)), verify="full")
    pair = versions(b"a.avi", b"b.avi")
    assert compare(work, environment, pair, read_media(after)).counts
    damage(after, -os.path.getsize(after) // 2)
    compare(work._replace(verify="standard"), environment, pair, read_media(after))
    with pytest.raises(VerifyError, match="content of stream"):
        compare(work, environment, pair, read_media(after))


def test_a_file_of_another_length_is_refused(tmp_path, environment, versions):
    before, after = sample(tmp_path, "a.mkv", *TRACKS), sample(tmp_path, "b.mkv", *TRACKS, seconds=0.5)
    work = work_for(before, plan_for(read_media(before)))
    with pytest.raises(VerifyError):
        compare(work, environment, versions(b"a.mkv", b"b.mkv"), read_media(after))


def test_an_encode_that_grew_is_refused_by_its_packets_alone(tmp_path, environment, versions):
    small = sample(tmp_path, "small.mkv", *TRACKS, seconds=0.5)
    large = sample(tmp_path, "large.mkv", *TRACKS, seconds=2.0)
    encode = {0: Encode(codec="mpeg4", discard_larger=True)}
    # a track is dropped, so the whole file's size proves nothing
    grown = work_for(small, plan_for(read_media(small), keep=[0], encode=encode))
    with pytest.raises(LargerError) as raised:
        refuse_larger(grown, environment, versions(b"small.mkv", b"large.mkv"))
    assert raised.value.path == small
    shrunk = work_for(large, plan_for(read_media(large), keep=[0], encode=encode))
    refuse_larger(shrunk, environment, versions(b"large.mkv", b"small.mkv"))


def test_an_unreadable_file_is_named_as_people_call_it(tmp_path, environment, versions):
    (tmp_path / "a.mkv").write_bytes(b"no video")
    with pytest.raises(ProbeError) as raised:
        probe(environment, versions(b"a.mkv", b"a.mkv").after)
    assert raised.value.path == str(tmp_path / "a.mkv")
