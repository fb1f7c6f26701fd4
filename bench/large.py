"""One large video, dropped and reordered: what `remux` and `phases` measure.

The file is made cheaply: ten seconds of noise at a film's bit rate, repeated without encoding.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from typing import NamedTuple

from bench.command import BenchError, ask, environment, need_tool, run, vpo_command
from bench.table import Options
from vpo_tasks.programs import wheel_ffmpeg

_LOOP_S = 10
_BIT_RATE = 10_000_000

HEAD = """
schema_version: 13
name: {name}
config: {{audio_languages: [eng], subtitle_languages: [eng], on_error: fail}}
phases:
"""

ONE_PHASE = """
  - name: all
    keep_audio: {languages: [eng]}
    track_order: [video, audio_main, subtitle_main]
    default_flags: {}
"""

SIX_PHASES = """
  - name: audio
    keep_audio: {languages: [eng]}
  - name: subtitles
    keep_subtitles: {languages: [eng]}
  - name: order
    track_order: [video, audio_main, subtitle_main]
  - name: flags
    default_flags: {set_preferred_audio_default: true}
  - name: attachments
    filter_attachments: {remove_all: false}
  - name: more-flags
    default_flags: {}
"""


class Bytes(NamedTuple):
    """What a process and all that it waited for moved: through system calls, and to the disk's cache.

    `read` and `written` count every read and write, also those that the page cache answered; `to_disk` counts
    the pages made dirty, each once.
    """

    read: int
    written: int
    to_disk: int


class Taken(NamedTuple):
    """One run: seconds, bytes (None where the system does not count them), and the size of what it made."""

    seconds: float
    moved: Bytes | None
    output_size: int


class Large:
    """The large video and the commands over it."""

    def __init__(self, options: Options) -> None:
        self.folder = os.path.join(options.scratch, "large")
        self.environ = environment(options.scratch, VPO_CPU_COUNT="2")
        self.mkvmerge = need_tool("mkvmerge")
        os.makedirs(self.folder)
        self.video = os.path.join(self.folder, "large.mkv")
        _make_large(self.video, options.size_mib, self.environ)

    def by_vpo(self, name: str, phases: str) -> Callable[[], Taken]:
        """Return a run of ours over a copy, in place and verified, under the policy of these phases."""
        folder = os.path.join(self.folder, name)
        os.makedirs(folder)
        with open(os.path.join(folder, "policy.yaml"), "w", encoding="utf-8") as stream:
            stream.write(HEAD.format(name=name) + phases)
        copy = os.path.join(folder, "copy.mkv")

        def take() -> Taken:
            shutil.copyfile(self.video, copy)
            taken = self._take([*vpo_command(), "process", folder], copy)
            os.unlink(copy)
            return taken

        return take

    def by_mkvmerge(self, *, sync: bool) -> Callable[[], Taken]:
        """Return a bare mkvmerge that makes the same; `sync` waits for the disk as we do."""
        output = os.path.join(self.folder, "bare.mkv")
        argv = self.bare_arguments(output)

        def take() -> Taken:
            taken = self._take(argv, output, sync=sync)
            os.unlink(output)
            return taken

        return take

    def bare_arguments(self, output: str) -> list[str]:
        """Return the very command line that ours runs for the one-phase policy, with another output."""
        # function-local: the parent of what is measured stays small
        from vpo_tasks.media.probe import ProbePool
        from vpo_tasks.plan.evaluate import evaluate
        from vpo_tasks.policy.load import load_policy
        from vpo_tasks.tools.base import ToolInfo
        from vpo_tasks.tools.mkvmerge import MKVMERGE

        policy = os.path.join(self.folder, "bare.yaml")
        with open(policy, "w", encoding="utf-8") as stream:
            stream.write(HEAD.format(name="bare") + ONE_PHASE)
        with ProbePool(1) as probes:
            plan = evaluate([load_policy(policy)], probes.probe(self.video))
        info = ToolInfo(name="mkvmerge", path=self.mkvmerge, version="", origin="PATH")
        (call,) = MKVMERGE.calls(plan, info, os.fsencode(self.video), os.fsencode(output))
        words = [os.fsdecode(word) for word in call.argv]
        words[words.index("--output") + 1] = output
        return words

    def _take(self, argv: list[str], output: str, *, sync: bool = False) -> Taken:
        os.sync()  # what was written before is nobody's cost
        before = bytes_moved()
        seconds = run(argv, self.environ).seconds
        if sync:
            seconds += run(["sync", "-d", output], self.environ).seconds
        after = bytes_moved()
        size = os.path.getsize(output)
        if os.path.samefile(output, self.video) or size >= os.path.getsize(self.video):
            raise BenchError(f"{argv[0]} dropped no track")
        moved = None if before is None or after is None else Bytes(*map(int.__sub__, after, before))
        return Taken(seconds, moved, size)


def bytes_moved() -> Bytes | None:
    """Return the bytes moved by this process and every child waited for (Linux: proc(5), /proc/PID/io)."""
    if not sys.platform.startswith("linux"):
        return None
    with open("/proc/self/io", encoding="ascii") as stream:
        counts = {name: int(value) for name, _, value in (line.partition(":") for line in stream)}
    return Bytes(counts["rchar"], counts["wchar"], counts["write_bytes"])


def _make_large(path: str, size_mib: int, environ: dict[str, str]) -> None:
    ffmpeg = wheel_ffmpeg()  # the same file on every machine
    if ffmpeg is None:
        raise BenchError("imageio-ffmpeg has no ffmpeg for this machine")
    loop = f"{path}.loop.mkv"
    sources = [f"testsrc2=s=640x360:r=25:d={_LOOP_S},format=yuv420p,noise=alls=60:allf=t"]
    sources += [f"sine=frequency={pitch}:sample_rate=48000:duration={_LOOP_S}" for pitch in (300, 500)]
    subtitle = f"{path}.srt"
    with open(subtitle, "w", encoding="utf-8") as stream:
        stream.write("1\n00:00:01,000 --> 00:00:08,000\nA line\n")
    argv = [ffmpeg, "-nostdin", "-v", "error"]
    argv += [word for source in sources for word in ("-f", "lavfi", "-i", source)]
    argv += ["-i", subtitle, "-map", "0", "-map", "3", "-map", "1", "-map", "2"]
    argv += ["-c:v", "mpeg4", "-b:v", str(_BIT_RATE), "-minrate", str(_BIT_RATE), "-maxrate", str(_BIT_RATE)]
    argv += ["-bufsize", str(_BIT_RATE), "-c:a", "ac3", "-b:a", "448k", "-c:s", "subrip"]
    for track, language in ((1, "eng"), (2, "ger"), (3, "eng")):
        argv += [f"-metadata:s:{track}", f"language={language}"]
    ask([*argv, loop], environ)
    times = max(0, size_mib * 2**20 // os.path.getsize(loop) - 1)
    repeat = ["-stream_loop", str(times), "-i", loop, "-map", "0", "-c", "copy", path]
    ask([ffmpeg, "-nostdin", "-v", "error", *repeat], environ)
    os.unlink(loop)
