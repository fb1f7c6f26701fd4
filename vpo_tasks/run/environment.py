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
from vpo_tasks.run.budget import Budget
from vpo_tasks.run.capabilities import Capabilities
from vpo_tasks.run.estimates import Estimates
from vpo_tasks.run.processor import ProcessSettings, WorkflowProcessor
from vpo_tasks.tools.base import Call
from vpo_tasks.tools.encoders import TRIAL_TIMEOUT_S, Hardware
from vpo_tasks.tools.rotation import Rotation
from vpo_tasks.tools.running import Children
from vpo_tasks.tools.toolbox import Toolbox, find_tools

if TYPE_CHECKING:
    from vpo_tasks.config import VPOConfig
    from vpo_tasks.run.opening import RunOptions
    from vpo_tasks.run.policies import PolicySet


def make_processor(
    config: VPOConfig,
    policies: PolicySet,
    options: RunOptions,
    *,
    workers: int,
    stop: threading.Event,
    progress: Callable[[str, float | None, float | None], None],
    abilities: Capabilities | None = None,
    expectations: Estimates | None = None,
    threads: int | None = None,
) -> WorkflowProcessor:
    """Return the processor of a run. Raises ToolMissing when nothing could carry out any plan.

    `threads` is how many an encoder may use.
    """
    abilities = abilities or Capabilities()
    abilities.require()
    toolbox = find_tools()
    if abilities.ffmpeg is not None:
        toolbox = toolbox.with_ffmpeg(abilities.ffmpeg)
    if not toolbox.names & {"ffmpeg", "mkvmerge"}:
        raise ToolMissing("ffmpeg", "changing any video", "`vpo doctor` tells more")
    probes = ProbePool(workers, min(SILENCE_S, config.processing.stall_timeout_s))
    children = Children()
    hardware, turner = _hardware(toolbox, abilities, children)
    kit = Environment(
        toolbox=toolbox,
        children=children,
        probes=probes,
        ledger=SpaceLedger(config.safety.min_free, stop=stop),
        locks_dir=config.locks_path,
        stall_timeout_s=config.processing.stall_timeout_s,
        threads=threads,
        hardware=hardware,
        turner=turner,
    )
    settings = ProcessSettings(
        policies=prepare(policies.models),
        phases=policies.phases or None,
        dry_run=options.dry_run,
        break_hardlinks=config.safety.hardlinks == "break",
        verify=config.safety.verify,
        without_hard_links=config.safety.without_hard_links,
        link=options.link,
        header_edits=(options.output or config.processing.output) is None,
        keeping=_keeping(config),
        encoders=abilities.encoders,
        expectations=expectations or Estimates({}),
    )
    budget = Budget(options.budget_s, options.max_write)
    return WorkflowProcessor(settings, kit, progress, probes.close, budget)


def _hardware(
    toolbox: Toolbox, abilities: Capabilities, children: Children
) -> tuple[Hardware | None, Rotation | None]:
    """Return the judges of hardware encoders and rotation; their trials end with the run's other tools."""

    def run(call: Call) -> int:
        return children.run(call, video="", stall_timeout_s=TRIAL_TIMEOUT_S).returncode

    used = toolbox.tools.get("ffmpeg")
    hardware = None if used is None else Hardware(used.path, abilities.encoders, run)
    return hardware, Rotation(used, run)


def _keeping(config: VPOConfig) -> Keeping | None:
    """Return what keeps originals for undo, under a name for the run that sorts by time."""
    if not config.safety.keep_originals_s:
        return None
    run = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(1)}"
    return Keeping(run, config.safety.min_free)
