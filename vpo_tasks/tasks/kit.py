"""What a run that has work needs: the tools found, the helper processes, the parsed policies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from vpo_tasks.errors import ToolMissing
from vpo_tasks.execute.run_tool import Children
from vpo_tasks.execute.space import SpaceLedger
from vpo_tasks.execute.tools import find_tools
from vpo_tasks.execute.work import Kit
from vpo_tasks.media.probe import ProbePool
from vpo_tasks.plan.evaluate import prepare
from vpo_tasks.tasks.process import ProcessSettings, WorkflowProcessor

if TYPE_CHECKING:
    from vpo_tasks.config import VPOConfig
    from vpo_tasks.tasks.policies import PolicySet
    from vpo_tasks.tasks.run import RunOptions


def make_processor(
    config: VPOConfig,
    policies: PolicySet,
    options: RunOptions,
    *,
    workers: int,
    stop: threading.Event,
    progress: Callable[[str, float | None, float | None], None],
) -> WorkflowProcessor:
    """Return the processor of a run. Raises ToolMissing when nothing could carry out any plan."""
    toolbox = find_tools()
    if not toolbox.names & {"ffmpeg", "mkvmerge"}:
        raise ToolMissing("ffmpeg", "changing any video", "`vpo doctor` tells more")
    probes = ProbePool(workers)
    kit = Kit(
        toolbox=toolbox,
        children=Children(),
        probes=probes,
        ledger=SpaceLedger(config.safety.min_free, stop=stop),
        locks_dir=config.locks_path,
        stall_timeout_s=config.processing.stall_timeout_s,
    )
    settings = ProcessSettings(
        policies=prepare(policies.models),
        phases=policies.phases or None,
        dry_run=options.dry_run,
        break_hardlinks=config.safety.hardlinks == "break",
        verify=config.safety.verify,
        without_hard_links=config.safety.without_hard_links,
        link=options.link,
    )
    return WorkflowProcessor(settings, kit, progress, probes.close)
