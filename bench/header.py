"""`header`: a flag changed in N Matroska files, durable and verified, against bare mkvpropedit and `sync -d`.

The last rows are a sparse file of 50 GB: the time against a small file's, and what is written to the disk.
"""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from statistics import median

from bench.command import BenchError, ask, environment, in_turn, need_tool, run, version_of, vpo_command
from bench.large import Bytes, bytes_moved
from bench.series import Row
from bench.table import Options
from vpo_tasks.media.synthetic import SampleTrack, make_sample

_FILES = 200
_RUNS = 3
_WORKERS = (1, 2)
_HUGE_BYTES = 50 * 2**30
_SEGMENT_ID, _CLUSTER_ID, _VOID_ID = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75", b"\xec"

_POLICY = """
schema_version: 13
name: flags
phases:
  - name: flags
    default_flags: {}
"""

_BARE = """#!/bin/sh
{tool} --quiet "$1" --edit track:s1 --set flag-default=0 && sync -d "$1"
"""


def measure(options: Options) -> list[Row]:
    """Return a row for each number of workers, one for the bytes a file, and those of the huge file."""
    files, runs = options.files or _FILES, options.runs or _RUNS
    stage = _Stage(options.scratch, files)
    tool = f"{version_of('mkvpropedit', need_tool('mkvpropedit'))} and sync -d"
    rows = []
    for workers in _WORKERS:
        ours, theirs = in_turn(runs, partial(stage.by_vpo, workers), partial(stage.by_hand, workers))
        note = _each(ours, theirs, files)
        rows.append(Row(f"{files} files, {workers} at once", ours, tool, theirs, note=note))
    return rows + _huge(stage, runs)


def _each(ours: tuple[float, ...], theirs: tuple[float, ...], files: int) -> str:
    mine, other = (1000 * median(side) / files for side in (ours, theirs))
    return f"{mine:.1f} against {other:.1f} ms a file, start and end included"


def _huge(stage: _Stage, runs: int) -> list[Row]:
    """Compare one sparse file of 50 GB with one small file, both by the whole command."""
    stage.files = 1
    small_s, huge_s, to_disk = [], [], []
    for _ in range(1 + runs):
        small_s.append(stage.by_vpo(1))
        seconds, moved = stage.by_vpo_on_huge()
        huge_s.append(seconds)
        to_disk.append(moved)
    rows = [Row("a sparse file of 50 GB", tuple(huge_s[1:]), "a small file", tuple(small_s[1:]))]
    written = tuple(moved.to_disk / 1024 for moved in to_disk[1:] if moved is not None)
    if written:
        size = tuple(float(_HUGE_BYTES) / 1024 for _ in written)
        rows.append(Row("KiB to disk for it", written, "a copy of it", size, "KiB"))
    return rows


class _Stage:
    """The files, laid out anew before every run, outside the timing."""

    def __init__(self, scratch: str, files: int) -> None:
        self.files = files
        self._folder = os.path.join(scratch, "films")
        self._environ = environment(scratch, VPO_CPU_COUNT="8")
        self._template = os.path.join(scratch, "template.mkv")
        self._plain = os.path.join(scratch, "plain.mkv")
        self._bare = os.path.join(scratch, "bare")
        self._make_template(scratch)
        with open(self._bare, "w", encoding="utf-8") as stream:
            stream.write(_BARE.format(tool=need_tool("mkvpropedit")))
        os.chmod(self._bare, 0o755)

    def by_vpo(self, workers: int) -> float:
        """Run `vpo process` over the files."""
        self._lay_out()
        argv = [*vpo_command(), "process", "-q", "-w", str(workers), self._folder]
        seconds = run(argv, self._environ).seconds
        self._check("film000.mkv")
        return seconds

    def by_hand(self, workers: int) -> float:
        """Run the bare tool over the files, as many at once."""
        self._lay_out()
        names = [os.path.join(self._folder, f"film{number:03}.mkv") for number in range(self.files)]
        argv = ["xargs", "-P", str(workers), "-n", "1", "-a", self._listing(names), self._bare]
        seconds = run(argv, self._environ).seconds
        self._check("film000.mkv")
        return seconds

    def by_vpo_on_huge(self) -> tuple[float, Bytes | None]:
        """Run `vpo process` over one sparse file of 50 GB; return seconds and bytes."""
        self._lay_out()
        os.remove(os.path.join(self._folder, "film000.mkv"))
        path = os.path.join(self._folder, "huge.mkv")
        _stretch(self._plain, path)
        before = os.stat(path).st_blocks
        began = bytes_moved()
        argv = [*vpo_command(), "process", "-q", "-w", "1", self._folder]
        seconds = run(argv, self._environ).seconds
        ended = bytes_moved()
        moved = None if began is None or ended is None else Bytes(*map(int.__sub__, ended, began))
        self._check("huge.mkv")
        if os.stat(path).st_blocks > before + 2048:
            raise BenchError("the sparse file was filled")
        return seconds, moved

    def _listing(self, names: list[str]) -> str:
        path = self._folder + ".txt"
        with open(path, "w", encoding="utf-8") as stream:
            stream.write("\n".join(names))
        return path

    def _make_template(self, scratch: str) -> None:
        made = os.path.join(scratch, "made.mkv")
        tracks = [SampleTrack("video", default=True), SampleTrack("audio", language="eng", default=True)]
        make_sample(made, [*tracks, SampleTrack("subtitle", language="eng", default=True)], seconds=2)
        merge = need_tool("mkvmerge")
        ask([merge, "--quiet", "--output", self._template, made], os.environ)
        plain = ["--no-cues", "--disable-track-statistics-tags", "--no-track-tags", "--no-global-tags"]
        ask([merge, "--quiet", *plain, "--output", self._plain, made], os.environ)

    def _lay_out(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.rmtree(self._environ["VPO_HOME"], ignore_errors=True)
        os.makedirs(self._folder)
        with open(os.path.join(self._folder, "policy.yaml"), "w", encoding="utf-8") as stream:
            stream.write(_POLICY)
        for number in range(self.files):
            shutil.copy(self._template, os.path.join(self._folder, f"film{number:03}.mkv"))
        os.sync()  # what is laid out is not to be paid for by whoever syncs first

    def _check(self, name: str) -> None:
        path = os.path.join(self._folder, name)
        tracks = json.loads(ask([*vpo_command(), "inspect", "--json", path], self._environ))["tracks"]
        if any(track["type"] == "subtitle" and track.get("default") for track in tracks):
            raise BenchError(f"the flag of {name} was not changed as it should be")


def _stretch(film: str, path: str) -> None:
    """Write a film of 50 GB: `film`, which ends with its last cluster, and one cluster more, a hole."""
    with open(film, "rb") as stream:
        data = stream.read()
    at = data.index(_SEGMENT_ID) + len(_SEGMENT_ID)
    if data[at] != 0x01:
        raise BenchError("the segment's size is not written in eight bytes")
    start = at + 8
    room = _HUGE_BYTES - len(data) - 12
    with open(path, "wb") as stream:
        stream.write(data[:at] + (_HUGE_BYTES - start | 1 << 56).to_bytes(8, "big") + data[start:])
        stream.write(_CLUSTER_ID + (room | 1 << 56).to_bytes(8, "big"))
        stream.write(_VOID_ID + (room - 9 | 1 << 56).to_bytes(8, "big"))
        stream.truncate(_HUGE_BYTES)
