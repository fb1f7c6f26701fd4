"""Odd files by seed, each through a policy: nothing is lost unsaid, and no promise is broken.

    python -m tests.closed_world.campaign --kind mkv|mp4|mov --seeds 2000 --from 1 [--tools all|wheel]

Prints each fault with its seed and ends with 1 when there was one. `--tools wheel` hides mkvtoolnix and the
distribution's ffmpeg from the program, not from the check.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.closed_world.facts import Fact, Facts, read_matroska, read_mp4, track_places
from tests.closed_world.odd_matroska import MatroskaMaker, make_bases
from tests.closed_world.odd_mp4 import make_mp4
from tests.support.library import VPO

BATCH = 20
"""Files that one policy, and so one run, is given."""


class Case(NamedTuple):
    """A phase, and the kinds of facts it may change by what it asks for, each with the tracks it may do so to."""

    phase: str
    asked: tuple[tuple[str, str], ...]
    """Kind of fact, and a regular expression for the name of the track."""


CASES = {
    "title": Case(
        "rules: {match: all, items: [{name: t, when: exists(video), then: "
        "{set_container_metadata: {field: title, value: New title}}}]}",
        (("title", ""),),
    ),
    "comment": Case(
        "rules: {match: all, items: [{name: t, when: exists(video), then: "
        "{set_container_metadata: {field: comment, value: New comment}}}]}",
        (("tags", "COMMENT"),),
    ),
    "flags": Case("default_flags: {}", (("flags", ""),)),
    "audio_titles": Case("audio_actions: {clear_all_titles: true}", (("track_names", "audio"),)),
    "drop_audio": Case("keep_audio: {languages: [eng], fallback: {mode: keep_first}}", (("*", "audio"),)),
    "drop_subtitles": Case("keep_subtitles: {languages: []}", (("*", "subtitles"),)),
    "attachments": Case(
        "filter_attachments: {remove_all: true}", (("attachments", ""), ("ids", "attachment"))
    ),
    "order": Case("track_order: [subtitle_main, subtitle_forced, audio_main, audio_alternate, video]", ()),
    "encode_video": Case(
        "transcode: {video: {to: hevc, crf: 40, preset: ultrafast, keep_if_larger: true}}",
        (("tracks", "video"),),
    ),
    "encode_audio": Case("transcode: {audio: {to: opus, bitrate: 64k}}", (("tracks", "audio"),)),
}


IN_PLACE = {
    "title": Case(CASES["title"].phase, (("title", ""), ("boxes", "/udta/©nam"))),
    "comment": Case(
        CASES["comment"].phase, (("tags", "/(©cmt|comment) "), ("keys", "/comment"), ("boxes", "/udta/©cmt"))
    ),
    "flags": Case(CASES["flags"].phase, (("boxes", "/tkhd"),)),
    "audio_titles": Case(CASES["audio_titles"].phase, (("track_names", "soun"),)),
    "language": Case(
        "rules: {match: all, items: [{name: l, when: exists(audio), then: "
        "{set_language: {track_type: audio, new_language: jpn}}}]}",
        (("languages", "soun"), ("boxes", "soun.*/mdhd")),
    ),
}
"""What is asked of MP4 and QuickTime files here stands in their header: every other box keeps its bytes."""


class Fault(NamedTuple):
    seed: int
    case: str
    text: str


class World:
    """A folder with its own state, and the program over it."""

    def __init__(self, root: Path, *, wheel_only: bool) -> None:
        self.media = root / "media"
        self.media.mkdir(parents=True)
        path = os.environ["PATH"]
        if wheel_only:
            empty = root / "bin"
            empty.mkdir()
            path = str(empty)
        self._environ = {**os.environ, "VPO_HOME": str(root / "home"), "PATH": path}

    def run(self, *words: str) -> dict[str, Any]:
        """Return the JSON document of a run over the folder."""
        command = [*VPO, "process", "--json", *words, str(self.media)]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)


def run_batch(
    root: Path,
    kind: str,
    name: str,
    seeds: Sequence[int],
    bases: dict[str, Path],
    *,
    wheel_only: bool = False,
) -> list[Fault]:
    """Make the files of some seeds, run the policy of a case over them, and return what went wrong."""
    case = cases_of(kind)[name]
    world = World(root, wheel_only=wheel_only)
    policy = f"schema_version: 13\nphases:\n  - name: p\n    {case.phase}\n"
    (world.media / "policy.yaml").write_text(policy)
    before: dict[int, tuple[Facts, dict[str, str]]] = {}
    for seed in seeds:
        path = world.media / f"{seed}.{kind}"
        scratch = root / f"scratch{seed}"
        scratch.mkdir()
        if kind == "mkv":
            MatroskaMaker(seed, bases).make(path, scratch)
        else:
            make_mp4(path, seed, scratch)
        places = track_places(path) if kind == "mkv" else {}
        before[seed] = (_read(path, places), places)
    promised = _by_seed(world.run("--dry-run"))
    done = _by_seed(world.run())
    again = world.run()
    faults = [] if not again["summary"]["changed_count"] else [Fault(seeds[0], name, "a second run changes")]
    for seed, (facts, places) in before.items():
        result = done.get(seed)
        faults += [Fault(seed, name, text) for text in _broken(promised.get(seed), result)]
        after = _read(world.media / f"{seed}.{kind}", places)
        faults += [Fault(seed, name, text) for text in unasked(case, facts, after)]
    return faults


def cases_of(kind: str) -> dict[str, Case]:
    """Return what is asked of files of a kind: `mkv`, `mp4` or `mov`."""
    return CASES if kind == "mkv" else IN_PLACE


def _read(path: Path, places: dict[str, str]) -> Facts:
    return read_matroska(path, places) if path.suffix == ".mkv" else read_mp4(path)


def _by_seed(document: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {int(Path(result["file"]).stem): result for result in document["results"]}


def _broken(promised: dict[str, Any] | None, done: dict[str, Any] | None) -> list[str]:
    """Return where a run did otherwise than its dry run said."""
    if promised is None or done is None:
        return [] if promised is done else [f"promised {promised}, done {done}"]
    if done["status"] == "failed" and promised["status"] != "failed":
        return [f"promised {promised['status']}, failed: {done['error']}"]
    keys = ("status", "step", "changes", "reason")
    lost = [text for text in done["warnings"] if text.startswith("loses: ")]
    return lost + [
        f"{key}: promised {promised[key]}, done {done[key]}" for key in keys if promised[key] != done[key]
    ]


def unasked(case: Case, before: Facts, after: Facts) -> list[str]:
    """Return what is there no more, or is new, without being asked for. What a container held, it can hold."""
    found = []
    for sign, facts in (("lost", before - after), ("new", after - before)):
        for fact in facts:
            if not _asked(case, fact):
                found.append(f"{sign}: {fact.kind} [{fact.track}] {fact.text}")  # noqa: PERF401
    return found


def _asked(case: Case, fact: Fact) -> bool:
    where = f"{fact.track} {fact.text}"
    return any(kind in ("*", fact.kind) and re.search(track, where) for kind, track in case.asked)


def run_seeds(
    kind: str, seeds: Sequence[int], *, wheel_only: bool = False, show: bool = False
) -> list[Fault]:
    """Return the faults of some seeds, batch by batch."""
    faults: list[Fault] = []
    with tempfile.TemporaryDirectory(prefix="vpo-odd-") as scratch:
        folder = Path(scratch)
        (folder / "bases").mkdir()
        bases = make_bases(folder / "bases")
        for start in range(0, len(seeds), BATCH):
            root = folder / f"batch{start}"
            batch = seeds[start : start + BATCH]
            name = random.Random(batch[0]).choice(sorted(cases_of(kind)))
            found = run_batch(root, kind, name, batch, bases, wheel_only=wheel_only)
            for fault in found if show else ():
                print(f"seed {fault.seed} ({fault.case}): {fault.text}", flush=True)
            faults += found
            shutil.rmtree(root)
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=("mkv", "mp4", "mov"), default="mkv")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--from", type=int, default=1, dest="first")
    parser.add_argument("--tools", choices=("all", "wheel"), default="all")
    words = parser.parse_args()
    seeds = range(words.first, words.first + words.seeds)
    faults = run_seeds(words.kind, seeds, wheel_only=words.tools == "wheel", show=True)
    kinds = Counter((fault.case, fault.text.split("[")[0]) for fault in faults)
    for (case, text), count in kinds.most_common():
        print(f"{count:6}  {case}: {text[:100]}")
    print(f"{len(seeds)} seeds, {len(faults)} faults in {len({fault.seed for fault in faults})} of them")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
