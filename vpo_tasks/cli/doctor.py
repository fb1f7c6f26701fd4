"""`vpo doctor`: what there is to work with, what each part is for, and what a missing one costs."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from typing import Any, NamedTuple

import click

from vpo_tasks import __version__
from vpo_tasks.config import VPOConfig, load_config
from vpo_tasks.errors import EXIT_OK, EXIT_STATE, EXIT_TOOL_MISSING, StateError
from vpo_tasks.report.text import count_noun, escape, human_bytes
from vpo_tasks.tools.toolbox import TABLE, Toolbox, find_tools
from vpo_tasks.workers import count_cores, resolve_worker_count

_PACKAGES = {
    "av": "reading videos",
    "doit": "handing out the work",
    "imageio-ffmpeg": "an ffmpeg for machines without one",
}


class ToolReport(NamedTuple):
    """One line of the tool table; `path`, `version` and `origin` are None for a tool that is missing."""

    name: str
    used_for: str
    without_it: str
    path: str | None = None
    version: str | None = None
    origin: str | None = None


class StateReport(NamedTuple):
    """The state folder. `videos` and `size_bytes` are None where there is no database yet."""

    home: str
    database: str
    videos: int | None = None
    size_bytes: int | None = None
    problem: str | None = None


class WorkerReport(NamedTuple):
    """Cores, the cap that follows from them, and what the configuration asks for and gets."""

    cores: int
    cap: int
    configured: int
    used: int


class Examination(NamedTuple):
    """Everything found. Versions are None for a package that is missing or broken."""

    vpo: str
    python: str
    system: str
    packages: dict[str, str | None]
    libraries: dict[str, str]
    tools: tuple[ToolReport, ...]
    state: StateReport
    workers: WorkerReport

    @property
    def can_process(self) -> bool:
        """True when videos can be read and some tool can write them."""
        writers = {tool.name for tool in self.tools if tool.path} & {"ffmpeg", "mkvmerge"}
        return bool(self.libraries) and bool(writers)

    @property
    def exit_code(self) -> int:
        """0 also where optional tools are missing."""
        if not self.can_process:
            return EXIT_TOOL_MISSING
        return EXIT_STATE if self.state.problem else EXIT_OK


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def doctor(as_json: bool) -> int:
    """Show the tools found, their versions, what each is used for, and what is missing."""
    found = examine(load_config(), find_tools().with_versions())
    if as_json:
        import json  # only --json pays for it

        click.echo(json.dumps(as_document(found), indent=2))
    else:
        click.echo("\n".join(describe_examination(found)))
    return found.exit_code


def examine(config: VPOConfig, toolbox: Toolbox) -> Examination:
    """Return what there is on this machine."""
    cores = count_cores(config.cpu_count)
    count = resolve_worker_count(config.processing.workers, cores)
    return Examination(
        vpo=__version__,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=f"{platform.system()} {platform.machine()}",
        packages={name: _package_version(name) for name in _PACKAGES},
        libraries=_library_versions(),
        tools=_tool_reports(toolbox),
        state=examine_state(config),
        workers=WorkerReport(cores, count.cap, count.requested, count.workers),
    )


def _package_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _library_versions() -> dict[str, str]:
    """Return FFmpeg's libraries as PyAV carries them; empty when PyAV cannot be loaded."""
    try:
        import av  # 120 ms, and the one import here that can fail on a broken installation
    except (ImportError, OSError):
        return {}
    versions = {"ffmpeg": getattr(av, "ffmpeg_version_info", None)}
    libraries = {name: ".".join(map(str, parts)) for name, parts in av.library_versions.items()}
    return {name: version for name, version in {**versions, **libraries}.items() if version}


def _tool_reports(toolbox: Toolbox) -> tuple[ToolReport, ...]:
    reports = []
    for usage in TABLE:
        report = ToolReport(usage.name, usage.used_for, usage.without_it)
        info = toolbox.tools.get(usage.name)
        if info is not None:
            report = report._replace(path=info.path, version=info.version, origin=info.origin)
        reports.append(report)
    return tuple(reports)


def examine_state(config: VPOConfig) -> StateReport:
    """Read the database through without leaving a trace."""
    from vpo_tasks.state.pool import DaemonConnectionPool  # sqlite3: 6 ms that --help does not pay
    from vpo_tasks.state.store import Store

    report = StateReport(config.home, config.database_path)
    problem = _unwritable(config.home)
    if problem or not os.path.exists(config.database_path):
        return report._replace(problem=problem)
    try:
        with DaemonConnectionPool(config.database_path, read_only=True) as pool:
            damage, videos = pool.find_damage(), Store(pool).count_videos()
        size = os.path.getsize(config.database_path)
    except StateError as error:
        return report._replace(problem=error.detail)
    except OSError as error:
        return report._replace(problem=error.strerror or str(error))
    problem = f"is damaged ({damage}); move it away: no video is lost" if damage else None
    return report._replace(videos=videos, size_bytes=size, problem=problem)


def _unwritable(home: str) -> str | None:
    """Return why the state folder cannot be used, None when it can be (it may still have to be made)."""
    folder = home
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        return f"{folder} is not a folder"
    return None if os.access(folder, os.W_OK | os.X_OK) else f"{folder} may not be written"


def as_document(found: Examination) -> dict[str, Any]:
    """Return the examination for JSON."""
    return {
        **found._asdict(),
        "tools": [tool._asdict() for tool in found.tools],
        "state": found.state._asdict(),
        "workers": found.workers._asdict(),
        "can_process": found.can_process,
    }


def describe_examination(found: Examination) -> list[str]:
    """Return the examination as lines for a person."""
    lines = [f"vpo {found.vpo} on {found.python}, {found.system}", "", "Tools"]
    for tool in found.tools:
        lines += _describe_tool(tool)
    lines += ["", "Python packages"]
    for name, used_for in _PACKAGES.items():
        carries = f", with FFmpeg {found.libraries.get('ffmpeg', '?')}" if name == "av" else ""
        lines.append(f"  {name:<15} {found.packages[name] or 'missing':<10} {used_for}{escape(carries)}")
    if not found.libraries:
        lines.append("  PyAV cannot be loaded: no video can be read; install vpo again")
    lines += ["", "State", *_describe_state(found.state), "", "Workers", *_describe_workers(found.workers)]
    return [*lines, "", _conclude(found)]


def _conclude(found: Examination) -> str:
    if not found.can_process:
        return "Not ready: no video can be processed, see above."
    if found.state.problem:
        return "Not ready: the state cannot be kept, see above; VPO_HOME names another folder for it."
    return "Ready."


def _describe_tool(tool: ToolReport) -> Sequence[str]:
    if tool.path is None:
        return [f"  {tool.name:<12} missing: {tool.without_it}", f"  {'':<12} (used for {tool.used_for})"]
    where = (
        f"{tool.path} ({'from PATH' if tool.origin == 'PATH' else 'from the package ' + str(tool.origin)})"
    )
    return [f"  {tool.name:<12} {escape(tool.version or '')}  {escape(where)}", f"  {'':<12} {tool.used_for}"]


def _describe_state(state: StateReport) -> Sequence[str]:
    if state.problem:
        return [f"  {escape(state.database)}: {escape(state.problem)}"]
    if state.videos is None:
        return [f"  {escape(state.database)}: not made yet; the first run makes it"]
    size = human_bytes(state.size_bytes or 0)
    return [f"  {escape(state.database)}: healthy, {count_noun(state.videos, 'video')}, {size}"]


def _describe_workers(workers: WorkerReport) -> Sequence[str]:
    capped = "" if workers.used == workers.configured else f" ({workers.configured} configured)"
    most = f"{count_noun(workers.cores, 'core')}: at most {count_noun(workers.cap, 'worker')}"
    return [f"  {most}, {workers.used} by default{capped}"]
