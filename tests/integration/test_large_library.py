"""Many videos in little memory: what a command holds grows by a bounded amount a video."""

from __future__ import annotations

import pytest

from bench.command import environment, peak_bytes, vpo_command
from bench.library import EDITS, make_library, write_policy

BYTES_A_VIDEO = 2_000


@pytest.mark.parametrize(
    "files",
    [pytest.param(200_000, marks=[pytest.mark.slow, pytest.mark.campaign]), 10_000],
    ids=["all", "sample"],
)
def test_a_video_takes_at_most_two_kilobytes_and_no_descriptor(tmp_path, files):
    edited = tmp_path / "edited.yaml"
    write_policy(str(edited), EDITS["none"])
    peaks = {}
    for count in (1, files):
        scratch = tmp_path / str(count)
        scratch.mkdir()
        environ = environment(str(scratch))
        library = make_library(str(scratch), count, environ)
        for words in (
            ("process",),
            ("process", "--dry-run", "-p", str(edited)),
            ("status",),
            ("process", "-v"),
        ):
            command = [*_few_descriptors(), *vpo_command(), *words, library.root]
            peaks[count, words] = peak_bytes(command, environ)
    for (count, words), peak in peaks.items():
        assert peak > 10 << 20, words
        assert (peak - peaks[1, words]) / count <= BYTES_A_VIDEO, words


def _few_descriptors() -> tuple[str, ...]:
    """A shell that lets the command have 64 open files, whatever the number of videos and folders."""
    return ("/bin/sh", "-c", 'ulimit -n 64 && exec "$0" "$@"')
