"""Two runs on one library, and owners who replace videos under our hands.

    python -m tests.faults.races --times 20 --files 50

Nothing may be done twice, nothing may fail, and every foreign file must survive byte for byte. Exit code 0 says
that all of it held.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.library import Templates, World


def two_runs(root: Path, templates: Templates, files: int) -> list[str]:
    """Run twice at once, one of the two through a symbolic link; return what went wrong."""
    world = World(root, templates)
    world.add_many(files)
    world.watch_tools()
    link = root / "link"
    link.symlink_to(world.media)
    runs = [world.start("process", "--json", "-w", "3", folder) for folder in (world.media, link)]
    wrong = []
    changed = 0
    for run in runs:
        out, err = run.communicate(timeout=300)
        if run.returncode != 0:
            wrong.append(f"exit {run.returncode}: {err.strip()}")
            continue
        changed += json.loads(out)["summary"]["changed_count"]
    if changed != files:
        wrong.append(f"{changed} of {files} videos were changed in total")
    if world.tool_runs() != files:
        wrong.append(f"{world.tool_runs()} tool runs for {files} videos")
    again = json.loads(world.vpo("process", "--json", world.media).stdout)["summary"]
    if again["up_to_date_count"] != files:
        wrong.append(f"{again['up_to_date_count']} of {files} up to date afterwards")
    return wrong + world.leftovers()


def foreign_file(root: Path, templates: Templates, moment_s: float) -> list[str]:
    """Replace a video while it is in hand, as a download client would; return what went wrong."""
    world = World(root, templates)
    (path,) = world.add("a.mkv")
    world.watch_tools(delay=0.2)
    staged = root / "new.mkv"
    shutil.copy(templates.right(), staged)
    content = staged.read_bytes()
    run = world.start("process", "-w", "1", world.media)
    try:
        run.wait(timeout=moment_s)
    except subprocess.TimeoutExpired:  # the moment has come
        pass
    staged.rename(path)
    run.communicate(timeout=60)
    wrong = [] if path.read_bytes() == content else [f"the foreign file at {moment_s:.2f} s did not survive"]
    return wrong + world.leftovers()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.races", description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--files", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(argv)
    moments = random.Random(asked.seed)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="vpo-races-") as folder:
        root = Path(folder)
        (root / "templates").mkdir()
        templates = Templates(root / "templates")
        templates.messy()
        templates.right()
        for number in range(asked.times):
            wrong += two_runs(root / f"two{number}", templates, asked.files)
            wrong += foreign_file(root / f"new{number}", templates, moments.uniform(0.3, 1.0))
    print(
        f"{asked.times} pairs of runs over {asked.files} videos and {asked.times} foreign files: {len(wrong)} wrong"
    )
    for line in wrong:
        print(f"  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
