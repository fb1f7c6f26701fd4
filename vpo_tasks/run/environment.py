"""What a run that has work needs: the tools found, the helper processes, the parsed policies."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from vpo_tasks.disk.space import SpaceLedger
from vpo_tasks.disk.undo_store import Keeping
from vpo_tasks.errors import ToolMissing
from vpo_tasks.execute.work import Environment
from vpo_tasks.media.probe import SILENCE_S, ProbePool
from vpo_tasks.plan.evaluate import prepare
from vpo_tasks.run.estimates import Budget, Estimates
from vpo_tasks.run.planner import Planner
from vpo_tasks.run.policies import Capabilities
from vpo_tasks.run.processor import ProcessSettings, WorkflowProcessor
from vpo_tasks.tools.base import Call
from vpo_tasks.tools.encoders import TRIAL_TIMEOUT_S, Hardware, Rotation
from vpo_tasks.tools.running import Children
from vpo_tasks.tools.toolbox import Toolbox, find_tools
from vpo_tasks.workers import resolve_threads

if TYPE_CHECKING:
    from vpo_tasks.config import VPOConfig
    from vpo_tasks.run.context import RunContext


def make_processor(
    run: RunContext, *, stop: threading.Event, progress: Callable[[str, float | None, float | None], None]
) -> WorkflowProcessor:
    """Return the processor of a run. Raises ToolMissing when nothing could carry out any plan."""
    config, options, capabilities = run.config, run.options, run.capabilities
    capabilities.require()
    toolbox = find_tools()
    if capabilities.ffmpeg is not None:
        toolbox = toolbox.with_ffmpeg(capabilities.ffmpeg)
    if not toolbox.names & {"ffmpeg", "mkvmerge"}:
        raise ToolMissing("ffmpeg", "changing any video", "`vpo doctor` tells more")
    probes = ProbePool(run.busy_workers, min(SILENCE_S, config.processing.stall_timeout_s))
    children = Children()
    hardware, rotation = _hardware(toolbox, capabilities, children)
    environment = Environment(
        toolbox=toolbox,
        children=children,
        probes=probes,
        ledger=SpaceLedger(config.safety.min_free, stop=stop),
        locks_dir=config.locks_path,
        stall_timeout_s=config.processing.stall_timeout_s,
        threads=threads_each(run),
        hardware=hardware,
        rotation=rotation,
    )
    planner = Planner(
        prepare(run.policies.models),
        toolbox.names,
        capabilities.encoders,
        run.policies.phases or None,
        header_edits=run.output is None,
    )
    settings = ProcessSettings(
        planner=planner,
        estimates=Estimates(run.measurements.speeds()),
        dry_run=options.dry_run,
        break_hardlinks=config.safety.hardlinks == "break",
        verify=config.safety.verify,
        without_hard_links=config.safety.without_hard_links,
        link=options.link,
        keeping=_keeping(config),
    )
    budget = Budget(options.budget_s, options.max_write)
    return WorkflowProcessor(settings, environment, progress, budget)


def threads_each(run: RunContext) -> int:
    """Return how many threads an encoder may use, so that all workers together fit the cores."""
    asked = run.options.threads or run.config.processing.threads
    return resolve_threads(asked, run.busy_workers, run.workers.cores)


def _hardware(
    toolbox: Toolbox, capabilities: Capabilities, children: Children
) -> tuple[Hardware | None, Rotation | None]:
    """Return the judges of hardware encoders and rotation; their trials end with the run's other tools."""

    def run(call: Call) -> int:
        return children.run(call, video="", stall_timeout_s=TRIAL_TIMEOUT_S).returncode

    used = toolbox.tools.get("ffmpeg")
    hardware = None if used is None else Hardware(used.path, capabilities.encoders, run)
    return hardware, Rotation(used, run)


def _keeping(config: VPOConfig) -> Keeping | None:
    """Return what keeps originals for undo, under a name for the run that sorts by time."""
    if not config.safety.keep_originals_s:
        return None
    run = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(1)}"
    return Keeping(run, config.safety.min_free)
