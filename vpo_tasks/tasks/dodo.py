"""The address in dodo.py files written by an earlier `vpo init`; today it is `vpo_tasks.dodo`."""

from vpo_tasks.dodo import DOIT_CONFIG, task_process

__all__ = ["DOIT_CONFIG", "task_process"]
