"""The address that dodo.py files written by an earlier `vpo init` import from; today's is `vpo_tasks.dodo`."""

from vpo_tasks.dodo import DOIT_CONFIG, task_process

__all__ = ["DOIT_CONFIG", "task_process"]
