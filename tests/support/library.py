"""A media library, a private state folder and the real commands over both."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from tests.support.fake_tools import real_toolbox
from vpo_tasks.media.synthetic import SampleTrack, make_sample

VPO = (sys.executable, "-m", "vpo_tasks.cli.main")
DOIT = (sys.executable, "-m", "doit")

POLICY = """
schema_version: 13
name: library
config:
  audio_languages: [eng, und]
  on_error: {on_error}
phases:
  - name: languages
    keep_audio:
      languages: [eng]
      fallback: {{mode: keep_all}}
  - name: flags
    default_flags: {{}}
"""

# signals do to it what they do to the tool itself
_TOOL_BEGINS = """import os, signal, sys, time
words = sys.argv[1:]
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
if real is not None and "version" in "".join(words[:1]):
    os.execv(real, [real, *words])
"""

# a line when it starts: its process, the time, the threads of who started it, the video;
# a line when it ends: its process, the time, the bytes it wrote by system calls, as the kernel counted them
_WATCHED = """
def tell(*what):
    line = " ".join(map(str, what)) + "\\n"
    with open(log, "ab", 0) as stream:
        stream.write(os.fsencode(line))

threads = f"/proc/{os.getppid()}/task"
# the source is named by a descriptor that is inherited
held = "/proc/self/fd/"
shown = [os.readlink(held + word.split(held)[1]) if held in word else word for word in words]
video = shown[shown.index("-i") + 1] if "-i" in shown else shown[-1]
tell("start", os.getpid(), time.time_ns(), len(os.listdir(threads)) if os.path.isdir(threads) else 0,
     os.path.basename(video))
time.sleep(delay + sum(wait for key, wait in delays.items() if key in " ".join(shown)))
code = os.spawnv(os.P_WAIT, real, [real, *words])
written = ""
if os.path.exists("/proc/self/io"):
    with open("/proc/self/io") as stream:
        written = dict(line.split(": ") for line in stream.read().splitlines())["wchar"]
tell("end", os.getpid(), time.time_ns(), written)
sys.exit(code if code >= 0 else 128 - code)
"""

VIDEO = SampleTrack("video", "mpeg4", default=True)
ENGLISH = SampleTrack("audio", "aac", language="eng", default=True)
FRENCH = SampleTrack("audio", "aac", language="fre", title="VF")
SUBTITLE = SampleTrack("subtitle", "subrip", language="eng", default=True)


class Templates:
    """Sample videos made once and copied as often as needed: making one costs a tool run, a copy nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str, *tracks: SampleTrack, **options) -> Path:
        path = self._folder / name
        if not path.exists():
            make_sample(str(path), tracks, seconds=0.4, **options)
        return path

    def messy(self, suffix: str = ".mkv") -> Path:
        """A video that POLICY changes: a French track, and for Matroska a default flag on a subtitle."""
        subtitle = (SUBTITLE,) if suffix == ".mkv" else ()
        return self.get(f"messy{suffix}", VIDEO, ENGLISH, FRENCH, *subtitle)

    def right(self, suffix: str = ".mkv") -> Path:
        """A video with which POLICY agrees."""
        return self.get(f"right{suffix}", VIDEO, ENGLISH)


def read_tree(folder: Path) -> dict[str, bytes]:
    """Every regular file below a folder, by relative name; what is kept for undo is left out."""
    found = [(at, names) for at, _, names in os.walk(folder) if os.path.basename(at) != ".vpo-undo"]
    paths = [Path(at, name) for at, names in found for name in names]
    return {
        os.path.relpath(path, folder): path.read_bytes()
        for path in paths
        if path.is_file() and not path.is_symlink()
    }


class World:
    """A library folder, `VPO_HOME`, a PATH in front of which tools can be faked, and the commands."""

    def __init__(self, root: Path, templates: Templates) -> None:
        self.root = root
        self.templates = templates
        self.media = root / "media"
        self.home = root / "home"
        self.bin = root / "bin"
        for folder in (self.media, self.bin):
            folder.mkdir(parents=True)
        self.environ = {
            **os.environ,
            "VPO_HOME": str(self.home),
            "VPO_CPU_COUNT": "32",
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.write_policy()

    def write_policy(self, text: str = POLICY, on_error: str = "continue") -> Path:
        path = self.media / "policy.yaml"
        path.write_text(text.format(on_error=on_error) if text is POLICY else text)
        return path

    def configure(self, text: str) -> None:
        self.home.mkdir(exist_ok=True)
        (self.home / "config.toml").write_text(textwrap.dedent(text))

    def add(self, *names: str, kind: str = "messy") -> list[Path]:
        made = []
        for name in names:
            path = self.media / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(getattr(self.templates, kind)(path.suffix), path)
            made.append(path)
        return made

    def add_many(self, count: int, kind: str = "messy") -> list[Path]:
        return self.add(*(f"v{number:03}.mkv" for number in range(count)), kind=kind)

    # -- commands ----------------------------------------------------------------------------------------

    def vpo(self, *args: object, timeout: float = 120, **options) -> subprocess.CompletedProcess[str]:
        return self._run((*options.pop("through", ()), *VPO), args, timeout, options)

    def doit(self, *args: object, timeout: float = 120, **options) -> subprocess.CompletedProcess[str]:
        options.setdefault("cwd", self.media)
        return self._run(DOIT, args, timeout, options)

    def start(self, *args: object, **options) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*VPO, *map(os.fspath, map(str, args))],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
            start_new_session=True,
            **options,
        )

    def _run(self, command, args, timeout, options) -> subprocess.CompletedProcess[str]:
        words = [word if isinstance(word, bytes) else str(word) for word in args]
        environ = {**self.environ, **options.pop("env", {})}
        return subprocess.run(
            [*command, *words],
            env=environ,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=timeout,
            check=False,
            **options,
        )

    # -- tools in front of the real ones -----------------------------------------------------------------

    def put_tool(self, name: str, body: str) -> None:
        """Put a tool that does `body`, in Python, in front of the real one.

        In it `words` are the arguments and `real` is where the real tool is, the wheel's too; a plain machine
        has no other commands. Asked for its version, the real one answers where there is one.
        """
        real = real_toolbox().tools.get(name)
        script = self.bin / name
        script.write_text(
            f"#!{sys.executable} -IS\nreal = {real.path if real else None!r}\n{_TOOL_BEGINS}{body}"
        )
        script.chmod(0o755)

    def watch_tools(self, *, delay: float = 0.0, delays: dict[str, float] | None = None) -> None:
        """Put wrappers in front of the tools there are that log when they start and end, and take their time.

        `delays` are extra seconds for videos whose command line holds the key.
        """
        settings = f"log, delay, delays = {str(self.root / 'tools.log')!r}, {delay}, {delays or {}}\n"
        for name in real_toolbox().names:
            self.put_tool(name, settings + _WATCHED)

    def tool_log(self) -> list[list[str]]:
        log = self.root / "tools.log"
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []

    def tool_runs(self) -> int:
        return sum(line[0] == "start" for line in self.tool_log())

    def tool_bytes_written(self) -> int:
        """What the tools wrote, through system calls, as the kernel counted it (Linux)."""
        return sum(int(line[3]) for line in self.tool_log() if line[0] == "end")

    def most_at_once(self) -> int:
        """The most tools that ran at the same time."""
        active = most = 0
        for line in sorted(self.tool_log(), key=lambda line: int(line[2])):
            active += 1 if line[0] == "start" else -1
            most = max(most, active)
        return most

    def leftovers(self) -> list[str]:
        """Our own files that should be gone after a run."""
        return [name for name in read_tree(self.media) if os.path.basename(name).startswith(".vpo-")]


def make_templates() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="vpo-templates-")
