# What `doit` does in this folder. `doit list` shows the tasks; `doit -n 4` runs them, four videos at a time
# (never more than half the cores). Each video below this folder is one task, and only those that need
# something are run.
from vpo_tasks.dodo import DOIT_CONFIG, task_process  # noqa: F401

# Add tasks of your own below. One that comes after the videos names them in `task_dep`:
#
# def task_refresh():
#     """tell the media server"""
#     return {
#         "actions": ["curl -fsS -X POST http://localhost:8096/Library/Refresh"],
#         "task_dep": ["process"],
#     }
