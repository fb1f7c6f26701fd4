"""What the dodo.py files that `vpo init` wrote in version 0.1 import; today's is `vpo_tasks.dodo`."""

from vpo_tasks.dodo import DOIT_CONFIG, task_process

__all__ = ["DOIT_CONFIG", "task_process"]
