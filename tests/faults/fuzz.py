"""The fuzz campaign: policies, configurations, journals and media with bits flipped, bytes lost and doubled.

    python -m tests.faults.fuzz --kind policy|config|journal|media --seeds 2000 --from 1

Whatever comes of it may only be an error of the design, within seconds, and no video may be harmed. Exit code
0 says that all of it held.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.faults.frame import Stage
from tests.faults.header_edit import make_header_edit
from tests.faults.replacement import make_replacement
from tests.faults.undoing import make_undoing
from tests.support.execute import make_environment
from tests.support.library import ENGLISH, FRENCH, SUBTITLE, VIDEO, Templates, World
from tests.support.private import Private, recover
from vpo_tasks.config import load_config
from vpo_tasks.disk.system_calls import RealDisk
from vpo_tasks.disk.undo_store import entries
from vpo_tasks.errors import ConfigError, FileError, Issue, PolicyError
from vpo_tasks.execute.undo import undo
from vpo_tasks.media.av_reader import read_media
from vpo_tasks.plan.evaluate import evaluate
from vpo_tasks.policy.load import parse_policy

HANG_S = 20
"""A single input that takes longer is a hang."""
BATCH = 100
"""Damaged videos that one run is given."""
BYSTANDER = b"a video that no journal speaks of"

DOCS = Path(__file__).parents[2] / "docs"
CONFIG = """
[processing]
workers = 3
policy = "~/policy.yaml"
stall_timeout = "90s"
[safety]
hardlinks = "break"
verify = "full"
min_free = "2GB"
without_hard_links = "rename"
keep_originals = "2d"
[discovery]
extensions = ["mkv", "mp4"]
exclude = ["*.sample.mkv", "/extras/"]
skip = ["hidden"]
"""


class Tally(NamedTuple):
    """What came of the seeds: how often which, and what must not have been."""

    seeds: int
    outcomes: Counter[str]
    wrong: tuple[str, ...]


def damage(data: bytes, dice: random.Random, reach: int | None = None) -> bytes:
    """Flip up to eight bits of the first `reach` bytes; of one in five, lose, double or overwrite a piece."""
    out = bytearray(data)
    within = min(len(out), reach or len(out))
    for _ in range(dice.choice((1, 1, 1, 2, 4, 8))):
        out[dice.randrange(within)] ^= 1 << dice.randrange(8)
    if dice.random() < 0.2:
        first = dice.randrange(within)
        last = min(within, first + dice.randint(1, 64))
        piece = dice.choice(
            (b"", bytes(out[first:last]) * 2, b"\xff" * (last - first), b"\0" * (last - first))
        )
        out[first:last] = piece
    if dice.random() < 0.1:
        del out[dice.randrange(len(out)) :]
    return bytes(out)


@contextmanager
def within_s(seconds: int) -> Iterator[None]:
    """Raise TimeoutError when the body takes longer."""

    def expired(_number: int, _frame: object) -> None:
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def each(seeds: range, attempt: Callable[[int], str]) -> Tally:
    """Make one attempt a seed; every exception is wrong."""
    outcomes: Counter[str] = Counter()
    wrong = []
    for seed in seeds:
        try:
            with within_s(HANG_S):
                outcomes[attempt(seed)] += 1
        except Exception as error:  # noqa: BLE001 - whatever it is: it is what is looked for
            wrong.append(f"seed {seed}: {type(error).__name__}: {error}")
    return Tally(len(seeds), outcomes, tuple(wrong))


def shown(name: str, issues: Sequence[Issue]) -> str:
    """Return the name of an error whose issues a person can read, each on one line."""
    assert issues
    assert all(issue.message and "\n" not in issue.message for issue in issues)
    return name


def policy_texts() -> list[bytes]:
    """Every policy of the documentation."""
    found = []
    for page in sorted(DOCS.glob("*.md")):
        for block in re.findall(r"```ya?ml\n(.*?)```", page.read_text(), flags=re.DOTALL):
            try:
                parse_policy(block.encode(), str(page))
            except PolicyError:  # a fragment
                continue
            found.append(block.encode())
    return found


def fuzz_policies(folder: Path, seeds: range) -> Tally:
    """Load damaged policies, and plan a video by those that load still."""
    texts = policy_texts()
    media = read_media(str(Templates(folder).messy()))

    def attempt(seed: int) -> str:
        dice = random.Random(seed)
        data = damage(dice.choice(texts), dice)
        try:
            policy = parse_policy(data, "policy.yaml")
        except PolicyError as error:
            return shown("PolicyError", error.issues)
        try:
            evaluate((policy,), media)
        except FileError as error:
            return type(error).__name__
        return "planned"

    return each(seeds, attempt)


def fuzz_configs(folder: Path, seeds: range) -> Tally:
    """Load damaged configurations."""
    path = folder / "config.toml"
    path.write_text(CONFIG)
    assert load_config({"VPO_HOME": str(folder)}).safety.verify == "full"

    def attempt(seed: int) -> str:
        path.write_bytes(damage(CONFIG.encode(), random.Random(seed)))
        try:
            load_config({"VPO_HOME": str(folder)})
        except ConfigError as error:
            return shown("ConfigError", error.issues)
        return "loaded"

    return each(seeds, attempt)


def stages(folder: Path) -> list[tuple[Stage, int]]:
    """Every kind of work, with how many operations it has."""
    makers = (
        *((make_replacement, mode) for mode in ("replace", "replace-without-exchange", "rename", "output")),
        *((make_header_edit, mode) for mode in ("in-place", "growing", "shrinking", "kept")),
        *((make_undoing, mode) for mode in ("replace", "rename", "header")),
    )
    found = []
    for number, (make, mode) in enumerate(makers):
        place = folder / f"{number}-{mode}"
        place.mkdir()
        stage = make(place, mode)
        found.append((stage, len(stage.operations())))
    return found


def fuzz_journals(folder: Path, seeds: range) -> Tally:
    """Kill work at any operation, damage its journal, and recover; or undo finished work by a damaged one.

    No video may have been damaged by that: each is as it was, or the whole old one, or the whole new one.
    """
    known = stages(folder)

    def attempt(seed: int) -> str:
        dice = random.Random(seed)
        stage, operations = dice.choice(known)
        stage.killed_at(dice.randint(1, operations))
        library = stage.folder / "library"
        bystander = library / "other.mkv"
        bystander.write_bytes(BYSTANDER)
        journals = sorted(library.rglob(".vpo-*.json"))
        before = videos(library)
        outcomes: list[str] = []
        for journal in journals:
            journal.write_bytes(damage(journal.read_bytes() or b"torn", dice))
            if journal.parent == library:
                outcomes.append(recover(os.fsencode(journal), make_environment(stage.folder)).outcome)
            else:
                outcomes.append(undo_all(stage, library))
        check_no_harm(stage, before, videos(library))
        assert bystander.read_bytes() == BYSTANDER
        return outcomes[0] if outcomes else "no journal"

    return each(seeds, attempt)


def undo_all(stage: Stage, library: Path) -> str:
    """Take back what the undo store still knows of; how that ended."""
    try:
        for entry in entries(os.fsencode(library)):
            undo(entry, RealDisk(), make_environment(stage.folder).locks_dir)
            return "undone from the store"
    except FileError as error:
        return type(error).__name__
    return "not in the store any more"


def videos(library: Path) -> dict[str, bytes]:
    """Every file but the journals, by name."""
    return {
        str(path.relative_to(library)): path.read_bytes()
        for path in library.rglob("*")
        if (path.is_file() and Private.parse(os.fsencode(path)) is None) or path.suffix == ".orig"
    }


def check_no_harm(stage: Stage, before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Hold that what a recovery changed is complete: nothing but the old and the new video, and one of them."""
    whole = {stage.old, stage.new}  # type: ignore[attr-defined]
    for name, data in after.items():
        assert data == before.get(name) or data in whole, f"{name} is neither as it was nor a whole video"
    held = {data for name, data in after.items() if not name.endswith(".orig")}
    had = {data for name, data in before.items() if not name.endswith(".orig")}
    assert not whole & had or whole & held, "no whole video is left under its name"


def fuzz_media(folder: Path, seeds: range) -> Tally:
    """Run the program on damaged videos, a hundred at a time; what fails must be as it was, byte for byte."""
    templates = Templates(folder)
    shapes = [
        templates.get(f"shape{suffix}", VIDEO, ENGLISH, FRENCH, *((SUBTITLE,) if suffix == ".mkv" else ()))
        for suffix in (".mkv", ".mp4", ".mov", ".ts")
    ]
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    for first in range(seeds.start, seeds.stop, BATCH):
        batch = range(first, min(first + BATCH, seeds.stop))
        world = World(folder / f"batch{first}", templates)
        world.configure("[processing]\nstall_timeout = '15s'\n[safety]\nkeep_originals = 0\n")
        original = {}
        for seed in batch:
            dice = random.Random(seed)
            shape = dice.choice(shapes)
            path = world.media / f"v{seed:06}{shape.suffix}"
            original[str(path)] = damage(shape.read_bytes(), dice, 4096 if dice.random() < 0.8 else None)
            path.write_bytes(original[str(path)])
        counted, bad = run_batch(world, original)
        outcomes += counted
        wrong += bad
    return Tally(len(seeds), outcomes, tuple(wrong))


def run_batch(world: World, original: dict[str, bytes]) -> tuple[Counter[str], list[str]]:
    """Process a library of damaged videos. Returns how they ended, and what went wrong."""
    started = time.monotonic()
    done = world.vpo("process", "--json", "-w", 2, world.media, timeout=HANG_S * BATCH)
    wrong = []
    if done.returncode not in (0, 1):
        wrong.append(f"exit {done.returncode} of {world.media}")
    wrong += [line for line in done.stderr.splitlines() if "a bug in vpo" in line or "Traceback" in line]
    results = json.loads(done.stdout)["results"] if done.stdout else []
    counted = Counter(result["status"] for result in results)
    unchanged = {result["file"]: result["status"] for result in results if result["status"] != "changed"}
    wrong += [
        f"{path} {status}, and yet not as it was"
        for path, status in unchanged.items()
        if Path(path).read_bytes() != original[path]
    ]
    present = {path.stem for path in world.media.iterdir()}
    wrong += [f"{path} is gone" for path in original if Path(path).stem not in present]
    wrong += [f"{name} left behind" for name in world.leftovers()]
    if time.monotonic() - started > HANG_S * BATCH / 4:
        wrong.append("a hang")
    return counted, wrong


KINDS: dict[str, Callable[[Path, range], Tally]] = {
    "policy": fuzz_policies,
    "config": fuzz_configs,
    "journal": fuzz_journals,
    "media": fuzz_media,
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--from", type=int, default=1, dest="first")
    asked = parser.parse_args(argv)
    failed = False
    for kind in asked.kind or KINDS:
        with tempfile.TemporaryDirectory(prefix="vpo-fuzz-") as folder:
            tally = KINDS[kind](Path(folder), range(asked.first, asked.first + asked.seeds))
        counts = ", ".join(f"{count} {name}" for name, count in tally.outcomes.most_common())
        print(
            f"{kind}: {tally.seeds} seeds from {asked.first}: {counts}; {len(tally.wrong)} wrong", flush=True
        )
        for line in tally.wrong:
            print(f"  {line}")
        failed = failed or bool(tally.wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
