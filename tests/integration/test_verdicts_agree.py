"""The bulk check and doit's own check say the same of every video, whatever has happened to a library."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vpo_tasks.config import load_config
from vpo_tasks.doit_plugin.video_tasks import VideoTasks
from vpo_tasks.library.quick_check import QuickCheck
from vpo_tasks.media.identity import Identity
from vpo_tasks.media.model import MediaInfo
from vpo_tasks.report.console import Console
from vpo_tasks.report.progress import ProgressTracker
from vpo_tasks.report.result import FileProcessingResult
from vpo_tasks.run.batch import BatchController, BatchSettings
from vpo_tasks.run.context import RunOptions
from vpo_tasks.run.opening import bulk_check, open_run, record_missing
from vpo_tasks.state.library_digest import LibraryDigests

NAMES = [f"{folder}{letter}.mkv" for folder in ("", "deep/") for letter in "abc"]
POLICY = "schema_version: 13\nphases:\n  - name: p\n    keep_audio: {{languages: [{}]}}\n"
MEDIA = MediaInfo(container="mkv", format_name="matroska")
DAMAGE = {
    "row gone": "DELETE FROM videos WHERE path = :path",
    "details gone": "DELETE FROM details WHERE path = :path",
    "fingerprint gone": "UPDATE details SET fingerprint = NULL WHERE path = :path",
    "media unreadable": "UPDATE details SET media = x'ff' WHERE path = :path",
    "other inode": "UPDATE videos SET inode = inode + 1 WHERE path = :path",
    "other device": "UPDATE videos SET device = device + 1 WHERE path = :path",
    "not compliant": "UPDATE videos SET digest = NULL WHERE path = :path",
    "failure gone": "DELETE FROM failures WHERE path = :path",
}


class Pretender:
    """A processor that finds every video compliant, but for those whose content says that they are broken."""

    def process(self, job):
        status = os.stat(job.path)
        if b"broken" in Path(job.path).read_bytes():
            return FileProcessingResult(job.path, "failed", error="broken", error_kind="ProbeError")
        return FileProcessingResult(
            job.path, "unchanged", job.path, identity=Identity.of(status), media=MEDIA, compliant=True
        )

    def kill(self):
        """End the tools: it has none."""


class Library:
    """A library that ages, and the two verdicts on it."""

    def __init__(self, root):
        self.root = Path(root)
        self.media = self.root / "media"
        (self.media / "deep").mkdir(parents=True)
        self.clock = 10**18
        self.use_policy("eng")
        for name in NAMES[:4]:
            self.write(name, b"x" * 5000)

    def path(self, name):
        return self.media / name

    def write(self, name, content):
        self.path(name).write_bytes(content)
        self.tick(name)

    def tick(self, name):
        self.clock += 10**9
        os.utime(self.path(name), ns=(self.clock, self.clock))

    def use_policy(self, language):
        (self.media / "policy.yaml").write_text(POLICY.format(language))

    def open(self):
        console = Console(io.StringIO(), io.StringIO(), quiet=True)
        config = load_config({"VPO_HOME": str(self.root / "home")})
        return open_run([str(self.media)], RunOptions(accept_missing=True), config, console, allow_none=True)

    # -- what may happen to it ---------------------------------------------------------------------------

    def age(self, event, name, other):
        path = self.path(name)
        if event == "run":
            self.run()
        elif event == "interrupted run":
            self.run(at_most=2)
        elif event.startswith("policy "):
            self.use_policy(event.removeprefix("policy "))
        elif event == "added":
            self.write(name, f"a new one {self.clock}".encode())
        elif event == "added broken":
            self.write(name, f"broken {self.clock}".encode())
        elif path.exists():
            self.change(event, path, name, other)

    def change(self, event, path, name, other):
        if event in DAMAGE:
            with self.open() as run:
                run.pool.execute_write(DAMAGE[event], {"path": os.fsencode(path)})
        elif event == "touched":
            self.tick(name)
        elif event == "dated beyond what the database holds":
            self.clock += 10**9
            os.utime(path, ns=(self.clock + 2**63, self.clock + 2**63))
        elif event == "grown":
            with path.open("ab") as stream:
                stream.write(b"more")
        elif event == "replaced by another of the same size and time":
            status = path.stat()
            new = self.root / "new"  # beside the old one for a moment, so that it has another inode
            new.write_bytes(os.urandom(status.st_size))
            os.utime(new, ns=(status.st_mtime_ns, status.st_mtime_ns))
            new.replace(path)
        elif event == "restored from a copy":
            shutil.copy2(path, self.root / "copy")
            (self.root / "copy").replace(path)
        elif event == "renamed":
            path.replace(self.path(other))
        elif event == "swapped" and other != name and self.path(other).exists():
            path.rename(self.root / "aside")
            self.path(other).rename(path)
            (self.root / "aside").rename(self.path(other))
        elif event == "linked" and not self.path(other).exists():
            os.link(path, self.path(other))
        elif event == "removed":
            path.unlink()

    def run(self, at_most=99):
        with self.open() as run:
            batch_settings = BatchSettings(1, 1, "continue", run.digest, run.policies.names)
            controller = BatchController(
                batch_settings,
                run.store,
                run.console,
                ProgressTracker(1),
                lambda _: cast("Any", Pretender()),
                memory=run.memory,
                undo=run.undo,
                measurements=run.measurements,
            )
            for item in run.survey.stale[:at_most]:
                controller.handle(item)
            record_missing(run)

    # -- the verdicts ------------------------------------------------------------------------------------

    def quick_check(self):
        """Tell whether the quick check, which a run begins with in a large library, finds nothing to do."""
        with self.open() as run:
            recorded = LibraryDigests(run.pool).find(os.fsencode(self.media.resolve()), run.digest)
        quick_check = QuickCheck(os.fsencode(self.media.resolve()), frozenset([b"mkv"]))
        try:
            return quick_check.finds(recorded)
        finally:
            quick_check.end()

    def verdicts(self):
        """The videos to do, in bulk and one by one."""
        with self.open() as run:
            videos = VideoTasks(run.store, run.digest, lambda: pytest.fail("nothing is to be processed"))
            bulk = {item.found.path for item in (*run.survey.stale, *run.survey.failed_before)}
            everything = bulk_check(run, everything=True).stale
            assert len(everything) == len(run.discovery.videos)
            return bulk, {item.found.path for item in everything if not videos.is_up_to_date(item)}


EVENTS = [
    "run", "run", "run", "interrupted run", "policy eng", "policy jpn", "added", "added broken", "touched",
    "grown", "replaced by another of the same size and time", "restored from a copy", "renamed", "renamed",
    "swapped", "linked", "removed", "dated beyond what the database holds", *DAMAGE,
]  # fmt: skip
histories = st.lists(
    st.tuples(st.sampled_from(EVENTS), st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=14
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories)
def test_both_verdicts_agree_on_a_library_with_any_history(history):
    with tempfile.TemporaryDirectory(prefix="vpo-history-") as root:
        library = Library(root)
        library.run()
        for event in history:
            library.age(*event)
        bulk, one_by_one = library.verdicts()
        assert bulk == one_by_one
        assert not (bulk and library.quick_check())
        library.run()
        bulk, one_by_one = library.verdicts()
        broken = {
            os.fsencode(path) for path in library.media.glob("**/*.mkv") if b"broken" in path.read_bytes()
        }
        assert bulk == one_by_one == broken, "after a run all that can comply does"
        assert library.quick_check() == (not broken)


@pytest.mark.parametrize("event", ["touched", "grown", "replaced by another of the same size and time"])
def test_a_changed_video_is_to_do_and_no_other(tmp_path, event):
    library = Library(tmp_path)
    library.run()
    library.age(event, "a.mkv", "a.mkv")
    assert library.verdicts() == ({os.fsencode(library.path("a.mkv"))},) * 2


@pytest.mark.parametrize(
    "event", ["renamed", "swapped", "restored from a copy", "other inode", "other device"]
)
def test_a_video_that_is_the_same_is_not_to_do(tmp_path, event):
    library = Library(tmp_path)
    library.write("b.mkv", b"y" * 6000)
    library.run()
    library.age(event, "a.mkv", "b.mkv" if event == "swapped" else "deep/c.mkv")
    assert library.verdicts() == (set(), set())
