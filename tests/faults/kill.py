"""The kill campaign: a real batch whose runner is killed at random moments, again and again.

    python -m tests.faults.kill --files 50 --kills 200 --seed 1

Half of the kills take the tools with them, half leave them orphaned. After each kill every video must be the
complete old one or a complete new one; at the end nothing of ours may be left and every video must be as an
undisturbed run leaves it. Exit code 0 says that all of it held.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.support.library import ENGLISH, FRENCH, SUBTITLE, VIDEO, Templates, World
from vpo_tasks.errors import ProbeError
from vpo_tasks.media.probe import ProbePool

POLICY = """schema_version: 13
phases:
  - name: convert
    container: {target: mkv}
  - name: languages
    keep_audio: {languages: [eng], fallback: {mode: keep_all}}
  - name: flags
    default_flags: {}
"""
SHAPES = (
    (".mkv", (VIDEO, ENGLISH, FRENCH, SUBTITLE)),
    (".mp4", (VIDEO, ENGLISH, FRENCH)),
    (".mkv", (VIDEO, FRENCH._replace(default=True), ENGLISH._replace(default=False))),
    (".avi", (VIDEO, ENGLISH._replace(codec="mp3", language=None))),
    (".mkv", (VIDEO, ENGLISH)),
)


class Tally(NamedTuple):
    """What a campaign came to."""

    kills: int
    batches: int
    lost: tuple[str, ...]
    left_behind: tuple[str, ...]
    differing: tuple[str, ...]

    @property
    def held(self) -> bool:
        return not (self.lost or self.left_behind or self.differing)


class Campaign:
    """One library, filled anew for every batch, and what its videos may look like."""

    def __init__(self, root: Path, files: int, seed: int) -> None:
        self.random = random.Random(seed)
        (root / "templates").mkdir(parents=True)
        self.world = World(root / "world", Templates(root / "templates"))
        self.world.write_policy(POLICY)
        self.files = files
        self.lost: list[str] = []
        self.fill()
        self.old = {path.name: digest(path) for path in self.videos()}
        done = self.world.vpo("process", "-w", 4, self.world.media, timeout=600)
        if done.returncode != 0:
            raise RuntimeError(f"the undisturbed run failed:\n{done.stderr}")
        with ProbePool(2) as probes:
            self.new = {path.name: contents(probes, path) for path in self.videos()}

    def videos(self) -> list[Path]:
        suffixes = {".mkv", ".mp4", ".avi"}
        return [
            path
            for path in sorted(self.world.media.iterdir())
            if path.suffix in suffixes and path.stem[0] != "."
        ]

    def fill(self) -> None:
        """Put the messy videos back, and forget what is known of them."""
        for path in self.videos():
            path.unlink()
        shutil.rmtree(self.world.home, ignore_errors=True)
        for number in range(self.files):
            suffix, tracks = SHAPES[number % len(SHAPES)]
            template = self.world.templates.get(f"shape{number % len(SHAPES)}{suffix}", *tracks)
            shutil.copy(template, self.world.media / f"video{number:03}{suffix}")

    def run(self, kills: int) -> Tally:
        killed, batches = 0, 0
        differing: list[str] = []
        left: list[str] = []
        while killed < kills:
            self.fill()
            batches += 1
            finished = False
            while killed < kills and not finished:
                finished = self.run_and_kill()
                killed += not finished
                self.check_each()
            self.world.vpo("process", "-w", 4, self.world.media, timeout=600)
            left += self.world.leftovers()
            differing += self.compare_with_undisturbed()
        return Tally(killed, batches, tuple(self.lost), tuple(left), tuple(differing))

    def run_and_kill(self) -> bool:
        """Start a run and kill it at a random moment. True when it had ended by itself before."""
        run = self.world.start("process", "-q", "-w", "4", self.world.media)
        try:
            run.communicate(timeout=self.random.uniform(0.15, 1.6))
        except subprocess.TimeoutExpired:  # the moment has come
            with_tools = self.random.random() < 0.5
            tools = tools_at_work(self.world.media) if with_tools else []
            os.kill(run.pid, signal.SIGKILL)
            for pid in tools:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            run.communicate()
            wait_for_tools(self.world.media)
            return False
        return True

    def check_each(self) -> None:
        """Every video, under its old or its new name, is complete: the old bytes, or what the new one holds."""
        present = {path.name: path for path in self.videos()}
        with ProbePool(2) as probes:
            for number in range(self.files):
                names = [f"video{number:03}{suffix}" for suffix in (".mkv", ".mp4", ".avi")]
                found = [present[name] for name in names if name in present]
                complete = [path for path in found if self.is_old(path) or self.is_new(probes, path)]
                if not complete or len(complete) != len(found):
                    self.lost.append(f"video{number:03}: {[path.name for path in found]}")

    def is_old(self, path: Path) -> bool:
        return self.old.get(path.name) == digest(path)

    def is_new(self, probes: ProbePool, path: Path) -> bool:
        return self.new.get(path.name) == contents(probes, path)

    def compare_with_undisturbed(self) -> list[str]:
        with ProbePool(2) as probes:
            now = {path.name: contents(probes, path) for path in self.videos()}
        return sorted(name for name in now.keys() | self.new.keys() if now.get(name) != self.new.get(name))


def digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes()).hexdigest()


def contents(probes: ProbePool, path: Path) -> object:
    """What a video holds, down to the number of packets: muxers choose their own random ids."""
    try:
        media = probes.probe(str(path))
        counts = probes.count(str(path))
    except ProbeError as error:  # whatever the reason: it is not a complete video
        return repr(error)
    tracks = [(t.type, t.codec, t.language, t.title, t.default, t.forced) for t in media.tracks]
    return media.container, tracks, [count.packets for count in counts]


def tools_at_work(folder: Path) -> list[int]:
    """Processes whose working folder is the library: the tools run there."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/cwd").startswith(str(folder)):
                found.append(int(pid))
        except OSError:
            continue
    return found


def wait_for_tools(folder: Path, timeout_s: float = 30.0) -> None:
    end = time.monotonic() + timeout_s
    while tools_at_work(folder) and time.monotonic() < end:
        time.sleep(0.02)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kill", description=__doc__)
    parser.add_argument("--files", type=int, default=50)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="vpo-kill-") as root:
        tally = Campaign(Path(root), asked.files, asked.seed).run(asked.kills)
    print(
        f"{tally.kills} kills in {tally.batches} batches of {asked.files} videos (seed {asked.seed}): "
        f"{len(tally.lost)} lost or truncated, {len(tally.left_behind)} files left behind, "
        f"{len(tally.differing)} unlike an undisturbed run"
    )
    for line in (*tally.lost, *tally.left_behind, *tally.differing):
        print(f"  {line}")
    return 0 if tally.held else 1


if __name__ == "__main__":
    sys.exit(main())
