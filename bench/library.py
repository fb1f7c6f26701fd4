"""A large finished library, made fast: tiny files in nested folders of 20, recorded as if processed.

Made by a process of its own (`make_library`), so that the measuring one stays small.
The records are written through the program's own store and hold one real video's MediaInfo, so a run really
finds every file up to date, and a policy edit really plans anew.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from bench.command import ask

FOLDER_FILES = 20
_FOLDERS_A_SHELF = 50
ODD_EVERY = 100
"""Every so many videos have a Japanese audio track more: the 1 % that one of the policy edits affects."""

POLICY = """
schema_version: 13
name: library
config:
  audio_languages: [eng, und]
  on_error: continue
phases:
  - name: languages
    keep_audio:
      languages: [{languages}]
      fallback: {{mode: keep_all}}
    keep_subtitles:
      languages: [eng]
  - name: flags
    default_flags: {{}}
"""

AS_RECORDED = "eng, ger, jpn"
EDITS = {"none": "eng, ger, jpn, swe", "1 %": "eng, ger", "all": "eng"}
"""Which languages a policy edit keeps, by which part of the videos it affects."""


class Library(NamedTuple):
    """A library on disk. `root` holds the videos and `policy.yaml`; `environ` is for every command."""

    root: str
    files: int
    environ: Mapping[str, str]


def make_library(scratch: str, files: int, environ: Mapping[str, str]) -> Library:
    """Make a library of `files` videos below `scratch` and record all of them as up to date."""
    library = Library(os.path.join(scratch, f"library-{files}"), files, environ)
    ask([sys.executable, "-m", "bench.library", library.root, str(files)], environ)
    return library


def write_policy(path: str, languages: str) -> None:
    """Write the policy that keeps these languages."""
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(POLICY.format(languages=languages))


def video_paths(root: str, files: int) -> Iterator[str]:
    """Return the videos' paths: `root/s00/d07/v03.mkv`."""
    for number in range(files):
        folder, place = divmod(number, FOLDER_FILES)
        shelf, folder = divmod(folder, _FOLDERS_A_SHELF)
        yield os.path.join(root, f"s{shelf:03}", f"d{folder:02}", f"v{place:02}.mkv")


def _create(root: str, files: int) -> None:
    folder = ""
    for path in video_paths(root, files):
        if os.path.dirname(path) != folder:
            folder = os.path.dirname(path)
            os.makedirs(folder)
        with open(path, "wb") as stream:
            stream.write(os.fsencode(path))
    write_policy(os.path.join(root, "policy.yaml"), AS_RECORDED)


def _record(root: str, files: int) -> None:
    """Record every file as compliant, all in one transaction."""
    # function-local: who calls `make_library` measures, and stays small
    from tempfile import TemporaryDirectory

    from vpo_tasks.config import load_config
    from vpo_tasks.media.identity import Identity
    from vpo_tasks.media.probe import ProbePool
    from vpo_tasks.media.synthetic import SampleTrack, make_sample
    from vpo_tasks.run.policies import PolicySet
    from vpo_tasks.state.pool import DaemonConnectionPool
    from vpo_tasks.state.store import Store
    from vpo_tasks.state.up_to_date import head_tail_digest

    tracks = [SampleTrack("video", default=True)]
    tracks += [SampleTrack("audio", language="eng", default=True), SampleTrack("audio", language="ger")]
    subtitle = SampleTrack("subtitle", language="eng")
    with TemporaryDirectory() as folder, ProbePool(1) as probes:
        media = []
        for name, more in (("usual.mkv", []), ("odd.mkv", [SampleTrack("audio", language="jpn")])):
            make_sample(os.path.join(folder, name), [*tracks, *more, subtitle], seconds=0.4)
            media.append(probes.probe(os.path.join(folder, name)))
    with DaemonConnectionPool(load_config().database_path) as pool, pool.transaction():
        store = Store(pool)
        digest = PolicySet([os.path.join(root, "policy.yaml")], store).digest
        for number, path in enumerate(map(os.fsencode, video_paths(root, files))):
            store.record(
                path,
                Identity.of(os.stat(path)),
                digest=digest,
                media=media[number % ODD_EVERY == 0],
                fingerprint=head_tail_digest(path),
                status="unchanged",
            )


if __name__ == "__main__":
    _create(sys.argv[1], int(sys.argv[2]))
    _record(sys.argv[1], int(sys.argv[2]))
